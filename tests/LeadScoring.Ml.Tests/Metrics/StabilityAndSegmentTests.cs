using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Tests.Metrics;

public sealed class StabilityAndSegmentTests
{
    private const long DayMs = 86_400_000;
    private static readonly long Monday = DateTimeOffset.Parse("2026-01-05T00:00:00Z").ToUnixTimeMilliseconds();

    [Fact]
    public void Weekly_TwoWeeks_IsTheirDeviationOverTheirMean()
    {
        // Sunday 23:59:59 belongs to the week before, Monday 00:00 to the next.
        double[] points = [.. Enumerable.Repeat(40.0, 30), .. Enumerable.Repeat(60.0, 30)];
        long[] asOf = [.. Enumerable.Repeat(Monday + (7 * DayMs) - 1, 30), .. Enumerable.Repeat(Monday + (7 * DayMs), 30)];
        float[] labels = [.. Enumerable.Range(0, 60).Select(i => (float)(i % 2))];
        var weekly = WeeklyStability.Of(points, labels, asOf);
        Assert.Equal((2, 0.2, 0.0), (weekly.Weeks, weekly.MeanScore, weekly.MeanScoreByChance));
        // Constant scores tell nothing apart in either week: 0.5 both, no variation.
        Assert.Equal((2, 0.0, 0.5), (weekly.AucWeeks, weekly.Auc, weekly.LowestAuc));
    }

    [Fact]
    public void Weekly_ThinWeeks_DoNotCount()
    {
        double[] points = [.. Enumerable.Repeat(40.0, 29), .. Enumerable.Repeat(60.0, 30)];
        long[] asOf = [.. Enumerable.Repeat(Monday, 29), .. Enumerable.Repeat(Monday + (8 * DayMs), 30)];
        var weekly = WeeklyStability.Of(points, new float[59], asOf);
        Assert.Equal((1, 0), (weekly.Weeks, weekly.AucWeeks));
        Assert.True(double.IsNaN(weekly.MeanScore));
    }

    [Fact]
    public void Weekly_SameWeeks_VaryAsMuchAsChanceSays()
    {
        var random = new Random(1);
        double[] points = [.. Enumerable.Range(0, 40_000).Select(_ => 100 * random.NextDouble())];
        long[] asOf = [.. Enumerable.Range(0, 40_000).Select(i => Monday + (i % 200 * 7 * DayMs))];
        var weekly = WeeklyStability.Of(points, [.. Enumerable.Range(0, 40_000).Select(_ => (float)random.Next(2))], asOf);
        Assert.Equal(200, weekly.Weeks);
        Assert.InRange(weekly.MeanScore / weekly.MeanScoreByChance, 0.85, 1.15);
    }

    [Fact]
    public void Segments_OneIsOff_ItAloneIsMarked()
    {
        var random = new Random(2);
        var p = Enumerable.Range(0, 4_000).Select(_ => 0.2 + (0.5 * random.NextDouble())).ToArray();
        // Segment 3 converts 15 points more often than said.
        var y = Enumerable.Range(0, 4_000).Select(i => random.NextDouble() < p[i] + (i % 10 == 3 ? 0.15 : 0) ? 1f : 0f).ToArray();
        var segments = SegmentCalibration.Decide(Enumerable.Range(0, 10).Select(k => SegmentCalibration.Of("f", $"{k}", [.. Enumerable.Range(0, 4_000).Where(i => i % 10 == k)], p, y)));
        Assert.Equal("3", Assert.Single(segments, s => s.IsOff).Segment);
        Assert.Equal("3", segments[0].Segment);
        Assert.True(segments[0].Interval.Low > segments[0].Predicted);
    }

    [Fact]
    public void Segments_AllHold_AlarmsAreRare()
    {
        var random = new Random(3);
        var alarms = 0;
        for (var world = 0; world < 200; world++)
        {
            var p = Enumerable.Range(0, 2_000).Select(_ => random.NextDouble()).ToArray();
            var y = Array.ConvertAll(p, x => random.NextDouble() < x ? 1f : 0f);
            var segments = SegmentCalibration.Decide(Enumerable.Range(0, 20).Select(k => SegmentCalibration.Of("f", $"{k}", [.. Enumerable.Range(k * 100, 100)], p, y)));
            alarms += segments.Any(s => s.IsOff) ? 1 : 0;
        }

        // 5 % of 200 are 10; without the correction some 128 would alarm.
        Assert.InRange(alarms, 0, 20);
    }
}
