using LeadScoring.Ml.Calibration;

namespace LeadScoring.Ml.Tests.Calibration;

public sealed class KnotIndexTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(25)]
    [InlineData(6_000)]   // more than a bucket each
    public void AtOrBelow_OnAndBesideKnots_IsThatOfBinarySearch(int knots)
    {
        var random = new Random(knots);
        foreach (var power in (int[])[1, 3, 40])
        {
            // With power 40 nearly all knots share the first bucket, some a denormal's distance apart.
            double[] x = [.. Enumerable.Range(0, knots).Select(_ => Math.Pow(random.NextDouble(), power)).Append(double.Epsilon).Append(0).Distinct().Order()];
            var index = new KnotIndex(x);
            foreach (var value in x.SelectMany(k => (double[])[k, Math.BitDecrement(k), Math.BitIncrement(k), random.NextDouble()]).Where(v => v >= x[0] && v <= x[^1]))
            {
                var found = Array.BinarySearch(x, value);
                Assert.Equal(found >= 0 ? found : ~found - 1, index.AtOrBelow(value));
            }
        }

        Assert.Equal(0, new KnotIndex([0.5]).AtOrBelow(0.5));
        Assert.Equal(0, new KnotIndex([0, double.Epsilon]).AtOrBelow(0));
    }
}
