using System.Collections.Immutable;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Tests.Trees;

/// <summary>The fast kernels, in all register widths whatever the processor, held against the plain walk.</summary>
public sealed class RankedForestTests
{
    private static readonly int[] Counts = [0, 1, 2, 7, 15, 16, 17, 31, 33, 63, 64, 65, 255, 256, 257, 300];

    [Theory]
    [InlineData(1, 1, 3, 0, 5)]        // one leaf
    [InlineData(2, 3, 3, 1, 5)]
    [InlineData(3, 9, 4, 3, 17)]
    [InlineData(4, 16, 6, 6, 40)]
    [InlineData(5, 13, 6, 7, 40)]      // one level below the upper part
    [InlineData(6, 20, 5, 11, 100)]
    [InlineData(7, 8, 2, 10, 700)]     // more thresholds than a byte holds: several columns a feature
    [InlineData(8, 17, 70, 8, 20)]     // more slots than two registers hold
    public void Margins_AnyTreesAndCounts_EqualThePlainWalkBitForBit(int seed, int treeCount, int features, int depth, int thresholds)
    {
        var random = new Random(seed);
        var trees = RandomTrees.Make(random, treeCount, features, depth, thresholds);
        var forest = RankedForest.Build(trees, features, 0.25f)!;
        var rows = RandomTrees.Rows(random, 300, features, thresholds);
        var expected = Enumerable.Range(0, 300).Select(i => RandomTrees.Margin(trees, 0.25f, rows.AsSpan(i * features, features))).ToArray();
        foreach (var count in Counts)
        {
            var part = rows.AsSpan(0, count * features);
            var margins = new float[count];
            forest.Margins<SixteenBytes>(part, margins);
            Assert.Equal(expected[..count], margins);
            margins.AsSpan().Clear();
            forest.Margins<ThirtyTwoBytes>(part, margins);
            Assert.Equal(expected[..count], margins);
            margins.AsSpan().Clear();
            forest.Margins<SixtyFourBytes>(part, margins);
            Assert.Equal(expected[..count], margins);
        }

        Assert.True(features != 70 || !forest.CanScoreSingle, "the row should be too wide for the single kernel");
        for (var i = 0; forest.CanScoreSingle && i < expected.Length; i++)
            Assert.Equal(expected[i], forest.Margin(rows.AsSpan(i * features, features)));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public void Margins_PackedForest_EqualThePlainWalkBitForBit(int seed)
    {
        // The path of processors and models that the byte kernels do not suit.
        var random = new Random(seed);
        var trees = RandomTrees.Make(random, 21, 6, 9, 50);
        var forest = PackedForest.Pack(trees, 6, -1.5f);
        var rows = RandomTrees.Rows(random, 100, 6, 50);
        foreach (var count in (int[])[0, 1, 31, 32, 33, 100])
        {
            var margins = new float[count];
            forest.Margins(rows.AsSpan(0, count * 6), margins);
            for (var i = 0; i < count; i++)
            {
                Assert.Equal(RandomTrees.Margin(trees, -1.5f, rows.AsSpan(i * 6, 6)), margins[i]);
                Assert.Equal(margins[i], forest.Margin(rows.AsSpan(i * 6, 6)));
            }
        }
    }

    [Fact]
    public void Build_MoreSlotsThanTheCachesHold_IsRefused()
    {
        var random = new Random(9);
        Assert.Null(RankedForest.Build(RandomTrees.Make(random, 400, 3_000, 9, 30), 3_000, 0));
        Assert.Null(RankedForest.Build(ImmutableArray<RegressionTree>.Empty, 3, 0));
    }

    [Fact]
    public void Rank_EveryValue_StandsToEveryThresholdAsTheNumberDoes()
    {
        var random = new Random(10);
        const int Thresholds = 700;
        var trees = RandomTrees.Make(random, 6, 1, 9, Thresholds);
        var table = new RankTable(trees, 1);
        var splits = trees.SelectMany(t => Enumerable.Range(0, t.NodeCount).Where(n => t.LeftChildren[n] >= 0).Select(n => (Threshold: t.Values[n], Left: t.DefaultLeft[n]))).ToArray();
        var places = splits.Select(s => table.Place(0, s.Threshold, !s.Left)).ToArray();
        table.Complete();
        var bytes = new sbyte[table.SlotCount + 1];
        foreach (var value in RandomTrees.Rows(random, 500, 1, Thresholds))
        {
            unsafe
            {
                fixed (sbyte* at = bytes)
                    table.Rank(&value, at);
            }

            for (var i = 0; i < splits.Length; i++)
            {
                var right = float.IsNaN(value) ? !splits[i].Left : value >= splits[i].Threshold;
                Assert.Equal(right, bytes[places[i].Slot] > places[i].Bound);
            }

            Assert.All(bytes[..table.SlotCount], b => Assert.False(b > RankTable.Never));
        }
    }
}
