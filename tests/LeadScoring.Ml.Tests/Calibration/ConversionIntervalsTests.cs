using LeadScoring.Ml.Calibration;

namespace LeadScoring.Ml.Tests.Calibration;

[Trait("Category", "Slow")]
public sealed class ConversionIntervalsTests
{
    private static readonly ConversionIntervals Table = new([0.1, 0.5, 0.9], [0.4, 0.2, 0.6], PeriodSpread.Unknown);
    private static readonly ConversionIntervals Spread = new([0.1, 0.5, 0.9], [0.4, 0.2, 0.6], new PeriodSpread(0.1, 6));

    [Fact]
    public void Around_AnyProbability_HoldsItInsideZeroAndOne()
    {
        for (var p = 1e-9; p < 1; p += 1e-3)
        {
            var interval = Table.Around(p);
            Assert.True(interval.Low > 0 && interval.Low <= p && p <= interval.High && interval.High < 1, $"{p}: {interval}");
        }
    }

    [Theory]
    [InlineData(0.5, 0.2)]
    [InlineData(0.3, 0.3)]
    [InlineData(0.02, 0.4)]
    [InlineData(0.99, 0.6)]
    public void Around_Knots_AreInterpolatedInLogOdds(double probability, double halfWidth)
    {
        var (low, high) = Table.Around(probability);
        Assert.Equal(halfWidth, LogOdds(probability) - LogOdds(low), 9);
        Assert.Equal(halfWidth, LogOdds(high) - LogOdds(probability), 9);
    }

