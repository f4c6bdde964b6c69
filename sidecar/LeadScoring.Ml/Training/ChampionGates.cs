using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>Gates that hold a new model against the champion on the same leads.</summary>
internal static class ChampionGates
{
    private const double LargeShare = 0.05;

    internal static IEnumerable<GateResult> Of(PairedComparison pair, int champion, RowFacts facts, EvaluationSettings evaluation, GateSettings settings)
    {
        var large = Math.Max(evaluation.FewestRows, (int)Math.Ceiling(LargeShare * pair.Rows.Length));
        yield return Loss(pair, champion, settings);
        yield return Calibration(pair, champion, settings);
        yield return Segments(pair, champion, large, settings);
        if (Bias(pair, champion, facts, large, settings) is { } bias) yield return bias;
    }

    /// <summary>Blocks beyond the margin, warns where only the interval reaches beyond it.</summary>
    private static GateResult Loss(PairedComparison pair, int champion, GateSettings settings)
    {
        var (own, theirs, difference, interval) = pair.LogLoss();
        var verdict = difference > settings.LossMargin ? GateVerdict.Block : interval.High > settings.LossMargin ? GateVerdict.Warn : GateVerdict.Pass;
        return PromotionGates.Gate("loss", difference, interval, settings.LossMargin, verdict,
            $"{(verdict == GateVerdict.Block ? "worse" : "not worse")}: log loss {own:0.0000} against {theirs:0.0000} of champion {champion} on {pair.Rows.Length:N0} leads; the difference of {difference:0.0000} lies between {interval.Low:0.0000} and {interval.High:0.0000}, and may be {settings.LossMargin:0.####}.");
    }

    private static GateResult Calibration(PairedComparison pair, int champion, GateSettings settings)
    {
        var (own, theirs, difference, interval) = pair.Calibration();
        return PromotionGates.Gate("calibration", difference, interval, settings.CalibrationMargin, Beyond(difference, interval, settings.CalibrationMargin),
            $"Calibration error {own:0.000} against {theirs:0.000} of champion {champion}.");
    }

    private static GateResult Segments(PairedComparison pair, int champion, int large, GateSettings settings)
    {
        var own = SplitMeasure.Segments(pair.Set, pair.Rows, pair.Candidate.ToArray(), pair.Labels, large);
        var theirs = SplitMeasure.Segments(pair.Set, pair.Rows, pair.Champion.ToArray(), pair.Labels, large).GroupBy(s => (s.Feature, s.Segment)).ToDictionary(g => g.Key, g => g.First());
        var worst = own.Where(s => theirs.ContainsKey((s.Feature, s.Segment))).Select(s => (Segment: s, Harm: Off(s) - Off(theirs[(s.Feature, s.Segment)])))
            .OrderByDescending(x => x.Segment.IsOff && x.Harm > settings.SegmentMargin).ThenByDescending(x => x.Harm).FirstOrDefault();
        if (worst.Segment is not { } segment) return PromotionGates.Gate("segments", double.NaN, Interval.Undefined, settings.SegmentMargin, GateVerdict.Pass, $"No segment has {large:N0} leads.");
        var verdict = !(worst.Harm > settings.SegmentMargin) ? GateVerdict.Pass : segment.IsOff ? GateVerdict.Block : GateVerdict.Warn;
        return PromotionGates.Gate("segments", worst.Harm, Interval.Undefined, settings.SegmentMargin, verdict,
            $"Of {own.Length} large segments, {segment.Feature} '{segment.Segment}' loses most: {segment.Predicted:0.000} predicted, {segment.Observed:0.000} observed; champion {champion} was off by {Off(theirs[(segment.Feature, segment.Segment)]):0.000}.");

        static double Off(SegmentCalibration s) => Math.Abs(s.Predicted - s.Observed);
    }

    private static GateResult? Bias(PairedComparison pair, int champion, RowFacts facts, int large, GateSettings settings)
    {
        var gaps = SensitiveGroups.Groups(pair.Set, facts).Select(g => (g.Name, Gap: pair.Gap(g.Groups, large))).Where(g => g.Gap is not null).Select(g => (g.Name, Gap: g.Gap!.Value, Verdict: BiasVerdict(pair.Set, g.Name, g.Gap.Value, settings))).ToArray();
        if (gaps.Length == 0) return null;
        var (name, (own, theirs, difference, interval), verdict) = gaps.OrderByDescending(g => g.Verdict).ThenByDescending(g => g.Gap.Difference).First();
        return PromotionGates.Gate("bias", difference, interval, settings.BiasMargin, verdict,
            $"Between groups by {name} mean scores differ by {100 * own:0.0} points, with champion {champion} by {100 * theirs:0.0}.{(verdict == GateVerdict.Warn && IsAllowed(pair.Set, name) ? " The profile lets models use it." : "")}");
    }

    private static GateVerdict BiasVerdict(TrainingSet set, string name, (double Candidate, double Champion, double Difference, Interval Interval) gap, GateSettings settings)
    {
        // A gap that grows and stays small harms nobody.
        var verdict = gap.Candidate < settings.TargetBias ? GateVerdict.Pass : Beyond(gap.Difference, gap.Interval, settings.BiasMargin);
        // What the profile says outright that a model may go by, it may go by more when outcomes do.
        return verdict == GateVerdict.Block && IsAllowed(set, name) ? GateVerdict.Warn : verdict;
    }

    private static bool IsAllowed(TrainingSet set, string name) => set.Profile.IndexOf(name) is var f and >= 0 && set.Profile.Features[f].IsAllowed;

    private static GateVerdict Beyond(double difference, Interval interval, double margin) => !(difference > margin) ? GateVerdict.Pass : interval.Low > 0 ? GateVerdict.Block : GateVerdict.Warn;
}
