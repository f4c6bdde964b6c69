using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Network;

/// <summary>One row through one layer: outputs stay in registers while the inputs pass by. All widths are multiples of eight.</summary>
/// <remarks>
/// Fused multiply-add and a fixed order of sums give the same bits on every machine. Narrow blocks keep two or four sums an output
/// (even and odd inputs), because one chain of additions would wait for itself.
/// </remarks>
internal static class RowKernel
{
    /// <summary>outputs = ReLU(biases + inputs * weights). Shapes: inputs (in,), weights (in, out), biases and outputs (out,).</summary>
    internal static void Layer(ReadOnlySpan<float> inputs, ReadOnlySpan<float> weights, ReadOnlySpan<float> biases, Span<float> outputs)
    {
        ref var x = ref MemoryMarshal.GetReference(inputs);
        ref var w = ref MemoryMarshal.GetReference(weights);
        ref var b = ref MemoryMarshal.GetReference(biases);
        ref var y = ref MemoryMarshal.GetReference(outputs);
        var width = biases.Length;
        var j = 0;
        for (; j + 64 <= width; j += 64)
            Block64(ref x, inputs.Length, ref Unsafe.Add(ref w, j), width, ref Unsafe.Add(ref b, j), ref Unsafe.Add(ref y, j));
        for (; j + 32 <= width; j += 32)
            Block32(ref x, inputs.Length, ref Unsafe.Add(ref w, j), width, ref Unsafe.Add(ref b, j), ref Unsafe.Add(ref y, j));
        for (; j < width; j += 8)
            Block8(ref x, inputs.Length, ref Unsafe.Add(ref w, j), width, ref Unsafe.Add(ref b, j), ref Unsafe.Add(ref y, j));
    }

    /// <summary>Inner product; both lengths are the same multiple of eight.</summary>
    internal static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ref var pa = ref MemoryMarshal.GetReference(a);
        ref var pb = ref MemoryMarshal.GetReference(b);
        var sum = Vector256<float>.Zero;
        for (nuint i = 0; i < (nuint)a.Length; i += 8)
            sum = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref pa, i), Vector256.LoadUnsafe(ref pb, i), sum);
        var half = sum.GetLower() + sum.GetUpper(); // spelled out: the order in Vector256.Sum is the runtime's affair
        return half[0] + half[2] + (half[1] + half[3]);
    }

    private static void Block64(ref float x, int inputs, ref float w, int width, ref float b, ref float y)
    {
        var s0 = Vector256.LoadUnsafe(ref b);
        var s1 = Vector256.LoadUnsafe(ref b, 8);
        var s2 = Vector256.LoadUnsafe(ref b, 16);
        var s3 = Vector256.LoadUnsafe(ref b, 24);
        var s4 = Vector256.LoadUnsafe(ref b, 32);
        var s5 = Vector256.LoadUnsafe(ref b, 40);
        var s6 = Vector256.LoadUnsafe(ref b, 48);
        var s7 = Vector256.LoadUnsafe(ref b, 56);
        for (var i = 0; i < inputs; i++)
        {
            var v = Vector256.Create(Unsafe.Add(ref x, i));
            s0 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w), s0);
            s1 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 8), s1);
            s2 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 16), s2);
            s3 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 24), s3);
            s4 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 32), s4);
            s5 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 40), s5);
            s6 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 48), s6);
            s7 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 56), s7);
            w = ref Unsafe.Add(ref w, width);
        }
        StoreRelu(s0, ref y, 0);
        StoreRelu(s1, ref y, 8);
        StoreRelu(s2, ref y, 16);
        StoreRelu(s3, ref y, 24);
        StoreRelu(s4, ref y, 32);
        StoreRelu(s5, ref y, 40);
        StoreRelu(s6, ref y, 48);
        StoreRelu(s7, ref y, 56);
    }

    private static void Block32(ref float x, int inputs, ref float w, int width, ref float b, ref float y)
    {
        var s0 = Vector256.LoadUnsafe(ref b);
        var s1 = Vector256.LoadUnsafe(ref b, 8);
        var s2 = Vector256.LoadUnsafe(ref b, 16);
        var s3 = Vector256.LoadUnsafe(ref b, 24);
        Vector256<float> t0 = default, t1 = default, t2 = default, t3 = default;
        var i = 0;
        for (; i + 2 <= inputs; i += 2)
        {
            var v = Vector256.Create(Unsafe.Add(ref x, i));
            s0 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w), s0);
            s1 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 8), s1);
            s2 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 16), s2);
            s3 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 24), s3);
            w = ref Unsafe.Add(ref w, width);
            v = Vector256.Create(Unsafe.Add(ref x, i + 1));
            t0 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w), t0);
            t1 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 8), t1);
            t2 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 16), t2);
            t3 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 24), t3);
            w = ref Unsafe.Add(ref w, width);
        }
        if (i < inputs)
        {
            var v = Vector256.Create(Unsafe.Add(ref x, i));
            s0 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w), s0);
            s1 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 8), s1);
            s2 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 16), s2);
            s3 = Vector256.FusedMultiplyAdd(v, Vector256.LoadUnsafe(ref w, 24), s3);
        }
        StoreRelu(s0 + t0, ref y, 0);
        StoreRelu(s1 + t1, ref y, 8);
        StoreRelu(s2 + t2, ref y, 16);
        StoreRelu(s3 + t3, ref y, 24);
    }

    /// <summary>Eight outputs of one row, for the kernel of several rows.</summary>
    internal static unsafe void LastEight(float* x, int inputs, float* w, int width, float* b, float* y) => Block8(ref *x, inputs, ref *w, width, ref *b, ref *y);

    private static void Block8(ref float x, int inputs, ref float w, int width, ref float b, ref float y)
    {
        var s = Vector256.LoadUnsafe(ref b);
        Vector256<float> t = default, u = default, v = default;
        var i = 0;
        for (; i + 4 <= inputs; i += 4)
        {
            s = Vector256.FusedMultiplyAdd(Vector256.Create(Unsafe.Add(ref x, i)), Vector256.LoadUnsafe(ref w), s);
            t = Vector256.FusedMultiplyAdd(Vector256.Create(Unsafe.Add(ref x, i + 1)), Vector256.LoadUnsafe(ref w, (nuint)width), t);
            u = Vector256.FusedMultiplyAdd(Vector256.Create(Unsafe.Add(ref x, i + 2)), Vector256.LoadUnsafe(ref w, (nuint)width * 2), u);
            v = Vector256.FusedMultiplyAdd(Vector256.Create(Unsafe.Add(ref x, i + 3)), Vector256.LoadUnsafe(ref w, (nuint)width * 3), v);
            w = ref Unsafe.Add(ref w, width * 4);
        }
        for (; i < inputs; i++)
        {
            s = Vector256.FusedMultiplyAdd(Vector256.Create(Unsafe.Add(ref x, i)), Vector256.LoadUnsafe(ref w), s);
            w = ref Unsafe.Add(ref w, width);
        }
        StoreRelu(s + t + (u + v), ref y, 0);
    }

    // Vector256.Max passes NaN on: a row with NaN must not come out as a plausible number
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRelu(Vector256<float> sum, ref float y, nuint offset) =>
        Vector256.Max(sum, Vector256<float>.Zero).StoreUnsafe(ref y, offset);
}
