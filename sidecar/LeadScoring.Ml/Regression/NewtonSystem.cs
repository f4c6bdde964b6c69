using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Regression;

/// <summary>Gradient and Hessian of the penalised log loss, in doubles, gathered in tiles of rows that stay in the first-level cache.</summary>
/// <remarks>
/// Unknowns are the coefficients, then the intercept, then zero columns up to a multiple of eight so that the kernel has no remainder.
/// H = sum of h_i x_i x_i' is built as S'S with rows sqrt(h_i) x_i, only the blocks on and above the diagonal.
/// </remarks>
internal sealed class NewtonSystem
{
    private const int TileRows = 64;
    private readonly int columns;
    private readonly int stride;
    private readonly double[] tile;
    private readonly double[] hessian;
    private readonly double[] gradient;
    private int filled;

    internal NewtonSystem(int columns)
    {
        this.columns = columns;
        stride = (columns + 1 + 7) / 8 * 8;
        tile = new double[TileRows * stride];
        hessian = new double[stride * stride];
        gradient = new double[stride];
    }

    /// <summary>Derivatives of the loss by coefficients and intercept. Shape (columns + 1,).</summary>
    internal ReadOnlySpan<double> Gradient => gradient.AsSpan(0, columns + 1);

    /// <summary>Forgets all rows and starts with those of the penalty strength |coefficients|^2 / 2.</summary>
    internal void Reset(ReadOnlySpan<double> coefficients, double strength)
    {
        filled = 0;
        Array.Clear(hessian);
        Array.Clear(gradient);
        for (var i = 0; i < columns; i++)
        {
            gradient[i] = strength * coefficients[i];
            hessian[i * stride + i] = strength;
        }
    }

    /// <summary>Adds a row's residual (p - y) * w to the gradient and its curvature p (1 - p) * w to the Hessian.</summary>
    internal void Add(ReadOnlySpan<float> row, double residual, double curvature)
    {
        var scaled = tile.AsSpan(filled * stride, stride);
        var root = Math.Sqrt(curvature);
        ref var source = ref MemoryMarshal.GetReference(row);
        ref var target = ref MemoryMarshal.GetReference(scaled);
        ref var sums = ref MemoryMarshal.GetArrayDataReference(gradient);
        var (roots, residuals) = (Vector256.Create(root), Vector256.Create(residual));
        var i = 0;
        for (; i + 8 <= columns; i += 8)
        {
            var (low, high) = Vector256.Widen(Vector256.LoadUnsafe(ref source, (nuint)i));
            (low * roots).StoreUnsafe(ref target, (nuint)i);
            (high * roots).StoreUnsafe(ref target, (nuint)i + 4);
            Vector256.FusedMultiplyAdd(low, residuals, Vector256.LoadUnsafe(ref sums, (nuint)i)).StoreUnsafe(ref sums, (nuint)i);
            Vector256.FusedMultiplyAdd(high, residuals, Vector256.LoadUnsafe(ref sums, (nuint)i + 4)).StoreUnsafe(ref sums, (nuint)i + 4);
        }
        for (; i < columns; i++)
        {
            scaled[i] = row[i] * root;
            gradient[i] += row[i] * residual;
        }
        scaled[columns] = root;
        gradient[columns] += residual;
        if (++filled == TileRows)
            Flush();
    }

    /// <summary>The Hessian as full square matrix. Shape (columns + 1, columns + 1).</summary>
    internal double[,] Hessian()
    {
        Flush();
        var size = columns + 1;
        var full = new double[size, size];
        for (var i = 0; i < size; i++)
            for (var j = i; j < size; j++)
                full[i, j] = full[j, i] = hessian[i * stride + j];
        return full;
    }

    private void Flush()
    {
        for (var i = 0; i < stride; i += 4)
            for (var j = i / 8 * 8; j < stride; j += 8)
                AddBlock(i, j);
        filled = 0;
    }

    // 4 x 8 block of S'S, its eight sums in registers
    private void AddBlock(int i, int j)
    {
        ref var s = ref MemoryMarshal.GetArrayDataReference(tile);
        Vector256<double> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        nuint left = (nuint)i, right = (nuint)j;
        for (var r = 0; r < filled; r++, left += (nuint)stride, right += (nuint)stride)
        {
            var v0 = Vector256.LoadUnsafe(ref s, right);
            var v1 = Vector256.LoadUnsafe(ref s, right + 4);
            var x = Vector256.Create(System.Runtime.CompilerServices.Unsafe.Add(ref s, left));
            a0 = Vector256.FusedMultiplyAdd(x, v0, a0);
            a1 = Vector256.FusedMultiplyAdd(x, v1, a1);
            x = Vector256.Create(System.Runtime.CompilerServices.Unsafe.Add(ref s, left + 1));
            b0 = Vector256.FusedMultiplyAdd(x, v0, b0);
            b1 = Vector256.FusedMultiplyAdd(x, v1, b1);
            x = Vector256.Create(System.Runtime.CompilerServices.Unsafe.Add(ref s, left + 2));
            c0 = Vector256.FusedMultiplyAdd(x, v0, c0);
            c1 = Vector256.FusedMultiplyAdd(x, v1, c1);
            x = Vector256.Create(System.Runtime.CompilerServices.Unsafe.Add(ref s, left + 3));
            d0 = Vector256.FusedMultiplyAdd(x, v0, d0);
            d1 = Vector256.FusedMultiplyAdd(x, v1, d1);
        }
        AddTo(i, j, a0, a1);
        AddTo(i + 1, j, b0, b1);
        AddTo(i + 2, j, c0, c1);
        AddTo(i + 3, j, d0, d1);
    }

    private void AddTo(int i, int j, Vector256<double> first, Vector256<double> second)
    {
        ref var h = ref hessian[i * stride + j];
        (Vector256.LoadUnsafe(ref h) + first).StoreUnsafe(ref h);
        (Vector256.LoadUnsafe(ref h, 4) + second).StoreUnsafe(ref h, 4);
    }
}
