using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LeadScoring.Ml.Trees;

/// <content>Many rows: a register holds one byte of each of 16, 32 or 64 rows.</content>
internal sealed unsafe partial class RankedForest
{
    /// <summary>Rows whose bytes are kept at once. A tree is read once for all of them; their bytes and indices stay in the first cache.</summary>
    private const int BlockRows = 256;

    /// <summary>Bytes of a row that needs two registers: a line more than two, or the same slot of all rows would compete for the same place in the cache.</summary>
    private const int WideRowStride = 192;

    private const int Lanes = 8;

    /// <summary>The margins of many rows, as <see cref="TreeEnsemble.Margins"/> describes them.</summary>
    internal void Margins(ReadOnlySpan<float> rows, Span<float> margins) => MarginsOfBoth(this, null, rows, margins, default);

    /// <summary>The same with a register width of one's choice.</summary>
    internal void Margins<TLanes>(ReadOnlySpan<float> rows, Span<float> margins)
        where TLanes : struct, IByteLanes<TLanes> => MarginsOfBoth<TLanes>(this, null, rows, margins, default);

    /// <summary>The margins of many rows under both models of a pair, whose bytes are made once; or under one model.</summary>
    internal static void MarginsOfBoth(RankedForest first, RankedForest? second, ReadOnlySpan<float> rows, Span<float> firstMargins, Span<float> secondMargins)
    {
        if (Vector512.IsHardwareAccelerated)
            MarginsOfBoth<SixtyFourBytes>(first, second, rows, firstMargins, secondMargins);
        else if (Vector256.IsHardwareAccelerated)
            MarginsOfBoth<ThirtyTwoBytes>(first, second, rows, firstMargins, secondMargins);
        else
            MarginsOfBoth<SixteenBytes>(first, second, rows, firstMargins, secondMargins);
    }

    /// <summary>The same with a register width of one's choice.</summary>
    internal static void MarginsOfBoth<TLanes>(RankedForest first, RankedForest? second, ReadOnlySpan<float> rows, Span<float> firstMargins, Span<float> secondMargins)
        where TLanes : struct, IByteLanes<TLanes>
    {
        var (table, featureCount) = (first.table, first.featureCount);
        var columns = table.SlotCount * BlockRows;
        var rowStride = first.FitsOneRegister ? CacheLine.Size : WideRowStride;
        var wantsRows = first.HasTwoParts || second is { HasTwoParts: true };
        var rented = ArrayPool<byte>.Shared.Rent(columns + (wantsRows ? BlockRows * rowStride : 0) + CacheLine.Size);
        fixed (byte* bytes = rented)
        fixed (float* row = rows)
        {
            var ranks = (sbyte*)CacheLine.Up(bytes);
            var byRow = wantsRows ? ranks + columns : null;
            for (var start = 0; start < firstMargins.Length; start += BlockRows)
            {
                var count = Math.Min(BlockRows, firstMargins.Length - start);
                table.Rank(row + ((nint)start * featureCount), count, featureCount, ranks, BlockRows, byRow, rowStride);
                first.Block<TLanes>(ranks, byRow, firstMargins.Slice(start, count));
                second?.Block<TLanes>(ranks, byRow, secondMargins.Slice(start, count));
            }
        }

        ArrayPool<byte>.Shared.Return(rented);
    }

    /// <summary>Whether rows below the upper part are decided by one comparison over a row's own bytes.</summary>
    private bool HasTwoParts => CanScoreSingle && lowers is not null;

    /// <summary>The margins of the rows of a block from their bytes.</summary>
    [SkipLocalsInit]
    private void Block<TLanes>(sbyte* ranks, sbyte* byRow, Span<float> margins)
        where TLanes : struct, IByteLanes<TLanes>
    {
        var stack = stackalloc byte[(BlockRows * 5) + CacheLine.Size];
        var block = (float*)CacheLine.Up(stack);
        var at = (sbyte*)(block + BlockRows);
        var count = margins.Length;
        var twoParts = HasTwoParts;
        new Span<float>(block, BlockRows).Fill(baseMargin);
        // Rows beyond the last of a part-filled register are old bytes: they go somewhere in the tree, and nobody asks where.
        var padded = (count + TLanes.Count - 1) / TLanes.Count * TLanes.Count;
        for (var tree = 0; tree < steps.Length; tree++)
        {
            for (var r = 0; r < padded; r += TLanes.Count)
                Upper<TLanes>(splits.At + (tree * TopSize), ranks + r, at + r);
            if (steps[tree] == 0)
                AddValues(ends.At[tree].Values, at, block, padded);
            else if (twoParts && FitsOneRegister)
                AddValues<OneRegister>(lowers!.At + (tree * TopSize), at, byRow, CacheLine.Size, block, count);
            else if (twoParts)
                AddValues<TwoRegisters>(lowers!.At + (tree * TopSize), at, byRow, WideRowStride, block, count);
            else
                Walk(ends.At[tree].Exits, steps[tree], ranks, at, block, padded);
        }

        new ReadOnlySpan<float>(block, count).CopyTo(margins);
        GC.KeepAlive(this);
    }

