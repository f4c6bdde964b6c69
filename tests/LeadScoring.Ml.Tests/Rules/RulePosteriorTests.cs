using LeadScoring.Ml.Features;
using LeadScoring.Ml.Rules;
using LeadScoring.Ml.Tests.Features;

namespace LeadScoring.Ml.Tests.Rules;

public sealed class RulePosteriorTests
{
    private static readonly FeatureProfile Profile = ShippedProfiles.Of(
        "  - name: calls\n  - name: visits\n  - { name: city, kind: categorical }\n",
        """
        start_points: 20
        segment: city
        rules:
          - { feature: calls, at_least: 1, points: 30 }
          - { feature: visits, at_least: 5, points: 10 }
          - { feature: visits, at_least: 50, points: -15 }
        """);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(2, 0)]
    [InlineData(1, 60)]
    public void Score_NoOutcomes_IsTheRulesOwn(double calls, double visits)
    {
        FeatureValue[] lead = [new(calls, null), new(visits, null), new(double.NaN, "Ulm")];
        var estimate = RulePosterior.Fit(Profile, [], []).Score(lead);
        Assert.Equal(RuleScorer.Points(Profile, lead) / 100, estimate.Probability, 12);
        Assert.True(estimate.High - estimate.Low > 0.5, $"without outcomes little is known, but the interval is {estimate.Low:0.00} to {estimate.High:0.00}");
        // Not knowing pulls towards a coin.
        Assert.InRange(Math.Abs(estimate.Mean - 0.5), 0, Math.Abs(estimate.Probability - 0.5));
    }

    [Fact]
    public void Score_MoreOutcomes_MovesFromTheRulesToTheDataAndNarrows()
    {
        // The rules praise calls; in truth leads with calls convert at 10 % and the others at 40 %.
        FeatureValue[] caller = [new(1, null), new(0, null), FeatureValue.Missing];
        double before = 0.5, width = 1;
        foreach (var rows in (int[])[0, 40, 400, 4_000])
        {
            var (values, labels) = Leads(rows, (calls, _, _) => calls ? 0.1 : 0.4);
            var estimate = RulePosterior.Fit(Profile, values, labels).Score(caller);
            Assert.True(rows == 0 || (estimate.Probability < before && estimate.High - estimate.Low < width), $"{rows} rows: {estimate}");
            (before, width) = (estimate.Probability, estimate.High - estimate.Low);
        }

        Assert.Equal(0.1, before, 0.03);
    }

    [Fact]
    public void Score_SmallSegment_BorrowsFromTheWhole()
    {
        // Ulm has converted 3 of 3 and is one of many alike; Rom has 800 leads at 70 %, all others 20 %.
        var (values, labels) = Leads(4_000, (_, _, city) => city == "Rom" ? 0.7 : 0.2);
        (values, labels) = ([.. values, .. Repeat([new(0, null), new(0, null), new(double.NaN, "Ulm")], 3)], [.. labels, 1f, 1f, 1f]);
        var posterior = RulePosterior.Fit(Profile, values, labels);
        double Of(string city) => posterior.Score([new(0, null), new(0, null), new(double.NaN, city)]).Probability;
        Assert.Equal(0.7, Of("Rom"), 0.06);
        Assert.InRange(Of("Ulm"), Of("Bonn") + 0.02, 0.75);
        Assert.Equal(Of("nowhere"), posterior.Score([new(0, null), new(0, null), FeatureValue.Missing]).Probability, 12);
    }

    [Fact]
    public void Score_Intervals_CoverTheTrueRate()
    {
        var covered = 0;
        const int Repeats = 200;
        for (var seed = 0; seed < Repeats; seed++)
        {
            var (values, labels) = Leads(150, (calls, _, _) => calls ? 0.45 : 0.2, seed);
            var estimate = RulePosterior.Fit(Profile, values, labels).Score([new(1, null), new(0, null), FeatureValue.Missing]);
            covered += estimate.Low <= 0.45 && 0.45 <= estimate.High ? 1 : 0;
        }

        // 90 % of 200 is 180; four standard deviations of chance are 17.
        Assert.InRange(covered, 163, Repeats);
    }

    [Fact]
    public void Score_Contributions_SumToTheLogOdds()
    {
        var (values, labels) = Leads(500, (calls, visits, city) => calls ? 0.6 : city == "Rom" ? 0.5 : visits > 5 ? 0.3 : 0.1);
        var posterior = RulePosterior.Fit(Profile, values, labels);
        var parts = new double[3];
        for (var r = 0; r < 500; r++)
        {
            var estimate = posterior.Score(values.AsSpan(r * 3, 3), parts);
            Assert.Equal(Math.Log(estimate.Probability / (1 - estimate.Probability)), estimate.BaseLogOdds + parts.Sum(), 9);
        }
    }

    [Fact]
    public void Fit_StateStoredAndRead_GivesTheSame()
    {
        var (values, labels) = Leads(300, (calls, _, _) => calls ? 0.5 : 0.2);
        var fitted = RulePosterior.Fit(Profile, values, labels);
        var json = System.Text.Json.JsonSerializer.Serialize(fitted.State);
        var read = new RulePosterior(Profile, System.Text.Json.JsonSerializer.Deserialize<RulePosteriorState>(json)!);
        Assert.Equal(fitted.Score(values.AsSpan(0, 3)), read.Score(values.AsSpan(0, 3)));
        Assert.Equal((300, (int)labels.Sum()), (read.State.Outcomes, read.State.Converted));
    }

    [Fact]
    public void New_OtherRulesOrBadNumbers_IsRefused()
    {
        var state = RulePosterior.Fit(Profile, [], []).State;
        var other = ShippedProfiles.Of("  - name: calls\n", "rules:\n  - { feature: calls, at_least: 1, points: 30 }\n");
        Assert.Contains("other rules", Assert.Throws<ArgumentException>(() => new RulePosterior(other, state)).Message);
        Assert.Contains("coefficients", Assert.Throws<ArgumentException>(() => new RulePosterior(Profile, state with { Mean = [1] })).Message);
        Assert.Contains("finite", Assert.Throws<ArgumentException>(() => new RulePosterior(Profile, state with { Mean = [double.NaN, .. state.Mean[1..]] })).Message);
        Assert.Contains("row 0", Assert.Throws<ArgumentException>(() => RulePosterior.Fit(Profile, new FeatureValue[3], [2])).Message);
    }

    [Fact]
    public void Parse_SegmentThatIsNoCategory_IsAFault() =>
        Assert.Contains("segment: 'calls'", Assert.Throws<ProfileException>(() => ShippedProfiles.Of("  - name: calls\n", "segment: calls")).Message);

    private static (FeatureValue[] Values, float[] Labels) Leads(int rows, Func<bool, int, string, double> rate, int seed = 1)
    {
        var random = new Random(seed);
        var values = new FeatureValue[rows * 3];
        var labels = new float[rows];
        for (var r = 0; r < rows; r++)
        {
            var (calls, visits, city) = (random.Next(2) == 1, random.Next(10), random.Next(5) switch { 0 => "Rom", 1 => "Bonn", 2 => "Kiel", _ => "Jena" });
            (values[r * 3], values[(r * 3) + 1], values[(r * 3) + 2]) = (new(calls ? 1 : 0, null), new(visits, null), new(double.NaN, city));
            labels[r] = random.NextDouble() < rate(calls, visits, city) ? 1 : 0;
        }

        return (values, labels);
    }

    private static IEnumerable<FeatureValue> Repeat(FeatureValue[] row, int times) => Enumerable.Range(0, times).SelectMany(_ => row);
}
