namespace LeadScoring.Ml.Regression;

/// <summary>How a regression is fitted. The defaults are scikit-learn's, with a tighter tolerance.</summary>
public sealed record LogisticRegressionParameters
{
    /// <summary>Inverse strength of the L2 penalty: the smaller, the stronger. Default 1; above 0 and at most 1e10.</summary>
    /// <remarks>The loss is C * sum of w_i * logloss_i + |coefficients|^2 / 2, the scale of scikit-learn's <c>C</c>; the intercept is not penalised.</remarks>
    public double C { get; init; } = 1;

    /// <summary>
    /// Stops once half the squared Newton decrement, the loss that a further step could still gain, is below this share of the total weight (nats a lead).
    /// Default 1e-10; from 0 to 1.
    /// </summary>
    public double Tolerance { get; init; } = 1e-10;

    /// <summary>Most Newton steps. Default 50 (6 to 10 are usual); from 1 to 1,000.</summary>
    public int MaxIterations { get; init; } = 50;

    /// <summary>Checks the ranges above.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range; the message names it.</exception>
    public void Validate()
    {
        if (!(C > 0 && C <= 1e10))
            throw new ArgumentOutOfRangeException(nameof(C), C, "C must be above 0 and at most 1e10.");
        if (!(Tolerance >= 0 && Tolerance <= 1))
            throw new ArgumentOutOfRangeException(nameof(Tolerance), Tolerance, "Tolerance must be from 0 to 1.");
        if (MaxIterations is < 1 or > 1000)
            throw new ArgumentOutOfRangeException(nameof(MaxIterations), MaxIterations, "MaxIterations must be from 1 to 1,000.");
    }
}
