using System.Collections.Immutable;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Tests.Trees;

/// <summary>Two models over one table of bytes, held against the plain walk through each.</summary>
public sealed class ForestPairTests
{
    [Theory]
    [InlineData(1, 4, 6, 6, 40)]
    [InlineData(2, 9, 10, 7, 100)]     // the second model goes on below the upper part
    [InlineData(3, 20, 12, 12, 200)]   // deeper than one comparison
    [InlineData(4, 2, 3, 9, 700)]      // more thresholds than a byte holds
    [InlineData(5, 32, 10, 10, 20)]    // a row fills one register to the last byte
    [InlineData(6, 50, 10, 10, 20)]    // two registers
    public void Margins_BothModels_EqualThePlainWalkBitForBit(int seed, int features, int firstDepth, int secondDepth, int thresholds)
    {
        var random = new Random(seed);
        var (first, second) = (RandomTrees.Make(random, 11, features, firstDepth, thresholds), RandomTrees.Make(random, 17, features, secondDepth, thresholds));
        var (a, b) = RankedForest.BuildPair(first, 0.25f, second, -1.5f, features)!.Value;
        var rows = RandomTrees.Rows(random, 300, features, thresholds);
        float[] Expected(ImmutableArray<RegressionTree> trees, float start) => [.. Enumerable.Range(0, 300).Select(i => RandomTrees.Margin(trees, start, rows.AsSpan(i * features, features)))];
        var (expectedFirst, expectedSecond) = (Expected(first, 0.25f), Expected(second, -1.5f));
        foreach (var count in (int[])[0, 1, 31, 64, 65, 127, 128, 129, 256, 300])
        {
            Check<SixteenBytes>(count);
            Check<ThirtyTwoBytes>(count);
            Check<SixtyFourBytes>(count);
        }

        for (var i = 0; a.CanScoreSingle && i < 300; i++)
            Assert.Equal((expectedFirst[i], expectedSecond[i]), RankedForest.MarginOfBoth(a, b, rows.AsSpan(i * features, features)));

        void Check<TLanes>(int count)
            where TLanes : struct, IByteLanes<TLanes>
        {
            float[] one = new float[count], other = new float[count];
            RankedForest.MarginsOfBoth<TLanes>(a, b, rows.AsSpan(0, count * features), one, other);
            Assert.Equal(expectedFirst[..count], one);
            Assert.Equal(expectedSecond[..count], other);
        }
    }

    [Fact]
    public void BuildPair_MoreSlotsThanTwoRegisters_IsRefused()
    {
        var random = new Random(5);
        var (first, second) = (RandomTrees.Make(random, 40, 100, 8, 20), RandomTrees.Make(random, 40, 100, 8, 20));
        Assert.Null(RankedForest.BuildPair(first, 0, second, 0, 100));
        Assert.Null(RankedForest.BuildPair(first, 0, [], 0, 100));
        Assert.NotNull(RankedForest.BuildPair(RandomTrees.Make(random, 40, 60, 8, 20), 0, RandomTrees.Make(random, 40, 60, 8, 20), 0, 60));
    }

    [Theory]
    [InlineData("gbm", "forest")]
    [InlineData("forest", "regression")]
    public void Margins_RowsOfTheFixture_EqualXGBoostBitForBit(string firstName, string secondName)
    {
        var (first, second) = (new XGBoostFixture(firstName), new XGBoostFixture(secondName));
        var (one, other) = (TreeEnsemble.FromXGBoostJson(first.Json), TreeEnsemble.FromXGBoostJson(second.Json));
        var pair = new ForestPair(one, other);
        Assert.True(pair.IsShared);
        foreach (var count in (int[])[1, 7, 8, 100])
        {
            float[] firstMargins = new float[count], secondMargins = new float[count], alone = new float[count];
            pair.Margins(first.Rows.AsSpan(0, count * XGBoostFixture.Features), firstMargins, secondMargins);
            Assert.Equal(first.Margins[..count], firstMargins);
            other.Margins(first.Rows.AsSpan(0, count * XGBoostFixture.Features), alone);
            Assert.Equal(alone, secondMargins);
            for (var i = 0; i < count; i++) Assert.Equal((firstMargins[i], alone[i]), pair.Margin(first.Row(i)));
        }

        Assert.Throws<ArgumentException>(() => pair.Margin(new float[11]));
        Assert.Throws<ArgumentException>(() => pair.Margins(new float[24], new float[2], new float[1]));
    }
}