    /// <summary>Through the first six levels: for each row the number of the exit, 0 to 63.</summary>
    private static void Upper<TLanes>(TopSplit* splits, sbyte* ranks, sbyte* at)
        where TLanes : struct, IByteLanes<TLanes>
    {
        var stack = stackalloc byte[(8 * TLanes.Count) + CacheLine.Size];
        var below = (sbyte*)CacheLine.Up(stack);
        TLanes e0 = TLanes.All(0), e1 = TLanes.All(0x01010101), e2 = TLanes.All(0x02020202), e3 = TLanes.All(0x03030303);
        TLanes e4 = TLanes.All(0x04040404), e5 = TLanes.All(0x05050505), e6 = TLanes.All(0x06060606), e7 = TLanes.All(0x07070707);
        var first = e0;
        var eight = TLanes.All(0x08080808);
        for (var group = 0; group < 8; group++)
        {
            var exit = Group(splits + 7 + (7 * group), ranks, e0, e1, e2, e3, e4, e5, e6, e7);
            (exit + first).Store(below + (group * TLanes.Count));
            first += eight;
        }

        Group(
            splits, ranks, TLanes.Load(below), TLanes.Load(below + TLanes.Count), TLanes.Load(below + (2 * TLanes.Count)), TLanes.Load(below + (3 * TLanes.Count)),
            TLanes.Load(below + (4 * TLanes.Count)), TLanes.Load(below + (5 * TLanes.Count)), TLanes.Load(below + (6 * TLanes.Count)), TLanes.Load(below + (7 * TLanes.Count))).Store(at);
    }

    /// <summary>Through three levels: which of eight exits each row takes. All seven splits are decided for all rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TLanes Group<TLanes>(TopSplit* split, sbyte* ranks, TLanes e0, TLanes e1, TLanes e2, TLanes e3, TLanes e4, TLanes e5, TLanes e6, TLanes e7)
        where TLanes : struct, IByteLanes<TLanes>
    {
        e0 = TLanes.Choose(TLanes.Load(ranks + split[3].Offset), TLanes.All(split[3].Bounds), e1, e0);
        e2 = TLanes.Choose(TLanes.Load(ranks + split[4].Offset), TLanes.All(split[4].Bounds), e3, e2);
        e4 = TLanes.Choose(TLanes.Load(ranks + split[5].Offset), TLanes.All(split[5].Bounds), e5, e4);
        e6 = TLanes.Choose(TLanes.Load(ranks + split[6].Offset), TLanes.All(split[6].Bounds), e7, e6);
        e0 = TLanes.Choose(TLanes.Load(ranks + split[1].Offset), TLanes.All(split[1].Bounds), e2, e0);
        e4 = TLanes.Choose(TLanes.Load(ranks + split[2].Offset), TLanes.All(split[2].Bounds), e6, e4);
        return TLanes.Choose(TLanes.Load(ranks + split[0].Offset), TLanes.All(split[0].Bounds), e4, e0);
    }

    /// <summary>margins += the value at each row's exit.</summary>
    private static void AddValues(float* exitValue, sbyte* at, float* margins, int count)
    {
        if (Avx512F.IsSupported)
        {
            // The 64 values fit four registers; the exits select among them.
            Vector512<float> v0 = Vector512.Load(exitValue), v1 = Vector512.Load(exitValue + 16), v2 = Vector512.Load(exitValue + 32), v3 = Vector512.Load(exitValue + 48);
            var upper = Vector512.Create(31);
            for (var r = 0; r < count; r += 16)
            {
                var exit = Avx512F.ConvertToVector512Int32(Vector128.Load(at + r));
                var low = Avx512F.PermuteVar16x32x2(v0, exit, v1);
                var high = Avx512F.PermuteVar16x32x2(v2, exit, v3);
                (Vector512.Load(margins + r) + Vector512.ConditionalSelect(Vector512.GreaterThan(exit, upper).AsSingle(), high, low)).Store(margins + r);
            }

            return;
        }

        for (var r = 0; r < count; r++)
            margins[r] += exitValue[at[r]];
    }

    /// <summary>margins += the value below each row's exit, found with one comparison.</summary>
    private static void AddValues<TRow>(Lower* lower, sbyte* at, sbyte* byRow, int rowStride, float* margins, int count)
        where TRow : struct, IRowRegisters<TRow>
    {
        for (var r = 0; r < count; r++, byRow += rowStride)
            margins[r] += Value(lower + at[r], TRow.Load(byRow));
    }

    /// <summary>From each row's exit down to its leaf, eight rows at once to hide the latency of a step; margins += the leaf's value.</summary>
    private void Walk(uint* exit, int levels, sbyte* ranks, sbyte* at, float* margins, int count)
    {
        var node = nodes.At;
        var value = values.At;
        for (var r = 0; r < count; r += Lanes)
        {
            var rank = ranks + r;
            var e = at + r;
            nuint n0 = exit[e[0]], n1 = exit[e[1]], n2 = exit[e[2]], n3 = exit[e[3]], n4 = exit[e[4]], n5 = exit[e[5]], n6 = exit[e[6]], n7 = exit[e[7]];
            for (var level = levels; level > 0; level--)
            {
                n0 = Step(node + n0, rank);
                n1 = Step(node + n1, rank + 1);
                n2 = Step(node + n2, rank + 2);
                n3 = Step(node + n3, rank + 3);
                n4 = Step(node + n4, rank + 4);
                n5 = Step(node + n5, rank + 5);
                n6 = Step(node + n6, rank + 6);
                n7 = Step(node + n7, rank + 7);
            }

            var margin = margins + r;
            margin[0] += value[n0];
            margin[1] += value[n1];
            margin[2] += value[n2];
            margin[3] += value[n3];
            margin[4] += value[n4];
            margin[5] += value[n5];
            margin[6] += value[n6];
            margin[7] += value[n7];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint Step(Node* node, sbyte* rank) => node->Left + IsNegative(node->Bound - rank[(nuint)node->Slot * BlockRows]);

    /// <summary>1 when a rank is above the bound that it is taken from. Unsigned throughout, because widening a sign costs an instruction a step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint IsNegative(int difference) => (uint)difference >> 31;
}
