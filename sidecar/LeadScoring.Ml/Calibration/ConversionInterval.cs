namespace LeadScoring.Ml.Calibration;

/// <summary>Where the conversion rate of leads scored alike is expected to lie in the coming period.</summary>
/// <param name="Low">Lower end, in (0, 1).</param>
/// <param name="High">Upper end, in (0, 1), not below <paramref name="Low"/>.</param>
public readonly record struct ConversionInterval(double Low, double High)
{
    /// <summary>How often such an interval holds the rate.</summary>
    public const double Level = 0.9;
}
