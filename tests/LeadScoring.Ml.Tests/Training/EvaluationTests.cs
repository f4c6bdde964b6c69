using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Fairness;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

public sealed class ForwardSplitTests
{
    [Fact]
    public void Of_Moments_TestIsTheNewest()
    {
        var (train, test) = ForwardSplit.Of([50, 10, 40, 20, 30], [0, 1, 2, 3, 4], 0.4);
        Assert.Equal([1, 3, 4], train);
        Assert.Equal([0, 2], test);
    }

    [Theory]
    // Wanted are two test rows; the tie of three goes to the side that comes nearer.
    [InlineData(new long[] { 1, 2, 3, 3, 3 }, 2)]
    [InlineData(new long[] { 1, 3, 3, 3, 4 }, 4)]
    [InlineData(new long[] { 1, 1, 1, 1, 2 }, 4)]
    public void Of_Ties_StayOnOneSide(long[] asOf, int trainRows)
    {
        var (train, test) = ForwardSplit.Of(asOf, [0, 1, 2, 3, 4], 0.4);
        Assert.Equal(trainRows, train.Length);
        Assert.True(train.Max(r => asOf[r]) < test.Min(r => asOf[r]));
    }

    [Fact]
    public void Of_OneMoment_LeavesOneSideEmpty()
    {
        var (train, test) = ForwardSplit.Of([7, 7, 7], [0, 1, 2], 0.4);
        Assert.True(train.Length == 0 || test.Length == 0);
    }
}

public sealed class LabelMaturityTests
{
    private static readonly FeatureProfile Profile = FeatureProfile.Parse("name: p\nhorizon_days: 90\nlost_stages: [Kein Interesse]\nfeatures: [{ name: x }]");
    private const long Day = ActivityState.DayMs;

    [Theory]
    [InlineData(true, 10, null, null, 11, MaturedLabel.Converted)]
    [InlineData(true, 91, null, null, 200, MaturedLabel.NotConverted)] // after the horizon
    [InlineData(false, 10, null, null, 89, MaturedLabel.Waiting)]
    [InlineData(false, 10, null, null, 90, MaturedLabel.NotConverted)]
    [InlineData(false, 10, true, null, 11, MaturedLabel.NotConverted)]
    [InlineData(false, 10, null, "Closed Lost", 11, MaturedLabel.NotConverted)]
    [InlineData(false, 10, null, "kein-interesse", 11, MaturedLabel.NotConverted)]
    [InlineData(false, 10, null, "negotiation", 11, MaturedLabel.Waiting)]
    [InlineData(false, 10, false, "lost", 11, MaturedLabel.Waiting)]
    [InlineData(false, 10, false, "lost", 90, MaturedLabel.NotConverted)]
    public void Of_EachCase_IsAsStated(bool converted, int occurredDay, bool? isFinal, string? stage, int today, MaturedLabel expected) =>
        Assert.Equal(expected, LabelMaturity.Of(converted, occurredDay * Day, isFinal, stage, 0, Profile, today * Day));

    [Fact]
    public void Message_None_IsNull()
    {
        Assert.Null(LabelMaturity.Message(0, 5, 0, Profile));
        Assert.StartsWith("312 non-conversions younger than 90 days wait", LabelMaturity.Message(312, 5, 0, Profile));
    }
}

public sealed class YoungOutcomesTests
{
    private const int Horizon = 90;

    /// <summary>Leads that convert at a rate of 0.3, a day's worth for a year; conversions are known after 5 to 50 days, the others after 45 to 89.</summary>
    private static (bool[] Converted, int[] Age, int[] Delay, double[] Draw) Year(int leads, int seed)
    {
        var random = new Random(seed);
        var converted = Enumerable.Range(0, leads).Select(_ => random.NextDouble() < 0.3).ToArray();
        return (converted, [.. Enumerable.Range(0, leads).Select(_ => random.Next(365))], [.. converted.Select(c => c ? random.Next(5, 50) : random.Next(45, Horizon))], [.. Enumerable.Range(0, leads).Select(_ => random.NextDouble())]);
    }

    [Fact]
    public void Count_ConversionsAreKnownSooner_TheRateIsThatOfAllLeads()
    {
        var (converted, age, delay, draw) = Year(40_000, 1);
        int[] known = [.. Enumerable.Range(0, age.Length).Where(i => delay[i] <= age[i])];
        var counts = YoungOutcomes.Count([.. known.Select(i => new KnownOutcome(converted[i], age[i], delay[i], draw[i]))], Horizon);
        int[] young = [.. Enumerable.Range(0, known.Length).Where(i => age[known[i]] < Horizon)];
        double Rate(IEnumerable<int> some) => some.Average(i => converted[known[i]] ? 1.0 : 0);
        Assert.InRange(Rate(young), 0.4, 1);
        Assert.InRange(Rate(young.Where(i => counts[i])), 0.27, 0.33);
        Assert.InRange(Rate(Enumerable.Range(0, known.Length).Where(i => counts[i])), 0.29, 0.31);
        // All that is old counts, and of the kind that is known later all.
        Assert.All(Enumerable.Range(0, known.Length).Where(i => age[known[i]] >= Horizon || !converted[known[i]]), i => Assert.True(counts[i]));
    }

