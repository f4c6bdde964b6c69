using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Network;

/// <summary>Small dense matrix products for training: blocks of 4 x 16 outputs stay in registers while the shared dimension passes by.</summary>
/// <remarks>Each output is one chain of fused multiply-adds in the order of the shared dimension, so the bits do not depend on blocks or vector width.</remarks>
internal static class MatrixKernel
{
    /// <summary>Widths are padded to multiples of this, so that no kernel has a remainder.</summary>
    internal const int Lanes = 8;

    /// <summary>The smallest multiple of <see cref="Lanes"/> that holds a width.</summary>
    internal static int Padded(int width) => (width + Lanes - 1) / Lanes * Lanes;

    /// <summary>c = bias + a * b, or the ReLU of it; with <paramref name="transposedA"/>, c = bias + a' * b.</summary>
    /// <param name="a">Shape (m, k), or (k, m) when transposed, row length <paramref name="strideA"/>.</param>
    /// <param name="strideA">Row length of a.</param>
    /// <param name="transposedA">Whether a is read by columns.</param>
    /// <param name="b">Shape (k, n), dense.</param>
    /// <param name="bias">Shape (n,), or empty for zeros.</param>
    /// <param name="c">Receives the product. Shape (m, n), dense.</param>
    /// <param name="m">Rows of c, a multiple of 4.</param>
    /// <param name="n">Columns of c, a multiple of 8.</param>
    /// <param name="k">The shared dimension.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    internal static void Multiply(
        ReadOnlySpan<float> a, int strideA, bool transposedA, ReadOnlySpan<float> b, ReadOnlySpan<float> bias, Span<float> c, int m, int n, int k, bool relu)
    {
        if (m % 4 != 0 || n % Lanes != 0 || b.Length < (long)k * n || c.Length < (long)m * n || !(bias.IsEmpty || bias.Length >= n)
            || a.Length < (long)strideA * (transposedA ? k : m) || strideA < (transposedA ? m : k))
            throw new ArgumentException($"Matrices do not fit: m {m}, n {n}, k {k}, a {a.Length}, b {b.Length}, c {c.Length}.");
        ref var pa = ref MemoryMarshal.GetReference(a);
        ref var pb = ref MemoryMarshal.GetReference(b);
        ref var pc = ref MemoryMarshal.GetReference(c);
        var (rowStep, sharedStep) = transposedA ? (1, strideA) : (strideA, 1);
        var floor = Vector256.Create(relu ? 0f : float.NegativeInfinity);
        for (var j = 0; j < n; j += 16)
        {
            var wide = j + 16 <= n;
            var bias0 = bias.IsEmpty ? default : Vector256.Create(bias.Slice(j, 8));
            var bias1 = bias.IsEmpty || !wide ? default : Vector256.Create(bias.Slice(j + 8, 8));
            for (var i = 0; i < m; i += 4)
            {
                ref var blockA = ref Unsafe.Add(ref pa, i * rowStep);
                ref var blockB = ref Unsafe.Add(ref pb, j);
                ref var blockC = ref Unsafe.Add(ref pc, i * n + j);
                if (wide) Block16(ref blockA, rowStep, sharedStep, ref blockB, n, ref blockC, k, bias0, bias1, floor);
                else Block8(ref blockA, rowStep, sharedStep, ref blockB, n, ref blockC, k, bias0, floor);
            }
        }
    }

    /// <summary>target = source'. Shapes (rows, columns) and (columns, rows), dense.</summary>
    internal static void Transpose(ReadOnlySpan<float> source, int rows, int columns, Span<float> target)
    {
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++)
                target[j * rows + i] = source[i * columns + j];
    }

    private static void Block16(
        ref float a, int rowStep, int sharedStep, ref float b, int n, ref float c, int k, Vector256<float> bias0, Vector256<float> bias1, Vector256<float> floor)
    {
        Vector256<float> p0 = bias0, p1 = bias1, q0 = bias0, q1 = bias1, r0 = bias0, r1 = bias1, s0 = bias0, s1 = bias1;
        nint second = rowStep, third = second * 2, fourth = second * 3, step = sharedStep, width = n;
        for (var t = 0; t < k; t++)
        {
            var b0 = Vector256.LoadUnsafe(ref b);
            var b1 = Vector256.LoadUnsafe(ref b, 8);
            var x = Vector256.Create(a);
            p0 = Vector256.FusedMultiplyAdd(x, b0, p0);
            p1 = Vector256.FusedMultiplyAdd(x, b1, p1);
            x = Vector256.Create(Unsafe.Add(ref a, second));
            q0 = Vector256.FusedMultiplyAdd(x, b0, q0);
            q1 = Vector256.FusedMultiplyAdd(x, b1, q1);
            x = Vector256.Create(Unsafe.Add(ref a, third));
            r0 = Vector256.FusedMultiplyAdd(x, b0, r0);
            r1 = Vector256.FusedMultiplyAdd(x, b1, r1);
            x = Vector256.Create(Unsafe.Add(ref a, fourth));
            s0 = Vector256.FusedMultiplyAdd(x, b0, s0);
            s1 = Vector256.FusedMultiplyAdd(x, b1, s1);
            a = ref Unsafe.Add(ref a, step);
            b = ref Unsafe.Add(ref b, width);
        }
        Store(p0, floor, ref c, 0);
        Store(p1, floor, ref c, 8);
        Store(q0, floor, ref c, (nuint)width);
        Store(q1, floor, ref c, (nuint)width + 8);
        Store(r0, floor, ref c, (nuint)width * 2);
        Store(r1, floor, ref c, (nuint)width * 2 + 8);
        Store(s0, floor, ref c, (nuint)width * 3);
        Store(s1, floor, ref c, (nuint)width * 3 + 8);
    }

    private static void Block8(
        ref float a, int rowStep, int sharedStep, ref float b, int n, ref float c, int k, Vector256<float> bias, Vector256<float> floor)
    {
        Vector256<float> p = bias, q = bias, r = bias, s = bias;
        nint second = rowStep, third = second * 2, fourth = second * 3, step = sharedStep, width = n;
        for (var t = 0; t < k; t++)
        {
            var b0 = Vector256.LoadUnsafe(ref b);
            p = Vector256.FusedMultiplyAdd(Vector256.Create(a), b0, p);
            q = Vector256.FusedMultiplyAdd(Vector256.Create(Unsafe.Add(ref a, second)), b0, q);
            r = Vector256.FusedMultiplyAdd(Vector256.Create(Unsafe.Add(ref a, third)), b0, r);
            s = Vector256.FusedMultiplyAdd(Vector256.Create(Unsafe.Add(ref a, fourth)), b0, s);
            a = ref Unsafe.Add(ref a, step);
            b = ref Unsafe.Add(ref b, width);
        }
        Store(p, floor, ref c, 0);
        Store(q, floor, ref c, (nuint)width);
        Store(r, floor, ref c, (nuint)width * 2);
        Store(s, floor, ref c, (nuint)width * 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<float> sum, Vector256<float> floor, ref float c, nuint offset) =>
        Vector256.Max(sum, floor).StoreUnsafe(ref c, offset);
}
