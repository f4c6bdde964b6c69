using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Ensemble;

/// <summary>Log-odds to probabilities, four at once.</summary>
internal static class Logistic
{
    /// <summary>1 / (1 + exp(-margin)), lane by lane; a lane does not depend on the others.</summary>
    internal static Vector256<double> Sigmoid(Vector256<double> margins) => Vector256<double>.One / (Vector256<double>.One + Vector256.Exp(-margins));

    /// <inheritdoc cref="Sigmoid(Vector256{double})"/>
    internal static double Sigmoid(double margin) => Sigmoid(Vector256.Create(margin)).ToScalar();
}
