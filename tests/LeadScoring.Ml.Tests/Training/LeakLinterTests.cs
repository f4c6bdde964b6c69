using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

public sealed class LeakLinterTests
{
    private static readonly TrainingSettings Settings = new();
    private static readonly TrainingSet Set = SmallWorld.Leads(1_200, 3);

    [Fact]
    public void Find_HonestData_FindsNothing() => Assert.Empty(LeakLinter.Find(Set, All(Set), Settings));

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Find_NumberMadeFromTheOutcome_IsLeftOutWhateverItsSign(int sign)
    {
        var random = new Random(1);
        var set = SmallWorld.With(Set, "commission", "numeric", r => new FeatureValue(sign * ((100 * Set.Labels[r]) + random.Next(90)), null));
        var leak = Assert.Single(LeakLinter.Find(set, All(set), Settings));
        Assert.Equal(("commission", true), (leak.Feature, leak.LeftOut));
        Assert.InRange(leak.Auc, 0.999, 1);
        Assert.Contains("commission", leak.Message);
        Assert.Equal(-1, LeakLinter.Without(set, [leak]).Profile.IndexOf("commission"));
    }

    [Fact]
    public void Find_LevelMadeFromTheOutcome_IsLeftOut()
    {
        var set = SmallWorld.With(Set, "stage", "categorical", r => new FeatureValue(double.NaN, Set.Labels[r] == 1 ? "won" : r % 2 == 0 ? "lost" : "open"));
        Assert.Equal(("stage", true), LeakLinter.Find(set, All(set), Settings).Select(l => (l.Feature, l.LeftOut)).Single());
    }

    [Fact]
    public void Find_FieldFilledOnlyAfterwards_IsLeftOutAndSaysSo()
    {
        var set = SmallWorld.With(Set, "closed_by", "numeric", r => Set.Labels[r] == 1 ? new FeatureValue(r % 7, null) : FeatureValue.Missing);
        var leak = Assert.Single(LeakLinter.Find(set, All(set), Settings));
        Assert.Equal(("closed_by", true, 1.0), (leak.Feature, leak.LeftOut, leak.MissingnessAuc));
        Assert.Contains("filled", leak.Message);
    }

    [Fact]
    public void Find_AllowLeaks_ReportsButKeeps()
    {
        var set = SmallWorld.With(Set, "commission", "numeric", r => new FeatureValue(Set.Labels[r], null));
        Assert.False(Assert.Single(LeakLinter.Find(set, All(set), Settings with { AllowLeaks = true })).LeftOut);
    }

    [Fact]
    public void Find_HonestStrongFeature_IsReportedAndKept()
    {
        var random = new Random(2);
        // Two normals 2 deviations apart: AUC = Phi(2 / sqrt 2) = 0.921.
        var set = SmallWorld.With(Set, "strong", "numeric", r => new FeatureValue((2 * Set.Labels[r]) + Normal(random), null));
        var found = Assert.Single(LeakLinter.Find(set, All(set), Settings));
        Assert.Equal(("strong", false), (found.Feature, found.LeftOut));
        Assert.InRange(found.Auc, 0.9, 0.94);
        Assert.Same(set, LeakLinter.Without(set, [found]));
    }

    [Fact]
    public void Find_LabelsOfOtherRows_AreNotLookedAt()
    {
        var set = SmallWorld.With(Set, "half", "numeric", r => new FeatureValue(r < 600 ? Set.Labels[r] : r % 2, null));
        Assert.Empty(LeakLinter.Find(set, [.. Enumerable.Range(600, 600)], Settings));
        Assert.Single(LeakLinter.Find(set, [.. Enumerable.Range(0, 600)], Settings));
    }

    [Fact]
    public void Find_OnlyLeaks_KeepsThemRatherThanNothing()
    {
        var profile = FeatureProfile.Parse("name: p\nfeatures: [{ name: x }]");
        var set = new TrainingSet(profile, [.. Set.Labels.Select(y => new FeatureValue(y, null))], Set.Labels);
        Assert.False(Assert.Single(LeakLinter.Find(set, All(set), Settings)).LeftOut);
    }

    [Fact]
    public void Find_ConstantLevelWithFewRowsAFold_IsNoLeak()
    {
        // Encoded out-of-fold, a constant falls where the own fold converts more: an artefact that must not read as knowledge.
        var settings = Settings with { Encoding = new EncodingSettings { TargetFolds = 50 } };
        var profile = FeatureProfile.Parse("name: p\nfeatures: [{ name: c, kind: categorical }, { name: n }]");
        var labels = Enumerable.Range(0, 20).Select(r => (float)(r % 2)).ToArray();
        var set = new TrainingSet(profile, [.. labels.SelectMany((_, r) => new[] { new FeatureValue(double.NaN, "same"), new FeatureValue(r / 2, null) })], labels);
        for (var seed = 0; seed < 50; seed++) Assert.Empty(LeakLinter.Find(set, All(set), settings with { Seed = seed }));
    }

    [Fact]
    public void Report_Threshold_IsBelowLeaveOut() => Assert.True(LeakLinter.Report < LeakLinter.LeaveOut);

    private static int[] All(TrainingSet set) => [.. Enumerable.Range(0, set.Rows)];

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
