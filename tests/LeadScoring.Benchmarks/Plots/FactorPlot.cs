using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace LeadScoring.Benchmarks.Plots;

/// <summary>The factors of one score, from the base to the score.</summary>
internal static class FactorPlot
{
    private const int Shown = 8;

    /// <param name="leads">Test leads; the first of those nearest to the score is drawn.</param>
    /// <param name="score">Score to look for.</param>
    /// <param name="folder">Where to write.</param>
    internal static void Draw(TestLeads leads, double score, string folder)
    {
        var at = Enumerable.Range(0, leads.Rows.Length).MinBy(i => Math.Abs(leads.Scores[i].Points - score));
        var values = leads.Set.Row(leads.Rows[at]).ToArray();
        var explanation = new Explainer(leads.Model).Explain(values);
        var factors = explanation.Factors;
        var rest = factors.Skip(Shown).Sum(f => f.Points);
        (string Name, double Points)[] steps =
            [.. factors.Take(Shown).Select(f => ($"{leads.Set.Profile.Features[f.Feature].Name} = {Text(values[f.Feature])}", f.Points)), ($"the other {factors.Count - Shown}", rest)];
        Report.Table(["from base to score", "points"], steps.Select(s => (string[])[s.Name, $"{s.Points:+0.0;-0.0}"]).Prepend(["base", $"{explanation.Base:0.0}"])
            .Append(["score before rounding", $"{explanation.Base + factors.Sum(f => f.Points):0.000}"]).Append(["score", $"{leads.Scores[at].Points:0.0}"]));

        var frame = new PlotFrame($"Why this lead has a score of {leads.Scores[at].Points:0.0}", $"{leads.Name}, one test lead; base and all factors add up to the score")
            .Names(["base: the average lead", .. steps.Select(s => s.Name), "score"]).Axis(AxisPosition.Bottom, "score", 0, 100, 10, "0");
        Bar(frame, 0, 0, explanation.Base, PlotFrame.Grey, $"{explanation.Base:0.0}");
        var sum = explanation.Base;
        for (var i = 0; i < steps.Length; i++)
        {
            Bar(frame, i + 1, sum, sum + steps[i].Points, steps[i].Points >= 0 ? PlotFrame.Blue : PlotFrame.Orange, $"{steps[i].Points:+0.0;-0.0}");
            sum += steps[i].Points;
        }

        Bar(frame, steps.Length + 1, 0, sum, PlotFrame.Grey, $"{leads.Scores[at].Points:0.0}");
        frame.Save(folder, "factors", 760, 440);
    }

    private static void Bar(PlotFrame frame, int place, double from, double to, OxyColor color, string text)
    {
        var bar = new RectangleBarSeries { FillColor = color, StrokeThickness = 0 };
        bar.Items.Add(new RectangleBarItem(Math.Min(from, to), -place - 0.35, Math.Max(from, to), -place + 0.35));
        frame.Model.Series.Add(bar);
        frame.Text(text, Math.Max(from, to) + 1, -place);
    }

    private static string Text(FeatureValue value) => value.IsMissing ? "unknown" : value.Level ?? $"{value.Number:0.###}";
}
