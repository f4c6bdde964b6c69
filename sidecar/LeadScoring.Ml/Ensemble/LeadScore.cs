namespace LeadScoring.Ml.Ensemble;

/// <summary>A lead's score.</summary>
/// <param name="Probability">Calibrated probability of conversion within the horizon, in (0, 1).</param>
/// <param name="Confidence">Probability that the decision "converts" / "does not" at 0.5 is right, in (0, 1).</param>
public readonly record struct LeadScore(double Probability, double Confidence)
{
    /// <summary>100 x probability with one decimal, 0.1 to 99.9: never a false 0 or 100.</summary>
    public double Points => Math.Clamp(Math.Round(Probability * 100, 1, MidpointRounding.AwayFromZero), 0.1, 99.9);
}
