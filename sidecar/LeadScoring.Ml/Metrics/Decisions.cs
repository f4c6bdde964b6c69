namespace LeadScoring.Ml.Metrics;

/// <summary>Counts of right and wrong decisions at one threshold, and the ratios made from them.</summary>
/// <param name="TruePositives">Converted leads that were predicted to convert.</param>
/// <param name="FalsePositives">Other leads that were predicted to convert.</param>
/// <param name="TrueNegatives">Other leads that were predicted not to convert.</param>
/// <param name="FalseNegatives">Converted leads that were predicted not to convert.</param>
public readonly record struct Confusion(int TruePositives, int FalsePositives, int TrueNegatives, int FalseNegatives)
{
    /// <summary>Share of predicted conversions that happened, in [0, 1]; 0 when none was predicted (zero_division = 0).</summary>
    public double Precision => Ratio(TruePositives, (double)TruePositives + FalsePositives);

    /// <summary>Share of conversions that were predicted, in [0, 1]; 0 when there was none.</summary>
    public double Recall => Ratio(TruePositives, (double)TruePositives + FalseNegatives);

    /// <summary>Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), in [0, 1]; 0 when nothing was predicted and nothing happened.</summary>
    public double F1 => Ratio(2.0 * TruePositives, 2.0 * TruePositives + FalsePositives + FalseNegatives);

    /// <summary>Share of right decisions, in [0, 1]; 0 when there are no leads.</summary>
    public double Accuracy =>
        Ratio((double)TruePositives + TrueNegatives, (double)TruePositives + FalsePositives + TrueNegatives + FalseNegatives);

    private static double Ratio(double part, double whole) => whole == 0 ? 0 : part / whole;
}

/// <summary>The threshold with the best F1 on given predictions, and that F1.</summary>
/// <param name="Threshold">A lead is predicted to convert when its prediction is at least this. NaN when no lead converted.</param>
/// <param name="F1">In [0, 1]. Optimistic on the leads it was chosen on: measure it on others.</param>
public readonly record struct ThresholdChoice(double Threshold, double F1);

/// <summary>What follows from turning predictions into yes or no.</summary>
public static class Decisions
{
    /// <summary>Counts decisions: a lead is predicted to convert when prediction &gt;= threshold.</summary>
    /// <param name="predictions">Probability, margin or points. Shape (leads,). NaN is refused.</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <param name="threshold">In the unit of the predictions. A NaN threshold predicts no conversions.</param>
    /// <returns>The four counts; they add up to the number of leads. One class only is fine.</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a prediction is NaN, or a label is neither 0 nor 1.</exception>
    public static Confusion ConfusionAt(ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels, double threshold)
    {
        MetricInput.RequireRankable(predictions, labels);
        int truePositives = 0, falsePositives = 0, positives = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var converted = labels[i] == 1f ? 1 : 0;
            positives += converted;
            if (!(predictions[i] >= threshold)) continue;
            truePositives += converted;
            falsePositives += 1 - converted;
        }
        return new Confusion(truePositives, falsePositives, labels.Length - positives - falsePositives, positives - truePositives);
    }

    /// <summary>Finds the threshold with the largest F1 among the distinct predictions; of equals, the highest, which calls the fewest leads.</summary>
    /// <param name="predictions">Probability, margin or points. Shape (leads,). NaN is refused.</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <param name="weights">How many leads each counts for, at least 0. Shape (leads,), or empty for all 1.</param>
    /// <returns>One of the predictions as threshold and its F1; (NaN, 0) when no lead converted.</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a prediction is NaN, or a label is neither 0 nor 1.</exception>
    public static ThresholdChoice F1OptimalThreshold(ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        MetricInput.RequireRankable(predictions, labels);
        MetricInput.RequireWeights(weights, labels.Length);
        double positives = 0;
        for (var i = 0; i < labels.Length; i++) positives += weights.IsEmpty ? labels[i] : weights[i] * labels[i];
        var best = new ThresholdChoice(double.NaN, 0);
        var (values, order) = (predictions.ToArray(), new int[labels.Length]);
        for (var i = 0; i < order.Length; i++) order[i] = i;
        Array.Sort(values, order);
        double found = 0, taken = 0;
        for (var i = values.Length - 1; i >= 0;)
        {
            var threshold = values[i];
            for (; i >= 0 && values[i] == threshold; i--)
            {
                var weight = weights.IsEmpty ? 1 : weights[order[i]];
                (found, taken) = (found + (weight * labels[order[i]]), taken + weight);
            }

            var f1 = 2 * found / (positives + taken);
            if (f1 > best.F1)
                best = new ThresholdChoice(threshold, f1);
        }
        return best;
    }
}
