using System.Collections.Immutable;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Tests.Trees;

/// <summary>Trees of any shape, and rows that hit their thresholds.</summary>
internal static class RandomTrees
{
    internal static ImmutableArray<RegressionTree> Make(Random random, int trees, int features, int maxDepth, int distinctThresholds) =>
        [.. Enumerable.Range(0, trees).Select(_ => One(random, features, random.Next(maxDepth + 1), distinctThresholds))];

    /// <summary>Values on, beside and far from thresholds, missing and infinite ones.</summary>
    internal static float[] Rows(Random random, int count, int features, int distinctThresholds) =>
    [
        .. Enumerable.Range(0, count * features).Select(_ => random.Next(10) switch
        {
            0 => float.NaN,
            1 => float.PositiveInfinity,
            2 => float.NegativeInfinity,
            3 => MathF.BitDecrement(Threshold(random.Next(distinctThresholds))),
            4 => MathF.BitIncrement(Threshold(random.Next(distinctThresholds))),
            5 => -0.0f,
            6 => (float)((random.NextDouble() - 0.5) * distinctThresholds),
            _ => Threshold(random.Next(distinctThresholds)),
        }),
    ];

    /// <summary>The plain walk: leaf values added in tree order.</summary>
    internal static float Margin(ImmutableArray<RegressionTree> trees, float start, ReadOnlySpan<float> row)
    {
        foreach (var tree in trees)
            start += tree.Values[tree.FindLeaf(row)];
        return start;
    }

    private static float Threshold(int i) => (i - 3) / 3f;

    private static RegressionTree One(Random random, int features, int depth, int distinctThresholds)
    {
        List<int> left = [-1], split = [0], depths = [0];
        List<float> values = [0];
        List<bool> defaultLeft = [false];
        for (var node = 0; node < left.Count; node++)
        {
            values[node] = (float)(random.NextDouble() - 0.5);
            if (depths[node] == depth || (node > 0 && random.Next(6) == 0))
                continue;
            left[node] = left.Count;
            split[node] = random.Next(features);
            values[node] = Threshold(random.Next(distinctThresholds));
            defaultLeft[node] = random.Next(2) == 0;
            for (var side = 0; side < 2; side++)
            {
                left.Add(-1);
                split.Add(0);
                values.Add(0);
                defaultLeft.Add(false);
                depths.Add(depths[node] + 1);
            }
        }

        return new RegressionTree([.. left], [.. split], [.. values], [.. defaultLeft], [.. values.Select(_ => 1f)], depths[^1]);
    }
}
