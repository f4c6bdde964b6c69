using System.Runtime.InteropServices;

namespace LeadScoring.Ml.XGBoost;

/// <summary>Owns one XGBoost booster.</summary>
internal sealed class BoosterHandle : SafeHandle
{
    internal BoosterHandle(IntPtr handle)
        : base(IntPtr.Zero, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == IntPtr.Zero;

    /// <summary>A booster without data; parameters and trees come later.</summary>
    /// <exception cref="XGBoostException">The library refused.</exception>
    internal static unsafe BoosterHandle Create(IntPtr* matrices, int count)
    {
        XGBoostException.Check(NativeMethods.XGBoosterCreate(matrices, (ulong)count, out var raw));
        return new BoosterHandle(raw);
    }

    // Never throws: this may run on the finalizer thread.
    protected override bool ReleaseHandle() => NativeMethods.XGBoosterFree(handle) == 0;
}

/// <summary>Owns one XGBoost data matrix, a copy of the rows it was made from.</summary>
internal sealed class DMatrixHandle : SafeHandle
{
    private DMatrixHandle(IntPtr handle)
        : base(IntPtr.Zero, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == IntPtr.Zero;

    internal IntPtr Raw => handle;

    /// <param name="rows">Row-major, shape (rowCount, columnCount); NaN = missing; already checked for infinities.</param>
    /// <param name="columnCount">Columns of a row, at least 1.</param>
    /// <param name="threads">Threads that may copy.</param>
    /// <exception cref="XGBoostException">The library refused.</exception>
    internal static unsafe DMatrixHandle Create(ReadOnlySpan<float> rows, int columnCount, int threads)
    {
        fixed (float* data = rows)
        {
            XGBoostException.Check(NativeMethods.XGDMatrixCreateFromMat_omp(
                data, (ulong)(rows.Length / columnCount), (ulong)columnCount, float.NaN, out var raw, threads));
            return new DMatrixHandle(raw);
        }
    }

    /// <summary>Attaches one number per row under XGBoost's name for it: <c>label</c> or <c>weight</c>.</summary>
    internal unsafe void Set(string field, ReadOnlySpan<float> values)
    {
        fixed (float* data = values)
            XGBoostException.Check(NativeMethods.XGDMatrixSetFloatInfo(this, field, data, (ulong)values.Length));
    }

    // Never throws: this may run on the finalizer thread.
    protected override bool ReleaseHandle() => NativeMethods.XGDMatrixFree(handle) == 0;
}
