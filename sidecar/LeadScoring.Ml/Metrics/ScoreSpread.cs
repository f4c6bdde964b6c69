namespace LeadScoring.Ml.Metrics;

/// <summary>Whether scores tell leads apart: their spread and their correlation with the outcome.</summary>
public static class ScoreSpread
{
    /// <summary>Pearson's correlation of a score with the outcome (the point-biserial correlation).</summary>
    /// <remarks>Two passes, means first, so that large offsets cost no digits.</remarks>
    /// <param name="scores">Probability, points or margin, finite. Shape (leads,).</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <returns>A value in [-1, 1]; NaN when the scores are constant or all leads belong to one class.</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a score is NaN or infinite, or a label is neither 0 nor 1.</exception>
    public static double Pearson(ReadOnlySpan<double> scores, ReadOnlySpan<float> labels)
    {
        MetricInput.RequireLabels(scores.Length, labels);
        MetricInput.RequireFinite(scores);
        var (lowest, highest) = Range(scores);
        double positives = MetricInput.CountPositives(labels);
        if (lowest == highest || positives == 0 || positives == labels.Length)
            return double.NaN;

        double meanScore = Mean(scores), meanLabel = positives / labels.Length;
        double covariance = 0, varianceScore = 0, varianceLabel = 0;
        for (var i = 0; i < scores.Length; i++)
        {
            double a = scores[i] - meanScore, b = labels[i] - meanLabel;
            covariance += a * b;
            varianceScore += a * a;
            varianceLabel += b * b;
        }
        return Math.Clamp(covariance / Math.Sqrt(varianceScore * varianceLabel), -1, 1);
    }

    /// <summary>Population standard deviation (divided by n, as numpy's <c>std</c>), in the unit of the scores.</summary>
    /// <param name="scores">Finite. Shape (leads,).</param>
    /// <returns>At least 0; exactly 0 for one lead or constant scores.</returns>
    /// <exception cref="ArgumentException">No leads, or a score is NaN or infinite.</exception>
    public static double StandardDeviation(ReadOnlySpan<double> scores)
    {
        MetricInput.RequireFinite(scores);
        var (lowest, highest) = Range(scores);
        if (lowest == highest)
            return 0; // the mean of equal numbers may be off by one bit, which would give a false 1e-17
        var mean = Mean(scores);
        double sum = 0;
        foreach (var score in scores)
            sum += (score - mean) * (score - mean);
        return Math.Sqrt(sum / scores.Length);
    }

    private static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (var value in values)
            sum += value;
        return sum / values.Length;
    }

    private static (double Lowest, double Highest) Range(ReadOnlySpan<double> values)
    {
        double lowest = values[0], highest = values[0];
        foreach (var value in values)
        {
            lowest = Math.Min(lowest, value);
            highest = Math.Max(highest, value);
        }
        return (lowest, highest);
    }
}
