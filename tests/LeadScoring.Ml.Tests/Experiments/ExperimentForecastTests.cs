using LeadScoring.Ml.Experiments;
using Xunit.Abstractions;

namespace LeadScoring.Ml.Tests.Experiments;

[Trait("Category", "Slow")]
public sealed class ExperimentForecastTests(ITestOutputHelper output)
{
    private static readonly ExperimentRule Rule = new() { Metric = ExperimentMetric.Conversion, Effect = 0.05, HorizonDays = 28 };

    [Fact]
    public void Of_TenLeadsAWeek_CannotFinishASplitAndSaysWhy()
    {
        var forecast = ExperimentForecast.Of(ExperimentKind.Split, Rule, 0.5, new LeadFlow(10, 0.1));
        Assert.False(forecast.CanFinish);
        Assert.Contains("cannot finish: the rule allows 52 weeks", forecast.Text);
        Assert.Equal((forecast.Leads / 10) + 4, forecast.Weeks, 1e-9);
        Assert.True(ExperimentForecast.Of(ExperimentKind.Split, Rule, 0.5, new LeadFlow(500, 0.1)).CanFinish);
        Assert.Contains("none came in", ExperimentForecast.Of(ExperimentKind.Split, Rule, 0.5, new LeadFlow(0, 0.1)).Text);
    }

    [Fact]
    public void Of_RareConversionsSmallEffectsUnevenShares_NeedMoreLeads()
    {
        double Leads(ExperimentRule rule, double share = 0.5, double rate = 0.1) => ExperimentForecast.Of(ExperimentKind.Split, rule, share, new LeadFlow(100, rate)).Leads;
        Assert.True(Leads(Rule with { Effect = 0.025 }) > 3 * Leads(Rule));
        Assert.True(Leads(Rule, share: 0.1) > 1.5 * Leads(Rule));
        Assert.True(Leads(Rule, rate: 0.4) > 1.5 * Leads(Rule));
        Assert.True(Leads(Rule with { Alpha = 0.01 }) > Leads(Rule));
        Assert.True(Leads(Rule with { Margin = 0.03 }) < Leads(Rule));
    }

    /// <summary>What the forecast says is about what happens: half of the experiments are decided by then, give or take.</summary>
    [Theory]
    [InlineData(0.1, 0.05)]
    [InlineData(0.2, 0.1)]
    public void Of_Simulated_MostAreDecidedByThen(double rate, double effect)
    {
        var rule = Rule with { Effect = effect };
        var forecast = ExperimentForecast.Of(ExperimentKind.Split, rule, 0.5, new LeadFlow(100, rate));
        var decided = 0;
        for (var run = 0; run < 200; run++)
        {
            var random = new Random(run);
            TestedLead[] leads = [.. Enumerable.Range(0, (int)forecast.Leads).Select(i => { var own = random.NextDouble() < 0.5; return new TestedLead($"{i}", own, random.NextDouble() < rate + (own ? effect : 0), 0, 0); })];
            if (ExperimentReading.VerdictOf(ExperimentKind.Split, rule, 0.5, leads).Verdict == ExperimentVerdict.Promote) decided++;
        }

        output.WriteLine($"{forecast.Text} {decided} of 200 decided by then");
        Assert.InRange(decided, 100, 180);
    }
}
