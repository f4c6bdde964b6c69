using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Explanation;

public sealed class CounterfactualSearchTests
{
    private static readonly FeatureProfile Profile = FeatureProfile.Parse("""
        name: change
        features:
          - { name: calls, actionable: true, from: ["activity:count(call)"] }
          - { name: recency, actionable: true, from: ["activity:days_since_last"] }
          - { name: price, actionable: true }
          - { name: plan, actionable: true, kind: categorical }
          - { name: consent, actionable: true, kind: boolean, change: increase }
          - { name: age }
          - { name: visits, actionable: true, change: increase }
        """);

    private static readonly SeenValues?[] Seen =
    [
        new([0, 1, 2, 3, 5, 8, 20], null), new([0, 1, 3, 7, 14, 30, 90], null), new([0.5, 1.5, 2.5, 3.5], null), new(null, ["basic", "pro"]), new([0, 1], null), new([20, 30, 40], null), new([0, 4, 8], null),
    ];

    private static FeatureValue N(double number) => new(number, null);

    private static readonly FeatureValue[] Lead = [N(1), N(14), N(2.5), new(double.NaN, "basic"), N(0), N(33), N(4)];

    private static Counterfactual Find(Func<FeatureValue[], double> points, double target, FeatureValue[]? lead = null) =>
        new CounterfactualSearch(points).Find(lead ?? Lead, CounterfactualOption.Of(Profile, lead ?? Lead, Seen), target);

    private static string Text(Counterfactual found) => string.Join(", ", found.Changes.Select(c => $"{Profile.Features[c.Feature].Name}={(c.To.Level ?? c.To.Number.ToString("R"))}"));

    [Fact]
    public void Options_Directions_AreKept()
    {
        var options = CounterfactualOption.Of(Profile, Lead, Seen);
        Assert.Equal([2, 3, 4, 5, 6, 8, 20], options[0].Select(o => o.Value.Number));
        // Whole days between what was seen, downwards only, the nearest first.
        Assert.Equal([13, 12, 11, 10, 9, 7, 3, 1, 0], options[1].Select(o => o.Value.Number));
        Assert.Equal([0.5, 1.5, 3.5], options[2].Select(o => o.Value.Number).Order());
        Assert.Equal(["pro"], options[3].Select(o => o.Value.Level));
        Assert.Equal([1.0], options[4].Select(o => o.Value.Number));
        Assert.Empty(options[5]);
        Assert.Equal([5, 6, 7, 8], options[6].Select(o => o.Value.Number));
        Assert.All(options.SelectMany(o => o), o => Assert.True(o.Distance > 0));
        // Of what is unknown every value may turn out.
        var unknown = CounterfactualOption.Of(Profile, [.. Lead.Select(_ => FeatureValue.Missing)], Seen);
        Assert.Contains(unknown[1], o => o.Value.Number == 90);
        Assert.Equal(["basic", "pro"], unknown[3].Select(o => o.Value.Level));
        Assert.Equal([0.0, 1.0], unknown[4].Select(o => o.Value.Number));
    }

    [Fact]
    public void Find_OneFeatureIsEnough_IsTheNearestValueOfIt() =>
        Assert.Equal("calls=4", Text(Find(v => 40 + (10 * Math.Min(5, v[0].Number)) + (v[4].Number * 5), 80)));

    [Fact]
    public void Find_TwoOrThreeAreNeeded_IsTheNearestOfThem()
    {
        // Each can give 10 at most.
        static double Points(FeatureValue[] v) => 50 + (v[0].Number >= 3 ? 10 : 0) + (v[1].Number <= 7 ? 10 : 0) + (v[3].Level == "pro" ? 10 : 0) + (v[4].Number == 1 ? 9 : 0);
        Assert.Equal("calls=3, recency=7", Text(Find(Points, 70)));
        Assert.Equal("calls=3, recency=7, plan=pro", Text(Find(Points, 80)));
        var four = Find(Points, 89);
        Assert.Equal((true, 4, 89.0), (four.IsReached, four.Changes.Count, four.Points));
    }

    [Fact]
    public void Find_OutOfReach_GivesTheBestThereIs()
    {
        var found = Find(v => 10 + v[0].Number + (v[4].Number * 3), 70);
        Assert.Equal((false, 33.0, "calls=20, consent=1"), (found.IsReached, found.Points, Text(found)));
        var nothing = Find(v => 10, 70);
        Assert.Equal((false, 10.0), (nothing.IsReached, nothing.Points));
        Assert.Equal((true, 0), (Find(v => 70, 70).IsReached, Find(v => 70, 70).Changes.Count));
        Assert.Equal((false, 0), (new CounterfactualSearch(_ => 5).Find(Lead, [[], [], [], [], [], [], []], 70) is var none ? (none.IsReached, none.Changes.Count) : default));
    }

    [Fact]
    public void Find_RandomScores_HoldsAndStaysWithinTheBudget()
    {
        int reached = 0, missed = 0;
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            double[] w = [.. Lead.Select(_ => (random.NextDouble() - 0.3) * 3)];
            double[] interaction = [.. Lead.Select(_ => random.NextDouble() - 0.5)];
            var calls = 0;
            double Points(FeatureValue[] v)
            {
                calls++;
                var margin = -2.0;
                for (var f = 0; f < v.Length; f++)
                {
                    var x = v[f].Level is { } level ? (level == "pro" ? 1 : 0) : Math.Log(1 + v[f].Number);
                    margin += (w[f] * x) + (interaction[f] * x * Math.Log(1 + v[(f + 1) % 3].Number));
                }

                return Math.Clamp(Math.Round(100 / (1 + Math.Exp(-margin)), 1), 0.1, 99.9);
            }

            var found = Find(Points, 70);
            // The climb adds a round of single changes a time.
            Assert.InRange(calls, 1, CounterfactualSearch.MaxScores + 1_000);
            var changed = (FeatureValue[])Lead.Clone();
            foreach (var change in found.Changes)
            {
                Assert.Equal(Lead[change.Feature], change.From);
                Assert.True(Profile.Features[change.Feature].Actionable);
                changed[change.Feature] = change.To;
            }

            Assert.Equal(found.Points, Points(changed));
            Assert.Equal(found.IsReached, found.Points >= 70);
            Assert.Equal(found.Changes.Count, found.Changes.Select(c => c.Feature).Distinct().Count());
            if (found.IsReached) reached++;
            else missed++;
            // Nothing smaller: no single change does where two are given.
            if (found.IsReached && found.Changes.Count > 1)
            {
                var options = CounterfactualOption.Of(Profile, Lead, Seen);
                for (var f = 0; f < Lead.Length; f++)
                {
                    foreach (var option in options[f])
                    {
                        var single = (FeatureValue[])Lead.Clone();
                        single[f] = option.Value;
                        Assert.True(Points(single) < 70);
                    }
                }
            }
        }

        Assert.True(reached > 50 && missed > 10, $"{reached} reached, {missed} not");
    }

    [Fact]
    public void Thin_Options_KeepsTheNearestAndTheFarthest()
    {
        CounterfactualOption[] options = [.. Enumerable.Range(1, 11).Select(i => new CounterfactualOption(N(i), i))];
        Assert.Equal([1, 6, 11], CounterfactualOption.Thin(options, 3).Select(o => o.Distance));
        Assert.Same(options, CounterfactualOption.Thin(options, 11));
    }
}
