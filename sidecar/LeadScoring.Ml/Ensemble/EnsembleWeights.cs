using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Ensemble;

/// <summary>The members of the ensemble, in the order in which their probabilities stand in a row.</summary>
public enum Member
{
    /// <summary>XGBoost, the primary model.</summary>
    GradientBoosting,

    /// <summary>Random forest, also trained by XGBoost.</summary>
    RandomForest,

    /// <summary>Feed-forward network.</summary>
    Network,

    /// <summary>Logistic regression.</summary>
    Regression,
}

/// <summary>Shares of the members in the average. Each 0 or more; they are divided by their sum.</summary>
public sealed record EnsembleWeights
{
    /// <summary>Default 0.4.</summary>
    public double GradientBoosting { get; init; } = 0.4;

    /// <summary>Default 0.3.</summary>
    public double RandomForest { get; init; } = 0.3;

    /// <summary>Default 0.2.</summary>
    public double Network { get; init; } = 0.2;

    /// <summary>Default 0.1.</summary>
    public double Regression { get; init; } = 0.1;

    /// <exception cref="ArgumentException">A weight is negative or not finite, or all are 0.</exception>
    public void Validate()
    {
        double[] all = [GradientBoosting, RandomForest, Network, Regression];
        if (all.Any(w => !(w >= 0 && double.IsFinite(w))) || !(all.Sum() is > 0 and < double.PositiveInfinity))
            throw new ArgumentException($"weights: {GradientBoosting}, {RandomForest}, {Network}, {Regression} must be 0 or more, and not all 0");
    }

    /// <summary>The weighted average of member probabilities.</summary>
    /// <param name="members">Probabilities in [0, 1], in the order of <see cref="Member"/>. Length 4.</param>
    public double Average(ReadOnlySpan<double> members) =>
        ((GradientBoosting * members[0]) + (RandomForest * members[1]) + (Network * members[2]) + (Regression * members[3]))
        / (GradientBoosting + RandomForest + Network + Regression);

    /// <summary>The same for four leads, lane by lane the same bits.</summary>
    internal Vector256<double> Average(Vector256<double> boosting, Vector256<double> forest, Vector256<double> network, Vector256<double> regression) =>
        ((boosting * GradientBoosting) + (forest * RandomForest) + (network * Network) + (regression * Regression))
        / Vector256.Create(GradientBoosting + RandomForest + Network + Regression);
}
