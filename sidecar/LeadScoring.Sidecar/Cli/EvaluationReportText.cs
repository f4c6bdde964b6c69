using System.Globalization;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Fairness;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;

namespace LeadScoring.Sidecar.Cli;

/// <summary>What an evaluation found, for people: the two tests side by side first, then what to do something about.</summary>
internal static class EvaluationReportText
{
    private const int MostSegments = 10;
    private const long OldestDateMs = 315_532_800_000; // 1980

    private static readonly (string Name, string Metric, Func<SplitEvaluation, double> Value)[] Rows =
    [
        ("ROC AUC", "roc_auc", s => s.Metrics.RocAuc), ("average precision", "average_precision", s => s.Metrics.AveragePrecision), ("log loss", "log_loss", s => s.Metrics.LogLoss),
        ("Brier", "brier", s => s.Metrics.Brier), ("calibration error (ECE)", "ece", s => s.Metrics.Ece), ("precision at 0.5", "precision_at_half", s => s.Metrics.AtHalf.Precision),
        ("recall at 0.5", "recall_at_half", s => s.Metrics.AtHalf.Recall), ("F1 at 0.5", "f1_at_half", s => s.Metrics.AtHalf.F1), ("recall at best", "recall_at_best", s => s.Metrics.AtBestF1.Recall),
        ("F1 at best", "f1_at_best", s => s.Metrics.AtBestF1.F1), ("precision of grade A", "grade_a_precision", s => s.Metrics.GradeAPrecision), ("share of grade A", "grade_a_share", s => s.Metrics.GradeAShare),
        ("Pearson", "pearson", s => s.Metrics.Pearson), ("std of scores", "score_std", s => s.Metrics.ScoreStd),
        ("conversions reached at capacity", "gain_at_capacity", s => s.GainAtCapacity), ("lift at capacity", "lift_at_capacity", s => s.LiftAtCapacity),
    ];

    internal static void Print(Terminal terminal, ModelEvaluation evaluation, FairnessReport fairness, Anchor anchor, IReadOnlyList<LeakFinding> leaks)
    {
        Sides(terminal, evaluation);
        Leaks(terminal, leaks);
        Segments(terminal, evaluation);
        Fair(terminal, fairness);
        terminal.Line();
        if (evaluation.LearningCurve is { } curve) terminal.Line(curve.Message);
        if (anchor.Evidence.Reason.Length > 0)
            terminal.Line(anchor.Verdict switch
            {
                AnchorVerdict.Reanchored => Text($"Base rate: probabilities are re-anchored (mean {anchor.FromRate:0.000} to {anchor.ToRate:0.000}): {anchor.Evidence.Reason}"),
                AnchorVerdict.RankOnly => $"Base rate: RANK ONLY. {Capital(anchor.Evidence.Reason)}",
                AnchorVerdict.RankingLost => $"Base rate: RANKING LOST. {Capital(anchor.Evidence.Reason)}",
                _ => $"Base rate: {anchor.Evidence.Reason}",
            });
        if (evaluation.Waiting is { } waiting) terminal.Line(waiting);
    }

    private static void Sides(Terminal terminal, ModelEvaluation evaluation)
    {
        var (stratified, forward) = (evaluation.Stratified, evaluation.Forward);
        string Cell(SplitEvaluation? split, string metric, Func<SplitEvaluation, double> value) => split is null ? "" : $"{MetricTable.Text(value(split))} {Range(split.Intervals.GetValueOrDefault(metric, Interval.Undefined))}".TrimEnd();
        string Difference(string metric) => evaluation.Differences.FirstOrDefault(d => d.Metric == metric) is not { } d || double.IsNaN(d.Difference) ? ""
            : $"{Signed(d.Difference)} {Range(d.Interval)}{(d.Interval.Low > 0 || d.Interval.High < 0 ? " *" : "")}";
        terminal.Line();
        terminal.Line("The ensemble on rows it has not seen, with 95 % intervals:");
        var rows = new List<IReadOnlyList<string>>
        {
            Row("test rows, converted", s => Text($"{s.Metrics.Rows:N0}, {s.Metrics.Positives:N0} ({s.Metrics.Positives / (double)s.Metrics.Rows:P1})")),
            Row("mean probability", s => s.MeanProbability.ToString("P1", CultureInfo.InvariantCulture)),
        };
        // Numbers that only tell the order of the rows are no dates.
        if (forward?.FromMs is { } from and > OldestDateMs) rows.Add(["test period", "all of it", $"{Day(from)} to {Day(forward.ToMs!.Value)}", forward.EmbargoDays > 0 ? $"no training row from the {forward.EmbargoDays} days before" : ""]);
        rows.AddRange(Rows.Select(r => (IReadOnlyList<string>)[r.Name, Cell(stratified, r.Metric, r.Value), Cell(forward, r.Metric, r.Value), Difference(r.Metric)]));
        terminal.Table(["", "stratified", forward is null ? "" : "forward in time", forward is null ? "" : "difference (* beyond chance)"], rows);
        terminal.Line(Text($"Capacity: the best {stratified.Capacity:P1} of the leads."));
        if (evaluation.WhyNoForward is { } why) terminal.Line($"No forward-in-time test: {why}. Only that one shows what a model is worth on leads to come.");
        if (evaluation.Weekly is { } w)
            terminal.Line(double.IsNaN(w.MeanScore) ? "Weekly stability: not enough weeks with 30 leads."
                : Text($"Weekly stability over {w.Weeks} weeks: mean score varies by CV {w.MeanScore:0.000} (by chance alone {w.MeanScoreByChance:0.000}; target < {WeeklyStability.Target}), AUC by {MetricTable.Text(w.Auc)} (worst week {MetricTable.Text(w.LowestAuc)})."));
        foreach (var (name, twins) in evaluation.Twins.Select(t => ("stratified", t)).Concat(evaluation.ForwardTwins.Select(t => ("forward", t))))
            terminal.Line(Twin(name, twins));

        IReadOnlyList<string> Row(string name, Func<SplitEvaluation, string> text) => [name, text(stratified), forward is null ? "" : text(forward), ""];
    }