    [Fact]
    public void Count_NonConversionsAreKnownSooner_IsTheSameTheOtherWayRound()
    {
        var (converted, age, delay, draw) = Year(20_000, 2);
        int[] known = [.. Enumerable.Range(0, age.Length).Where(i => delay[i] <= age[i])];
        var counts = YoungOutcomes.Count([.. known.Select(i => new KnownOutcome(converted[i], age[i], delay[i], draw[i]))], Horizon);
        Assert.Equal(counts, YoungOutcomes.Count([.. known.Select(i => new KnownOutcome(!converted[i], age[i], delay[i], draw[i]))], Horizon));
    }

    [Fact]
    public void Count_WhatCounts_GoesOnToCount()
    {
        var (converted, _, delay, draw) = Year(2_000, 3);
        KnownOutcome[] old = [.. Enumerable.Range(0, 2_000).Select(i => new KnownOutcome(converted[i], 200, delay[i], draw[i]))];
        var before = false;
        for (var age = 50; age <= Horizon; age++)
        {
            var counts = YoungOutcomes.Count([.. old, new KnownOutcome(true, age, 10, 0.5)], Horizon)[^1];
            Assert.True(counts || !before);
            before = counts;
        }

        Assert.True(before);
    }

    [Fact]
    public void Count_NothingKnownOfDelays_AllCount() =>
        Assert.All(YoungOutcomes.Count([.. Enumerable.Range(0, 200).Select(i => new KnownOutcome(i % 2 == 0, 20, 10, i / 200.0))], Horizon), Assert.True);
}

public sealed class NearDuplicateTests
{
    [Fact]
    public void OneSide_PeopleOnBoth_FollowTheirFirstRow()
    {
        string?[] people = ["a", "b", "a", null, "b", "c"];
        var (train, test, moved) = NearDuplicates.OneSide([0, 1, 3], [2, 4, 5], people);
        Assert.Equal([0, 1, 2, 3, 4], train);
        Assert.Equal([5], test);
        Assert.Equal(2, moved);
    }

    [Fact]
    public void WithoutPeopleOf_Forward_DropsTheOlderTwin()
    {
        var (train, moved) = NearDuplicates.WithoutPeopleOf([0, 1, 2], [3], ["a", null, "b", "a"]);
        Assert.Equal([1, 2], train);
        Assert.Equal(1, moved);
    }

    [Fact]
    public void EqualRows_SameValues_AreFoundAndEmptyOnesAreNot()
    {
        var profile = FeatureProfile.Parse("name: p\nfeatures: [{ name: x }, { name: c, kind: categorical }]");
        FeatureValue[] Row(double x, string? c) => [new(x, null), new(double.NaN, c)];
        var set = new TrainingSet(profile, [.. Row(1, "a"), .. Row(1, "b"), .. Row(double.NaN, null), .. Row(1, "a"), .. Row(double.NaN, null), .. Row(2, "a")], new float[6]);
        Assert.Equal([0], NearDuplicates.EqualRows(set, [0, 1, 2], [3, 4, 5]));
    }
}

[Trait("Category", "Slow")]
public sealed class TrainingJudgeTests
{
    private const long Day = ActivityState.DayMs;

    /// <summary>The small world over 400 days; from day 320 on labels are drawn anew where asked.</summary>
    private static TrainingSet World(int rows, Func<int, float>? label = null)
    {
        var set = SmallWorld.Leads(rows, 11);
        return new TrainingSet(set.Profile, set.Values, label is null ? set.Labels : [.. Enumerable.Range(0, rows).Select(label)], [.. Enumerable.Range(0, rows).Select(r => 1_700_000_000_000 + (r * 400 * Day / rows))]);
    }

    private static readonly EvaluationSettings Cheap = new() { LearningCurve = false, FewestRows = 50 };

    private static JudgedTraining Judge(TrainingSet set, RowFacts? facts = null, EvaluationSettings? evaluation = null) =>
        TrainingJudge.Run(set, SmallWorld.Quick, evaluation ?? Cheap, facts ?? RowFacts.None, null, default);

