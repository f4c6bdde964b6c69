using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>The product's absolute targets, forward in time where that was measured. Whether data allow them is not the model's fault: they warn.</summary>
internal static class TargetGates
{
    internal static IEnumerable<GateResult> Of(JudgedTraining judged, GateSettings settings)
    {
        var split = judged.Evaluation.Forward ?? judged.Evaluation.Stratified;
        Interval Of(string metric) => split.Intervals.GetValueOrDefault(metric, Interval.Undefined);
        yield return AtLeast("target_auc", split.Metrics.RocAuc, Of("roc_auc"), settings.TargetAuc, settings);
        yield return AtLeast("target_grade_a_precision", split.Metrics.GradeAPrecision, Of("grade_a_precision"), settings.TargetGradeAPrecision, settings);
        yield return AtLeast("target_recall", split.Metrics.AtBestF1.Recall, Of("recall_at_best"), settings.TargetRecall, settings);
        yield return AtLeast("target_f1", split.Metrics.AtBestF1.F1, Of("f1_at_best"), settings.TargetF1, settings);
        yield return AtLeast("target_score_std", split.Metrics.ScoreStd, Of("score_std"), settings.TargetScoreStd, settings);
        yield return AtLeast("target_pearson", split.Metrics.Pearson, Of("pearson"), settings.TargetPearson, settings);
        yield return AtMost("target_weekly_variation", judged.Evaluation.Weekly?.MeanScore ?? double.NaN, Interval.Undefined, settings.TargetWeeklyVariation, settings, "");
        var worst = judged.Fairness.Attributes.Where(a => double.IsFinite(a.MeanScore.Value)).MaxBy(a => a.MeanScore.Value);
        yield return AtMost("target_bias", worst?.MeanScore.Value ?? double.NaN, worst?.MeanScore.Interval ?? Interval.Undefined, settings.TargetBias, settings, worst is null ? "" : $" between groups by {worst.Attribute}");
    }

    private static GateResult AtLeast(string name, double value, Interval interval, double threshold, GateSettings settings) =>
        Decide(name, value, interval, threshold, value >= threshold, settings, $"{value:0.000}; the target is {threshold:0.###} or more.");

    private static GateResult AtMost(string name, double value, Interval interval, double threshold, GateSettings settings, string where) =>
        Decide(name, value, interval, threshold, value < threshold, settings, $"{value:0.000}{where}; the target is below {threshold:0.###}.");

    private static GateResult Decide(string name, double value, Interval interval, double threshold, bool isMet, GateSettings settings, FormattableString reason) =>
        PromotionGates.Gate(name, value, interval, threshold, isMet ? GateVerdict.Pass : settings.BlockingTargets.Contains(name) ? GateVerdict.Block : GateVerdict.Warn,
            double.IsNaN(value) ? $"It could not be measured on these leads." : reason);
}
