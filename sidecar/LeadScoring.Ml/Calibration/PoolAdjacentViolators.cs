namespace LeadScoring.Ml.Calibration;

/// <summary>Isotonic regression of 0/1 labels on predictions: the non-decreasing step function with the least weighted squared error.</summary>
/// <remarks>
/// Pool-adjacent-violators, one pass after the sort; Ayer, Brunk, Ewing, Reid and Silverman (1955); Barlow et al. (1972), section 1.2.
/// Equal predictions are pooled first, as scikit-learn's <c>IsotonicRegression</c> does; the block values agree with its own.
/// </remarks>
public static class PoolAdjacentViolators
{
    /// <summary>Fits the step function.</summary>
    /// <param name="predictions">Finite, in any order. Shape (leads,).</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <param name="weights">Finite and at least 0; leads of weight 0 are left out. Shape (leads,), or empty for all 1.</param>
    /// <returns>Blocks with strictly increasing predictions and strictly increasing rates; at least one.</returns>
    /// <exception cref="ArgumentException">
    /// No leads or no weight at all, lengths differ, a prediction is NaN or infinite, a label is neither 0 nor 1, a weight is negative, NaN or infinite.
    /// </exception>
    public static IReadOnlyList<IsotonicBlock> Fit(
        ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        Validate(predictions, labels, weights);
        var sorted = predictions.ToArray();
        var order = new int[sorted.Length];
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        Array.Sort(sorted, order);

        var blocks = new List<IsotonicBlock>();
        for (var start = 0; start < sorted.Length;)
        {
            double weight = 0, positive = 0;
            var end = start;
            for (; end < sorted.Length && sorted[end] == sorted[start]; end++)
            {
                double w = weights.IsEmpty ? 1 : weights[order[end]];
                weight += w;
                positive += w * labels[order[end]];
            }
            if (weight > 0)
                Push(blocks, new IsotonicBlock(sorted[start], sorted[start], sorted[start], positive / weight, weight));
            start = end;
        }
        return blocks.Count > 0 ? blocks : throw new ArgumentException("All weights are 0.", nameof(weights));
    }

    private static void Push(List<IsotonicBlock> blocks, IsotonicBlock block)
    {
        while (blocks.Count > 0 && blocks[^1].Rate >= block.Rate)
        {
            block = blocks[^1].MergedWith(block);
            blocks.RemoveAt(blocks.Count - 1);
        }
        blocks.Add(block);
    }

    private static void Validate(ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights)
    {
        if (predictions.IsEmpty)
            throw new ArgumentException("There are no leads to calibrate on.", nameof(predictions));
        if (labels.Length != predictions.Length)
            throw new ArgumentException($"{predictions.Length} predictions for {labels.Length} labels.", nameof(labels));
        if (!weights.IsEmpty && weights.Length != predictions.Length)
            throw new ArgumentException($"{predictions.Length} predictions for {weights.Length} weights.", nameof(weights));
        for (var i = 0; i < predictions.Length; i++)
        {
            if (!double.IsFinite(predictions[i]))
                throw new ArgumentException($"The prediction of lead {i} is {predictions[i]:R}, not a finite number.", nameof(predictions));
            if (labels[i] is not (0f or 1f))
                throw new ArgumentException($"The label of lead {i} is {labels[i]:R}; it must be 0 or 1.", nameof(labels));
            if (!weights.IsEmpty && !(weights[i] >= 0 && float.IsFinite(weights[i])))
                throw new ArgumentException($"The weight of lead {i} is {weights[i]:R}; it must be finite and at least 0.", nameof(weights));
        }
    }
}
