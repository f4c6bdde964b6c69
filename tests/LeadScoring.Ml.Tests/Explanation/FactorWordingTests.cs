using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Explanation;

public sealed class FactorWordingTests
{
    private static readonly FeatureProfile Profile = FeatureProfile.Parse("""
        name: words
        features:
          - { name: showings, label: Showing requests, unit: requests }
          - { name: recency, label: Last activity, unit: days ago }
          - { name: opens, label: E-mail open rate, unit: share }
          - { name: family, label: Family size, unit: people }
          - { name: searches, label: School searches, unit: searches }
          - { name: plain, label: Lead number }
          - { name: income, kind: categorical, label: Income bracket }
          - { name: consent, kind: boolean, label: Consent }
          - { name: own, label: Seats, phrase: "wants {value} seat{s} at most" }
          - { name: tours, label: Virtual tours, unit: tours }
          - { name: hobbies, label: Hobbies, unit: hobbies }
        """);

    private static FeatureDefinition Feature(string name) => Profile.Features[Profile.IndexOf(name)];

    [Theory]
    [InlineData("showings", 3, "3 showing requests")]
    [InlineData("showings", 1, "1 showing request")]
    [InlineData("showings", 0, "0 showing requests")]
    [InlineData("recency", 12, "Last activity 12 days ago")]
    [InlineData("recency", 1, "Last activity 1 day ago")]
    [InlineData("recency", 0.04, "Last activity 0.04 days ago")]
    [InlineData("opens", 0.4, "E-mail open rate 40 %")]
    [InlineData("opens", 0.004, "E-mail open rate 0.4 %")]
    [InlineData("opens", 1, "E-mail open rate 100 %")]
    [InlineData("opens", 0.9999, "E-mail open rate 99.9 %")]
    [InlineData("family", 4, "Family size: 4 people")]
    [InlineData("family", 1, "Family size: 1 person")]
    [InlineData("searches", 1, "1 school search")]
    [InlineData("hobbies", 1, "1 hobby")]
    [InlineData("tours", 12_345.6, "12,346 virtual tours")]
    [InlineData("plain", 2.25, "Lead number: 2.3")]
    [InlineData("plain", -3, "Lead number: -3")]
    [InlineData("plain", 1e20, "Lead number: 1e+20")]
    [InlineData("consent", 1, "Consent: yes")]
    [InlineData("consent", 0, "Consent: no")]
    [InlineData("own", 3, "wants 3 seats at most")]
    [InlineData("own", 1, "wants 1 seat at most")]
    [InlineData("showings", double.NaN, "Showing requests is unknown")]
    public void ValueText_Number_ReadsAsPeopleSayIt(string feature, double value, string expected) =>
        Assert.Equal(expected, FactorWording.ValueText(Feature(feature), new FeatureValue(value, null)));

    [Fact]
    public void ValueText_Level_IsNamed()
    {
        Assert.Equal("Income bracket: high", FactorWording.ValueText(Feature("income"), new FeatureValue(double.NaN, "high")));
        Assert.Equal("Income bracket is unknown", FactorWording.ValueText(Feature("income"), FeatureValue.Missing));
    }

    private static readonly BaseRates Rates = new(new Tally(10_000, 1_200), 200,
    [
        new("showings", new Tally(100, 5), [new(0, 0, new(6_000, 300)), new(1, 2, new(1_690, 190)), new(3, 5, new(2_000, 700)), new(6, 9, new(310, 247))], null),
        new("income", new Tally(700, 20), null, new() { ["high"] = new(2_000, 600) }),
        new("consent", default, null, new() { ["true"] = new(4_000, 900), ["false"] = new(6_000, 300) }),
        new("opens", default, [new(0, 0.2, new(5_000, 900)), new(0.25, 0.9, new(5_000, 300))], null),
        new("plain", default, [new(7, 7, new(10_000, 1_200))], null),
    ]);

    private static FactorStatement Say(string feature, FeatureValue value, double points) =>
        FactorWording.Of(Feature(feature), value, points, Rates, Array.FindIndex(Rates.Features, f => f.Feature == feature));

    [Theory]
    [InlineData("showings", 3, 5, "3 showing requests; leads with 3 or more convert at 41 %, all leads at 12 %, n = 2,310")]
    [InlineData("showings", 8, 9, "8 showing requests; leads with 6 or more convert at 78 %, all leads at 12 %, n = 310")]
    [InlineData("showings", 100, 9, "100 showing requests; leads with 6 or more convert at 78 %, all leads at 12 %, n = 310")]
    [InlineData("showings", 0, -4, "0 showing requests; leads with 0 convert at 5 %, all leads at 12 %, n = 6,000")]
    [InlineData("showings", 1, -1, "1 showing request; leads with 2 or fewer convert at 6 %, all leads at 12 %, n = 7,690")]
    // Points up, though fewer convert below: what agrees is said.
    [InlineData("showings", 1, 1, "1 showing request; leads with 1 or more convert at 28 %, all leads at 12 %, n = 4,000")]
    [InlineData("opens", 0.9, -2, "E-mail open rate 90 %; leads with 25 % or more convert at 6 %, all leads at 12 %, n = 5,000")]
    [InlineData("opens", 0.1, 2, "E-mail open rate 10 %; leads with 20 % or less convert at 18 %, all leads at 12 %, n = 5,000")]
    [InlineData("consent", 1, 2, "Consent: yes; such leads convert at 22 %, all leads at 12 %, n = 4,000")]
    // One value of all leads says nothing.
    [InlineData("plain", 7, 2, "Lead number: 7")]
    public void Of_Number_QuotesLeadsLikeIt(string feature, double value, double points, string expected) =>
        Assert.Equal(expected, Say(feature, new FeatureValue(value, null), points).Text);

    [Fact]
    public void Of_LevelAndMissing_QuoteTheirOwnWhereThereAreEnough()
    {
        var high = Say("income", new FeatureValue(double.NaN, "high"), 3);
        Assert.Equal("Income bracket: high; such leads convert at 30 %, all leads at 12 %, n = 2,000", high.Text);
        Assert.Equal(new BaseRate((600 + 1.2) / 2_010, 0.12, 2_000), high.BaseRate);
        Assert.Equal(new FactorStatement("Income bracket: low", null), Say("income", new FeatureValue(double.NaN, "low"), 3));
        Assert.Equal("Income bracket is unknown; such leads convert at 3 %, all leads at 12 %, n = 700", Say("income", FeatureValue.Missing, -3).Text);
        Assert.Null(Say("showings", FeatureValue.Missing, -3).BaseRate);
        Assert.Equal("3 showing requests", FactorWording.Of(Feature("showings"), new FeatureValue(3, null), 25).Text);
    }
}
