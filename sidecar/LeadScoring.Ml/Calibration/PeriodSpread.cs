namespace LeadScoring.Ml.Calibration;

/// <summary>How far a period's conversion rates lie from what its past would have predicted, beyond chance.</summary>
/// <param name="Tau">Standard deviation between periods in log-odds, 0 or more. 0 also when nothing is known of periods.</param>
/// <param name="Periods">Periods that were predicted from their past; 0 when rows carry no time.</param>
public readonly record struct PeriodSpread(double Tau, int Periods)
{
    /// <summary>Nothing is known of periods.</summary>
    public static readonly PeriodSpread Unknown = new(0, 0);

    private const double PriorScale = 0.5;
    private const double Most = 3;
    private const int Steps = 300;

    /// <summary>Estimates the spread: the root of the mean of tau^2 given the differences.</summary>
    /// <remarks>
    /// Differences are normal with mean 0 and variance (sampling variance + tau^2); the prior of tau is half-Cauchy with scale 0.5 (Gelman 2006, "Prior
    /// distributions for variance parameters in hierarchical models"), summed over a grid. A moment estimate is cut off at 0 about half of the time where
    /// the truth is small, and then the interval promises too much; this one stays as wide as so few periods leave it open.
    /// </remarks>
    /// <param name="differences">Of each period: log-odds of its rate less what its past predicted, and the sampling variance of that, positive.</param>
    public static PeriodSpread Of(IReadOnlyCollection<(double Difference, double Variance)> differences)
    {
        if (differences.Count == 0) return Unknown;
        var logs = new double[Steps];
        for (var step = 0; step < Steps; step++)
        {
            var tau = Tau(step);
            logs[step] = -Math.Log(1 + (tau * tau / (PriorScale * PriorScale)));
            foreach (var (difference, variance) in differences)
                logs[step] -= 0.5 * (Math.Log(variance + (tau * tau)) + (difference * difference / (variance + (tau * tau))));
        }

        var top = logs.Max();
        double sum = 0, squares = 0;
        for (var step = 0; step < Steps; step++)
        {
            var weight = Math.Exp(logs[step] - top);
            (sum, squares) = (sum + weight, squares + (weight * Tau(step) * Tau(step)));
        }

        return new PeriodSpread(Math.Sqrt(squares / sum), differences.Count);

        static double Tau(int step) => Most * (step + 0.5) / Steps;
    }
}
