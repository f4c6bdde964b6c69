using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace LeadScoring.Ml.Trees;

/// <summary>The trees of an ensemble over the bytes of <see cref="RankTable"/>: the first six levels for all rows or all splits at once, the rest step by step.</summary>
/// <remarks>
/// <para>
/// The first six levels of each tree are filled up to 63 splits (a leaf above the sixth level is found whichever way the made-up splits below it go), so
/// that the way through them needs no pointers: 63 comparisons a tree, each for as many rows as a register has bytes (<see cref="Margins{TLanes}"/>), or,
/// for one row, all 63 in one comparison (<see cref="Margin"/>). Trees of up to ten levels go on with one comparison of 15 splits, where the processor can
/// select bytes; others over 8-byte nodes, eight walks at once.
/// </para>
/// <para>
/// Leaf values are added in tree order in single precision, as everywhere: the margins are the same bits. Tables begin on cache lines, because a load
/// of 64 bytes that does not is two.
/// </para>
/// </remarks>
internal sealed unsafe partial class RankedForest
{
    /// <summary>Splits of the upper part, and one place to spare.</summary>
    private const int TopSize = 64;
    private const int TopDepth = 6;
    private const int LowerSize = 16;
    private const int LowerDepth = 4;

    /// <summary>With more slots the bytes of a block of rows leave the caches, and rows are better walked one by one.</summary>
    private const int MaxSlots = 2_048;

    private readonly RankTable table;
    private readonly AlignedArray<Top> tops;
    private readonly AlignedArray<Ends> ends;
    private readonly AlignedArray<TopSplit> splits;   // shape (trees, 64): 9 groups of 7 and 1 to spare
    private readonly AlignedArray<Node> nodes;
    private readonly AlignedArray<float> values;      // of nodes that are leaves
    private readonly AlignedArray<Lower>? lowers;     // shape (trees, 64): what is below the exits, where no tree is deeper than 10
    private readonly int[] steps;                     // per tree: levels below the upper part
    private readonly int featureCount;
    private readonly float baseMargin;

    private RankedForest(RankTable table, ImmutableArray<RegressionTree> trees, int featureCount, float baseMargin)
    {
        (this.table, this.featureCount, this.baseMargin) = (table, featureCount, baseMargin);
        steps = [.. trees.Select(tree => Math.Max(0, tree.Depth - TopDepth))];
        tops = new AlignedArray<Top>(trees.Length);
        ends = new AlignedArray<Ends>(trees.Length);
        splits = new AlignedArray<TopSplit>(trees.Length * TopSize);
        var nodeList = new List<Node>();
        var valueList = new List<float>();
        if (Avx512Vbmi.IsSupported && steps.Max() is > 0 and <= LowerDepth)
            lowers = new AlignedArray<Lower>(trees.Length * TopSize);
        for (var t = 0; t < trees.Length; t++)
            new Layout(table, trees[t], tops.At + t, ends.At + t, splits.At + (t * TopSize), lowers is null ? null : lowers.At + (t * TopSize), nodeList, valueList).Add();
        nodes = new AlignedArray<Node>(nodeList);
        values = new AlignedArray<float>(valueList);
    }

    /// <summary>Lays the trees out; null for a model whose shape does not suit it.</summary>
    internal static RankedForest? Build(ImmutableArray<RegressionTree> trees, int featureCount, float baseMargin)
    {
        if (trees.IsEmpty)
            return null;
        var table = new RankTable(trees, featureCount);
        var forest = new RankedForest(table, trees, featureCount, baseMargin);
        table.Complete();
        return table.SlotCount <= MaxSlots ? forest : null;
    }

    /// <summary>Lays two models for the same rows out over one table of bytes; null when the bytes of a row are more than two registers, or there are no trees.</summary>
    internal static (RankedForest First, RankedForest Second)? BuildPair(
        ImmutableArray<RegressionTree> first, float firstBase, ImmutableArray<RegressionTree> second, float secondBase, int featureCount)
    {
        if (first.IsEmpty || second.IsEmpty)
            return null;
        var table = new RankTable(first.Concat(second), featureCount);
        var pair = (new RankedForest(table, first, featureCount, firstBase), new RankedForest(table, second, featureCount, secondBase));
        table.Complete();
        return table.SlotCount <= MaxSingleSlots ? pair : null;
    }

    /// <summary>Where heap node n (from 1) stands among the 9 groups of 7: the upper three levels, then the eight subtrees below them.</summary>
    private static int GroupedPosition(int heap)
    {
        var level = int.Log2(heap);
        if (level < 3)
            return heap - 1;
        var root = heap >> (level - 3);   // 8 to 15
        return (7 * (root - 7)) + (1 << (level - 3)) - 1 + (heap - (root << (level - 3)));
    }

