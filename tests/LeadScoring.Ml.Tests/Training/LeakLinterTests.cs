using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

public sealed class LeakLinterTests
{
    private static readonly TrainingSettings Settings = new();
    private static readonly TrainingSet Set = SmallWorld.Leads(1_200, 3);

    [Fact]
    public void Find_HonestData_FindsNothing() => Assert.Empty(Find(Set, All(Set), Settings));

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Find_NumberMadeFromTheOutcome_IsLeftOutWhateverItsSign(int sign)
    {
        var random = new Random(1);
        var set = SmallWorld.With(Set, "commission", "numeric", r => new FeatureValue(sign * ((100 * Set.Labels[r]) + random.Next(90)), null));
        var leak = Assert.Single(Find(set, All(set), Settings));
        Assert.Equal(("commission", true), (leak.Feature, leak.LeftOut));
        Assert.InRange(leak.Auc, 0.999, 1);
        Assert.Contains("commission", leak.Message);
        Assert.Equal(-1, LeakLinter.Without(set, [leak]).Profile.IndexOf("commission"));
    }

    [Fact]
    public void Find_LevelMadeFromTheOutcome_IsLeftOut()
    {
        var set = SmallWorld.With(Set, "stage", "categorical", r => new FeatureValue(double.NaN, Set.Labels[r] == 1 ? "won" : r % 2 == 0 ? "lost" : "open"));
        Assert.Equal(("stage", true), Find(set, All(set), Settings).Select(l => (l.Feature, l.LeftOut)).Single());
    }

    [Fact]
    public void Find_FieldFilledOnlyAfterwards_IsLeftOutAndSaysSo()
    {
        var set = SmallWorld.With(Set, "closed_by", "numeric", r => Set.Labels[r] == 1 ? new FeatureValue(r % 7, null) : FeatureValue.Missing);
        var leak = Assert.Single(Find(set, All(set), Settings));
        Assert.Equal(("closed_by", true, 1.0), (leak.Feature, leak.LeftOut, leak.MissingnessAuc));
        Assert.Contains("filled", leak.Message);
    }

    [Fact]
    public void Find_AllowLeaks_ReportsButKeeps()
    {
        var set = SmallWorld.With(Set, "commission", "numeric", r => new FeatureValue(Set.Labels[r], null));
        Assert.False(Assert.Single(Find(set, All(set), Settings with { AllowLeaks = true })).LeftOut);
    }

    [Fact]
    public void Find_HonestStrongFeature_IsReportedAndKept()
    {
        var random = new Random(2);
        // Two normals 2 deviations apart: AUC = Phi(2 / sqrt 2) = 0.921.
        var set = SmallWorld.With(Set, "strong", "numeric", r => new FeatureValue((2 * Set.Labels[r]) + Normal(random), null));
        var found = Assert.Single(Find(set, All(set), Settings));
        Assert.Equal(("strong", false), (found.Feature, found.LeftOut));
        Assert.InRange(found.Auc, 0.9, 0.94);
        Assert.Same(set, LeakLinter.Without(set, [found]));
    }

    [Fact]
    public void Find_LabelsOfOtherRows_AreNotLookedAt()
    {
        var set = SmallWorld.With(Set, "half", "numeric", r => new FeatureValue(r < 600 ? Set.Labels[r] : r % 2, null));
        Assert.Empty(Find(set, [.. Enumerable.Range(600, 600)], Settings));
        Assert.Single(Find(set, [.. Enumerable.Range(0, 600)], Settings));
    }

    [Fact]
    public void Find_OnlyLeaks_KeepsThemRatherThanNothing()
    {
        var profile = FeatureProfile.Parse("name: p\nfeatures: [{ name: x }]");
        var set = new TrainingSet(profile, [.. Set.Labels.Select(y => new FeatureValue(y, null))], Set.Labels);
        Assert.False(Assert.Single(Find(set, All(set), Settings)).LeftOut);
    }

    [Fact]
    public void Find_ConstantLevelWithFewRowsAFold_IsNoLeak()
    {
        // Encoded out-of-fold, a constant falls where the own fold converts more: an artefact that must not read as knowledge.
        var settings = Settings with { Encoding = new EncodingSettings { TargetFolds = 50 } };
        var profile = FeatureProfile.Parse("name: p\nfeatures: [{ name: c, kind: categorical }, { name: n }]");
        var labels = Enumerable.Range(0, 20).Select(r => (float)(r % 2)).ToArray();
        var set = new TrainingSet(profile, [.. labels.SelectMany((_, r) => new[] { new FeatureValue(double.NaN, "same"), new FeatureValue(r / 2, null) })], labels);
        for (var seed = 0; seed < 50; seed++) Assert.Empty(Find(set, All(set), settings with { Seed = seed }));
    }

    [Fact]
    public void Report_Threshold_IsBelowLeaveOut() => Assert.True(LeakLinter.Report < LeakLinter.LeaveOut);

    [Fact]
    public void Find_Constants_AreReportedAndKept()
    {
        var found = LeakLinter.Find(Set, All(Set), Settings).Where(l => l.Kind == LeakKind.Constant).ToArray();
        Assert.Equal([("constant", false), ("empty", false)], found.Select(l => (l.Feature, l.LeftOut)));
    }

