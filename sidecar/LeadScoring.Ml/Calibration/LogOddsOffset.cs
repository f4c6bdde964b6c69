namespace LeadScoring.Ml.Calibration;

/// <summary>How far outcomes lie above what was predicted, as one number in log-odds.</summary>
public static class LogOddsOffset
{
    /// <summary>Fewest conversions and non-conversions that an offset is told of.</summary>
    public const int FewestPerClass = 5;

    private const int MaxSteps = 50;

    /// <summary>The maximum-likelihood a of outcome ~ Bernoulli(sigmoid(logit(p) + a)), by Newton's method.</summary>
    /// <param name="probabilities">Predicted, in (0, 1). Shape (leads,).</param>
    /// <param name="labels">1 or 0. Shape (leads,).</param>
    /// <param name="weights">Numbers of leads that each counts for. Shape (leads,), or empty for all 1.</param>
    /// <returns>The offset and its sampling variance (inverse information); null with too few leads of a class.</returns>
    public static (double Offset, double Variance)? Of(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        double positive = 0, all = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            var weight = weights.IsEmpty ? 1 : weights[i];
            (positive, all) = (positive + (weight * labels[i]), all + weight);
        }

        if (positive < FewestPerClass || all - positive < FewestPerClass) return null;
        double offset = 0, information = 0;
        for (var step = 0; step < MaxSteps; step++)
        {
            double expected = 0;
            information = 0;
            var factor = Math.Exp(offset);
            for (var i = 0; i < probabilities.Length; i++)
            {
                double p = probabilities[i], weight = weights.IsEmpty ? 1 : weights[i];
                var shifted = p * factor / ((p * factor) + 1 - p);
                expected += weight * shifted;
                information += weight * shifted * (1 - shifted);
            }

            if (!(information > 1e-12)) return null;
            // The log-likelihood is concave, but a full step may overshoot where all predictions are extreme.
            var move = Math.Clamp((positive - expected) / information, -1, 1);
            offset += move;
            if (Math.Abs(move) < 1e-9) break;
        }

        return (offset, 1 / information);
    }
}
