using System.Text.Json;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>From rules by rules and outcomes to a model, as an organization goes through it.</summary>
public sealed class ColdStartTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static readonly object Caller = new { lead_id = "open", lead = new { call_count = 1 }, include_factors = true, save = false };

    private async Task<TrainedVersion> TrainAsync(TestOrganization organization, PromotionMode promote)
    {
        using var output = new StringWriter();
        return await TrainCommand.RunAsync(Terminal.Plain(output, output), sidecar.Services, organization.Id, SmallModel.Settings, promote, CancellationToken.None);
    }

    /// <summary>Leads with a call convert as often as is said, all others never.</summary>
    private static async Task OutcomesAsync(TestOrganization organization, int count, Func<int, bool> called, Func<int, bool> converted)
    {
        await organization.PostAsync("/v1/leads/batch", new { leads = Enumerable.Range(0, count).Select(i => new { lead_id = $"h{i}", attributes = new { call_count = called(i) ? 1 : 0 }, created_at = "2025-01-01" }) });
        var (_, body) = await organization.PostAsync("/v1/outcomes", new { outcomes = Enumerable.Range(0, count).Select(i => new { lead_id = $"h{i}", converted = converted(i), occurred_at = "2025-02-01" }) });
        Assert.Equal(0, body.Int("rejected"));
    }

    private static string Stage(JsonElement answer) => answer.GetProperty("rests_on").Text("stage")!;

    [NativeXGBoostFact]
    public async Task Train_TooFewOutcomesForAModel_CorrectsTheRulesAndSaysWhatItRestsOn()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var before = await organization.ScoreAsync(Caller);
        Assert.Equal(("rules", 20.0, 0), (Stage(before), before.GetProperty("score").GetDouble(), before.GetProperty("rests_on").Int("outcomes")));
        // 9 of 18 called leads converted: too few for a model, enough to see that 20 points are too low.
        await OutcomesAsync(organization, 18, _ => true, i => i % 2 == 0);
        await Assert.ThrowsAsync<TrainingException>(() => TrainAsync(organization, PromotionMode.Auto));
        sidecar.Get<LeadScoring.Sidecar.Models.ActiveModels>().Forget(organization.Id);
        var after = await organization.ScoreAsync(Caller);
        Assert.Equal(("prior_and_data", "rules", 18, 9), (Stage(after), after.Text("scored_by"), after.GetProperty("rests_on").Int("outcomes"), after.GetProperty("rests_on").Int("converted")));
        var score = after.GetProperty("score").GetDouble();
        Assert.InRange(score, 30, 50);
        // Its interval tells how little is known, and its factors still sum.
        var interval = after.GetProperty("conversion_interval");
        Assert.InRange(score / 100, interval.GetProperty("low").GetDouble(), interval.GetProperty("high").GetDouble());
        var factors = after.GetProperty("factors");
        Assert.Equal(score, factors.GetProperty("base").GetDouble() + factors.GetProperty("positive").EnumerateArray().Concat(factors.GetProperty("negative").EnumerateArray()).Sum(f => f.GetProperty("points").GetDouble()), 6);
        Assert.Equal("phone_calls", factors.GetProperty("positive")[0].Text("feature"));
    }

    [NativeXGBoostFact]
    public async Task Train_OutcomesThatNothingExplains_KeepsRulesAndOutcomesUnlessToldOtherwise()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var random = new Random(7);
        bool[] luck = [.. Enumerable.Range(0, 80).Select(_ => random.Next(2) == 0)];
        await OutcomesAsync(organization, luck.Length, i => i % 3 == 0, i => luck[i]);
        var trained = await TrainAsync(organization, PromotionMode.Auto);
        Assert.False(trained.IsPromoted, trained.Reason);
        Assert.Contains("not proven yet; rules and outcomes go on scoring", trained.Reason);
        Assert.Equal("prior_and_data", Stage(await organization.ScoreAsync(Caller)));
        Assert.True((await TrainAsync(organization, PromotionMode.Always)).IsPromoted);
        sidecar.Get<LeadScoring.Sidecar.Models.ActiveModels>().Forget(organization.Id);
        Assert.Equal("model", Stage(await organization.ScoreAsync(Caller)));
    }

    [NativeXGBoostFact]
    public async Task Put_ProfileWithOtherRules_ForgetsWhatWasLearnedOfTheOldOnes()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await OutcomesAsync(organization, 18, _ => true, i => i % 2 == 0);
        await Assert.ThrowsAsync<TrainingException>(() => TrainAsync(organization, PromotionMode.Auto));
        var yaml = (await organization.GetAsync("/v1/profile")).Body.Text("yaml")!;
        await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = yaml.Replace("start_points: 10", "start_points: 12", StringComparison.Ordinal) });
        sidecar.Get<LeadScoring.Sidecar.Models.ActiveModels>().Forget(organization.Id);
        var answer = await organization.ScoreAsync(Caller);
        Assert.Equal(("rules", 22.0), (Stage(answer), answer.GetProperty("score").GetDouble()));
    }
}
