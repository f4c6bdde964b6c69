using System.Runtime.CompilerServices;

namespace LeadScoring.Ml.Metrics;

/// <summary>The checks every metric makes before it counts anything.</summary>
internal static class MetricInput
{
    /// <summary>Lengths agree, at least one lead, labels 0 or 1, no value NaN. Infinite values pass: they can be ranked.</summary>
    internal static void RequireRankable(
        ReadOnlySpan<double> values, ReadOnlySpan<float> labels, [CallerArgumentExpression(nameof(values))] string? name = null)
    {
        RequireLabels(values.Length, labels);
        for (var i = 0; i < values.Length; i++)
            if (double.IsNaN(values[i]))
                throw new ArgumentException($"The prediction of lead {i} is NaN.", name);
    }

    /// <summary>As <see cref="RequireRankable"/>, and every value lies in [0, 1].</summary>
    internal static void RequireProbabilities(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels)
    {
        RequireLabels(probabilities.Length, labels);
        for (var i = 0; i < probabilities.Length; i++)
            if (!(probabilities[i] >= 0 && probabilities[i] <= 1))
                throw new ArgumentException($"The probability of lead {i} is {probabilities[i]:R}, outside [0, 1].", nameof(probabilities));
    }

    /// <summary>At least one value, all finite.</summary>
    internal static void RequireFinite(ReadOnlySpan<double> values, [CallerArgumentExpression(nameof(values))] string? name = null)
    {
        if (values.IsEmpty)
            throw new ArgumentException("There are no leads to measure.", name);
        for (var i = 0; i < values.Length; i++)
            if (!double.IsFinite(values[i]))
                throw new ArgumentException($"The value of lead {i} is {values[i]:R}, not a finite number.", name);
    }

    /// <summary>As many labels as values, at least one, each exactly 0 or 1.</summary>
    internal static void RequireLabels(int values, ReadOnlySpan<float> labels)
    {
        if (values != labels.Length)
            throw new ArgumentException($"{values} predictions for {labels.Length} labels.", nameof(labels));
        if (labels.IsEmpty)
            throw new ArgumentException("There are no leads to measure.", nameof(labels));
        for (var i = 0; i < labels.Length; i++)
            if (labels[i] is not (0f or 1f))
                throw new ArgumentException($"The label of lead {i} is {labels[i]:R}; it must be 0 or 1.", nameof(labels));
    }

    /// <summary>As many weights as labels, finite and at least 0, one of them above; or none at all.</summary>
    internal static void RequireWeights(ReadOnlySpan<float> weights, int labels)
    {
        if (weights.IsEmpty) return;
        if (weights.Length != labels) throw new ArgumentException($"{weights.Length} weights for {labels} labels.", nameof(weights));
        var any = false;
        for (var i = 0; i < weights.Length; i++)
        {
            if (!(weights[i] >= 0 && float.IsFinite(weights[i]))) throw new ArgumentException($"The weight of lead {i} is {weights[i]:R}, not a finite number of at least 0.", nameof(weights));
            any |= weights[i] > 0;
        }

        if (!any) throw new ArgumentException("No lead has a weight.", nameof(weights));
    }

    /// <summary>Copies sorted together by ascending value, so that callers' arrays stay as they were.</summary>
    internal static (double[] Values, float[] Labels) SortedCopies(ReadOnlySpan<double> values, ReadOnlySpan<float> labels)
    {
        var sortedValues = values.ToArray();
        var sortedLabels = labels.ToArray();
        Array.Sort(sortedValues, sortedLabels);
        return (sortedValues, sortedLabels);
    }

    /// <summary>How many labels are 1.</summary>
    internal static int CountPositives(ReadOnlySpan<float> labels)
    {
        var positives = 0;
        foreach (var label in labels)
            if (label == 1f) positives++;
        return positives;
    }
}
