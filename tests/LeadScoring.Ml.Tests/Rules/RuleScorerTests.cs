using LeadScoring.Ml.Features;
using LeadScoring.Ml.Rules;
using LeadScoring.Ml.Tests.Features;

namespace LeadScoring.Ml.Tests.Rules;

public sealed class RuleScorerTests
{
    private const string Features = "  - name: calls\n  - { name: city, kind: categorical }\n  - { name: consent, kind: boolean }\n";

    [Fact]
    public void Points_RulesThatHold_AreAddedToTheStartInTheirOrder()
    {
        var profile = ShippedProfiles.Of(Features, """
            start_points: 20
            rules:
              - { feature: calls, at_least: 1, points: 10 }
              - { feature: city, is: [Boston], points: 5.25 }
              - { feature: calls, at_least: 5, points: 100 }
              - { feature: consent, is: ["true"], points: -7 }
            """);
        var hits = new List<RuleScorer.Hit>();
        Assert.Equal(28.2, RuleScorer.Points(profile, [new(2, null), new(double.NaN, "boston"), new(1, null)], hits));
        Assert.Equal([new(0, 10), new(1, 5.25), new(2, -7)], hits);
    }

    [Theory]
    [InlineData(-500, 1)]
    [InlineData(0, 1)]
    [InlineData(98.96, 99)]
    [InlineData(500, 99)]
    [InlineData(42.34, 42.3)]
    public void Points_AnySum_StaysWithin1And99WithOneDecimal(double start, double expected)
    {
        var profile = ShippedProfiles.Of(Features, FormattableString.Invariant($"start_points: {start}"));
        Assert.Equal(expected, RuleScorer.Points(profile, new FeatureValue[3]));
    }

    [Fact]
    public void Points_NothingKnown_NoRuleHolds()
    {
        var profile = ShippedProfiles.RealEstate.Value;
        var hits = new List<RuleScorer.Hit>();
        Assert.Equal(profile.StartPoints, RuleScorer.Points(profile, [.. Enumerable.Repeat(FeatureValue.Missing, 26)], hits));
        Assert.Empty(hits);
    }

    [Fact]
    public void Points_MoreInterest_NeverCostsPoints()
    {
        // A lead that asks for a showing outranks one that calls, which outranks one that only looks.
        var profile = ShippedProfiles.RealEstate.Value;
        double With(params (string Feature, double Value)[] known)
        {
            var values = Enumerable.Repeat(FeatureValue.Missing, 26).ToArray();
            foreach (var (feature, value) in known) values[profile.IndexOf(feature)] = new FeatureValue(value, null);
            return RuleScorer.Points(profile, values);
        }

        double[] rising = [With(("recency", 60)), With(), With(("property_views", 6)), With(("property_views", 6), ("phone_calls", 1)), With(("property_views", 6), ("phone_calls", 1), ("showing_requests", 3))];
        Assert.Equal(rising.Order(), rising);
        Assert.Equal(rising.Length, rising.Distinct().Count());
    }
}
