namespace LeadScoring.Ml.Metrics;

/// <summary>The area under the ROC curve with its sampling error.</summary>
/// <param name="Auc">0 to 1; NaN with one class only.</param>
/// <param name="StandardError">Of the area; NaN with fewer than two leads of a class.</param>
public readonly record struct AucError(double Auc, double StandardError)
{
    private const double Z = 1.959963984540054;

    /// <summary>95 % interval, cut at 0 and 1.</summary>
    public Interval Interval => double.IsFinite(StandardError) ? new Interval(Math.Max(0, Auc - (Z * StandardError)), Math.Min(1, Auc + (Z * StandardError))) : Interval.Undefined;

    /// <summary>Measures.</summary>
    /// <remarks>DeLong, DeLong and Clarke-Pearson (1988), "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves"; by one sort, as Sun and Xu (2014) show.</remarks>
    /// <param name="predictions">Anything that ranks. Shape (leads,). NaN is refused.</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <exception cref="ArgumentException">No leads, lengths differ, a prediction is NaN, or a label is neither 0 nor 1.</exception>
    public static AucError Of(ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels)
    {
        MetricInput.RequireRankable(predictions, labels);
        double positives = MetricInput.CountPositives(labels), negatives = labels.Length - positives;
        var auc = RankingQuality.RocAuc(predictions, labels);
        if (positives < 2 || negatives < 2) return new AucError(auc, double.NaN);
        var (values, sorted) = MetricInput.SortedCopies(predictions, labels);
        double below = 0, positivesBelow = 0, ofPositives = 0, ofNegatives = 0;
        for (var start = 0; start < values.Length;)
        {
            double tied = 0;
            var end = start;
            for (; end < values.Length && values[end] == values[start]; end++) tied += sorted[end];
            var tiedNegatives = end - start - tied;
            // Share of the other class that each lead is ranked rightly against.
            var forPositive = ((below + (tiedNegatives / 2)) / negatives) - auc;
            var forNegative = ((positives - positivesBelow - (tied / 2)) / positives) - auc;
            ofPositives += tied * forPositive * forPositive;
            ofNegatives += tiedNegatives * forNegative * forNegative;
            below += tiedNegatives;
            positivesBelow += tied;
            start = end;
        }

        return new AucError(auc, Math.Sqrt((ofPositives / (positives - 1) / positives) + (ofNegatives / (negatives - 1) / negatives)));
    }
}
