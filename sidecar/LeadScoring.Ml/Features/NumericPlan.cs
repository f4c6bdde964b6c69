using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Features;

/// <summary>All numeric encoders of a preprocessor side by side, so that four features are bounded, filled and scaled at once and without a branch.</summary>
/// <remarks>The same numbers as <see cref="NumericEncoder.Encode"/>, which stays the definition.</remarks>
internal sealed class NumericPlan
{
    private const int Lanes = 4;
    private const int MaxStack = 256;

    private readonly Column[] columns;
    private readonly double[] low, high, fill, mean, inverseDeviation;   // padded to whole vectors

    /// <param name="encoders">All encoders.</param>
    /// <param name="treeStart">First tree column of each.</param>
    /// <param name="denseStart">First dense column of each.</param>
    internal NumericPlan(FeatureEncoder[] encoders, int[] treeStart, int[] denseStart)
    {
        // More than fit the stack go one by one, like the other kinds.
        var numeric = Enumerable.Range(0, encoders.Length).Where(f => encoders[f] is NumericEncoder).Take(MaxStack).ToArray();
        columns = Array.ConvertAll(numeric, f =>
            new Column(f, treeStart[f], denseStart[f], ((NumericEncoder)encoders[f]).MissingIndicator ? denseStart[f] + 1 : -1));
        var all = Array.ConvertAll(numeric, f => (NumericEncoder)encoders[f]);
        (low, high, fill) = (Padded(all, e => e.Low), Padded(all, e => e.High), Padded(all, e => e.Fill));
        (mean, inverseDeviation) = (Padded(all, e => e.Mean), Padded(all, e => e.InverseDeviation));
        Others = [.. Enumerable.Range(0, encoders.Length).Except(numeric)];
    }

    /// <summary>Positions of the encoders that this plan leaves to themselves.</summary>
    internal int[] Others { get; }

    /// <summary>Writes the numeric features' columns of both rows.</summary>
    [SkipLocalsInit]
    internal void Encode(ReadOnlySpan<FeatureValue> values, Span<float> tree, Span<float> dense)
    {
        Span<double> numbers = stackalloc double[MaxStack];
        Span<float> treePart = stackalloc float[MaxStack], densePart = stackalloc float[MaxStack];
        for (var i = 0; i < columns.Length; i++) numbers[i] = values[columns[i].Feature].Number;
        for (var i = columns.Length; i % Lanes != 0; i++) numbers[i] = 0;
        ref var number = ref MemoryMarshal.GetReference(numbers);
        for (nuint i = 0; i < (nuint)columns.Length; i += Lanes)
        {
            var value = Vector256.LoadUnsafe(ref number, i);
            var known = Vector256.Equals(value, value);
            var bounded = Vector256.MinNative(Vector256.MaxNative(value, Vector256.LoadUnsafe(ref low[0], i)), Vector256.LoadUnsafe(ref high[0], i));
            var filled = Vector256.ConditionalSelect(known, bounded, Vector256.LoadUnsafe(ref fill[0], i));
            var scaled = (filled - Vector256.LoadUnsafe(ref mean[0], i)) * Vector256.LoadUnsafe(ref inverseDeviation[0], i);
            var float32 = Vector256.MinNative(Vector256.MaxNative(value, Vector256.Create(-3e38)), Vector256.Create(3e38));
            Store(Vector256.ConditionalSelect(known, float32, value), treePart, i);
            Store(scaled, densePart, i);
        }

        for (var i = 0; i < columns.Length; i++)
        {
            ref readonly var column = ref columns[i];
            tree[column.Tree] = treePart[i];
            dense[column.Dense] = densePart[i];
            if (column.Indicator >= 0) dense[column.Indicator] = float.IsNaN(treePart[i]) ? 1 : 0;
        }
    }

    private static void Store(Vector256<double> four, Span<float> target, nuint at) =>
        Vector256.Narrow(four, four).GetLower().StoreUnsafe(ref MemoryMarshal.GetReference(target), at);

    private static double[] Padded(NumericEncoder[] all, Func<NumericEncoder, double> part)
    {
        var values = new double[((all.Length + Lanes - 1) / Lanes * Lanes) + Lanes];
        for (var i = 0; i < all.Length; i++) values[i] = part(all[i]);
        return values;
    }

    /// <param name="Feature">Position of the feature.</param>
    /// <param name="Tree">Its tree column.</param>
    /// <param name="Dense">Its dense column.</param>
    /// <param name="Indicator">The dense column that says "missing"; -1 when there is none.</param>
    private readonly record struct Column(int Feature, int Tree, int Dense, int Indicator);
}
