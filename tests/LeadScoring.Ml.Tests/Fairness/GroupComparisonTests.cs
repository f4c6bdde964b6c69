using LeadScoring.Ml.Fairness;

namespace LeadScoring.Ml.Tests.Fairness;

public sealed class GroupComparisonTests
{
    [Fact]
    public void Of_KnownGroups_GivesTheGapsByHand()
    {
        // a: 100 leads at 90 (60 converted), b: 100 leads at 40 (40 converted), c: too few to count, the rest unknown.
        string?[] groups = [.. Enumerable.Repeat("a", 100), .. Enumerable.Repeat("b", 100), .. Enumerable.Repeat("c", 10), null, null];
        double[] points = [.. Enumerable.Repeat(90.0, 100), .. Enumerable.Repeat(40.0, 100), .. Enumerable.Repeat(1.0, 12)];
        float[] labels = [.. Enumerable.Range(0, 100).Select(i => i < 60 ? 1f : 0f), .. Enumerable.Range(0, 100).Select(i => i < 40 ? 1f : 0f), .. new float[12]];
        var report = GroupComparison.Of("x", groups, points, labels, 85, 50, 1);
        Assert.Equal(["a", "b"], report.Groups.Select(g => g.Group));
        Assert.Equal(12, report.LeftOver);
        Assert.Equal(0.5, report.MeanScore.Value, 12);
        Assert.Equal((1.0, 1.0), (report.TruePositiveRate.Value, report.FalsePositiveRate.Value));
        Assert.Equal((60, 0.6, 0.9), (report.Groups[0].Converted, report.Groups[0].ConversionRate, Math.Round(report.Groups[0].MeanScore, 9)));
        Assert.Equal(FairnessVerdict.Fail, report.Verdict);
    }

    [Theory]
    [InlineData(0, FairnessVerdict.Pass)]
    [InlineData(30, FairnessVerdict.Fail)]
    public void Of_PlantedGap_IsFound(double gap, FairnessVerdict verdict)
    {
        var random = new Random(1);
        var groups = Enumerable.Range(0, 4_000).Select(_ => random.Next(2) == 0 ? "f" : "m").ToArray();
        var points = Array.ConvertAll(groups, g => Math.Clamp((60 * random.NextDouble()) + 10 + (g == "m" ? gap : 0), 0.1, 99.9));
        var labels = Array.ConvertAll(points, _ => (float)random.Next(2));
        var report = GroupComparison.Of("gender", groups, points, labels, 85, 100, 1);
        Assert.Equal(verdict, report.Verdict);
        Assert.Equal(gap / 100, report.MeanScore.Value, 0.02);
        Assert.True(report.MeanScore.Interval.Low <= report.MeanScore.Value && report.MeanScore.Value <= report.MeanScore.Interval.High);
    }

    [Fact]
    public void Of_GapThatMayBeChance_OnlyWarns()
    {
        var random = new Random(4);
        // 40 leads a group, scores all over the place: a gap of 0.12 is within chance.
        double[] noise = [.. Enumerable.Range(0, 80).Select(_ => 100 * random.NextDouble())];
        var groups = Enumerable.Range(0, 80).Select(i => i % 2 == 0 ? "a" : "b").ToArray();
        double Mean(string g) => noise.Where((_, i) => groups[i] == g).Average();
        var shift = 12 - (Mean("a") - Mean("b"));
        var points = noise.Select((p, i) => groups[i] == "a" ? p + shift : p).ToArray();
        var report = GroupComparison.Of("x", groups, points, new float[80], 85, 30, 1);
        Assert.Equal(0.12, report.MeanScore.Value, 9);
        Assert.Equal(FairnessVerdict.Warn, report.Verdict);
    }

    [Fact]
    public void Of_OneGroup_IsUnknown()
    {
        var report = GroupComparison.Of("x", [.. Enumerable.Repeat("a", 200)], new double[200], new float[200], 85, 100, 1);
        Assert.Equal(FairnessVerdict.Unknown, report.Verdict);
        Assert.True(double.IsNaN(report.MeanScore.Value));
    }
}
