using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Network;

/// <summary>Four rows through one layer: each weight is loaded once for all four. Bit-equal to <see cref="RowKernel"/>.</summary>
/// <remarks>
/// Every output is the same chain of fused multiply-adds as there: one chain in blocks of 64 outputs, even and odd inputs apart in a block of 32, four
/// chains in what is left. 512-bit registers; with narrower ones the row kernel is as fast, because both are bound by the multiplications then.
/// </remarks>
internal static unsafe class BatchKernel
{
    internal const int Rows = 4;

    private const int Lanes = 16;

    /// <summary>outputs = ReLU(biases + inputs * weights). Shapes: inputs (4, stride), weights (inputCount, width), biases (width), outputs (4, outputStride).</summary>
    internal static void Layer(float* inputs, int inputCount, int stride, float* weights, float* biases, int width, float* outputs, int outputStride)
    {
        var j = 0;
        for (; j + 64 <= width; j += 64)
        {
            OneChain(inputs, inputCount, stride, weights + j, biases + j, width, outputs + j, outputStride);
            OneChain(inputs, inputCount, stride, weights + j + 32, biases + j + 32, width, outputs + j + 32, outputStride);
        }

        if (j + 32 <= width)
        {
            TwoChains(inputs, inputCount, stride, weights + j, biases + j, width, outputs + j, outputStride);
            TwoChains(inputs, inputCount, stride, weights + j + 16, biases + j + 16, width, outputs + j + 16, outputStride);
            j += 32;
        }

        for (; j + Lanes <= width; j += Lanes)
            FourChains(inputs, inputCount, stride, weights + j, biases + j, width, outputs + j, outputStride);
        if (j < width)
        {
            for (var row = 0; row < Rows; row++)
                RowKernel.LastEight(inputs + (row * stride), inputCount, weights + j, width, biases + j, outputs + (row * outputStride) + j);
        }
    }

    /// <summary>32 outputs.</summary>
    private static void OneChain(float* x, int inputs, int stride, float* w, float* b, int width, float* y, int outputStride)
    {
        Vector512<float> a0 = Vector512.Load(b), b0 = Vector512.Load(b + Lanes);
        Vector512<float> a1 = a0, b1 = b0, a2 = a0, b2 = b0, a3 = a0, b3 = b0;
        for (var i = 0; i < inputs; i++, w += width)
        {
            Vector512<float> u = Vector512.Load(w), v = Vector512.Load(w + Lanes);
            var r = Vector512.Create(x[i]);
            a0 = Vector512.FusedMultiplyAdd(r, u, a0);
            b0 = Vector512.FusedMultiplyAdd(r, v, b0);
            r = Vector512.Create(x[i + stride]);
            a1 = Vector512.FusedMultiplyAdd(r, u, a1);
            b1 = Vector512.FusedMultiplyAdd(r, v, b1);
            r = Vector512.Create(x[i + (2 * stride)]);
            a2 = Vector512.FusedMultiplyAdd(r, u, a2);
            b2 = Vector512.FusedMultiplyAdd(r, v, b2);
            r = Vector512.Create(x[i + (3 * stride)]);
            a3 = Vector512.FusedMultiplyAdd(r, u, a3);
            b3 = Vector512.FusedMultiplyAdd(r, v, b3);
        }

        Store(a0, y);
        Store(b0, y + Lanes);
        Store(a1, y + outputStride);
        Store(b1, y + outputStride + Lanes);
        Store(a2, y + (2 * outputStride));
        Store(b2, y + (2 * outputStride) + Lanes);
        Store(a3, y + (3 * outputStride));
        Store(b3, y + (3 * outputStride) + Lanes);
    }

    /// <summary>16 outputs, even and odd inputs apart.</summary>
    private static void TwoChains(float* x, int inputs, int stride, float* w, float* b, int width, float* y, int outputStride)
    {
        var a0 = Vector512.Load(b);
        Vector512<float> a1 = a0, a2 = a0, a3 = a0, b0 = default, b1 = default, b2 = default, b3 = default;
        var i = 0;
        for (; i + 2 <= inputs; i += 2, w += 2 * width)
        {
            Vector512<float> u = Vector512.Load(w), v = Vector512.Load(w + width);
            a0 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i]), u, a0);
            b0 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + 1]), v, b0);
            a1 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + stride]), u, a1);
            b1 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + stride + 1]), v, b1);
            a2 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + (2 * stride)]), u, a2);
            b2 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + (2 * stride) + 1]), v, b2);
            a3 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + (3 * stride)]), u, a3);
            b3 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + (3 * stride) + 1]), v, b3);
        }

        if (i < inputs)
        {
            var u = Vector512.Load(w);
            a0 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i]), u, a0);
            a1 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + stride]), u, a1);
            a2 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + (2 * stride)]), u, a2);
            a3 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + (3 * stride)]), u, a3);
        }

        Store(a0 + b0, y);
        Store(a1 + b1, y + outputStride);
        Store(a2 + b2, y + (2 * outputStride));
        Store(a3 + b3, y + (3 * outputStride));
    }

    /// <summary>16 outputs, four chains; two rows at a time, which is as many as hide the latency.</summary>
    private static void FourChains(float* x, int inputs, int stride, float* w, float* b, int width, float* y, int outputStride)
    {
        for (var row = 0; row < Rows; row += 2, x += 2 * stride, y += 2 * outputStride)
        {
            Vector512<float> s0 = Vector512.Load(b), s1 = s0, t0 = default, t1 = default, u0 = default, u1 = default, v0 = default, v1 = default;
            var at = w;
            var i = 0;
            for (; i + 4 <= inputs; i += 4, at += 4 * width)
            {
                var weight = Vector512.Load(at);
                s0 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i]), weight, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + stride]), weight, s1);
                weight = Vector512.Load(at + width);
                t0 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + 1]), weight, t0);
                t1 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + stride + 1]), weight, t1);
                weight = Vector512.Load(at + (2 * width));
                u0 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + 2]), weight, u0);
                u1 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + stride + 2]), weight, u1);
                weight = Vector512.Load(at + (3 * width));
                v0 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + 3]), weight, v0);
                v1 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + stride + 3]), weight, v1);
            }

            for (; i < inputs; i++, at += width)
            {
                var weight = Vector512.Load(at);
                s0 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i]), weight, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Create(x[i + stride]), weight, s1);
            }

            Store(s0 + t0 + (u0 + v0), y);
            Store(s1 + t1 + (u1 + v1), y + outputStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> sum, float* y) => Vector512.Max(sum, Vector512<float>.Zero).Store(y);
}
