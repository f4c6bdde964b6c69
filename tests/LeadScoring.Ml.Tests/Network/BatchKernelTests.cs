namespace LeadScoring.Ml.Tests.Network;

public sealed class BatchKernelTests
{
    [Theory]
    [InlineData(56, 64, 32, 16, 1)]
    [InlineData(1, 1, 1)]
    [InlineData(7, 5, 3, 1)]
    [InlineData(11, 100, 41, 9, 1)]
    [InlineData(3, 130, 1)]
    [InlineData(33, 24, 31, 96, 1)]
    public void MarginsByFour_AnyWidths_EqualOneByOneBitForBit(params int[] widths)
    {
        var network = FeedForwardNetworkTests.RandomNetwork(6, widths);
        var random = new Random(7);
        foreach (var count in (int[])[0, 1, 3, 4, 5, 8, 23])
        {
            var rows = Enumerable.Range(0, count * widths[0]).Select(_ => (float)(random.NextDouble() * 4 - 2)).ToArray();
            double[] four = new double[count], any = new double[count];
            Assert.Equal(count / 4 * 4, network.MarginsByFour(rows, four));
            network.Margins(rows, any);
            for (var i = 0; i < count; i++)
            {
                var expected = network.Margin(rows.AsSpan(i * widths[0], widths[0]));
                Assert.Equal(expected, any[i]);
                if (i < count / 4 * 4) Assert.Equal(expected, four[i]);
            }
        }
    }

    [Fact]
    public void MarginsByFour_NaN_ComesOutAsNaNInItsRowOnly()
    {
        var network = FeedForwardNetworkTests.RandomNetwork(8, 9, 64, 32, 16, 1);
        var rows = new float[4 * 9];
        rows[(2 * 9) + 3] = float.NaN;
        var margins = new double[4];
        network.MarginsByFour(rows, margins);
        Assert.Equal([false, false, true, false], margins.Select(double.IsNaN));
    }
}
