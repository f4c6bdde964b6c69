namespace LeadScoring.Benchmarks;

/// <summary>How far measures on some test rows may be from those on all such rows: normal 95 % intervals.</summary>
internal static class Sampling
{
    private const double Z95 = 1.959964;

    /// <summary>AUC and its interval by DeLong, DeLong and Clarke-Pearson (1988).</summary>
    internal static string Auc(double[] predictions, float[] labels)
    {
        var (positives, negatives) = Placements(predictions, labels);
        var auc = positives.Average();
        var error = Math.Sqrt(MeanVariance(positives) + MeanVariance(negatives));
        return $"{auc:0.0000} ({Math.Max(0, auc - (Z95 * error)):0.0000} to {Math.Min(1, auc + (Z95 * error)):0.0000})";
    }

    /// <summary>Difference of two AUCs on the same rows, by the same method.</summary>
    internal static string AucDifference(double[] first, double[] second, float[] labels)
    {
        var (p, n) = Placements(first, labels);
        var (q, m) = Placements(second, labels);
        double[] positives = [.. p.Zip(q, (a, b) => a - b)], negatives = [.. n.Zip(m, (a, b) => a - b)];
        return Signed(positives.Average(), Math.Sqrt(MeanVariance(positives) + MeanVariance(negatives)));
    }

    /// <summary>Mean log loss and its interval.</summary>
    internal static string LogLoss(double[] probabilities, float[] labels)
    {
        double[] losses = [.. probabilities.Zip(labels, (p, y) => -Math.Log(y == 1 ? p : 1 - p))];
        var (mean, error) = (losses.Average(), Math.Sqrt(MeanVariance(losses)));
        return $"{mean:0.0000} ({mean - (Z95 * error):0.0000} to {mean + (Z95 * error):0.0000})";
    }

    private static string Signed(double value, double error) => $"{value:+0.0000;-0.0000} ({value - (Z95 * error):+0.0000;-0.0000} to {value + (Z95 * error):+0.0000;-0.0000})";

    /// <summary>For each converted lead the share of the others below it, and for each other lead the share of the converted above it; a tie counts half.</summary>
    private static (double[] Positives, double[] Negatives) Placements(double[] predictions, float[] labels)
    {
        double[] converted = [.. predictions.Where((_, i) => labels[i] == 1)], others = [.. predictions.Where((_, i) => labels[i] == 0)];
        return ([.. converted.Select(p => others.Average(n => Above(p, n)))], [.. others.Select(n => converted.Average(p => Above(p, n)))]);
    }

    private static double Above(double p, double n) => p > n ? 1 : p == n ? 0.5 : 0;

    private static double MeanVariance(double[] values)
    {
        var mean = values.Average();
        return values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1) / values.Length;
    }
}
