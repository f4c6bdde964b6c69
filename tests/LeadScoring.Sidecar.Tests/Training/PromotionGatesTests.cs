using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>One small training, judged against itself; then its scores are spoilt in one way at a time, and the gate that is there for it must see it.</summary>
public sealed class PromotionGatesTests(PromotionGatesTests.Trained trained) : IClassFixture<PromotionGatesTests.Trained>
{
    public sealed class Trained : IAsyncLifetime
    {
        private readonly SidecarFactory sidecar = TestClock.Sidecar(new TestClock());

        internal LabeledSet Labeled { get; private set; } = null!;

        internal JudgedTraining Judged { get; private set; } = null!;

        internal static readonly EvaluationSettings Evaluation = new() { LearningCurve = false, FewestRows = 40 };

        public async Task InitializeAsync()
        {
            await sidecar.InitializeAsync();
            var organization = await sidecar.NewOrganizationAsync();
            await SmallModel.SeedAsync(sidecar.Services, organization.Id, 1_500, 0, seed: 5);
            var profile = (await sidecar.Get<ProfileStore>().GetActiveAsync(organization.Id, CancellationToken.None)).Profile;
            Labeled = await sidecar.Get<TrainingData>().BuildAsync(organization.Id, profile, null, CancellationToken.None);
            if (Ml.XGBoost.XGBoostLibrary.IsAvailable) Judged = TrainingJudge.Run(Labeled.Set, SmallModel.Settings, Evaluation, Labeled.Facts, null, CancellationToken.None);
        }

        public Task DisposeAsync() => sidecar.DisposeAsync();
    }

    private GateReport Judge(Func<int, double, double> spoil, ChampionFacts? champion = null, GateSettings? settings = null)
    {
        var standIn = trained.Judged.Forward!;
        var scores = standIn.TestScores.Select((s, i) => new LeadScore(spoil(standIn.TestRows[i], s.Probability), s.Confidence)).ToArray();
        champion ??= new ChampionFacts { Version = 7, Model = standIn.Model };
        return PromotionGates.Judge(
            trained.Labeled.Set, trained.Judged with { Forward = standIn with { TestScores = scores } }, champion, trained.Labeled.Facts, Trained.Evaluation, SmallModel.Settings, settings ?? new GateSettings());
    }

    private static GateVerdict Verdict(GateReport report, string gate) => report.Gates.Single(g => g.Name == gate).Verdict;

    private static string[] Blocking(GateReport report) => [.. report.Gates.Where(g => g.Verdict == GateVerdict.Block).Select(g => g.Name).Order(StringComparer.Ordinal)];

    [NativeXGBoostFact]
    public void Judge_AsGoodAsTheChampion_PassesWithDifferencesOfNothing()
    {
        var report = Judge((_, p) => p);
        Assert.Empty(Blocking(report));
        var loss = report.Gates.Single(g => g.Name == "loss");
        Assert.Equal((0.0, 0.0, 0.0, GateVerdict.Pass), (loss.Value, loss.Interval.Low, loss.Interval.High, loss.Verdict));
        Assert.Contains("errs on its side", report.Comparison);
        Assert.Equal(trained.Judged.Forward!.TestRows.Length, report.ComparedRows);
        foreach (var gate in PromotionGates.All.Except(["sample", "learned_less"])) Assert.Contains(report.Gates, g => g.Name == gate);
    }

    /// <summary>The same order of the leads, far too sure of itself.</summary>
    [NativeXGBoostFact]
    public void Judge_Overconfident_IsStoppedByLossAndCalibration()
    {
        var report = Judge((_, p) => 1 / (1 + Math.Pow((1 - p) / p, 4)));
        Assert.Contains("loss", Blocking(report));
        Assert.Contains("calibration", Blocking(report));
        var gate = report.Gates.Single(g => g.Name == "calibration");
        Assert.True(gate.Value > gate.Threshold && gate.Interval.Low > 0, gate.ToString());
    }

    [NativeXGBoostFact]
    public void Judge_OneGroupScoredDown_IsStoppedByBiasAndSegments()
    {
        var gender = trained.Labeled.Facts.Sensitive["gender"];
        var groups = gender.Where(g => g is not null).Distinct().Order(StringComparer.Ordinal).ToArray();
        var report = Judge((row, p) => gender[row] == groups[0] ? p * 0.2 : p);
        Assert.Contains("bias", Blocking(report));
        Assert.Contains("gender", report.Gates.Single(g => g.Name == "bias").Reason);
    }