    [Fact]
    public void Around_Call_AllocatesNothing()
    {
        var sum = Table.Around(0.2).Low;
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 1; i < 1_000; i++) sum += Table.Around(i / 1_000.0).High;
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(sum > 0);
    }

    [Fact]
    public void Around_AnchorThatLearnedAWidth_ReplacesThePeriodsAndFollowsTheSlope()
    {
        var anchor = new Anchor { Intercept = 1, Slope = 0.5, PeriodHalfWidth = 0.7 };
        var served = anchor.Apply(0.5);
        var (low, high) = Spread.Around(served, anchor);
        // 0.2 of the table less 1.645 x 0.1 for the periods of the training, times the slope, beside the learned 0.7.
        var half = Math.Sqrt((0.25 * ((0.2 * 0.2) - (1.6448536 * 1.6448536 * 0.01))) + (0.7 * 0.7));
        Assert.Equal(half, LogOdds(served) - LogOdds(low), 6);
        Assert.Equal(half, LogOdds(high) - LogOdds(served), 6);
        // Anchors from before widths were learned, and the identity, leave the training's width.
        Assert.Equal(Spread.Around(0.5), Spread.Around(0.5, Anchor.Identity));
        var (oldLow, _) = Spread.Around(served, anchor with { Slope = 1, Intercept = LogOdds(served), PeriodHalfWidth = null });
        Assert.Equal(0.2, LogOdds(served) - LogOdds(oldLow), 9);
    }

    [Fact]
    public void New_BadTables_Throw()
    {
        Assert.Throws<ArgumentException>(() => new ConversionIntervals([], [], PeriodSpread.Unknown));
        Assert.Throws<ArgumentException>(() => new ConversionIntervals([0.1], [0.1, 0.2], PeriodSpread.Unknown));
        Assert.Throws<ArgumentException>(() => new ConversionIntervals([0.2, 0.1], [0.1, 0.2], PeriodSpread.Unknown));
        Assert.Throws<ArgumentException>(() => new ConversionIntervals([0], [0.1], PeriodSpread.Unknown));
        Assert.Throws<ArgumentException>(() => new ConversionIntervals([0.1], [double.NaN], PeriodSpread.Unknown));
        Assert.Throws<ArgumentException>(() => new ConversionIntervals([0.1], [-1], PeriodSpread.Unknown));
        Assert.Throws<ArgumentException>(() => new ConversionIntervals([0.1], [1], new PeriodSpread(double.PositiveInfinity, 2)));
    }

    [Fact]
    public void Fit_ManyDraws_HoldTheTrueRateAboutNineTimesInTen()
    {
        const int Draws = 60;
        int inside = 0, asked = 0;
        for (var draw = 0; draw < Draws; draw++)
        {
            var (raw, labels) = World(3_000, draw, shift: 0);
            var map = SmoothedIsotonic.Fit(raw, labels);
            var intervals = ConversionIntervals.Fit(map, raw, labels, PeriodSpread.Unknown, seed: 1);
            foreach (var x in (double[])[0.15, 0.3, 0.5, 0.7, 0.85])
            {
                var (low, high) = intervals.Around(map.Apply(x));
                asked++;
                if (Truth(x) >= low && Truth(x) <= high) inside++;
            }
        }

        Assert.InRange(inside / (double)asked, 0.84, 0.96);
    }

    /// <summary>The map is half staircase and half line; so is what resampling moves.</summary>
    [Fact]
    public void Fit_Sampling_IsThatOfTheWholeMapOnResampledLeads()
    {
        var (raw, labels) = World(1_500, 11, shift: 0);
        var random = new Random(12);
        var refitted = Enumerable.Range(0, 150).Select(_ =>
        {
            int[] drawn = [.. Enumerable.Range(0, raw.Length).Select(_ => random.Next(raw.Length))];
            return SmoothedIsotonic.Fit(Array.ConvertAll(drawn, i => raw[i]), Array.ConvertAll(drawn, i => labels[i]));
        }).ToArray();
        var map = SmoothedIsotonic.Fit(raw, labels);
        var intervals = ConversionIntervals.Fit(map, raw, labels, PeriodSpread.Unknown, seed: 1);
        double[] at = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9];
        var expected = at.Average(x =>
        {
            double[] moved = [.. refitted.Select(m => LogOdds(m.Apply(x)))];
            return Math.Sqrt(moved.Average(v => v * v) - Math.Pow(moved.Average(), 2));
        });
        Assert.InRange(at.Average(x => intervals.SamplingHalfWidth(map.Apply(x))) / 1.6449 / expected, 0.85, 1.15);
    }

    [Fact]
    public void Fit_PeriodsDiffer_WidensByThem()
    {
        var (raw, labels) = World(3_000, 1, shift: 0);
        var map = SmoothedIsotonic.Fit(raw, labels);
        ConversionInterval Interval(PeriodSpread spread) => ConversionIntervals.Fit(map, raw, labels, spread, seed: 1).Around(0.4);
        var (alone, narrow, wide) = (Interval(PeriodSpread.Unknown), Interval(new PeriodSpread(0.2, 6)), Interval(new PeriodSpread(0.6, 6)));
        Assert.True(alone.High < narrow.High && narrow.High < wide.High, $"{alone} {narrow} {wide}");
        // Almost nothing but the periods.
        Assert.InRange(LogOdds(wide.High) - LogOdds(0.4), 1.645 * 0.6, 1.1 * 1.645 * 0.6);
    }

    [Fact]
    public void Fit_OneClassOrOneLead_IsAnInterval()
    {
        foreach (var labels in (float[][])[[0, 0, 0], [1, 1, 1], [1], [0]])
        {
            var raw = labels.Select((_, i) => 0.2 + (0.1 * i)).ToArray();
            var map = SmoothedIsotonic.Fit(raw, labels);
            var (low, high) = ConversionIntervals.Fit(map, raw, labels, PeriodSpread.Unknown, 1).Around(map.Apply(0.25));
            Assert.True(low > 0 && high < 1 && low <= high);
        }
    }

    [Fact]
    public void PeriodSpread_KnownSpread_IsFound()
    {
        var random = new Random(5);
        double Gauss() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        (double, double)[] Draw(double tau) => [.. Enumerable.Range(0, 2_000).Select(i => (i % 2 == 0 ? 0.1 : 0.3) switch { var s => ((Gauss() * s) + (Gauss() * tau), s * s) })];
        Assert.InRange(PeriodSpread.Of(Draw(0.5)).Tau, 0.47, 0.53);
        Assert.InRange(PeriodSpread.Of(Draw(0)).Tau, 0, 0.04);
        Assert.Equal(2_000, PeriodSpread.Of(Draw(0)).Periods);
        Assert.Equal(PeriodSpread.Unknown, PeriodSpread.Of([]));
        // Three periods that tell next to nothing leave much open; many that tell it well do not.
        Assert.InRange(PeriodSpread.Of([(0.01, 1), (-0.01, 1), (0, 1)]).Tau, 0.3, 1.5);
        Assert.InRange(PeriodSpread.Of([.. Enumerable.Repeat((0.0, 0.0025), 6)]).Tau, 0.01, 0.05);
    }

    [Fact]
    public void LogOddsOffset_ShiftedOutcomes_IsTheShift()
    {
        var (raw, labels) = World(60_000, 3, shift: 0.7);
        double[] truth = [.. raw.Select(Truth)];
        var (offset, variance) = LogOddsOffset.Of(truth, labels)!.Value;
        Assert.InRange(offset, 0.7 - (4 * Math.Sqrt(variance)), 0.7 + (4 * Math.Sqrt(variance)));
        Assert.InRange(variance, 1e-6, 1e-3);
        Assert.Null(LogOddsOffset.Of([0.5, 0.5, 0.5], [1, 0, 1]));
        // Far off, the first step alone would overshoot.
        var (far, _) = LogOddsOffset.Of([.. Enumerable.Repeat(1e-6, 1_000)], [.. Enumerable.Range(0, 1_000).Select(i => i % 2 == 0 ? 1f : 0f)])!.Value;
        Assert.Equal(-LogOdds(1e-6), far, 6);
    }

    private static double LogOdds(double p) => Math.Log(p / (1 - p));

    // Steeper than the raw prediction says.
    private static double Truth(double raw) => 1 / (1 + Math.Exp(-1.5 * LogOdds(raw)));

    private static (double[] Raw, float[] Labels) World(int leads, int seed, double shift)
    {
        var random = new Random(seed);
        double[] raw = [.. Enumerable.Range(0, leads).Select(_ => 0.02 + (0.96 * random.NextDouble()))];
        return (raw, [.. raw.Select(x => random.NextDouble() < 1 / (1 + Math.Exp(-LogOdds(Truth(x)) - shift)) ? 1f : 0f)]);
    }
}