    [Theory]
    [InlineData("mail", "categorical", "e-mail addresses", true)]
    [InlineData("phone", "categorical", "phone numbers", true)]
    [InlineData("token", "categorical", "occur once", true)]
    [InlineData("counter", "numeric", "a running number", true)]
    [InlineData("income", "numeric", null, false)]
    [InlineData("city2", "categorical", null, false)]
    public void Find_WhatNamesTheLead_IsLeftOut(string feature, string kind, string? what, bool leftOut)
    {
        var random = new Random(9);
        FeatureValue Text(string text) => new(double.NaN, text);
        var set = SmallWorld.With(Set, feature, kind, r => feature switch
        {
            "mail" => Text($"person{r % 50}@example.com"), "phone" => Text($"+1 555 01{r % 60:00} 2{r % 10}"), "token" => Text($"t{r}"), "counter" => new FeatureValue(90_000 + (3 * r), null),
            // Distinct whole numbers that are no counter.
            "income" => new FeatureValue(20_000 + (97 * ((r * 7_919L) % 10_007)), null), _ => Text($"c{random.Next(30)}"),
        });
        var found = LeakLinter.Find(set, All(set), Settings).Where(l => l.Feature == feature).ToArray();
        Assert.Equal(leftOut, found.Any(l => l.LeftOut && l.Kind == LeakKind.Identifier));
        if (what is not null) Assert.Contains(what, Assert.Single(found).Message);
        if (leftOut) Assert.All(LeakLinter.Find(set, All(set), Settings with { AllowLeaks = true }), l => Assert.False(l.LeftOut));
    }

    [Theory]
    [InlineData("deal_stage", true)]
    [InlineData("LeadStatus", true)]
    [InlineData("lost_reason", true)]
    [InlineData("employment_status", false)]
    [InlineData("marital status", false)]
    [InlineData("wonderful", false)]
    public void Find_StageLikeName_IsReportedOnly(string feature, bool reported)
    {
        var set = SmallWorld.With(Set, $"'{feature}'", "categorical", r => new FeatureValue(double.NaN, $"v{r % 3}"));
        var found = LeakLinter.Find(set, All(set), Settings).Where(l => l.Kind == LeakKind.Stage).ToArray();
        Assert.Equal(reported, found.Length == 1);
        Assert.All(found, l => Assert.False(l.LeftOut));
    }

    [Fact]
    public void Find_StageLikeValue_IsReported()
    {
        var set = SmallWorld.With(Set, "note", "categorical", r => new FeatureValue(double.NaN, r % 4 == 0 ? "Closed Lost" : "open"));
        Assert.Contains("'Closed Lost'", LeakLinter.Find(set, All(set), Settings).Single(l => l.Kind == LeakKind.Stage).Message);
    }

    [Fact]
    public void Find_DateAfterTheDecision_IsReported()
    {
        var profile = FeatureProfile.Parse("name: p\nfeatures: [{ name: x }, { name: met, from: ['attribute:met | days_since'] }]");
        var values = Enumerable.Range(0, 1_200).SelectMany(r => new[] { new FeatureValue(r % 7, null), new FeatureValue(r % 10 == 0 ? 0 : r % 90, null) }).ToArray();
        var found = LeakLinter.Find(new TrainingSet(profile, values, Set.Labels), All(Set), Settings).Single(l => l.Kind == LeakKind.AfterDecision);
        Assert.Equal(("met", false), (found.Feature, found.LeftOut));
        Assert.Equal(0.111, found.Figure!.Value, 0.02);
    }

    [Fact]
    public void Find_ExcludedByTheProfile_StaysOutWhateverIsAllowed()
    {
        var profile = FeatureProfile.Parse("""
            name: p
            sensitive_features: exclude
            features: [{ name: x }, { name: age, sensitive: true }, { name: income, sensitive: true, exclude: false }, { name: junk, exclude: true }]
            """);
        var values = Enumerable.Range(0, 1_200).SelectMany(r => new[] { new FeatureValue(r % 7, null), new FeatureValue(r % 50, null), new FeatureValue(r % 9, null), new FeatureValue(r % 5, null) }).ToArray();
        var set = new TrainingSet(profile, values, Set.Labels);
        foreach (var allow in (bool[])[false, true])
            Assert.Equal(["age", "junk"], LeakLinter.Find(set, All(set), Settings with { AllowLeaks = allow }).Where(l => l.LeftOut).Select(l => l.Feature));
        // Also where there are too few rows to look for leaks.
        Assert.Equal(2, LeakLinter.Find(set, [0, 1, 2], Settings).Count);
    }

    [Fact]
    public void Without_EverythingExcluded_Says()
    {
        var profile = FeatureProfile.Parse("name: p\nfeatures: [{ name: x, exclude: true }]");
        var set = new TrainingSet(profile, [.. Set.Labels.Select(y => new FeatureValue(y, null))], Set.Labels);
        Assert.Contains("excludes every feature", Assert.Throws<TrainingException>(() => LeakLinter.Without(set, LeakLinter.Find(set, All(set), Settings))).Message);
    }

    /// <summary>Findings about the outcome; constants of the small world are another matter.</summary>
    private static IReadOnlyList<LeakFinding> Find(TrainingSet set, int[] rows, TrainingSettings settings) =>
        [.. LeakLinter.Find(set, rows, settings).Where(l => l.Kind == LeakKind.Outcome)];

    private static int[] All(TrainingSet set) => [.. Enumerable.Range(0, set.Rows)];

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
