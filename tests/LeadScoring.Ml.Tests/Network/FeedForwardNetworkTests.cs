using LeadScoring.Ml.Network;

namespace LeadScoring.Ml.Tests.Network;

public sealed class FeedForwardNetworkTests
{
    internal static FeedForwardNetwork RandomNetwork(int seed, params int[] widths)
    {
        var random = new Random(seed);
        float[] Draw(int count) => Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray();
        return new FeedForwardNetwork([.. widths.Zip(widths.Skip(1)).Select(w => new DenseLayer(Draw(w.First * w.Second), Draw(w.Second)))]);
    }

    /// <summary>The same network, written for reading, in doubles.</summary>
    private static double Reference(FeedForwardNetwork network, ReadOnlySpan<float> row)
    {
        var current = row.ToArray().Select(x => (double)x).ToArray();
        for (var l = 0; l < network.Layers.Count; l++)
        {
            var layer = network.Layers[l];
            var next = new double[layer.Outputs];
            for (var j = 0; j < next.Length; j++)
            {
                next[j] = layer.Biases[j];
                for (var i = 0; i < current.Length; i++)
                    next[j] += current[i] * layer.Weights[i * layer.Outputs + j];
                if (l < network.Layers.Count - 1)
                    next[j] = Math.Max(next[j], 0);
            }
            current = next;
        }
        return current[0];
    }

    [Theory]
    [InlineData(45, 64, 32, 16, 1)]
    [InlineData(1, 1, 1)]
    [InlineData(7, 5, 3, 1)]
    [InlineData(10, 100, 41, 9, 1)]
    [InlineData(3, 130, 1)]
    [InlineData(33, 24, 31, 96, 1)]
    public void Margin_AnyWidths_EqualsReference(params int[] widths)
    {
        var network = RandomNetwork(4, widths);
        var random = new Random(5);
        var rows = Enumerable.Range(0, 20 * widths[0]).Select(_ => (float)(random.NextDouble() * 4 - 2)).ToArray();
        var margins = new double[20];
        network.Margins(rows, margins);
        for (var i = 0; i < 20; i++)
        {
            var row = rows.AsSpan(i * widths[0], widths[0]);
            var expected = Reference(network, row);
            Assert.Equal(expected, margins[i], 2e-5 * (1 + Math.Abs(expected)));
            Assert.Equal(margins[i], network.Margin(row));
            Assert.Equal(1 / (1 + Math.Exp(-margins[i])), network.Probability(row));
        }
    }

    [Fact]
    public void Margin_NaN_IsNaN()
    {
        var row = new float[45];
        row[44] = float.NaN;
        Assert.True(double.IsNaN(RandomNetwork(1, 45, 64, 32, 16, 1).Margin(row)));
    }

    [Fact]
    public void Margin_AllocatesNothing()
    {
        var network = RandomNetwork(1, 45, 64, 32, 16, 1);
        var row = new float[45];
        network.Margin(row);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            network.Margin(row);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Constructor_BadLayers_Throws()
    {
        var (a, b) = (new DenseLayer(new float[6], new float[3]), new DenseLayer(new float[3], new float[1]));
        Assert.Throws<ArgumentException>(() => new FeedForwardNetwork([b]));
        Assert.Throws<ArgumentException>(() => new FeedForwardNetwork([b, a]));
        Assert.Throws<ArgumentException>(() => new FeedForwardNetwork([a, new DenseLayer(new float[6], new float[2])]));
        Assert.Throws<ArgumentException>(() => new FeedForwardNetwork([a, b]).Margin(new float[3]));
        Assert.Throws<ArgumentException>(() => new FeedForwardNetwork([a, b]).Margins(new float[3], new double[1]));
        Assert.Throws<ArgumentException>(() => new DenseLayer([1, 2, 3], [1, 2]));
        Assert.Throws<ArgumentException>(() => new DenseLayer([], [1]));
        Assert.Throws<ArgumentException>(() => new DenseLayer([1], []));
        Assert.Throws<ArgumentException>(() => new DenseLayer([float.NaN], [1]));
        Assert.Throws<ArgumentException>(() => new DenseLayer([1], [float.PositiveInfinity]));
    }
}
