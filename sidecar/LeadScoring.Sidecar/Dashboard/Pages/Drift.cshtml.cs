using System.Text.Json;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class DriftModel : DashboardPage
{
    /// <summary>Further alarms are folded away.</summary>
    internal const int ShownAlarms = 8;

    internal JsonElement Drift { get; private set; }

    public async Task OnGetAsync() => Drift = await GetAsync<JsonElement>("GetDrift");

    internal static Chart Feature(JsonElement feature)
    {
        var tests = feature.List("tests").ToArray();
        return new Chart(feature.Text("feature") is { } name ? Show.Name(name) : "Probabilities", "bar")
        {
            About = $"{(tests.Any(t => t.Text("is_alarm") == "true") ? "Alarm. " : "")}Index {Show.Number(feature.At("psi"))}, by chance {Show.Number(feature.At("psi_by_chance"))}.", XName = "Test", Size = "small", YMin = 0,
            Labels = [.. tests.Select(t => Show.Name(t.Text("aspect")))],
            Series = [new Chart.Line("Distance", [.. tests.Select(t => t.At("distance") is { } d ? Math.Abs(d) : (double?)null)]), new Chart.Line("Matters from", [.. tests.Select(t => t.At("least"))])],
        };
    }
}
