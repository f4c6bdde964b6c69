using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace LeadScoring.Ml.Trees;

/// <content>One row: a register holds the bytes that all 63 upper splits of a tree look at.</content>
internal sealed unsafe partial class RankedForest
{
    /// <summary>The bytes of two registers, which one instruction selects from.</summary>
    private const int MaxSingleSlots = 128;

    /// <summary>Whether half of that is enough: selecting from one register is one step of the processor instead of three.</summary>
    private bool FitsOneRegister => table.SlotCount <= CacheLine.Size;

    /// <summary>Whether <see cref="Margin"/> may be called: the processor selects bytes from two registers (AVX-512 VBMI), and the row fits them.</summary>
    internal bool CanScoreSingle => Avx512Vbmi.IsSupported && table.SlotCount <= MaxSingleSlots;

    /// <summary>The margin of one row, as <see cref="TreeEnsemble.Margin"/> describes it.</summary>
    [SkipLocalsInit]
    internal float Margin(ReadOnlySpan<float> row)
    {
        var stack = stackalloc byte[MaxSingleSlots + CacheLine.Size];
        var ranks = (sbyte*)CacheLine.Up(stack);
        fixed (float* at = row)
            table.Rank(at, ranks);
        return MarginOf(ranks);
    }

    /// <summary>The margins of one row under both models of a pair, whose bytes are made once.</summary>
    [SkipLocalsInit]
    internal static (float First, float Second) MarginOfBoth(RankedForest first, RankedForest second, ReadOnlySpan<float> row)
    {
        var stack = stackalloc byte[MaxSingleSlots + CacheLine.Size];
        var ranks = (sbyte*)CacheLine.Up(stack);
        fixed (float* at = row)
            first.table.Rank(at, ranks);
        return (first.MarginOf(ranks), second.MarginOf(ranks));
    }

    private float MarginOf(sbyte* ranks) => FitsOneRegister ? MarginOf<OneRegister>(ranks) : MarginOf<TwoRegisters>(ranks);

    private float MarginOf<TRow>(sbyte* ranks)
        where TRow : struct, IRowRegisters<TRow>
    {
        var row = TRow.Load(ranks);
        var margin = baseMargin;
        var top = tops.At;
        var end = ends.At;
        var left = steps.AsSpan();
        for (; left.Length >= Lanes; left = left[Lanes..], top += Lanes, end += Lanes)
        {
            var levels = 0;
            foreach (var depth in left[..Lanes])
                levels = Math.Max(levels, depth);
            margin = levels == 0 ? AddShallow(top, end, row, margin)
                : lowers is not null ? AddTwoParts(top, lowers.At + ((top - tops.At) * TopSize), row, margin)
                : AddDeep(top, end, levels, row, ranks, margin);
        }

        foreach (var levels in left)
        {
            nuint node = (end++)->Exits[Exit(top++, row)];
            for (var level = levels; level > 0; level--)
                node = Step1(nodes.At + node, ranks);
            margin += values.At[node];
        }

        GC.KeepAlive(this);
        return margin;
    }

    private static float AddShallow<TRow>(Top* top, Ends* end, TRow row, float margin)
        where TRow : struct, IRowRegisters<TRow>
    {
        margin += end[0].Values[Exit(top, row)];
        margin += end[1].Values[Exit(top + 1, row)];
        margin += end[2].Values[Exit(top + 2, row)];
        margin += end[3].Values[Exit(top + 3, row)];
        margin += end[4].Values[Exit(top + 4, row)];
        margin += end[5].Values[Exit(top + 5, row)];
        margin += end[6].Values[Exit(top + 6, row)];
        return margin + end[7].Values[Exit(top + 7, row)];
    }

    private static float AddTwoParts<TRow>(Top* top, Lower* lower, TRow row, float margin)
        where TRow : struct, IRowRegisters<TRow>
    {
        margin += Value(lower + Exit(top, row), row);
        margin += Value(lower + TopSize + Exit(top + 1, row), row);
        margin += Value(lower + (2 * TopSize) + Exit(top + 2, row), row);
        margin += Value(lower + (3 * TopSize) + Exit(top + 3, row), row);
        margin += Value(lower + (4 * TopSize) + Exit(top + 4, row), row);
        margin += Value(lower + (5 * TopSize) + Exit(top + 5, row), row);
        margin += Value(lower + (6 * TopSize) + Exit(top + 6, row), row);
        return margin + Value(lower + (7 * TopSize) + Exit(top + 7, row), row);
    }

    /// <summary>The leaf below an exit: its 15 splits decided at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Value<TRow>(Lower* lower, TRow row)
        where TRow : struct, IRowRegisters<TRow>
    {
        var slots = Vector128.Load(lower->Slots).ToVector256Unsafe().ToVector512Unsafe();   // what the upper lanes select is not looked at
        var value = row.Select(slots).GetLower().GetLower().AsSByte();
        var right = Vector128.GreaterThan(value, Vector128.Load(lower->Bounds)).ExtractMostSignificantBits();
        nuint heap = 2 + ((right >> 1) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        heap = (2 * heap) + ((right >> (int)heap) & 1);
        return lower->Values[heap - LowerSize];
    }

    private float AddDeep<TRow>(Top* top, Ends* end, int levels, TRow row, sbyte* ranks, float margin)
        where TRow : struct, IRowRegisters<TRow>
    {
        var node = nodes.At;
        var value = values.At;
        nuint n0 = end[0].Exits[Exit(top, row)], n1 = end[1].Exits[Exit(top + 1, row)];
        nuint n2 = end[2].Exits[Exit(top + 2, row)], n3 = end[3].Exits[Exit(top + 3, row)];
        nuint n4 = end[4].Exits[Exit(top + 4, row)], n5 = end[5].Exits[Exit(top + 5, row)];
        nuint n6 = end[6].Exits[Exit(top + 6, row)], n7 = end[7].Exits[Exit(top + 7, row)];
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
    private static nuint Exit<TRow>(Top* top, TRow row)
        where TRow : struct, IRowRegisters<TRow>
    {
        var value = row.Select(Vector512.Load(top->Slots)).AsSByte();
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
