using System.Text.Json;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class FairnessModel : DashboardPage
{
    internal JsonElement Report { get; private set; }

    public void OnGet()
    {
    }

    public async Task<IActionResult> OnGetFiguresAsync()
    {
        Report = await GetAsync<JsonElement>("GetFairness");
        return Partial("_Fairness", this);
    }

    internal static Chart Groups(JsonElement attribute, string kind) => new($"{Show.Name(attribute.Text("attribute"))}, {kind}", "bar")
    {
        About = "Mean score beside what came of it, group by group: apart is unfair only where outcomes are not.", XName = "Group", YMin = 0, Unit = "percent",
        Labels = [.. attribute.List("groups").Select(g => g.Text("group")!)],
        Series = [new Chart.Line("Mean score", [.. attribute.List("groups").Select(g => g.At("mean_score") is { } m ? Math.Round(m > 1 ? m / 100 : m, 4) : (double?)null)]), new Chart.Line("Conversion", [.. attribute.List("groups").Select(g => g.At("conversion_rate"))])],
    };
}