    [NativeXGBoostFact]
    public void Run_WithTime_ShowsBothTests()
    {
        var set = World(1_600);
        var judged = Judge(set);
        var forward = judged.Evaluation.Forward!;
        Assert.Null(judged.Evaluation.WhyNoForward);
        Assert.Equal((320, 90), (forward.Metrics.Rows, forward.EmbargoDays));
        Assert.Equal(set.AsOfMs![1_280], forward.FromMs);
        // Four rows a day: 360 rows of the 90 days before the test are too young, but for the one exactly 90 days old.
        Assert.Equal(1_280 - 360 + 1, forward.TrainRows);
        foreach (var split in new[] { judged.Evaluation.Stratified, forward })
        {
            var auc = split.Intervals["roc_auc"];
            Assert.True(auc.Low < split.Metrics.RocAuc && split.Metrics.RocAuc < auc.High);
            Assert.Equal(20, split.Gain.Count);
            Assert.NotEmpty(split.Segments);
        }

        Assert.Equal(RankedSample.Metrics, judged.Evaluation.Differences.Count);
        var difference = judged.Evaluation.Differences.Single(d => d.Metric == "roc_auc");
        Assert.Equal(forward.Metrics.RocAuc - judged.Evaluation.Stratified.Metrics.RocAuc, difference.Difference, 12);
        // 28 rows a week are too few for a week to count.
        Assert.Equal(0, judged.Evaluation.Weekly!.Weeks);
        // The small world does not drift.
        Assert.Equal(AnchorVerdict.None, judged.Anchor.Verdict);
    }

    [NativeXGBoostFact]
    public void Run_OutcomesTurnAtTheEnd_OnlyTheForwardTestSeesIt()
    {
        // So few that nobody can learn the new rule from them alone: else the training would.
        var plain = SmallWorld.Leads(700, 11);
        var judged = Judge(World(700, r => r < 560 ? plain.Labels[r] : 1 - plain.Labels[r]));
        Assert.Null(judged.Evaluation.RuleSinceMs);
        Assert.True(judged.Evaluation.Stratified.Metrics.RocAuc > 0.6);
        Assert.True(judged.Evaluation.Forward!.Metrics.RocAuc < 0.5);
        Assert.True(judged.Evaluation.Differences.Single(d => d.Metric == "roc_auc").Interval.High < 0);
    }

    [NativeXGBoostFact]
    public void Run_NoTimeOrNothingMature_SaysWhy()
    {
        var set = World(600);
        Assert.Equal("rows carry no time", Judge(new TrainingSet(set.Profile, set.Values, set.Labels)).Evaluation.WhyNoForward);
        Assert.Equal("no row has had its whole horizon yet", Judge(set, new RowFacts { MatureUntilMs = 0 }).Evaluation.WhyNoForward);
        Assert.Equal("all rows have the same moment", Judge(new TrainingSet(set.Profile, set.Values, set.Labels, new long[600])).Evaluation.WhyNoForward);
    }

    [NativeXGBoostFact]
    public void Run_LabelsOfTheTest_DoNotReachTheModel()
    {
        var set = World(800);
        var first = Judge(set);
        var labels = (float[])set.Labels.Clone();
        foreach (var r in first.Result.TestRows) labels[r] = 1 - labels[r];
        var second = TrainingJudge.Run(new TrainingSet(set.Profile, set.Values, labels, set.AsOfMs), first.Result.TrainRows, first.Result.TestRows, SmallWorld.Quick, Cheap, RowFacts.None, null, default);
        Assert.Equal(first.Result.TestScores, second.Result.TestScores);
    }

    [NativeXGBoostFact]
    public void Run_SamePeopleTwice_AreKeptOnOneSide()
    {
        var set = World(800);
        // Every row twice, the second half repeating the first.
        var values = set.Values.Concat(set.Values).ToArray();
        var twice = new TrainingSet(set.Profile, values, [.. set.Labels, .. set.Labels], [.. set.AsOfMs!, .. set.AsOfMs!]);
        string[] people = [.. Enumerable.Range(0, 1_600).Select(r => $"p{r % 800}")];
        var judged = Judge(twice, new RowFacts { People = people }, Cheap with { Forward = false });
        Assert.Empty(judged.Result.TrainRows.Select(r => people[r]).Intersect(judged.Result.TestRows.Select(r => people[r])));
        Assert.True(judged.Evaluation.Twins.Single(t => t.Basis == "person").Moved > 100);
        // A split given by hand stays; its twins are told.
        var kept = Judge(twice, new RowFacts { People = people, KeepSides = true }, Cheap with { Forward = false }).Evaluation.Twins;
        Assert.All(kept, t => Assert.True(t.TestRows > 100 && t.Moved == 0, $"{t}"));
        Assert.Equal(["features", "person"], kept.Select(t => t.Basis).Order());
    }

