using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Metrics;
using Xunit.Abstractions;

namespace LeadScoring.Ml.Tests.Drift;

public sealed class LossChangeTests(ITestOutputHelper output)
{
    private const double Usual = 0.32;

    /// <summary>Probabilities as a good model gives them: mostly low or high.</summary>
    private static double Draw(Random random) => 1 / (1 + Math.Exp(-((random.NextDouble() < 0.32 ? 1.8 : -2.2) + (1.2 * (random.NextDouble() + random.NextDouble() - 1)))));

    private static double Moved(double p, double by, double drawn = 1) => 1 / (1 + Math.Exp(-(by + (drawn * Math.Log(p / (1 - p))))));

    private static int Until(int seed, int most, double bound, Func<double, double> truth, out LossChangeKind kind)
    {
        var random = new Random(seed);
        var watch = new LossChange(Usual, bound);
        while (watch.Rows < most && !watch.IsAlarm)
        {
            var p = Draw(random);
            watch.Add(p, random.NextDouble() < truth(p));
        }

        kind = watch.Kind;
        return watch.IsAlarm ? watch.Rows : int.MaxValue;
    }

    /// <summary>An alarm every 2,000 leads at the most is promised: over 200 runs of 1,000 leads that is at most 100.</summary>
    [Fact]
    public void Add_ProbabilitiesHold_AlarmsNoMoreThanPromised()
    {
        var alarms = Enumerable.Range(0, 200).Count(seed => Until(seed, 1_000, 2_000, p => p, out _) < int.MaxValue);
        output.WriteLine($"{alarms} of 200 runs of 1,000 leads reached a bound of 2,000");
        Assert.InRange(alarms, 0, 100);
        // At the product's bound (100 outcomes a week, an eighth of 0.2 alarms a quarter) forty years of outcomes may give four.
        var bound = new FalseAlarmBudget(0.2).RowsBetweenAlarms(WatchedKind.Concept, 100 / 7.0);
        Assert.Equal(52_000, bound, 0);
        var years = Enumerable.Range(0, 40).Count(seed => Until(seed, 5_200, bound, p => p, out _) < int.MaxValue);
        output.WriteLine($"{years} of 40 years of 5,200 outcomes reached the product's bound");
        Assert.InRange(years, 0, 4);
    }

    [Theory]
    [InlineData(0.9, 1.0, LossChangeKind.MoreConversions)]
    [InlineData(-0.9, 1.0, LossChangeKind.FewerConversions)]
    [InlineData(-0.4, 0.3, LossChangeKind.WeakerRanking)]
    public void Add_OutcomesFollowAnotherRule_IsFoundAndNamed(double by, double drawn, LossChangeKind expected)
    {
        var bound = new FalseAlarmBudget(0.2).RowsBetweenAlarms(WatchedKind.Concept, 100 / 7.0);
        var runs = Enumerable.Range(0, 20).Select(seed => (Rows: Until(seed, 5_000, bound, p => Moved(p, by, drawn), out var kind), Kind: kind)).OrderBy(r => r.Rows).ToArray();
        output.WriteLine($"{expected}: found after {runs[10].Rows} outcomes in the median, {runs[^1].Rows} at most");
        Assert.True(runs[^1].Rows < 1_000);
        Assert.InRange(runs.Count(r => r.Kind == expected), 18, 20);
    }

    [Fact]
    public void Add_OtherMixOfLeads_IsNoAlarm()
    {
        var random = new Random(1);
        var watch = new LossChange(Usual, 52_000);
        for (var i = 0; i < 5_000; i++)
        {
            var p = 0.02 + (0.1 * random.NextDouble());
            watch.Add(p, random.NextDouble() < p);
        }

        Assert.False(watch.IsAlarm);
    }

    [Fact]
    public void Since_ChangeInTheMiddle_IsDated()
    {
        var random = new Random(2);
        var watch = new LossChange(Usual, 52_000);
        while (!watch.IsAlarm)
        {
            var p = Draw(random);
            watch.Add(p, random.NextDouble() < (watch.Rows < 1_000 ? p : Moved(p, 0.9)));
            Assert.True(watch.Rows < 3_000);
        }

        Assert.InRange(watch.Since, 900, 1_150);
    }

    /// <summary>Every pair of two different leads, each weighted by what its probabilities say.</summary>
    [Fact]
    public void Expected_FourLeads_IsThatOfAllPairs()
    {
        var expected = ExpectedPerformance.Of([0.8, 0.4, 0.1, 0.4]);
        Assert.Equal(0.8301886792452831, expected.RocAuc, 12);
        Assert.Equal(0.1825, expected.Brier, 12);
        Assert.Equal(0.5428771827370373, expected.LogLoss, 12);
        Assert.Equal(0.425, expected.ConversionRate, 12);
        Assert.True(double.IsNaN(ExpectedPerformance.Of([]).RocAuc));
    }

    [Fact]
    public void Expected_CalibratedLeads_IsWhatOutcomesGive()
    {
        var random = new Random(3);
        var p = Enumerable.Range(0, 20_000).Select(_ => Draw(random)).ToArray();
        var y = Array.ConvertAll(p, q => random.NextDouble() < q ? 1f : 0f);
        var (expected, seen) = (ExpectedPerformance.Of(p), AucError.Of(p, y));
        Assert.InRange(expected.RocAuc, seen.Auc - (3 * seen.StandardError), seen.Auc + (3 * seen.StandardError));
        Assert.Equal(ProbabilityLoss.Brier(p, y), expected.Brier, 0.006);
    }

    /// <summary>DeLong's estimate by its definition, over all pairs.</summary>
    [Fact]
    public void AucError_EightLeads_IsThatOfDeLong()
    {
        var auc = AucError.Of([0.1, 0.4, 0.35, 0.8, 0.4, 0.9, 0.2, 0.6], [0, 0, 1, 1, 1, 1, 0, 0]);
        Assert.Equal(0.78125, auc.Auc, 12);
        Assert.Equal(0.18221724671391565, auc.StandardError, 12);
        Assert.True(double.IsNaN(AucError.Of([0.1, 0.2], [1, 0]).StandardError));
    }
}
