using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Network;

/// <summary>Adam: gradient steps scaled by running means of the gradient and of its square.</summary>
/// <remarks>
/// Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 1 in the form at the end of section 2, with its defaults
/// beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8. The number of parameters is a multiple of eight.
/// </remarks>
internal sealed class AdamOptimizer(int parameters, double learningRate)
{
    private const float Beta1 = 0.9f;
    private const float Beta2 = 0.999f;
    private const float Epsilon = 1e-8f;

    // Means that have died away are set to 0: arithmetic on denormal numbers is a hundred times slower
    private const float Negligible = 1e-30f;

    private readonly float[] mean = new float[parameters];
    private readonly float[] meanSquare = new float[parameters];
    private double power1 = 1;
    private double power2 = 1;

    /// <summary>Moves the parameters one step against the gradient. Shapes (parameters,).</summary>
    internal void Step(Span<float> values, ReadOnlySpan<float> gradient)
    {
        power1 *= Beta1;
        power2 *= Beta2;
        var rate = Vector256.Create((float)(learningRate * Math.Sqrt(1 - power2) / (1 - power1)));
        var (beta1, beta2) = (Vector256.Create(Beta1), Vector256.Create(Beta2));
        var (rest1, rest2) = (Vector256.Create(1 - Beta1), Vector256.Create(1 - Beta2));
        var (epsilon, negligible) = (Vector256.Create(Epsilon), Vector256.Create(Negligible));
        ref var w = ref MemoryMarshal.GetReference(values);
        ref var g = ref MemoryMarshal.GetReference(gradient);
        ref var m = ref MemoryMarshal.GetArrayDataReference(mean);
        ref var v = ref MemoryMarshal.GetArrayDataReference(meanSquare);
        for (nuint i = 0; i < (nuint)mean.Length; i += MatrixKernel.Lanes)
        {
            var slope = Vector256.LoadUnsafe(ref g, i);
            var first = Vector256.FusedMultiplyAdd(beta1, Vector256.LoadUnsafe(ref m, i), rest1 * slope);
            first &= Vector256.GreaterThan(Vector256.Abs(first), negligible);
            var second = Vector256.FusedMultiplyAdd(beta2, Vector256.LoadUnsafe(ref v, i), rest2 * slope * slope);
            second &= Vector256.GreaterThan(second, negligible);
            first.StoreUnsafe(ref m, i);
            second.StoreUnsafe(ref v, i);
            (Vector256.LoadUnsafe(ref w, i) - rate * first / (Vector256.Sqrt(second) + epsilon)).StoreUnsafe(ref w, i);
        }
    }
}