    [NativeXGBoostFact]
    public void Run_LearningCurve_EndsAtTheTrainedModel()
    {
        var judged = Judge(World(1_600), null, Cheap with { LearningCurve = true, Forward = false });
        var curve = judged.Evaluation.LearningCurve!;
        Assert.Equal([160, 320, 640, 1_280], curve.Points.Select(p => p.Rows));
        Assert.True(curve.Points[0].LogLoss > curve.Points[^1].LogLoss);
        Assert.Contains(curve.MoreData, (string[])["yes", "no", "unclear"]);
        Assert.True(curve.Interval.Low <= curve.GainOfDoubling && curve.GainOfDoubling <= curve.Interval.High);
        Assert.Contains($"More data would help: {curve.MoreData}.", curve.Message);
    }

    [NativeXGBoostFact]
    public void Run_BaseRateMovesAtTheEnd_ModelIsReanchored()
    {
        var random = new Random(1);
        SmallWorld.Leads(4_000, 11, out var truth);
        // Odds times 5 in the newest fifth.
        var judged = Judge(World(4_000, r => random.NextDouble() < (r < 3_200 ? truth[r] : 5 * truth[r] / (1 + (4 * truth[r]))) ? 1 : 0));
        Assert.Equal((AnchorVerdict.Reanchored, AnchorMethod.Outcomes), (judged.Anchor.Verdict, judged.Anchor.Method));
        Assert.True(judged.Anchor.Intercept > 0.5, $"{judged.Anchor}");
    }

    [NativeXGBoostFact]
    public void Run_SensitiveAndExcluded_AreReportedAndNotUsed()
    {
        var set = World(1_600);
        var profile = FeatureProfile.Parse(SmallWorld.Yaml.Replace("{ name: city, kind: categorical }", "{ name: city, kind: categorical, sensitive: true }").Replace("name: small", "name: small\nsensitive_features: exclude"));
        var sensitive = new TrainingSet(profile, set.Values, set.Labels, set.AsOfMs);
        // Gender follows the visits: nobody tells the model, the visits do.
        var gender = Enumerable.Range(0, 1_600).Select(r => set.Row(r)[0].Number >= 6 ? "f" : "m").ToArray();
        var judged = Judge(sensitive, new RowFacts { Sensitive = new Dictionary<string, string?[]> { ["gender"] = gender } });
        Assert.Equal(-1, judged.Result.Model.Profile.IndexOf("city"));
        Assert.Equal(LeakKind.Excluded, judged.Result.Leaks.Single(l => l.Feature == "city").Kind);
        Assert.Equal(["city", "gender"], judged.Fairness.Attributes.Select(a => a.Attribute));
        var city = judged.Fairness.Attributes[0];
        Assert.Equal((false, 4), (city.IsUsed, city.Groups.Count));
        // Cities are drawn by lot: nothing gives them away.
        Assert.InRange(city.Together!.Auc, 0.5, 0.6);
        var byGender = judged.Fairness.Attributes[1];
        Assert.Equal(("visits", FairnessVerdict.Fail), (byGender.Proxies[0].Feature, byGender.Verdict));
        Assert.True(byGender.Proxies[0].Auc > 0.9 && byGender.Together!.Auc > 0.9);
        Assert.Equal(FairnessVerdict.Fail, judged.Fairness.Verdict);
    }

    [NativeXGBoostFact]
    public void Anchored_Model_KeepsOrderAndFactorsSum()
    {
        var (set, result, _) = SmallWorld.Trained.Value;
        var anchored = result.Model.WithAnchor(new Anchor { Slope = 0.8, Intercept = 1.1, Verdict = AnchorVerdict.Reanchored });
        var explainer = new LeadScoring.Ml.Explanation.Explainer(anchored);
        var rows = result.TestRows.Take(100).ToArray();
        foreach (var row in rows)
        {
            var explanation = explainer.Explain(set.Row(row));
            // Tree contributions are single precision.
            Assert.Equal(100 * anchored.Score(set.Row(row)).Probability, explanation.Base + explanation.Factors.Sum(f => f.Points), 3);
            Assert.Equal(new Anchor { Slope = 0.8, Intercept = 1.1 }.Apply(result.Model.QuickScore(set.Row(row)).Probability), anchored.QuickScore(set.Row(row)).Probability, 12);
        }

        var order = rows.OrderBy(r => result.Model.Score(set.Row(r)).Probability);
        Assert.Equal(order, order.OrderBy(r => anchored.Score(set.Row(r)).Probability));
        Assert.NotEqual(result.Model.Score(set.Row(rows[0])), anchored.Score(set.Row(rows[0])));
    }
}
