using System.Text.Json;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Calibration;

namespace LeadScoring.Ml.Tests.Calibration;

public sealed class AnchorWalkTests
{
    // Sampling of almost nothing, and periods that differed by 0.1 in the training.
    private static readonly ConversionIntervals Intervals = new([0.1, 0.9], [0.17, 0.17], new PeriodSpread(0.1, 6));

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double LogOdds(double p) => Math.Log(p / (1 - p));

    /// <summary>Leads whose outcomes follow slope x logit p + shift, both by position.</summary>
    private static MaturedOutcomes Series(int leads, int seed, Func<int, double> shift, Func<int, double>? slope = null)
    {
        var random = new Random(seed);
        double[] p = [.. Enumerable.Range(0, leads).Select(_ => Sigmoid((3 * random.NextDouble()) - 2.5))];
        return new MaturedOutcomes(p, [.. p.Select((x, i) => random.NextDouble() < Sigmoid(((slope?.Invoke(i) ?? 1) * LogOdds(x)) + shift(i)) ? 1f : 0f)]) { Intervals = Intervals };
    }

    private static double LogLoss(double[] p, float[] y, int from) =>
        Enumerable.Range(from, p.Length - from).Average(i => -Math.Log(y[i] == 1 ? p[i] : 1 - p[i]));

    /// <summary>What is measured on a series is what the product serves: the anchor made of the outcomes before a lead is the one that the walk serves it.</summary>
    [Fact]
    public void Through_LongSeries_ServesWhatAnAnchorOfTheOutcomesBeforeDoes()
    {
        var series = Series(1_800, 1, i => i < 700 ? 0 : 1.2);
        var walk = AnchorWalk.Through(series);
        foreach (var at in (int[])[100, 600, 900, 1_700])
        {
            var before = new MaturedOutcomes(series.Probabilities[..at], series.Labels[..at]) { Intervals = Intervals };
            Assert.Equal(walk.Served[at], Reanchoring.Decide(before, [], 0.3, 1).Apply(series.Probabilities[at]), 12);
        }

        Assert.NotEqual(series.Probabilities[1_700], walk.Served[1_700], 0.05);
        Assert.Equal(15, walk.Coverage.Groups);
    }

    [Fact]
    public void Through_Lag_OutcomesWithinTheHorizonAreNotKnown()
    {
        var series = Series(1_500, 2, _ => 1.5);
        long[] moments = [.. Enumerable.Range(0, 1_500).Select(i => (long)i)];
        var late = AnchorWalk.Through(series with { Moments = moments, LagMs = 1_000 });
        var atOnce = AnchorWalk.Through(series with { Moments = moments });
        // Lead 1,000 may know lead 0 to the last but one of its first step only; two steps are known from lead 1,200 on.
        for (var i = 0; i < 1_200; i++) Assert.Equal(series.Probabilities[i], late.Served[i], 12);
        Assert.True(late.Served[1_400] > series.Probabilities[1_400]);
        Assert.True(atOnce.Served[400] > series.Probabilities[400]);
        // In the end all is known to both; only what was served on the way, and so the width, differs.
        Assert.Equal(atOnce.Anchor.Intercept, late.Anchor.Intercept, 12);
        Assert.Equal(atOnce.Served, late.Foreseen);
        Assert.True(late.Anchor.PeriodHalfWidth > 2 * atOnce.Anchor.PeriodHalfWidth, $"{late.Anchor.PeriodHalfWidth} {atOnce.Anchor.PeriodHalfWidth}");
    }

    /// <summary>A base rate that moved before the first outcome came in: nothing could be served by it yet, and still it is no matter for rank only.</summary>
    [Fact]
    public void Decide_MovedWithinTheFirstHorizon_IsReanchored()
    {
        var series = Series(800, 9, _ => 1.5) with { Moments = [.. Enumerable.Range(0, 800).Select(i => (long)i)], LagMs = 5_000 };
        var anchor = Reanchoring.Decide(series, [], 0.2, 1);
        Assert.Equal((AnchorVerdict.Reanchored, AnchorMethod.Outcomes), (anchor.Verdict, anchor.Method));
        Assert.Equal(1.5, anchor.Intercept, 0.3);
    }

    [Fact]
    public void Through_BaseRateJumpsBackAndForth_MemoryIsShort()
    {
        var jumps = AnchorWalk.Through(Series(6_000, 3, i => i / 600 % 2 == 0 ? 1.5 : -1.5));
        var once = AnchorWalk.Through(Series(6_000, 3, _ => 1));
        Assert.InRange(jumps.Memory, 50, 600);
        Assert.True(once.Memory > 1_000, $"{once.Memory}");
        Assert.Equal(1, once.Anchor.Intercept, 0.15);
        Assert.Equal(0, AnchorWalk.Through(Series(6_000, 3, _ => 0)).Memory);
    }

    [Fact]
    public void Through_ScoreSaysHalf_SlopeFollowsAndForeseesBetter()
    {
        var series = Series(6_000, 4, _ => -0.2, i => i < 2_000 ? 1 : 0.3);
        var walk = AnchorWalk.Through(series);
        Assert.InRange(walk.Anchor.Slope, 0.15, 0.5);
        Assert.True(LogLoss(walk.Served, series.Labels, 3_000) < LogLoss(series.Probabilities, series.Labels, 3_000) - 0.01);
    }