    private static string Twin(string split, TwinReport twins)
    {
        var moved = twins.Moved > 0 ? Text($"{twins.Moved:N0} rows of people on both sides were {(split == "forward" ? "left out of training" : "put on one side")}. ") : "";
        if (twins.TestRows == 0) return $"Same people ({split}): {moved}".TrimEnd();
        var what = twins.Basis == "person" ? "of people in training as well" : "equal to a training row in every feature";
        return Text($"Twins ({split}): {moved}{twins.TestRows:N0} test rows are {what}; without them AUC {MetricTable.Text(twins.RocAucWithout)}, log loss {MetricTable.Text(twins.LogLossWithout)}.");
    }

    private static void Leaks(Terminal terminal, IReadOnlyList<LeakFinding> leaks)
    {
        if (leaks.Count == 0) return;
        terminal.Line();
        terminal.Line("Features to look at:");
        foreach (var leak in leaks.Where(l => l.Kind != LeakKind.Constant)) terminal.Line($"  {(leak.LeftOut ? "left out" : "warning")}: {leak.Message}");
        // Many exports have dozens of them, and they do no harm.
        string[] constant = [.. leaks.Where(l => l.Kind == LeakKind.Constant).Select(l => l.Feature)];
        if (constant.Length > 0) terminal.Line($"  the same or empty in every row, so they say nothing: {string.Join(", ", constant.Take(20))}{(constant.Length > 20 ? Text($" and {constant.Length - 20} more") : "")}");
    }

    private static void Segments(Terminal terminal, ModelEvaluation evaluation)
    {
        var split = evaluation.Forward ?? evaluation.Stratified;
        if (split.Segments.Count == 0) return;
        SegmentCalibration[] off = [.. split.Segments.Where(s => s.IsOff)];
        terminal.Line();
        var where = evaluation.Forward is null ? "stratified test" : "forward test";
        terminal.Line(off.Length == 0 ? $"Calibration per segment ({where}): none is off beyond chance." : $"Segments whose probabilities are off beyond chance ({where}):");
        if (off.Length == 0) return;
        terminal.Table(["  segment", "leads", "predicted", "observed"], [.. off.Take(MostSegments).Select(s => (IReadOnlyList<string>)
            [$"  {s.Feature}: {s.Segment}", s.Leads.ToString("N0", CultureInfo.InvariantCulture), Percent(s.Predicted), $"{Percent(s.Observed)} [{Percent(s.Interval.Low)}, {Percent(s.Interval.High)}]"])]);
        if (off.Length > MostSegments) terminal.Line(Text($"  and {off.Length - MostSegments} more"));
    }

    private static void Fair(Terminal terminal, FairnessReport fairness)
    {
        if (fairness.Attributes.Count == 0) return;
        terminal.Line();
        terminal.Line(Text($"Fairness: {Word(fairness.Verdict)} (target: every gap in mean score and in true-positive rate at a score of {fairness.Threshold:0.#} below {fairness.Limit}):"));
        terminal.Table(["  attribute", "groups", "verdict", "gap in mean score", "gap in true-positive rate", "gap in false-positive rate", "given away by (AUC)"], [.. fairness.Attributes.Select(a => (IReadOnlyList<string>)
        [
            $"  {a.Attribute}{(a.IsUsed ? " (used by the model)" : "")}", a.Groups.Count.ToString(CultureInfo.InvariantCulture), Word(a.Verdict), Gap(a.MeanScore), Gap(a.TruePositiveRate), Gap(a.FalsePositiveRate),
            a.Together is null ? "" : $"all features {a.Together.Auc.ToString("0.00", CultureInfo.InvariantCulture)}, {string.Join(", ", a.Proxies.Take(2).Select(p => $"{p.Feature} {p.Auc.ToString("0.00", CultureInfo.InvariantCulture)}"))}",
        ])]);
    }

    private static string Word(FairnessVerdict verdict) => verdict.ToString().ToLowerInvariant();

    private static string Gap(FairnessGap gap) => double.IsNaN(gap.Value) ? "-" : $"{gap.Value.ToString("0.000", CultureInfo.InvariantCulture)} {Range(gap.Interval)}".TrimEnd();

    private static string Range(Interval i) => double.IsNaN(i.Low) ? "" : $"[{MetricTable.Text(i.Low)}, {MetricTable.Text(i.High)}]";

    private static string Signed(double value) => value.ToString(Math.Abs(value) >= 10 ? "+0.0;-0.0" : "+0.0000;-0.0000;0.0000", CultureInfo.InvariantCulture);

    private static string Percent(double share) => share.ToString("P1", CultureInfo.InvariantCulture);

    private static string Day(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
