using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Trees;

/// <summary>Turns the numbers of a row into bytes that stand to a model's thresholds exactly as the numbers do.</summary>
/// <remarks>
/// <para>
/// The byte of a value is the number of thresholds of its feature that it reaches, minus 128, so that "at or above the n-th threshold" is "byte above n - 128".
/// A feature with more than 254 thresholds gets several columns, one for each run of 254. Each column fills up to two slots: one in which a missing value
/// is below every threshold, one in which it is above every threshold; a split names the slot of its own default direction.
/// </para>
/// <para>Thresholds stand in blocks of 16, compared at once: one look at the last of each block, one into the block, whatever their number.</para>
/// </remarks>
internal sealed unsafe class RankTable
{
    /// <summary>No byte of a value is above this: what leaves compare with.</summary>
    internal const sbyte Never = sbyte.MaxValue;

    private const int Segment = 254;
    private const int Block = 16;
    private const int RowsAtOnce = 64;   // their numbers stay in the first cache while column after column passes over them

    private readonly Dictionary<(int Feature, bool MissingRight, int Segment), int> slots = [];
    private readonly float[][] thresholds;
    private readonly List<Column> columnList = [];
    private readonly List<float> blockList = [];
    private Column[] columns = [];
    private float[] blocks = [];

    /// <param name="trees">Their thresholds are ranked.</param>
    /// <param name="featureCount">Columns of a row.</param>
    internal RankTable(IEnumerable<RegressionTree> trees, int featureCount)
    {
        var found = new List<float>[featureCount];
        foreach (var tree in trees)
        {
            for (var node = 0; node < tree.NodeCount; node++)
            {
                if (tree.LeftChildren[node] >= 0)
                    (found[tree.Features[node]] ??= []).Add(tree.Values[node]);
            }
        }

        thresholds = [.. found.Select(list => list is null ? [] : list.Distinct().Order().ToArray())];
    }

    /// <summary>Bytes of a row.</summary>
    internal int SlotCount => slots.Count;

    /// <summary>The slot that a split looks at, and the byte above which a row goes right.</summary>
    internal (int Slot, sbyte Bound) Place(int feature, float threshold, bool missingRight)
    {
        var rank = Array.BinarySearch(thresholds[feature], threshold);
        var key = (feature, missingRight, rank / Segment);
        if (!slots.TryGetValue(key, out var slot))
            slots.Add(key, slot = slots.Count);
        return (slot, (sbyte)((rank % Segment) - 128));
    }

    /// <summary>Ends the construction: no split is placed after this.</summary>
    internal void Complete()
    {
        foreach (var (feature, segment) in slots.Keys.Select(key => (key.Feature, key.Segment)).Distinct().Order())
        {
            var run = thresholds[feature].Skip(segment * Segment).Take(Segment).ToArray();
            var (isLow, isHigh) = (slots.TryGetValue((feature, false, segment), out var low), slots.TryGetValue((feature, true, segment), out var high));
            columnList.Add(new Column(feature, isLow ? low : high, isHigh ? high : low, isHigh ? sbyte.MaxValue : sbyte.MinValue, blockList.Count, run.Length > Block));
            if (run.Length > Block)
                AddBlock(run.Where((_, i) => i % Block == Block - 1));
            for (var start = 0; start < run.Length; start += Block)
                AddBlock(run.Skip(start).Take(Block));
        }

        (columns, blocks) = ([.. columnList], [.. blockList]);
    }

    /// <summary>The bytes of one row.</summary>
    /// <param name="row">Shape (features); NaN = missing.</param>
    /// <param name="bytes">Receives <see cref="SlotCount"/> bytes.</param>
    internal void Rank(float* row, sbyte* bytes)
    {
        fixed (float* block = blocks)
        fixed (Column* column = columns)
        {
            for (var c = 0; c < columns.Length; c++)
                Write(column + c, block + column[c].Start, row[column[c].Feature], bytes, 1);
        }
    }

    /// <summary>The bytes of many rows, slot after slot.</summary>
    /// <param name="rows">Row-major, shape (count, features); NaN = missing.</param>
    /// <param name="count">Rows.</param>
    /// <param name="features">Columns of a row.</param>
    /// <param name="bytes">Receives the bytes; slot s of row r at s * stride + r.</param>
    /// <param name="stride">Distance from slot to slot.</param>
    /// <param name="byRow">Receives them once more, row after row: slot s of row r at r * rowStride + s. Null when nobody wants that.</param>
    /// <param name="rowStride">Distance from row to row.</param>
    internal void Rank(float* rows, int count, int features, sbyte* bytes, int stride, sbyte* byRow = null, int rowStride = 0)
    {
        fixed (float* block = blocks)
        fixed (Column* column = columns)
        {
            for (var start = 0; start < count; start += RowsAtOnce)
            {
                var end = Math.Min(start + RowsAtOnce, count);
                for (var c = 0; c < columns.Length; c++)
                {
                    var at = block + column[c].Start;
                    var value = rows + ((nint)start * features) + column[c].Feature;
                    for (var r = start; r < end; r++, value += features)
                    {
                        var (low, high) = Write(column + c, at, *value, bytes + r, stride);
                        if (byRow == null)
                            continue;
                        byRow[((nint)r * rowStride) + column[c].Low] = low;
                        byRow[((nint)r * rowStride) + column[c].High] = high;
                    }
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (sbyte Low, sbyte High) Write(Column* column, float* at, float value, sbyte* bytes, nint stride)
    {
        var rank = Reached(at, value);
        if (column->TwoLevels)
            rank = (rank * Block) + Reached(at + Block + (rank * Block), value);
        // NaN reaches nothing: it is below every threshold already.
        var low = (sbyte)(rank - 128);
        var high = float.IsNaN(value) ? column->MissingHigh : low;
        bytes[column->Low * stride] = low;
        bytes[column->High * stride] = high;
        return (low, high);
    }

    /// <summary>How many of 16 thresholds are at most the value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Reached(float* sixteen, float value)
    {
        if (Vector512.IsHardwareAccelerated)
            return BitOperations.PopCount(Vector512.LessThanOrEqual(Vector512.Load(sixteen), Vector512.Create(value)).ExtractMostSignificantBits());
        var all = Vector256.Create(value);
        var low = Vector256.LessThanOrEqual(Vector256.Load(sixteen), all).ExtractMostSignificantBits();
        var high = Vector256.LessThanOrEqual(Vector256.Load(sixteen + 8), all).ExtractMostSignificantBits();
        return BitOperations.PopCount(low | (high << 8));
    }

    private void AddBlock(IEnumerable<float> sixteen)
    {
        var before = blockList.Count;
        blockList.AddRange(sixteen);
        while (blockList.Count < before + Block)
            blockList.Add(float.NaN);   // no value reaches it, not even infinity
    }

    /// <summary>Low and High: the slots where missing is below and above all thresholds. The same slot twice when no split looks at the other; High, written last, then decides with MissingHigh.</summary>
    private readonly record struct Column(int Feature, int Low, int High, sbyte MissingHigh, int Start, bool TwoLevels);
}
