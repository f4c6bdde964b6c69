namespace LeadScoring.Ml.Training;

/// <summary>How many leads each row stands for, when only leads that somebody worked can show what they are worth.</summary>
/// <remarks>
/// A lead that was worked with probability e stands for 1 / e leads of its kind (Horvitz and Thompson 1952; Rosenbaum and Rubin 1983). Chances are clipped from below (<see cref="LeastChance"/>), which trades a little bias for far less variance,
/// and the weights are stabilised: times the share that was worked, they average 1. A lead that nobody worked says nothing of what work would have brought, whatever became of it: weight 0.
/// </remarks>
public static class EffortWeights
{
    /// <summary>Chances of being worked below this count as this: no lead stands for more than twenty.</summary>
    public const double LeastChance = 0.05;

    /// <summary>Weights of rows.</summary>
    /// <param name="worked">Whether each was worked; null where nobody can know, as contacts were not recorded yet: such a row stands for itself. Length rows.</param>
    /// <param name="chance">Chance of being worked, in [0, 1]; of rows that are null in <paramref name="worked"/> it is not looked at. Length rows.</param>
    /// <returns>Length rows; those that were worked average 1.</returns>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static float[] Of(bool?[] worked, double[] chance)
    {
        if (worked.Length != chance.Length) throw new ArgumentException($"{chance.Length} chances for {worked.Length} rows.", nameof(chance));
        double sum = 0, rows = 0;
        for (var i = 0; i < worked.Length; i++)
        {
            if (worked[i] == true) (sum, rows) = (sum + (1 / Math.Max(chance[i], LeastChance)), rows + 1);
        }

        return [.. worked.Select((w, i) => w switch { null => 1f, true => (float)(rows / sum / Math.Max(chance[i], LeastChance)), false => 0f })];
    }

    /// <summary>As many rows that count alike would carry the same information: (sum of weights)^2 / sum of their squares (Kish 1965).</summary>
    /// <param name="weights">At least 0.</param>
    public static double EffectiveRows(ReadOnlySpan<float> weights)
    {
        double sum = 0, squares = 0;
        foreach (var weight in weights) (sum, squares) = (sum + weight, squares + ((double)weight * weight));
        return squares == 0 ? 0 : sum * sum / squares;
    }

    /// <summary>The same weights as numbers of leads: they sum to the leads that would carry the same information, so that nothing that counts leads is more certain than it may be.</summary>
    /// <param name="weights">At least 0; empty stays empty.</param>
    internal static float[] AsLeads(float[] weights)
    {
        if (weights.Length == 0) return weights;
        var scale = EffectiveRows(weights) / weights.Sum(w => (double)w);
        return Array.ConvertAll(weights, w => (float)(w * scale));
    }

    internal static double Mean(ReadOnlySpan<double> values, ReadOnlySpan<float> weights)
    {
        double sum = 0, all = 0;
        for (var i = 0; i < values.Length; i++)
        {
            var weight = weights.IsEmpty ? 1 : weights[i];
            (sum, all) = (sum + (weight * values[i]), all + weight);
        }

        return sum / all;
    }

    internal static double Mean(float[] values, ReadOnlySpan<float> weights) => Mean(Array.ConvertAll(values, v => (double)v), weights);
}
