using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Tests.Metrics;

namespace LeadScoring.Ml.Tests.Calibration;

public sealed class IsotonicCalibratorTests
{
    public sealed record Case(string Name, double[] Predictions, float[] Labels, float[]? Weights, double[] Fitted);

    private static readonly Case[] All = SklearnFixture.Read<Case>("isotonic.json");

    public static TheoryData<string> Names => [.. All.Select(c => c.Name)];

    private static (double[] Predictions, float[] Labels) Sample(int leads, int seed, Func<double, double> rate, Func<Random, double> draw)
    {
        var random = new Random(seed);
        var predictions = Enumerable.Range(0, leads).Select(_ => draw(random)).ToArray();
        return (predictions, predictions.Select(p => random.NextDouble() < rate(p) ? 1f : 0f).ToArray());
    }

    [Theory, MemberData(nameof(Names))]
    public void Pool_SklearnCase_SameBlockValues(string name)
    {
        var c = All.Single(x => x.Name == name);
        var blocks = PoolAdjacentViolators.Fit(c.Predictions, c.Labels, c.Weights);
        for (var i = 0; i < c.Predictions.Length; i++)
        {
            if (c.Weights is not null && c.Weights[i] == 0) continue; // left out of the fit: sklearn interpolates there
            var block = blocks.Single(b => b.First <= c.Predictions[i] && c.Predictions[i] <= b.Last);
            Assert.Equal(c.Fitted[i], block.Rate, 1e-12);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Fit_SklearnCase_StrictlyIncreasingInsideZeroAndOne(string name)
    {
        var c = All.Single(x => x.Name == name);
        var map = IsotonicCalibrator.Fit(c.Predictions, c.Labels, c.Weights);
        var previous = 0.0;
        for (var i = 0; i <= 10_000; i++)
        {
            var p = map.Apply(i / 10_000.0);
            Assert.True(p > previous && p < 1, $"{p} after {previous} at {i / 10_000.0}");
            previous = p;
        }
    }

    [Fact]
    public void Fit_TwoBlocks_ByHand()
    {
        // blocks {0.1, 0.2: 0 of 2} and {0.6, 0.8, 1.0: 2 of 3}; ends (0.5)/(3) and (2.5)/(4)
        var map = IsotonicCalibrator.Fit([0.8, 0.1, 0.6, 0.2, 1.0], [1, 0, 1, 0, 0]);
        Assert.Equal([0, 0.15, 0.8, 1], map.KnotsX.ToArray().Select(v => Math.Round(v, 12)));
        double[] expected = [0.5 / 3 * 0.99, 0.5 / 3, 0.625, 1 - 0.375 * 0.99];
        for (var i = 0; i < 4; i++)
            Assert.Equal(expected[i], map.KnotsY[i], 1e-12);
        Assert.Equal((0.5 / 3 + 0.625) / 2, map.Apply(0.475), 1e-12); // half way between the centres
    }

    [Fact]
    public void Fit_WeightsOfTwo_EqualRowsTwice()
    {
        var (p, y) = Sample(50, 5, x => x, r => r.NextDouble());
        var weights = Enumerable.Range(0, 50).Select(i => i % 3 == 0 ? 2f : i % 3 == 1 ? 1f : 0f).ToArray();
        var rows = Enumerable.Range(0, 50).SelectMany(i => Enumerable.Repeat(i, (int)weights[i])).ToArray();
        var weighted = IsotonicCalibrator.Fit(p, y, weights);
        var repeated = IsotonicCalibrator.Fit(rows.Select(i => p[i]).ToArray(), rows.Select(i => y[i]).ToArray());
        for (var i = 0; i <= 100; i++)
            Assert.Equal(repeated.Apply(i / 100.0), weighted.Apply(i / 100.0), 1e-12);
    }

    [Theory]
    [InlineData(0f, 0.25)]
    [InlineData(1f, 0.75)]
    public void Fit_SingleLead_IsNeverCertain(float label, double expected) =>
        Assert.Equal(expected, IsotonicCalibrator.Fit([0.4], [label]).Apply(0.4), 1e-12);

    [Fact]
    public void Fit_TinyEndBlocks_ArePooledSoThatOrderHolds()
    {
        // one lead alone at the bottom would be (0 + 1/2) / 2 = 0.25, above the 1 % of the 1,000 leads over it
        var predictions = Enumerable.Range(0, 1001).Select(i => i == 0 ? 0.1 : 0.2).ToArray();
        var labels = Enumerable.Range(0, 1001).Select(i => i is > 0 and <= 10 ? 1f : 0f).ToArray();
        var map = IsotonicCalibrator.Fit(predictions, labels);
        Assert.True(map.Apply(0.1) <= map.Apply(0.2));
        Assert.Equal(10.5 / 1002, map.Apply(0.2), 1e-4);
    }

    [Fact]
    public void Fit_CalibratedSample_ChangesLittle()
    {
        var (p, y) = Sample(100_000, 9, x => x, r => r.NextDouble());
        var map = IsotonicCalibrator.Fit(p, y);
        for (var i = 1; i < 20; i++)
            Assert.Equal(i / 20.0, map.Apply(i / 20.0), 0.05);
    }

    [Fact]
    public void Fit_MinimumBlockWeight_LeavesNoLighterBlock()
    {
        var (p, y) = Sample(2_000, 7, x => x * x, r => r.NextDouble());
        var fine = IsotonicCalibrator.Fit(p, y);
        var coarse = IsotonicCalibrator.Fit(p, y, minimumBlockWeight: 300);
        Assert.True(coarse.KnotsX.Length - 2 <= 2_000 / 300);
        Assert.True(coarse.KnotsX.Length > 3 && fine.KnotsX.Length > coarse.KnotsX.Length);
    }

    [Fact]
    public void Fit_RareConversions_EachMeasureLowersTheLogLossOnOtherLeads()
    {
        double staircase = 0, centred = 0, pooled = 0;
        for (var seed = 0; seed < 20; seed++)
        {
            static double Draw(Random r) => Math.Pow(r.NextDouble(), 3);
            var (p, y) = Sample(2_000, 2 * seed, x => 0.01 + 0.1 * x, Draw);
            var (others, outcomes) = Sample(20_000, 2 * seed + 1, x => 0.01 + 0.1 * x, Draw);
            double LossOf(Func<double, double> map) => ProbabilityLoss.LogLoss([.. others.Select(map)], outcomes);
            var blocks = PoolAdjacentViolators.Fit(p, y);
            staircase += LossOf(x => blocks.LastOrDefault(b => b.First <= x, blocks[0]).Rate);
            centred += LossOf(IsotonicCalibrator.Fit(p, y).Apply);
            pooled += LossOf(IsotonicCalibrator.Fit(p, y, minimumBlockWeight: IsotonicCalibrator.SuggestedBlockWeight(2_000)).Apply);
        }
        Assert.True(centred < staircase, $"centred {centred}, staircase {staircase}");
        Assert.True(pooled < centred, $"pooled {pooled}, centred {centred}");
    }

    [Fact]
    public void SuggestedBlockWeight_SmallAndLarge_TwentiethThenFifty()
    {
        Assert.Equal(25, IsotonicCalibrator.SuggestedBlockWeight(500));
        Assert.Equal(50, IsotonicCalibrator.SuggestedBlockWeight(100_000));
    }

    [Fact]
    public void Apply_Span_EqualsSingleAndClipsOutside()
    {
        var map = IsotonicCalibrator.Fit([0.2, 0.4, 0.6, 0.8], [0, 1, 0, 1]);
        double[] raw = [-5, 0, 0.2, 0.5, 0.8, 1, double.PositiveInfinity];
        var probabilities = new double[raw.Length];
        map.Apply(raw, probabilities);
        for (var i = 0; i < raw.Length; i++)
            Assert.Equal(map.Apply(raw[i]), probabilities[i]);
        Assert.Equal(map.KnotsY[0], probabilities[0]);
        Assert.Equal(map.KnotsY[^1], probabilities[^1]);
    }

    [Fact]
    public void Apply_RestoredFromKnots_SameBits()
    {
        var (p, y) = Sample(500, 11, x => x, r => r.NextDouble());
        var map = IsotonicCalibrator.Fit(p, y);
        var restored = new IsotonicCalibrator(map.KnotsX, map.KnotsY);
        foreach (var x in p)
            Assert.Equal(map.Apply(x), restored.Apply(x));
    }

    [Fact]
    public void Apply_NaN_ThrowsAndNamesTheLead()
    {
        var map = new IsotonicCalibrator([0, 1], [0, 1]);
        Assert.Throws<ArgumentException>(() => map.Apply(double.NaN));
        var ex = Assert.Throws<ArgumentException>(() => map.Apply([0.1, double.NaN], new double[2]));
        Assert.Contains("lead 1", ex.Message);
        Assert.Throws<ArgumentException>(() => map.Apply([0.1], new double[2]));
    }

    [Theory]
    [InlineData(new double[0], new double[0])]
    [InlineData(new[] { 0.1 }, new[] { 0.1, 0.2 })]
    [InlineData(new[] { 0.1, 0.1 }, new[] { 0.1, 0.2 })]
    [InlineData(new[] { 0.1, 0.2 }, new[] { 0.2, 0.1 })]
    [InlineData(new[] { 0.1, double.NaN }, new[] { 0.1, 0.2 })]
    [InlineData(new[] { 0.1, 0.2 }, new[] { 0.1, double.NaN })]
    [InlineData(new[] { 0.1, 1.2 }, new[] { 0.1, 0.2 })]
    [InlineData(new[] { 0.1, 0.2 }, new[] { -0.1, 0.2 })]
    public void Constructor_BadKnots_Throws(double[] x, double[] y) => Assert.Throws<ArgumentException>(() => new IsotonicCalibrator(x, y));

    [Fact]
    public void Fit_BadInput_Throws()
    {
        Assert.Throws<ArgumentException>(() => IsotonicCalibrator.Fit([], []));
        Assert.Throws<ArgumentException>(() => IsotonicCalibrator.Fit([0.1], [0, 1]));
        Assert.Throws<ArgumentException>(() => IsotonicCalibrator.Fit([1.1], [0]));
        Assert.Throws<ArgumentException>(() => IsotonicCalibrator.Fit([double.NaN], [0]));
        Assert.Throws<ArgumentException>(() => IsotonicCalibrator.Fit([0.1], [2]));
        Assert.Throws<ArgumentException>(() => IsotonicCalibrator.Fit([0.1], [1], [-1]));
        Assert.Throws<ArgumentException>(() => IsotonicCalibrator.Fit([0.1], [1], [0]));
        Assert.Throws<ArgumentException>(() => IsotonicCalibrator.Fit([0.1, 0.2], [1, 0], [1]));
        Assert.Throws<ArgumentException>(() => IsotonicCalibrator.Fit([0.1], [1], minimumBlockWeight: -1));
    }
}
