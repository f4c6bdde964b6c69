using System.Text.Json;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class ModelModel : DashboardPage
{
    internal static readonly (string Name, string Words, string[] Path)[] Metrics =
    [
        ("roc_auc", "ROC AUC: how often a lead that converts has the higher score of two", ["roc_auc"]), ("average_precision", "Average precision", ["average_precision"]), ("log_loss", "Log loss (less is better)", ["log_loss"]),
        ("brier", "Brier score (less is better)", ["brier"]), ("ece", "Calibration error (less is better)", ["ece"]), ("grade_a_precision", "Share of A that converts", ["grade_a_precision"]),
        ("recall", "Recall at the best threshold", ["at_best_f1", "recall"]), ("f1", "F1 at the best threshold", ["at_best_f1", "f1"]), ("pearson", "Correlation of score and conversion", ["pearson"]), ("score_std", "Standard deviation of scores", ["score_std"]),
    ];

    internal JsonElement List { get; private set; }

    internal JsonElement? One { get; private set; }

    internal JsonElement? Diff { get; private set; }

    internal int? Against { get; private set; }

    internal JsonElement Performance { get; private set; }

    internal JsonElement Evaluation => One?.Part("manifest", "evaluation") ?? default;

    public async Task OnGetAsync(int? version, int? against)
    {
        List = await GetAsync<JsonElement>("ListModels");
        var newest = List.List("models").Select(m => (int?)m.GetProperty("version").GetInt32()).FirstOrDefault();
        if ((version ?? (int?)List.At("champion") ?? newest) is not { } shown) return;
        One = await GetAsync<JsonElement>("GetModel", new { version = shown });
        Against = against;
        if (against is { } other) Diff = await GetAsync<JsonElement>("DiffModels", new { a = other, b = shown });
    }

    /// <summary>What became of what champions scored: of large organizations it may have to be worked out first, and the page does not wait for that.</summary>
    public async Task<IActionResult> OnGetFiguresAsync()
    {
        Performance = await GetAsync<JsonElement>("GetPerformance");
        return Partial("_Performance", this);
    }

    public async Task<IActionResult> OnPostPromoteAsync(int version)
    {
        await SendAsync<JsonElement>("PromoteModel", new { version });
        return Done($"Model {version} is the champion. Open leads are scored anew in the background.");
    }

    public async Task<IActionResult> OnPostRollbackAsync()
    {
        var champion = await SendAsync<JsonElement>("RollbackModel");
        return Done($"Model {champion.Text("version") ?? champion.Text("champion")} is the champion again. Open leads are scored anew in the background.");
    }

    private Chart Curve(string title, string about, string x, string y, Func<JsonElement, IReadOnlyList<double[]>> points, IReadOnlyList<double[]>? chance, string chanceName = "By chance")
    {
        var series = new List<Chart.Line>();
        if (Evaluation.Part("stratified") is { } random) series.Add(new Chart.Line("Random share", Points: points(random), Colour: 2));
        if (Evaluation.Part("forward") is { } forward) series.Add(new Chart.Line("Forward in time", Points: points(forward), Colour: 0));
        if (chance is not null) series.Add(new Chart.Line(chanceName, Points: chance, Dashed: true, Colour: 3));
        return new Chart(title, "line") { About = about, XName = x, XUnit = "percent", Unit = "percent", XMin = 0, XMax = 1, YMin = 0, YMax = title == "Lift" ? null : 1, Series = series };
    }

    private static IReadOnlyList<double[]> Pairs(JsonElement split, string list, string x, string y) =>
        [.. split.List(list).Where(p => p.At(x) is not null && p.At(y) is not null).Select(p => new[] { Math.Round(p.At(x)!.Value, 4), Math.Round(p.At(y)!.Value, 4) })];

    private const int MostImportant = 15;

    /// <summary>Mean absolute points of the features that count most.</summary>
    internal Chart? Importance()
    {
        var features = One?.List("card", "importance").Take(MostImportant).ToArray() ?? [];
        return features.Length == 0 ? null : new Chart("What moves the scores", "rows")
        {
            About = "Points that a feature gives or takes, on average over leads that the model had not seen.", XName = "Feature", XMin = 0, Size = "tall",
            Labels = [.. features.Select(f => Show.Name(f.Text("feature")))], Series = [new Chart.Line("Points", [.. features.Select(f => f.At("points"))])],
        };
    }

    /// <summary>Ranking by outcomes that have come since, window by window, beside what was to be expected.</summary>
    internal Chart Ranking()
    {
        var windows = Performance.List("windows").Reverse().ToArray();
        return new Chart("Ranking on live decisions", "line")
        {
            About = "ROC AUC of four weeks of decisions by the outcomes known so far, and what to expect if the probabilities hold. Young windows flatter.", XName = "Weeks from", YMax = 1,
            Labels = [.. windows.Select(w => Show.Day(w.Part("from")?.GetDateTimeOffset()))],
            Series =
            [
                new Chart.Line("Measured", [.. windows.Select(w => w.Text("is_mature") == "true" ? w.At("measured", "roc_auc", "value") : null)]),
                new Chart.Line("Measured, young", [.. windows.Select(w => w.Text("is_mature") == "true" ? null : w.At("measured", "roc_auc", "value"))], Colour: 2),
                new Chart.Line("Expected", [.. windows.Select(w => w.At("expected", "roc_auc"))], Dashed: true, Colour: 3),
            ],
        };
    }

    internal IEnumerable<Chart> Charts()
    {
        if (Evaluation.Part("stratified") is null) yield break;
        IReadOnlyList<double[]> diagonal = [[0, 0], [1, 1]];
        yield return Curve("ROC curve", "Of the leads that convert, how many are found (up) for how many false ones (right).", "False positives", "Found", s => Pairs(s, "roc", "x", "y"), diagonal);
        yield return Curve("Precision and recall", "Of those picked, how many convert (up), for how many found (right).", "Found", "Precision", s => Pairs(s, "precision_recall", "x", "y"), null);
        yield return Curve("Calibration", "Of leads with such a probability, how many converted: on the diagonal it is kept.", "Probability", "Converted", s => Pairs(s, "calibration", "mean_probability", "conversion_rate"), diagonal, "Exact");
        var at = (Evaluation.Part("forward") ?? Evaluation.Part("stratified")!.Value).At("capacity");
        yield return Curve("Gain", $"Of all conversions, how many are among the best so many leads. Your team's capacity: {Show.Percent(at)}.", "Leads called", "Conversions", s => Pairs(s, "gain", "share", "gain"), diagonal);
        var lift = Curve("Lift", "How many times the average the best so many leads convert.", "Leads called", "Lift", s => [.. Pairs(s, "gain", "share", "gain").Where(p => p[0] > 0).Select(p => new[] { p[0], Math.Round(p[1] / p[0], 3) })], [[0, 1], [1, 1]]);
        yield return lift with { Unit = null };
        if (Evaluation.List("learning_curve", "points").ToArray() is { Length: > 0 } learning)
        {
            yield return new Chart("Learning curve", "line")
            {
                About = $"Ranking with fewer rows. Would more data help? {Show.Name(Evaluation.Text("learning_curve", "more_data"))}.", XName = "Training rows", Log = true,
                Series = [new Chart.Line("ROC AUC", Points: [.. learning.Select(p => new[] { p.At("rows")!.Value, Math.Round(p.At("roc_auc")!.Value, 4) })])],
            };
        }
    }
}
