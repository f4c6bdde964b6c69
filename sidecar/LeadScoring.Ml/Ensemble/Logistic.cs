using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Ensemble;

/// <summary>Log-odds to probabilities, four at once.</summary>
internal static class Logistic
{
    /// <summary>1 / (1 + exp(-margin)), lane by lane; a lane does not depend on the others.</summary>
    internal static Vector256<double> Sigmoid(Vector256<double> margins) => Vector256<double>.One / (Vector256<double>.One + Exp(-margins));

    /// <summary>exp, lane by lane.</summary>
    /// <remarks>
    /// Not Vector256.Exp: it multiplies and adds in one rounding or in two, as the code of the moment happens to be compiled, so that a lead's probability would change in its last bit
    /// while the process warms up. Four calls cost some 20 ns a lead.
    /// </remarks>
    internal static Vector256<double> Exp(Vector256<double> x) => Vector256.Create(Math.Exp(x[0]), Math.Exp(x[1]), Math.Exp(x[2]), Math.Exp(x[3]));

    /// <summary>Natural logarithm, lane by lane, for the same reason.</summary>
    internal static Vector256<double> Log(Vector256<double> x) => Vector256.Create(Math.Log(x[0]), Math.Log(x[1]), Math.Log(x[2]), Math.Log(x[3]));

    /// <inheritdoc cref="Sigmoid(Vector256{double})"/>
    internal static double Sigmoid(double margin) => Sigmoid(Vector256.Create(margin)).ToScalar();
}
