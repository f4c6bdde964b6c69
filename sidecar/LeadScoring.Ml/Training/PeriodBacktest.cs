using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Regression;

namespace LeadScoring.Ml.Training;

/// <summary>How well the past of the training rows predicts their next period, forward in time.</summary>
/// <remarks>
/// The rows are cut by time into periods of equal size. Each period from the third on is predicted by a regression fitted on all rows before it, and its
/// outcomes' offset from the prediction in log-odds is what the past did not foresee (the past's own offset is 0: a regression with an intercept gets
/// the level of its own rows right). The regression stands in for the ensemble, which would take as many whole trainings. One offset a period, not one a
/// band of scores: a regression on the few rows of the first periods is over-confident, which by band would look like change.
/// </remarks>
internal static class PeriodBacktest
{
    private const int MostPeriods = 8;
    private const int FewestPeriods = 5;
    private const int RowsAPeriod = 400;
    private const int MinorityAPeriod = 40;

    /// <summary>The spread between periods; unknown when rows carry no time or are too few.</summary>
    internal static PeriodSpread Spread(TrainingSet set, int[] rows, TrainingSettings settings, CancellationToken cancellationToken)
    {
        if (set.AsOfMs is not { } moments) return PeriodSpread.Unknown;
        var positives = rows.Count(r => set.Labels[r] == 1);
        var periods = Math.Min(MostPeriods, Math.Min(rows.Length / RowsAPeriod, Math.Min(positives, rows.Length - positives) / MinorityAPeriod));
        if (periods < FewestPeriods || rows.Select(r => moments[r]).Distinct().Take(periods).Count() < periods) return PeriodSpread.Unknown;
        int[] ordered = [.. rows.OrderBy(r => moments[r])];
        var differences = new List<(double, double)>();
        for (var period = 2; period < periods; period++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (start, end) = (Bound(period), Bound(period + 1));
            if (Difference(set, ordered[..start], ordered[start..end], settings, cancellationToken) is { } found) differences.Add(found);
        }

        return PeriodSpread.Of(differences);

        int Bound(int period) => (int)((long)ordered.Length * period / periods);
    }

    private static (double Difference, double Variance)? Difference(TrainingSet set, int[] past, int[] next, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var labels = Array.ConvertAll(past, r => set.Labels[r]);
        if (labels.Min() == labels.Max()) return null;
        var encoded = PreprocessorFit.Fit(set.Profile, set.Values, set.Labels, past, settings.Encoding, settings.Seed);
        var columns = encoded.Preprocessor.DenseColumns.Count;
        var counts = EffortWeights.AsLeads(set.WeightsOf(past));
        var regression = LogisticRegressionTrainer.Train(encoded.Dense, columns, labels, counts, settings.Regression, cancellationToken);
        var information = 0.0;
        for (var i = 0; i < past.Length; i++)
        {
            var p = regression.Probability(encoded.Dense.AsSpan(i * columns, columns));
            information += (counts.Length == 0 ? 1 : counts[i]) * p * (1 - p);
        }

        var predicted = new double[next.Length];
        var (tree, dense) = (new float[encoded.Preprocessor.TreeColumns.Count], new float[columns]);
        for (var i = 0; i < predicted.Length; i++)
        {
            encoded.Preprocessor.Encode(set.Row(next[i]), tree, dense);
            predicted[i] = Math.Clamp(regression.Probability(dense), 1e-6, 1 - 1e-6);
        }

        return LogOddsOffset.Of(predicted, Array.ConvertAll(next, r => set.Labels[r]), EffortWeights.AsLeads(set.WeightsOf(next))) is { } found ? (found.Offset, found.Variance + (1 / information)) : null;
    }
}
