using LeadScoring.Ml.Experiments;

namespace LeadScoring.Ml.Tests.Experiments;

public sealed class SampleRatioTests
{
    /// <summary>Statistic by hand; p from Python: math.erfc(math.sqrt(x / 2)), which is scipy.stats.chi2.sf(x, 1).</summary>
    [Theory]
    [InlineData(60, 40, 0.5, 4.0, 0.045500263896358396)]
    [InlineData(90, 10, 0.9, 0.0, 1.0)]
    [InlineData(530, 470, 0.5, 3.6, 0.05777957112359724)]
    [InlineData(150, 50, 0.5, 50.0, 1.5374597944280351e-12)]
    public void PValue_KnownValues_Agree(long challenger, long champion, double share, double chiSquared, double p)
    {
        Assert.Equal(chiSquared, SampleRatio.ChiSquared(challenger, champion, share), 1e-9);
        Assert.Equal(p, SampleRatio.PValue(challenger, champion, share), p * 1e-6);
    }

    [Fact]
    public void PValue_NoLeads_IsOne() => Assert.Equal(1, SampleRatio.PValue(0, 0, 0.5));

    [Fact]
    public void InvalidAfter_RightShares_IsNullInNearlyAllRuns()
    {
        var random = new Random(5);
        var stopped = Enumerable.Range(0, 1_000).Count(_ => SampleRatio.InvalidAfter([.. Enumerable.Range(0, 2_000).Select(_ => random.NextDouble() < 0.3)], 0.3) is not null);
        // 19 looks at a level of 0.001 give at most 1.9 %.
        Assert.InRange(stopped, 0, 19);
    }

    [Fact]
    public void InvalidAfter_LeadsMissingFromOneArm_IsFoundSoon()
    {
        var random = new Random(6);
        var arms = Enumerable.Range(0, 5_000).Select(_ => random.NextDouble() < 0.5).Where(challenger => !challenger || random.NextDouble() < 0.8).ToArray();
        Assert.InRange(SampleRatio.InvalidAfter(arms, 0.5) ?? int.MaxValue, 40, 2_500);
    }

    [Theory]
    [InlineData(-1, 5, 0.5)]
    [InlineData(5, 5, 0)]
    [InlineData(5, 5, double.NaN)]
    public void ChiSquared_OutOfRange_Throws(long challenger, long champion, double share) => Assert.Throws<ArgumentException>(() => SampleRatio.ChiSquared(challenger, champion, share));
}
