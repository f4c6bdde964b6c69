namespace LeadScoring.Ml.Metrics;

/// <summary>How well predictions put converting leads before the others. Only the order of the predictions matters.</summary>
public static class RankingQuality
{
    /// <summary>
    /// Area under the ROC curve: the probability that a random converted lead is ranked above a random other one, ties counting half.
    /// </summary>
    /// <remarks>
    /// The Mann-Whitney statistic U / (positives * negatives); Hanley and McNeil (1982), "The Meaning and Use of the Area under a ROC Curve".
    /// Agrees with scikit-learn's <c>roc_auc_score</c>. Cost: one sort.
    /// </remarks>
    /// <param name="predictions">Anything that ranks: probability, margin or points. Shape (leads,). Infinite values are ranked, NaN is refused.</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <param name="weights">How many leads each counts for, at least 0. Shape (leads,), or empty for all 1.</param>
    /// <returns>A value in [0, 1]; 0.5 for constant predictions; NaN when all leads belong to one class, where no pair can be compared.</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a prediction is NaN, or a label is neither 0 nor 1.</exception>
    public static double RocAuc(ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        MetricInput.RequireRankable(predictions, labels);
        MetricInput.RequireWeights(weights, labels.Length);
        if (!weights.IsEmpty) return WeightedAuc(predictions, labels, weights);
        double positives = MetricInput.CountPositives(labels);
        var negatives = labels.Length - positives;
        if (positives == 0 || negatives == 0)
            return double.NaN;

        var (values, sorted) = MetricInput.SortedCopies(predictions, labels);
        double wins = 0, negativesBelow = 0;
        for (var start = 0; start < values.Length;)
        {
            var end = start;
            double tiedPositives = 0;
            for (; end < values.Length && values[end] == values[start]; end++)
                tiedPositives += sorted[end];
            var tiedNegatives = end - start - tiedPositives;
            wins += tiedPositives * (negativesBelow + tiedNegatives / 2);
            negativesBelow += tiedNegatives;
            start = end;
        }
        return wins / (positives * negatives);
    }

    private static double WeightedAuc(ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights)
    {
        var (values, order) = (predictions.ToArray(), new int[labels.Length]);
        for (var i = 0; i < order.Length; i++) order[i] = i;
        Array.Sort(values, order);
        double wins = 0, positives = 0, negatives = 0;
        for (var start = 0; start < values.Length;)
        {
            double tiedPositives = 0, tiedNegatives = 0;
            var end = start;
            for (; end < values.Length && values[end] == values[start]; end++)
            {
                if (labels[order[end]] == 1f) tiedPositives += weights[order[end]];
                else tiedNegatives += weights[order[end]];
            }

            wins += tiedPositives * (negatives + (tiedNegatives / 2));
            (positives, negatives, start) = (positives + tiedPositives, negatives + tiedNegatives, end);
        }

        return positives == 0 || negatives == 0 ? double.NaN : wins / (positives * negatives);
    }

    /// <summary>Average precision: the precision at each distinct threshold, weighted by the recall gained there.</summary>
    /// <remarks>
    /// AP = sum over thresholds, highest first, of (R_n - R_(n-1)) * P_n, without interpolation: the definition of scikit-learn's
    /// <c>average_precision_score</c>. Leads with equal predictions enter together.
    /// </remarks>
    /// <param name="predictions">Anything that ranks. Shape (leads,). Infinite values are ranked, NaN is refused.</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <returns>A value in (0, 1]; the base rate for constant predictions; NaN when no lead converted (scikit-learn says 0 and warns).</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a prediction is NaN, or a label is neither 0 nor 1.</exception>
    public static double AveragePrecision(ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels)
    {
        MetricInput.RequireRankable(predictions, labels);
        double positives = MetricInput.CountPositives(labels);
        if (positives == 0)
            return double.NaN;

        var (values, sorted) = MetricInput.SortedCopies(predictions, labels);
        double area = 0, found = 0;
        for (var i = values.Length - 1; i >= 0;)
        {
            var threshold = values[i];
            double gained = 0;
            for (; i >= 0 && values[i] == threshold; i--)
                gained += sorted[i];
            found += gained;
            area += gained / positives * (found / (values.Length - 1 - i));
        }
        return area;
    }
}
