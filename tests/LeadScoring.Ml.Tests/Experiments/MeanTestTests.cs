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

    /// <summary>The interval holds at all looks at once in at least 95 of 100 runs, for laws with much and with little variance.</summary>
    [Theory]
    [InlineData(0.02)]
    [InlineData(0.5)]
    public void Bounds_LookedAtAgainAndAgain_HoldInNineteenOfTwentyRuns(double rate)
    {
        var random = new Random(11);
        var missed = 0;
        for (var run = 0; run < 400; run++)
        {
            var gains = new List<Gain>();
            var everMissed = false;
            for (var i = 1; i <= 600; i++)
            {
                gains.Add(new Gain(random.NextDouble() < rate ? 1 : 0, 0, 1));
                // The mean is within the bounds if and only if neither side's evidence excludes it.
                if (i % 50 != 0 && i > 30) continue;
                var bounds = MeanBounds.Of(gains, 0.05);
                everMissed |= rate < bounds.Low || rate > bounds.High;
            }

            if (everMissed) missed++;
        }

        Assert.InRange(missed, 0, 20);
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