    /// <summary>How well the old rule could be learned is no measure of a new one.</summary>
    [NativeXGBoostFact]
    public void Judge_LearnedLessThanTheChampion_IsStoppedUnlessTheRuleHasChanged()
    {
        var champion = new ChampionFacts { Version = 7, Model = trained.Judged.Forward!.Model, OutOfFold = trained.Judged.Result.OutOfFold.Ensemble with { RocAuc = 0.999 } };
        GateVerdict LearnedLess(long? ruleSinceMs) => Verdict(
            PromotionGates.Judge(
                trained.Labeled.Set, trained.Judged with { Evaluation = trained.Judged.Evaluation with { RuleSinceMs = ruleSinceMs } }, champion, trained.Labeled.Facts, Trained.Evaluation, SmallModel.Settings,
                new GateSettings { LearnedMargin = 0.02 }),
            "learned_less");
        Assert.Equal((GateVerdict.Block, GateVerdict.Warn), (LearnedLess(null), LearnedLess(1)));
    }

    /// <summary>The profile says of income outright that models may use it, so what it does there is told and stops nothing.</summary>
    [NativeXGBoostFact]
    public void Judge_OneIncomeScoredDown_IsABiasThatWarns()
    {
        var f = trained.Labeled.Set.Profile.IndexOf("income_bracket");
        var report = Judge((row, p) => trained.Labeled.Set.Row(row)[f].Level == "75k_100k" ? p * 0.2 : p);
        var bias = report.Gates.Single(g => g.Name == "bias");
        Assert.Equal(GateVerdict.Warn, bias.Verdict);
        Assert.Contains("income_bracket", bias.Reason);
        Assert.Contains("The profile lets models use it.", bias.Reason);
    }

    [NativeXGBoostFact]
    public void Judge_OneLevelScoredUp_IsStoppedBySegments()
    {
        var f = trained.Labeled.Set.Profile.IndexOf("employment_type");
        var level = trained.Judged.Forward!.TestRows.Select(r => trained.Labeled.Set.Row(r)[f].Level).OfType<string>().GroupBy(l => l, StringComparer.Ordinal).MaxBy(g => g.Count())!.Key;
        var report = Judge((row, p) => trained.Labeled.Set.Row(row)[f].Level == level ? Math.Min(0.98, p + 0.45) : p);
        Assert.Contains("segments", Blocking(report));
        Assert.Contains("employment_type", report.Gates.Single(g => g.Name == "segments").Reason);
    }

    [NativeXGBoostFact]
    public void Judge_LeadsThatTheChampionLearnedFrom_AreNotComparedOn()
    {
        var standIn = trained.Judged.Forward!;
        var learned = new bool[trained.Labeled.Set.Rows];
        foreach (var row in standIn.TestRows.Where((_, i) => i % 2 == 0)) learned[row] = true;
        var report = Judge((_, p) => p, new ChampionFacts { Version = 7, Model = standIn.Model, Learned = learned, LearnedLeads = learned.Count(l => l) });
        Assert.Equal(standIn.TestRows.Length / 2, report.ComparedRows);
        Assert.Contains("learned from none of them", report.Comparison);
        Assert.Equal(GateVerdict.Pass, Verdict(report, "sample"));
        var gone = Judge((_, p) => p, new ChampionFacts { Version = 7, Model = standIn.Model, Learned = learned, LearnedLeads = 2 * learned.Count(l => l) });
        Assert.Equal(["sample"], Blocking(gone));
    }

    [NativeXGBoostFact]
    public void Judge_Settings_MakeTargetsBlockAndLeaveGatesOut()
    {
        var strict = Judge((_, p) => p, settings: new GateSettings { TargetAuc = 0.999, BlockingTargets = ["target_auc"] });
        Assert.Equal(["target_auc"], Blocking(strict));
        Assert.Equal(GateVerdict.Warn, Verdict(Judge((_, p) => p, settings: new GateSettings { TargetAuc = 0.999 }), "target_auc"));
        var without = Judge((_, p) => 1 / (1 + Math.Pow((1 - p) / p, 4)), settings: new GateSettings { LeftOut = ["loss", "calibration", "segments", "bias"] });
        Assert.Empty(Blocking(without));
        Assert.Throws<ArgumentException>(() => new GateSettings { LeftOut = ["luck"] }.Validate());
        Assert.Throws<ArgumentException>(() => new GateSettings { BlockingTargets = ["loss"] }.Validate());
        Assert.Throws<ArgumentException>(() => new GateSettings { KeptShare = double.NaN }.Validate());
    }
}
