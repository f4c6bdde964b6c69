namespace LeadScoring.Ml.Calibration;

/// <summary>How far a period's conversion rates lie from what its past would have predicted, beyond chance.</summary>
/// <param name="Tau">Standard deviation between periods in log-odds, 0 or more. 0 also when nothing is known of periods.</param>
/// <param name="Periods">Periods that were predicted from their past; 0 when rows carry no time.</param>
public readonly record struct PeriodSpread(double Tau, int Periods)
{
    /// <summary>Nothing is known of periods.</summary>
    public static readonly PeriodSpread Unknown = new(0, 0);

    /// <summary>Estimates the spread.</summary>
    /// <remarks>
    /// The moment estimator of DerSimonian and Laird (1986), "Meta-Analysis in Clinical Trials", with a known mean of 0: with weights 1 / variance the
    /// expected sum of weight x difference^2 is (number of differences) + tau^2 x (sum of weights).
    /// </remarks>
    /// <param name="differences">Of each period: log-odds of its rate less what its past predicted, and the sampling variance of that, positive.</param>
    public static PeriodSpread Of(IReadOnlyCollection<(double Difference, double Variance)> differences)
    {
        if (differences.Count == 0) return Unknown;
        double heterogeneity = 0, weights = 0;
        foreach (var (difference, variance) in differences)
        {
            heterogeneity += difference * difference / variance;
            weights += 1 / variance;
        }

        return new PeriodSpread(Math.Sqrt(Math.Max(0, (heterogeneity - differences.Count) / weights)), differences.Count);
    }
}
