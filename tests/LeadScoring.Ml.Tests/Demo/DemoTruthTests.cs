using LeadScoring.Demo;

namespace LeadScoring.Ml.Tests.Demo;

[Trait("Category", "Slow")]
public sealed class DemoTruthTests
{
    private const long NowMs = 1_790_000_000_000;
    private const long DayMs = 86_400_000;

    private static readonly Lazy<DemoFigures> Default = new(() => Figures(DemoWorldSettings.Default(NowMs)));

    private static DemoFigures Figures(DemoWorldSettings settings) =>
        DemoTruth.PerfectScorer(new DemoWorld(settings with { HistoricalLeads = 20_000 }).HistoricalLeads());

    [Fact]
    public void PerfectScorer_DefaultWorld_ReachesEveryTarget()
    {
        Assert.InRange(Default.Value.Auc, 0.90, 0.93);
        Assert.All(Default.Value.Targets, target => Assert.True(target.Met, $"{target}"));
    }

    [Fact]
    public void TrueProbability_DefaultWorld_IsCalibrated()
    {
        Assert.InRange(Default.Value.Ece, 0, 0.012);
        Assert.InRange(Default.Value.BaseRate, 0.31, 0.33);
    }

    [Fact]
    public void PerfectScorer_FivePercentWorld_HasThatBaseRateAndIsCalibrated()
    {
        var figures = Figures(DemoWorldSettings.FivePercent(NowMs));
        Assert.InRange(figures.BaseRate, 0.045, 0.055);
        Assert.InRange(figures.Auc, 0.88, 0.94);
        Assert.InRange(figures.Ece, 0, 0.006);
    }

    [Fact]
    public void TrueProbability_ManyMissingLateAndUntracked_IsStillCalibrated()
    {
        var figures = Figures(DemoWorldSettings.Default(NowMs) with { MissingShare = 0.5, UntrackedShare = 0.4, LateShare = 0.5, RepeatShare = 0.5 });
        Assert.InRange(figures.Ece, 0, 0.01);
        Assert.InRange(figures.Auc, 0.89, Default.Value.Auc - 0.005);
    }

    [Fact]
    public void PerfectScorer_MoreNoise_IsWorseAndStillCalibrated()
    {
        var figures = Figures(DemoWorldSettings.Default(NowMs) with { Noise = 0.3 });
        Assert.InRange(figures.Ece, 0, 0.01);
        Assert.InRange(figures.Auc, 0.75, Default.Value.Auc - 0.05);
    }

    [Fact]
    public void TrueProbability_UnderEveryDrift_IsCalibratedAndTheBaseRateMoves()
    {
        var start = NowMs - (300 * DayMs);
        var world = new DemoWorld(DemoWorldSettings.Default(NowMs) with
        {
            FeatureDrift = new DemoDrift(start, 1),
            ConceptDrift = new DemoDrift(start, 0.8, 50 * DayMs),
            BaseRateShift = new DemoDrift(start, -1),
        });
        var drifted = DemoTruth.PerfectScorer(Enumerable.Range(0, 20_000).Select(i => world.LeadDecidedAt(i, start + (i * 200L * DayMs / 20_000))));
        Assert.InRange(drifted.Ece, 0, 0.012);
        Assert.InRange(drifted.BaseRate, 0.12, 0.25);
    }

    [Fact]
    public void LeadDecidedAt_BeforeTheDriftStarts_IsTheUndriftedLead()
    {
        var plain = new DemoWorld(DemoWorldSettings.Default(NowMs));
        var drifting = new DemoWorld(plain.Settings with { FeatureDrift = new DemoDrift(NowMs, 1), ConceptDrift = new DemoDrift(NowMs, 1) });
        Assert.Equal(plain.LeadDecidedAt(7, NowMs - 1).TrueProbability, drifting.LeadDecidedAt(7, NowMs - 1).TrueProbability);
        Assert.NotEqual(plain.LeadDecidedAt(7, NowMs).TrueProbability, drifting.LeadDecidedAt(7, NowMs).TrueProbability);
    }

    [Fact]
    public void PerfectScorer_FiveKnownLeads_GivesTheFiguresOfTheHand()
    {
        // Best first: won, lost, won, then one of each with equal probability.
        var leads = new[] { (0.9, true), (0.8, false), (0.6, true), (0.2, true), (0.2, false) }
            .Select((x, i) => Lead(i, x.Item1, x.Item2));
        var figures = DemoTruth.PerfectScorer(leads);
        Assert.Equal(3.5 / 6, figures.Auc, 12);
        Assert.Equal(1, figures.PrecisionOfA);
        Assert.Equal(0.2, figures.ShareOfA, 12);
        Assert.Equal(2 / 3.0, figures.PrecisionAtHalf, 12);
        Assert.Equal(2 / 3.0, figures.RecallAtHalf, 12);
        Assert.Equal(0.75, figures.F1AtBest, 12);
        Assert.Equal(0.2, figures.BestThreshold, 12);
    }

    [Fact]
    public void PerfectScorer_OpenLead_ThrowsAndNamesIt()
    {
        var world = new DemoWorld(DemoWorldSettings.Default(NowMs));
        Assert.Contains("demo-a000001", Assert.Throws<ArgumentException>(() => DemoTruth.PerfectScorer([world.ActiveLead(0)])).Message);
    }

    private static DemoLead Lead(int number, double probability, bool converted) => new()
    {
        LeadId = $"lead-{number}",
        CreatedAtMs = NowMs - (10 * DayMs),
        DecisionMs = NowMs,
        Attributes = new Dictionary<string, LeadScoring.Ml.Features.AttributeValue>(),
        Deliveries = [],
        Outcome = new DemoOutcome(converted, NowMs + DayMs, converted ? 1 : null),
        TrueProbability = probability,
    };
}
