using LeadScoring.Ml.Experiments;

namespace LeadScoring.Ml.Tests.Experiments;

public sealed class MeanTestTests
{
    /// <summary>By hand: one observation of 0.5 in [-1, 1] against 0 multiplies each stake's wealth by 1 + b / 2, with b at most 0.9.</summary>
    [Fact]
    public void LogEvidence_OneObservation_IsTheMeanOverStakes()
    {
        var test = new MeanTest(0);
        Assert.Equal(0, test.LogEvidence, 1e-12);
        test.Add(new Gain(0.5, -1, 1));
        Assert.Equal(Math.Log(new[] { 0.03, 0.07, 0.15, 0.3, 0.6, 0.9 }.Average(b => 1 + (b / 2))), test.LogEvidence, 1e-12);
    }

    [Fact]
    public void Add_WorstThatWasPossible_NeverCostsAllWealth()
    {
        var test = new MeanTest(0.5);
        for (var i = 0; i < 3; i++) test.Add(new Gain(-20, -20, 20));
        Assert.True(double.IsFinite(test.LogEvidence));
        Assert.True(test.LogEvidence < 0);
    }

    /// <summary>The interval holds at all looks at once, one after every lead, in at least 95 of 100 runs, for laws with little and with much variance.</summary>
    [Theory]
    [InlineData(0.02)]
    [InlineData(0.5)]
    public void Bounds_LookedAtAfterEveryLead_HoldInNineteenOfTwentyRuns(double rate)
    {
        var (random, missed) = (new Random(11), 0);
        for (var run = 0; run < 2_000; run++)
        {
            // The mean lies outside the interval when the evidence of one side excludes it.
            MeanTest above = new(rate), below = new(-rate);
            var everMissed = false;
            for (var i = 0; i < 600 && !everMissed; i++)
            {
                var gain = new Gain(random.NextDouble() < rate ? 1 : 0, 0, 1);
                above.Add(gain);
                below.Add(-gain);
                everMissed = above.IsShown(0.025) || below.IsShown(0.025);
            }

            if (everMissed) missed++;
        }

        Assert.InRange(missed, 1, 100);
    }

    /// <summary>The ends are where the evidence against a mean reaches 40, that is 2 / alpha.</summary>
    [Fact]
    public void Bounds_Ends_AreWhereTheEvidenceReachesTheLevel()
    {
        var random = new Random(4);
        Gain[] gains = [.. Enumerable.Range(0, 300).Select(_ => new Gain(random.NextDouble() - 0.3, -0.3, 0.7))];
        var bounds = MeanBounds.Of(gains, 0.05);
        MeanTest low = new(bounds.Low), high = new(-bounds.High);
        foreach (var gain in gains)
        {
            low.Add(gain);
            high.Add(-gain);
        }

        Assert.Equal(Math.Log(40), low.LogEvidence, 1e-6);
        Assert.Equal(Math.Log(40), high.LogEvidence, 1e-6);
    }

    [Fact]
    public void Bounds_MoreLeads_CloseInOnTheMean()
    {
        var random = new Random(3);
        Gain[] gains = [.. Enumerable.Range(0, 4_000).Select(_ => new Gain(random.NextDouble() < 0.3 ? 1 : 0, 0, 1))];
        var (few, many) = (MeanBounds.Of(gains[..200], 0.05), MeanBounds.Of(gains, 0.05));
        Assert.True(few.Low < 0.3 && few.High > 0.3 && many.Low < 0.3 && many.High > 0.3, $"{few} {many}");
        Assert.True(many.High - many.Low < (few.High - few.Low) / 2.5, $"{few} {many}");
        // Twice the width of an interval that may be looked at once, and no more.
        Assert.InRange(many.High - many.Low, 2 * 1.96 * Math.Sqrt(0.21 / 4_000), 4 * 1.96 * Math.Sqrt(0.21 / 4_000));
    }

    [Fact]
    public void Bounds_NoObservations_AreEverything() => Assert.Equal((double.NegativeInfinity, double.PositiveInfinity), (MeanBounds.Of([], 0.05).Low, MeanBounds.Of([], 0.05).High));
}