    /// <summary>The upper part of a tree: slots (their lowest byte) and bounds in heap order from 1.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Top
    {
        internal fixed byte Slots[TopSize];
        internal fixed sbyte Bounds[TopSize];
    }

    /// <summary>What is at the 64 exits of an upper part.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Ends
    {
        /// <summary>For trees that end here.</summary>
        internal fixed float Values[TopSize];

        /// <summary>For trees that go on.</summary>
        internal fixed uint Exits[TopSize];
    }

    /// <summary>Up to four levels below an exit: slots and bounds in heap order from 1, and the leaf values; two cache lines.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Lower
    {
        internal fixed byte Slots[LowerSize];
        internal fixed sbyte Bounds[LowerSize];
        internal fixed float Values[LowerSize];
    }

    /// <summary>A split of the upper part: where the bytes of its slot begin in a block of rows, and its bound four times.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct TopSplit
    {
        internal int Offset;
        internal int Bounds;
    }

    /// <summary>A split below the upper part, or a leaf. Left: the left child; a leaf is its own, so that all walks can take the same number of steps.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Node
    {
        internal ushort Slot;
        internal sbyte Bound;
        internal uint Left;
    }

    /// <summary>Lays out one tree.</summary>
    private readonly ref struct Layout(RankTable table, RegressionTree tree, Top* top, Ends* ends, TopSplit* splits, Lower* lowers, List<Node> nodes, List<float> values)
    {
        internal void Add() => Upper(0, 1);

        private void Upper(int node, int heap)
        {
            var left = tree.LeftChildren[node];
            if (heap >= TopSize || left < 0)
            {
                Fill(heap, node, CopyBelow(node));
                return;
            }

            Set(heap, table.Place(tree.Features[node], tree.Values[node], !tree.DefaultLeft[node]));
            Upper(left, 2 * heap);
            Upper(left + 1, (2 * heap) + 1);
        }

        /// <summary>All ways from here lead to the same exit.</summary>
        private void Fill(int heap, int node, int copy)
        {
            if (heap >= TopSize)
            {
                (ends->Exits[heap - TopSize], ends->Values[heap - TopSize]) = ((uint)copy, tree.Values[node]);
                if (lowers != null)
                    SetLower(lowers + heap - TopSize, node, 1);
                return;
            }

            Set(heap, (0, RankTable.Never));
            Fill(2 * heap, node, copy);
            Fill((2 * heap) + 1, node, copy);
        }

        private void SetLower(Lower* lower, int node, int heap)
        {
            if (heap >= LowerSize)
            {
                lower->Values[heap - LowerSize] = tree.Values[node];
                return;
            }

            var left = tree.LeftChildren[node];
            var (slot, bound) = left < 0 ? (0, RankTable.Never) : table.Place(tree.Features[node], tree.Values[node], !tree.DefaultLeft[node]);
            (lower->Slots[heap], lower->Bounds[heap]) = ((byte)slot, bound);
            SetLower(lower, left < 0 ? node : left, 2 * heap);
            SetLower(lower, left < 0 ? node : left + 1, (2 * heap) + 1);
        }

        private void Set(int heap, (int Slot, sbyte Bound) split)
        {
            splits[GroupedPosition(heap)] = new TopSplit { Offset = split.Slot * BlockRows, Bounds = (byte)split.Bound * 0x01010101 };
            (top->Slots[heap], top->Bounds[heap]) = ((byte)split.Slot, split.Bound);
        }

        /// <summary>Copies a subtree, level by level, behind the nodes there are; its first three levels share a cache line.</summary>
        private int CopyBelow(int root)
        {
            while (nodes.Count % 8 != 0 && tree.LeftChildren[root] >= 0)
                Append(new Node(), 0);
            var first = nodes.Count;
            List<int> sources = [root];
            for (var i = 0; i < sources.Count; i++)
            {
                var (node, left) = (sources[i], tree.LeftChildren[sources[i]]);
                if (left < 0)
                {
                    Append(new Node { Bound = RankTable.Never, Left = (uint)(first + i) }, tree.Values[node]);
                    continue;
                }

                var (slot, bound) = table.Place(tree.Features[node], tree.Values[node], !tree.DefaultLeft[node]);
                Append(new Node { Slot = (ushort)slot, Bound = bound, Left = (uint)(first + sources.Count) }, 0);
                sources.AddRange([left, left + 1]);
            }

            return first;
        }

        private void Append(Node node, float value)
        {
            nodes.Add(node);
            values.Add(value);
        }
    }
}
