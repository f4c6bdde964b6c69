namespace LeadScoring.Ml.Calibration;

/// <summary>The isotonic map half way to a straight line in log-odds: less noise where conversions are few, still free to bend where there are many.</summary>
/// <remarks>
/// The mean of the centred isotonic map (<see cref="IsotonicCalibrator.Fit"/>) and of Platt's line, as one piecewise linear rising map. Each half errs where the other
/// does not: the staircase follows chance, the line cannot bend. Figures: decision record 9.
/// </remarks>
public static class SmoothedIsotonic
{
    /// <summary>Fits the map.</summary>
    /// <param name="predictions">Out-of-fold raw probabilities in [0, 1], in any order. Shape (leads,).</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <param name="weights">Finite and at least 0, counted as numbers of leads. Shape (leads,), or empty for all 1.</param>
    /// <returns>A strictly increasing map with values inside (0, 1).</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a prediction is NaN or outside [0, 1], a label is neither 0 nor 1.</exception>
    public static IsotonicCalibrator Fit(ReadOnlySpan<double> predictions, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        double leads = weights.IsEmpty ? labels.Length : 0;
        foreach (var weight in weights) leads += weight;
        var isotonic = IsotonicCalibrator.Fit(predictions, labels, weights, IsotonicCalibrator.SuggestedBlockWeight(leads));
        var line = PlattScaling.Fit(predictions, labels, weights);
        var x = Knots(isotonic, predictions);
        var y = Array.ConvertAll(x, raw => (isotonic.Apply(raw) + line.Apply(raw)) / 2);
        // Rounding may not make a rising map fall.
        for (var i = 1; i < y.Length; i++) y[i] = Math.Max(y[i], y[i - 1]);
        return new IsotonicCalibrator(x, y);
    }

    /// <summary>The isotonic map's own knots, and enough others for the curve of the line: by the share of leads and evenly by log-odds.</summary>
    private static double[] Knots(IsotonicCalibrator isotonic, ReadOnlySpan<double> predictions)
    {
        const int Steps = 32;
        var sorted = predictions.ToArray();
        Array.Sort(sorted);
        var knots = new SortedSet<double>(isotonic.KnotsX.ToArray()) { 0, 1 };
        for (var i = 0; i <= Steps; i++)
        {
            knots.Add(sorted[(int)((long)i * (sorted.Length - 1) / Steps)]);
            knots.Add(1 / (1 + Math.Exp(-(-8 + (16.0 * i / Steps)))));
        }

        return [.. knots];
    }
}
