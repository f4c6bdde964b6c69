using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LeadScoring.Ml.Trees;

/// <content>One row: a register holds the bytes that all 63 upper splits of a tree look at.</content>
internal sealed unsafe partial class RankedForest
{
    /// <summary>The bytes of two registers, which one instruction selects from.</summary>
    private const int MaxSingleSlots = 128;

    /// <summary>Whether <see cref="Margin"/> may be called: the processor selects bytes from two registers (AVX-512 VBMI), and the row fits them.</summary>
    internal bool CanScoreSingle => Avx512Vbmi.IsSupported && table.SlotCount <= MaxSingleSlots;

    /// <summary>The margin of one row, as <see cref="TreeEnsemble.Margin"/> describes it.</summary>
    [SkipLocalsInit]
    internal float Margin(ReadOnlySpan<float> row)
    {
        var stack = stackalloc byte[MaxSingleSlots + 1 + CacheLine.Size];
        var ranks = (sbyte*)CacheLine.Up(stack);
        fixed (float* at = row)
            table.Rank(at, ranks);
        return MarginOf(ranks);
    }

    /// <summary>The margins of one row under both models of a pair, whose bytes are made once.</summary>
    [SkipLocalsInit]
    internal static (float First, float Second) MarginOfBoth(RankedForest first, RankedForest second, ReadOnlySpan<float> row)
    {
        var stack = stackalloc byte[MaxSingleSlots + 1 + CacheLine.Size];
        var ranks = (sbyte*)CacheLine.Up(stack);
        fixed (float* at = row)
            first.table.Rank(at, ranks);
        return (first.MarginOf(ranks), second.MarginOf(ranks));
    }

    private float MarginOf(sbyte* ranks)
    {
        var margin = baseMargin;
        var top = tops.At;
        var end = ends.At;
        var left = steps.AsSpan();
        for (; left.Length >= Lanes; left = left[Lanes..], top += Lanes, end += Lanes)
        {
            var levels = 0;
            foreach (var depth in left[..Lanes])
                levels = Math.Max(levels, depth);
            margin = levels == 0 ? AddShallow(top, end, ranks, margin)
                : lowers is not null ? AddTwoParts(top, lowers.At + ((top - tops.At) * TopSize), ranks, margin)
                : AddDeep(top, end, levels, ranks, margin);
        }

        foreach (var levels in left)
        {
            nuint node = (end++)->Exits[Exit(top++, Vector512.Load((byte*)ranks), Vector512.Load((byte*)ranks + 64))];
            for (var level = levels; level > 0; level--)
                node = Step1(nodes.At + node, ranks);
            margin += values.At[node];
        }

        GC.KeepAlive(this);
        return margin;
    }

    private static float AddShallow(Top* top, Ends* end, sbyte* ranks, float margin)
    {
        Vector512<byte> low = Vector512.Load((byte*)ranks), high = Vector512.Load((byte*)ranks + 64);
        margin += end[0].Values[Exit(top, low, high)];
        margin += end[1].Values[Exit(top + 1, low, high)];
        margin += end[2].Values[Exit(top + 2, low, high)];
        margin += end[3].Values[Exit(top + 3, low, high)];
        margin += end[4].Values[Exit(top + 4, low, high)];
        margin += end[5].Values[Exit(top + 5, low, high)];
        margin += end[6].Values[Exit(top + 6, low, high)];
        return margin + end[7].Values[Exit(top + 7, low, high)];
    }

    private static float AddTwoParts(Top* top, Lower* lower, sbyte* ranks, float margin)
    {
        Vector512<byte> low = Vector512.Load((byte*)ranks), high = Vector512.Load((byte*)ranks + 64);
        margin += Value(lower + Exit(top, low, high), low, high);
        margin += Value(lower + TopSize + Exit(top + 1, low, high), low, high);
        margin += Value(lower + (2 * TopSize) + Exit(top + 2, low, high), low, high);
        margin += Value(lower + (3 * TopSize) + Exit(top + 3, low, high), low, high);
        margin += Value(lower + (4 * TopSize) + Exit(top + 4, low, high), low, high);
        margin += Value(lower + (5 * TopSize) + Exit(top + 5, low, high), low, high);
        margin += Value(lower + (6 * TopSize) + Exit(top + 6, low, high), low, high);
        return margin + Value(lower + (7 * TopSize) + Exit(top + 7, low, high), low, high);
    }

    /// <summary>The leaf below an exit: its 15 splits decided at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Value(Lower* lower, Vector512<byte> low, Vector512<byte> high)
    {
        var slots = Vector128.Load(lower->Slots).ToVector256Unsafe().ToVector512Unsafe();   // what the upper lanes select is not looked at
        var value = Avx512Vbmi.PermuteVar64x8x2(low, slots, high).GetLower().GetLower().AsSByte();
        var right = Vector128.GreaterThan(value, Vector128.Load(lower->Bounds)).ExtractMostSignificantBits();
        nuint heap = 2 + ((right >> 1) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        return lower->Values[heap - LowerSize];
    }

    private float AddDeep(Top* top, Ends* end, int levels, sbyte* ranks, float margin)
    {
        Vector512<byte> low = Vector512.Load((byte*)ranks), high = Vector512.Load((byte*)ranks + 64);
        var node = nodes.At;
        var value = values.At;
        nuint n0 = end[0].Exits[Exit(top, low, high)], n1 = end[1].Exits[Exit(top + 1, low, high)];
        nuint n2 = end[2].Exits[Exit(top + 2, low, high)], n3 = end[3].Exits[Exit(top + 3, low, high)];
        nuint n4 = end[4].Exits[Exit(top + 4, low, high)], n5 = end[5].Exits[Exit(top + 5, low, high)];
        nuint n6 = end[6].Exits[Exit(top + 6, low, high)], n7 = end[7].Exits[Exit(top + 7, low, high)];
        for (; levels > 0; levels--)
        {
            n0 = Step1(node + n0, ranks);
            n1 = Step1(node + n1, ranks);
            n2 = Step1(node + n2, ranks);
            n3 = Step1(node + n3, ranks);
            n4 = Step1(node + n4, ranks);
            n5 = Step1(node + n5, ranks);
            n6 = Step1(node + n6, ranks);
            n7 = Step1(node + n7, ranks);
        }

        margin += value[n0];
        margin += value[n1];
        margin += value[n2];
        margin += value[n3];
        margin += value[n4];
        margin += value[n5];
        margin += value[n6];
        return margin + value[n7];
    }

    /// <summary>The exit of the upper part: all its splits decided at once, one bit each, then six bits looked up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint Exit(Top* top, Vector512<byte> low, Vector512<byte> high)
    {
        var value = Avx512Vbmi.PermuteVar64x8x2(low, Vector512.Load(top->Slots), high).AsSByte();
        var right = Vector512.GreaterThan(value, Vector512.Load(top->Bounds)).ExtractMostSignificantBits();
        var heap = 2 + ((right >> 1) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        return (nuint)((2 * heap) + ((right >> (int)heap) & 1) - TopSize);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint Step1(Node* node, sbyte* ranks) => node->Left + IsNegative(node->Bound - ranks[(nuint)node->Slot]);
}
