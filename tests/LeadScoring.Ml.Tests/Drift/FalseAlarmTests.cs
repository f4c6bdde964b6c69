using LeadScoring.Demo;
using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Tests.Features;
using Xunit.Abstractions;

namespace LeadScoring.Ml.Tests.Drift;

/// <summary>Windows of the demo world: how often they alarm without drift, and how often with it. Seeds are fixed.</summary>
[Trait("Category", "Slow")]
public sealed class FalseAlarmTests(ITestOutputHelper output)
{
    private const long NowMs = 1_790_000_000_000;
    private const double PerQuarter = 0.2;
    private const int Reference = 8_000;

    private static readonly FeatureProfile Profile = ShippedProfiles.RealEstate.Value;
    private static readonly FeatureExtractor Extractor = new(Profile);
    private static readonly Lazy<(FeatureCells[] Features, FeatureCells Predictions)> Training = new(() =>
    {
        var world = new DemoWorld(DemoWorldSettings.Default(NowMs));
        var leads = Leads(world, 0, Reference);
        return (
            [.. Profile.Features.Select((f, i) => f.Kind == FeatureKind.Categorical ? FeatureCells.OfLevels(leads.Select(l => l.Values[i].Level)) : FeatureCells.OfNumbers(leads.Select(l => l.Values[i].Number)))],
            FeatureCells.OfNumbers(leads.Select(l => l.Probability)));
    });

    private static (FeatureValue[] Values, double Probability)[] Leads(DemoWorld world, int from, int count)
    {
        var leads = new (FeatureValue[], double)[count];
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = 2 }, i =>
        {
            var lead = world.LeadDecidedAt(from + i, NowMs);
            leads[i] = (Extractor.Extract(new LeadSnapshot(lead.Attributes, ActivityState.Replay(lead.Events, lead.DecisionMs), lead.CreatedAtMs), lead.DecisionMs), Math.Round(lead.TrueProbability, 3));
        });
        return leads;
    }

    private static WindowCheck Check((FeatureValue[] Values, double Probability)[] leads, double days)
    {
        var (features, predictions) = Training.Value;
        FeatureCells[] sample = [.. features.Select((f, i) => f.Levels is null ? f.Recount(Array.ConvertAll(leads, l => l.Values[i].Number)) : f.Recount(Array.ConvertAll(leads, l => l.Values[i].Level)))];
        return WindowCheck.Of(features, sample, (predictions, predictions.Recount(Array.ConvertAll(leads, l => l.Probability))), new FalseAlarmBudget(PerQuarter), days);
    }

    /// <summary>Ten control years at 100 leads a week: all features and the predictions, short windows and long ones.</summary>
    [Fact]
    public void Windows_TenYearsWithoutDrift_AlarmAtMostOnceAQuarter()
    {
        const int Weeks = 520;
        var leads = Leads(new DemoWorld(DemoWorldSettings.Default(NowMs) with { Seed = 2 }), Reference, 100 * Weeks);
        var alarms = new int[Weeks / 13];
        Parallel.For(0, Weeks, new ParallelOptions { MaxDegreeOfParallelism = 2 }, week =>
        {
            var any = Check(leads[(100 * week)..(100 * (week + 1))], 7).IsAlarm ? 1 : 0;
            if (week % WindowCheck.LongWindow == WindowCheck.LongWindow - 1 && Check(leads[(100 * (week - WindowCheck.LongWindow + 1))..(100 * (week + 1))], 7 * WindowCheck.LongWindow).IsAlarm) any++;
            Interlocked.Add(ref alarms[week / 13], any);
        });
        output.WriteLine($"{alarms.Sum()} false alarms in {alarms.Length} quarters at 100 leads a week, {Training.Value.Features.Sum(FeatureDrift.TestsOf) + 1} tests a window");
        Assert.True(alarms.Max() <= 1, string.Join(' ', alarms));
        // 0.2 a quarter are allowed, less 0.25 x 0.2 that performance and concept have; discrete values leave part of it unspent.
        Assert.InRange(alarms.Sum(), 0, alarms.Length * PerQuarter);
    }

    /// <summary>Feature drift of the demo world at full and half of its strength, from the first day of a window on. The bounds are what is promised in docs/monitoring.md; more is found.</summary>
    [Theory]
    [InlineData(1.0, 50, 0.7, 0.95)]
    [InlineData(1.0, 100, 0.95, 1)]
    [InlineData(1.0, 500, 1, 1)]
    [InlineData(0.5, 50, 0, 0.2)]
    [InlineData(0.5, 100, 0.2, 0.7)]
    [InlineData(0.5, 500, 0.95, 1)]
    public void Windows_PlantedDrift_IsFound(double strength, int weekly, double inTwoWeeks, double inFour)
    {
        // Many leads a week cost much, and are found without fail.
        var runs = weekly >= 500 ? 5 : 20;
        var world = new DemoWorld(DemoWorldSettings.Default(NowMs) with { Seed = 3, FeatureDrift = new DemoDrift(0, strength) });
        var found = new int[3];
        Parallel.For(0, runs, new ParallelOptions { MaxDegreeOfParallelism = 2 }, run =>
        {
            var leads = Leads(world, run * 4 * weekly, 4 * weekly);
            bool Week(int w) => Check(leads[(w * weekly)..((w + 1) * weekly)], 7).IsAlarm;
            bool one = Week(0), two = one || Week(1);
            if (one) Interlocked.Increment(ref found[0]);
            if (two) Interlocked.Increment(ref found[1]);
            if (two || Week(2) || Week(3) || Check(leads, 7 * WindowCheck.LongWindow).IsAlarm) Interlocked.Increment(ref found[2]);
        });
        output.WriteLine($"strength {strength}, {weekly} leads a week: found after one week {100 * found[0] / runs} %, after two {100 * found[1] / runs} %, after four {100 * found[2] / runs} %, of {runs} runs");
        Assert.InRange(found[1], (int)Math.Ceiling(inTwoWeeks * runs), runs);
        Assert.InRange(found[2], (int)Math.Ceiling(inFour * runs), runs);
    }
}
