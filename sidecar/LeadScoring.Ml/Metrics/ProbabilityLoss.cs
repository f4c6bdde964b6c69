namespace LeadScoring.Ml.Metrics;

/// <summary>Proper scoring rules: both are smallest, on average, for the true probabilities.</summary>
public static class ProbabilityLoss
{
    /// <summary>Probabilities are kept this far from 0 and 1 before the logarithm: 2^-52, as scikit-learn 1.2 does for doubles.</summary>
    public const double LogLossClip = 2.220446049250313e-16;

    /// <summary>Mean negative log-likelihood in nats: -mean(y ln p + (1 - y) ln(1 - p)).</summary>
    /// <remarks>
    /// p is clipped to [<see cref="LogLossClip"/>, 1 - <see cref="LogLossClip"/>], so a certain and wrong prediction costs about 36 nats and not infinity.
    /// Agrees with scikit-learn's <c>log_loss</c>. One class only is fine.
    /// </remarks>
    /// <param name="probabilities">In [0, 1]. Shape (leads,).</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <param name="weights">How many leads each counts for, at least 0. Shape (leads,), or empty for all 1.</param>
    /// <returns>A value from 0 to about 36.04.</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a probability is NaN or outside [0, 1], or a label is neither 0 nor 1.</exception>
    public static double LogLoss(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        MetricInput.RequireProbabilities(probabilities, labels);
        MetricInput.RequireWeights(weights, labels.Length);
        double sum = 0, leads = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var p = Math.Clamp(probabilities[i], LogLossClip, 1 - LogLossClip);
            var weight = weights.IsEmpty ? 1 : weights[i];
            sum -= weight * (labels[i] == 1f ? Math.Log(p) : Math.Log(1 - p));
            leads += weight;
        }
        return sum / leads;
    }

    /// <summary>Brier score: mean of (p - y)^2. Source: Brier (1950), "Verification of Forecasts Expressed in Terms of Probability".</summary>
    /// <param name="probabilities">In [0, 1]. Shape (leads,).</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,).</param>
    /// <returns>A value in [0, 1]. One class only is fine.</returns>
    /// <exception cref="ArgumentException">No leads, lengths differ, a probability is NaN or outside [0, 1], or a label is neither 0 nor 1.</exception>
    public static double Brier(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels)
    {
        MetricInput.RequireProbabilities(probabilities, labels);
        double sum = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var error = probabilities[i] - labels[i];
            sum += error * error;
        }
        return sum / labels.Length;
    }
}