    /// <summary>Outcomes that turn the order round: the slope stays above 0, and the level is right all the same.</summary>
    [Fact]
    public void Decide_RankingLost_IsSaidAndProbabilitiesAreTheBaseRate()
    {
        var series = Series(4_000, 5, _ => -1, i => i < 500 ? 1 : -0.3);
        var anchor = Reanchoring.Decide(series, [], 0.3, 1);
        Assert.Equal(AnchorVerdict.RankingLost, anchor.Verdict);
        Assert.Contains("ranking is lost", anchor.Evidence.Reason);
        var later = Series(4_000, 6, _ => -1, _ => -0.3);
        var served = Array.ConvertAll(later.Probabilities, anchor.Apply);
        Assert.Equal(later.Labels.Average(), served.Average(), 0.03);
        Assert.True(served.Max() - served.Min() < 0.1, $"{served.Min()} to {served.Max()}");
    }

    [Fact]
    public void IntervalWidth_NothingKnown_IsThatOfTheTraining() => Assert.Equal(1.6448536 * 0.3, new IntervalWidth(0.3).HalfWidth, 6);

    [Theory]
    [InlineData(0.02)]
    [InlineData(0.6)]
    public void IntervalWidth_SteadyNeeds_HoldsNineInTen(double spread)
    {
        var random = new Random(7);
        var width = new IntervalWidth(0.1);
        var widths = new List<double>();
        for (var g = 0; g < 4_000; g++)
        {
            var log = spread * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            width.Learn([new ScoredAlike(0.4, Sigmoid(LogOdds(0.4) + log), 0, 1_000_000)], [width.HalfWidth]);
            widths.Add(width.HalfWidth);
        }

        Assert.InRange(width.Inside / (double)width.Groups, 0.88, 0.93);
        // 1.645 deviations, and not needlessly more.
        Assert.InRange(widths[1_000..].Average(), 1.4 * spread, 2.2 * spread);
    }

    /// <summary>A series made to hurt: whenever the interval is narrow the rate jumps out of it, for a thousand groups more and more.</summary>
    [Fact]
    public void IntervalWidth_NeedsThatKeepGrowing_StillHoldsInTheLongRun()
    {
        var random = new Random(8);
        var (width, frozen, held) = (new IntervalWidth(0.1), new IntervalWidth(0.1).HalfWidth, 0);
        for (var g = 0; g < 2_000; g++)
        {
            var group = new ScoredAlike(0.3, Sigmoid(LogOdds(0.3) + ((0.1 + (g / 1_000.0)) * (random.NextDouble() - 0.3) * 2)), 0, 1_000_000);
            held += group.Needed <= frozen ? 1 : 0;
            width.Learn([group], [width.HalfWidth]);
        }

        Assert.InRange(width.Inside / 2_000.0, 0.88, 0.93);
        Assert.True(held < 1_000, $"{held}");
    }

    [Theory]
    [InlineData(0.3, 0.6)]
    [InlineData(0.3, 0.02)]
    [InlineData(0.05, 0.2)]
    public void Needed_Width_HoldsTheRateAndALittleLessDoesNot(double mean, double observed)
    {
        var group = new ScoredAlike(mean, observed, 0.1, 200);
        bool Holds(double width)
        {
            var half = Math.Sqrt((width * width) + 0.01) * (observed > mean ? 1 : -1);
            var side = Sigmoid(LogOdds(mean) + half) - mean;
            return (observed - mean) * (observed - mean) <= (side * side) + (1.6448536 * 1.6448536 * mean * (1 - mean) / 200);
        }

        Assert.True(group.Needed > 0);
        Assert.True(Holds(group.Needed + 1e-6));
        Assert.False(Holds(group.Needed - 1e-6));
        Assert.Equal(0, (group with { Observed = mean }).Needed);
    }

    [Fact]
    public void After_OneClass_IsShrunkTheMoreTheFewerThereAre()
    {
        // All converted at p = 0.5: by the optimality condition n (1 - sigmoid(a)) = a / 0.25.
        double Intercept(int rows) => new LogOddsLine(0, 1, 4, 0, 16).After(new double[rows], [.. Enumerable.Repeat(1f, rows)], withSlope: false).Intercept;
        foreach (var rows in (int[])[5, 50, 500]) Assert.Equal(Intercept(rows) / 0.25, rows * (1 - Sigmoid(Intercept(rows))), 4);
        Assert.True(Intercept(5) < Intercept(50) && Intercept(50) < Intercept(500));
    }

    [Fact]
    public void Decide_BadOutcomes_Throw()
    {
        void Throws(MaturedOutcomes outcomes) => Assert.Throws<ArgumentException>(() => Reanchoring.Decide(outcomes, [], 0.3, 1));
        Throws(new MaturedOutcomes([0.1], [1, 0]));
        Throws(new MaturedOutcomes([0.1, 0.2], [1, 0]) { Moments = [2, 1] });
        Throws(new MaturedOutcomes([0.1, 0.2], [1, 0]) { Moments = [2] });
        Throws(new MaturedOutcomes([0.1, 0.2], [1, 0]) { LagMs = -1 });
    }

    [Fact]
    public void Anchor_StoredBeforeWidthsWereLearned_StillReads()
    {
        var old = JsonSerializer.Deserialize<Anchor>("""{"slope":0.9,"intercept":0.4,"from_rate":0.1,"to_rate":0.2,"verdict":"rank_only","method":"outcomes","evidence":{"rows":700,"slope_high":1.2}}""", BundleManifest.Json)!;
        Assert.Equal((0.9, 0.4, AnchorVerdict.RankOnly, (double?)null, 700), (old.Slope, old.Intercept, old.Verdict, old.PeriodHalfWidth, old.Evidence.Rows));
        old.Validate();
        var now = old with { PeriodHalfWidth = 0.25, Verdict = AnchorVerdict.RankingLost };
        Assert.Equal(now, JsonSerializer.Deserialize<Anchor>(JsonSerializer.Serialize(now, BundleManifest.Json), BundleManifest.Json));
    }
}
