using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Regression;

namespace LeadScoring.Ml.Training;

/// <summary>How well the past of the training rows predicts their next period, forward in time.</summary>
/// <remarks>
/// The rows are cut by time into periods of equal size. Each period from the third on is predicted by a regression fitted on all rows before it. Within
/// three bands of the prediction, the offset of the outcomes in log-odds is compared with that of the past in the same band, so that what a regression
/// gets wrong all the time does not count as change. The regression stands in for the ensemble, which would take as many whole trainings.
/// </remarks>
internal static class PeriodBacktest
{
    private const int MostPeriods = 8;
    private const int FewestPeriods = 4;
    private const int RowsAPeriod = 400;
    private const int MinorityAPeriod = 40;
    private const int Bands = 3;

    /// <summary>The spread between periods; unknown when rows carry no time or are too few.</summary>
    internal static PeriodSpread Spread(TrainingSet set, int[] rows, TrainingSettings settings, CancellationToken cancellationToken)
    {
        if (set.AsOfMs is not { } moments) return PeriodSpread.Unknown;
        var positives = rows.Count(r => set.Labels[r] == 1);
        var periods = Math.Min(MostPeriods, Math.Min(rows.Length / RowsAPeriod, Math.Min(positives, rows.Length - positives) / MinorityAPeriod));
        if (periods < FewestPeriods || rows.Select(r => moments[r]).Distinct().Take(periods).Count() < periods) return PeriodSpread.Unknown;
        int[] ordered = [.. rows.OrderBy(r => moments[r])];
        var differences = new List<(double, double)>();
        var predicted = 0;
        for (var period = 2; period < periods; period++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (start, end) = (Bound(period), Bound(period + 1));
            if (Differences(set, ordered[..start], ordered[start..end], settings, cancellationToken) is not { Count: > 0 } found) continue;
            differences.AddRange(found);
            predicted++;
        }

        return PeriodSpread.Of(differences, predicted);

        int Bound(int period) => (int)((long)ordered.Length * period / periods);
    }

    private static List<(double, double)> Differences(TrainingSet set, int[] past, int[] next, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var labels = Array.ConvertAll(past, r => set.Labels[r]);
        if (labels.Min() == labels.Max()) return [];
        var encoded = PreprocessorFit.Fit(set.Profile, set.Values, set.Labels, past, settings.Encoding, settings.Seed);
        var columns = encoded.Preprocessor.DenseColumns.Count;
        var regression = LogisticRegressionTrainer.Train(encoded.Dense, columns, labels, default, settings.Regression, cancellationToken);
        var before = new double[past.Length];
        for (var i = 0; i < before.Length; i++) before[i] = Inside(regression.Probability(encoded.Dense.AsSpan(i * columns, columns)));
        var after = new double[next.Length];
        var (tree, dense) = (new float[encoded.Preprocessor.TreeColumns.Count], new float[columns]);
        for (var i = 0; i < after.Length; i++)
        {
            encoded.Preprocessor.Encode(set.Row(next[i]), tree, dense);
            after[i] = Inside(regression.Probability(dense));
        }

        var nextLabels = Array.ConvertAll(next, r => set.Labels[r]);
        var sorted = before.Order().ToArray();
        var differences = new List<(double, double)>();
        for (var band = 0; band < Bands; band++)
        {
            var low = band == 0 ? 0 : sorted[sorted.Length * band / Bands];
            var high = band == Bands - 1 ? 1 : sorted[sorted.Length * (band + 1) / Bands];
            if (Offset(before, labels, low, high) is { } then && Offset(after, nextLabels, low, high) is { } now)
                differences.Add((now.Offset - then.Offset, now.Variance + then.Variance));
        }

        return differences;
    }

    private static (double Offset, double Variance)? Offset(double[] probabilities, float[] labels, double low, double high)
    {
        int[] inside = [.. Enumerable.Range(0, labels.Length).Where(i => probabilities[i] >= low && probabilities[i] < high)];
        return LogOddsOffset.Of(Array.ConvertAll(inside, i => probabilities[i]), Array.ConvertAll(inside, i => labels[i]));
    }

    private static double Inside(double probability) => Math.Clamp(probability, 1e-6, 1 - 1e-6);
}
