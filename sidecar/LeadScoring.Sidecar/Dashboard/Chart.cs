using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Sidecar.Dashboard;

/// <summary>A chart and the table behind it: both are made from the same numbers.</summary>
/// <param name="Title">Its heading, and the name of the files it is saved as.</param>
/// <param name="Kind">line, bar, rows (bars side by side, one a row) or waterfall (the first and the last value are whole, those between are steps).</param>
public sealed record Chart(string Title, string Kind)
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Encoder = JavaScriptEncoder.Default };

    /// <summary>One line or one colour of bars.</summary>
    /// <param name="Data">One value a label; null: none.</param>
    /// <param name="Points">For lines over numbers: pairs of x and y.</param>
    public sealed record Line(string Name, IReadOnlyList<double?>? Data = null, IReadOnlyList<double[]>? Points = null, bool Dashed = false, bool Step = false, string? Stack = null, int? Colour = null);

    public IReadOnlyList<string> Labels { get; init; } = [];

    public IReadOnlyList<Line> Series { get; init; } = [];

    /// <summary>percent: values are shares of 1.</summary>
    public string? Unit { get; init; }

    public string? XUnit { get; init; }

    public string XName { get; init; } = "";

    public double? XMin { get; init; }

    public double? XMax { get; init; }

    public double? YMin { get; init; }

    public double? YMax { get; init; }

    public bool Log { get; init; }

    public bool Numeric => Series.Any(s => s.Points is not null);

    /// <summary>What it shows and how to read it, in a line.</summary>
    [JsonIgnore]
    public string About { get; init; } = "";

    /// <summary>small, tall or nothing.</summary>
    [JsonIgnore]
    public string Size { get; init; } = "";

    internal string Write() => JsonSerializer.Serialize(this, Json);

    /// <summary>Rows of the table: label or x first, x as it is too, then a value a series.</summary>
    internal IEnumerable<(string Label, double? X, IReadOnlyList<double?> Values)> Rows()
    {
        if (!Numeric)
        {
            for (var i = 0; i < Labels.Count; i++) yield return (Labels[i], null, [.. Series.Select(s => s.Data is { } d && i < d.Count ? d[i] : null)]);
            yield break;
        }

        foreach (var x in Series.SelectMany(s => s.Points!).Select(p => p[0]).Distinct().Order())
            yield return (XUnit == "percent" ? Show.Percent(x) : Show.Number(x), x, [.. Series.Select(s => s.Points!.Where(p => p[0] == x).Select(p => (double?)p[1]).FirstOrDefault())]);
    }
}
