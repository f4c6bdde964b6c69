using System.Globalization;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>Measures one split: metrics with intervals, curves, segments.</summary>
internal static class SplitMeasure
{
    private const int MaxSegments = 60;
    private const int MaxNumericFeatures = 10;

    /// <summary>Metrics on each resample, [resample][metric]: what intervals and differences are made of.</summary>
    internal static (SplitEvaluation Evaluation, double[][] Resamples) Of(TrainingSet set, TrainingResult trained, double capacity, EvaluationSettings evaluation, int seed)
    {
        var rows = trained.TestRows;
        var labels = Array.ConvertAll(rows, r => set.Labels[r]);
        var probabilities = Array.ConvertAll(trained.TestScores, s => s.Probability);
        var weights = set.WeightsOf(rows);
        var points = Array.ConvertAll(trained.TestScores, s => s.Points);
        var metrics = trained.Test!.Ensemble;
        // A threshold is not defined where nothing converted out-of-fold; then no lead is picked.
        var best = double.IsNaN(metrics.AtBestF1.Threshold) ? double.PositiveInfinity : metrics.AtBestF1.Threshold;
        var sample = new RankedSample(probabilities, points, labels, best, capacity, weights);
        var measured = sample.Measure();
        var resamples = new double[Bootstrap.SuggestedResamples(rows.Length)][];
        Bootstrap.Run(Array.ConvertAll(labels, y => (int)y), resamples.Length, seed, (b, counts) => resamples[b] = sample.Measure(counts));
        long[]? moments = set.AsOfMs is { } asOf ? Array.ConvertAll(rows, r => asOf[r]) : null;
        return (new SplitEvaluation
        {
            TrainRows = trained.TrainRows.Length, FromMs = moments?.Min(), ToMs = moments?.Max(), Metrics = metrics, MeanProbability = EffortWeights.Mean(probabilities, weights),
            Intervals = Enum.GetValues<Metric>().ToDictionary(Name, m => Bootstrap.Of(measured[(int)m], Array.ConvertAll(resamples, r => r[(int)m])), StringComparer.Ordinal),
            Capacity = capacity, GainAtCapacity = measured[(int)Metric.GainAtCapacity], LiftAtCapacity = measured[(int)Metric.LiftAtCapacity],
            Gain = Curves.Gain(probabilities, labels, weights), Calibration = Curves.Calibration(probabilities, labels, weights), Roc = Curves.Roc(probabilities, labels, weights),
            PrecisionRecall = Curves.PrecisionRecall(probabilities, labels, weights),
            Segments = Segments(set, rows, probabilities, labels, evaluation.FewestRows),
        }, resamples);
    }

    internal static IReadOnlyList<MetricDifference> Differences((SplitEvaluation Evaluation, double[][] Resamples) stratified, (SplitEvaluation Evaluation, double[][] Resamples) forward) =>
    [
        .. Enum.GetValues<Metric>().Select(m =>
        {
            var difference = Value(forward.Evaluation, m) - Value(stratified.Evaluation, m);
            // The two tests share next to no rows and are resampled apart.
            var draws = stratified.Resamples.Zip(forward.Resamples, (s, f) => f[(int)m] - s[(int)m]).ToArray();
            return new MetricDifference(Name(m), difference, Bootstrap.Of(difference, draws));
        }),
    ];

    internal static string Name(Metric metric) => JsonNamingPolicy.SnakeCaseLower.ConvertName(metric.ToString());

    /// <summary>A metric as the evaluation gives it.</summary>
    internal static double Value(SplitEvaluation split, Metric metric) => metric switch
    {
        Metric.RocAuc => split.Metrics.RocAuc,
        Metric.AveragePrecision => split.Metrics.AveragePrecision,
        Metric.LogLoss => split.Metrics.LogLoss,
        Metric.Brier => split.Metrics.Brier,
        Metric.Ece => split.Metrics.Ece,
        Metric.PrecisionAtHalf => split.Metrics.AtHalf.Precision,
        Metric.RecallAtHalf => split.Metrics.AtHalf.Recall,
        Metric.F1AtHalf => split.Metrics.AtHalf.F1,
        Metric.PrecisionAtBest => split.Metrics.AtBestF1.Precision,
        Metric.RecallAtBest => split.Metrics.AtBestF1.Recall,
        Metric.F1AtBest => split.Metrics.AtBestF1.F1,
        Metric.GradeAPrecision => split.Metrics.GradeAPrecision,
        Metric.GradeAShare => split.Metrics.GradeAShare,
        Metric.Pearson => split.Metrics.Pearson,
        Metric.ScoreStd => split.Metrics.ScoreStd,
        Metric.GainAtCapacity => split.GainAtCapacity,
        Metric.LiftAtCapacity => split.LiftAtCapacity,
        _ => throw new ArgumentOutOfRangeException(nameof(metric)),
    };

    /// <summary>Each level, and terciles of the numbers along which probabilities differ most.</summary>
    internal static SegmentCalibration[] Segments(TrainingSet set, int[] rows, double[] probabilities, float[] labels, int fewest)
    {
        var weights = set.WeightsOf(rows);
        var levels = new List<SegmentCalibration>();
        var numbers = new List<(double Spread, SegmentCalibration[] Segments)>();
        for (var f = 0; f < set.Profile.Features.Count; f++)
        {
            var feature = set.Profile.Features[f];
            SegmentCalibration[] segments =
            [
                .. Groups(feature, Array.ConvertAll(rows, r => set.Row(r)[f])).Where(g => g.Rows.Length >= fewest)
                    .Select(g => SegmentCalibration.Of(feature.Name, g.Name, g.Rows, probabilities, labels, weights)),
            ];
            // One segment that holds everything is the whole test once more.
            if (segments.Length == 0 || segments[0].Leads == rows.Length) continue;
            if (feature.Kind == FeatureKind.Categorical) levels.AddRange(segments);
            else numbers.Add((segments.Max(s => s.Predicted) - segments.Min(s => s.Predicted), segments));
        }

        var decided = SegmentCalibration.Decide(levels.Concat(numbers.OrderByDescending(n => n.Spread).Take(MaxNumericFeatures).SelectMany(n => n.Segments)));
        return decided[..Math.Min(MaxSegments, decided.Length)];
    }

    private static IEnumerable<(string Name, int[] Rows)> Groups(FeatureDefinition feature, FeatureValue[] column)
    {
        int[] missing = [.. Enumerable.Range(0, column.Length).Where(i => column[i].IsMissing)];
        if (missing.Length > 0) yield return ("unknown", missing);
        int[] known = [.. Enumerable.Range(0, column.Length).Where(i => !column[i].IsMissing)];
        if (known.Length == 0) yield break;
        if (feature.Kind == FeatureKind.Categorical)
        {
            foreach (var level in known.GroupBy(i => column[i].Level!, StringComparer.Ordinal)) yield return (level.Key, [.. level]);
            yield break;
        }

        double[] sorted = [.. known.Select(i => column[i].Number).Order()];
        var (low, high) = (sorted[sorted.Length / 3], sorted[2 * sorted.Length / 3]);
        yield return (FormattableString.Invariant($"below {low:0.##}"), [.. known.Where(i => column[i].Number < low)]);
        yield return (FormattableString.Invariant($"{low:0.##} to {high:0.##}"), [.. known.Where(i => column[i].Number >= low && column[i].Number < high)]);
        yield return (FormattableString.Invariant($"from {high:0.##}"), [.. known.Where(i => column[i].Number >= high)]);
    }
}
