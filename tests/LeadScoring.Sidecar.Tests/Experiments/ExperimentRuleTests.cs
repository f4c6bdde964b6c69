using System.Net;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Experiments;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using LeadScoring.Sidecar.Tests.Webhooks;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Experiments;

/// <summary>What the hourly job does by the written rule: planted leads and outcomes on a clock that stands.</summary>
[Trait("Category", "Slow")]
public sealed class ExperimentRuleTests : IAsyncLifetime
{
    private static readonly TimeSpan Horizon = TimeSpan.FromDays(8);

    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync() => (sidecar = TestClock.Sidecar(clock)).InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static object Split(double guardrail = 0.02, double margin = 0, int mostLeads = 20_000, int mostWeeks = 52, bool promote = true) =>
        new { name = "planted", kind = "split", challenger = 2, horizon_days = 7, guardrail, margin, most_leads = mostLeads, most_weeks = mostWeeks, promote };

    private static bool EveryOther(int i) => i % 2 == 1;

    [NativeXGBoostFact]
    public async Task Check_BetterChallenger_IsPromotedOnceOutcomesAreMature()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var (webhook, _) = await world.Organization.SubscribeAsync(new Uri("https://example.com/hook"), ["model.promoted"]);
        await world.Organization.ScoreAsync(new { lead_id = "open", lead = new { age = 30 } });
        var experiment = await world.BeginAsync(Split());
        await world.PlantAsync(experiment, 400, EveryOther, challenger => challenger ? 40 : 10);
        // Conversions are known and the horizon is not over: nothing counts yet.
        clock.Advance(TimeSpan.FromDays(3));
        Assert.Contains("0 leads counted, nothing decided", await world.CheckAsync());
        var open = (await world.ReadAsync(experiment)).GetProperty("figures");
        Assert.Equal((400, 200, 0), (open.Int("leads"), open.Int("challenger_leads"), open.Int("counted")));
        Assert.Equal(1, await world.ChampionAsync());
        clock.Advance(Horizon);
        var words = await world.CheckAsync();
        Assert.Contains("shown to be better", words);
        Assert.Contains("Version 2 is the champion", words);
        Assert.Equal(2, await world.ChampionAsync());
        var ended = await world.ReadAsync(experiment);
        Assert.Equal(("decided", "promote"), (ended.Text("state"), ended.Text("decision")));
        var figures = ended.GetProperty("figures");
        Assert.Equal((400, 20, 80), (figures.Int("counted"), figures.GetProperty("champion").Int("converted"), figures.GetProperty("challenger").Int("converted")));
        Assert.InRange(figures.GetProperty("gain").GetDouble(), 0.25, 0.35);
        Assert.True(figures.GetProperty("low").GetDouble() > 0);
        Assert.InRange(figures.Int("decided_after"), 1, 400);
        var told = Assert.Single(await world.Organization.DeliveriesAsync(webhook, "pending"));
        Assert.Equal("model.promoted", told.Text("type"));
        Assert.Equal("No experiment is under way.", await world.CheckAsync());
        await world.WorkAsync();
        Assert.Equal(2, (await world.VersionsAsync())["open"]);
    }

    [NativeXGBoostFact]
    public async Task Check_PromoteFalse_SaysSoAndLeavesTheChampion()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var experiment = await world.BeginAsync(Split(promote: false));
        await world.PlantAsync(experiment, 400, EveryOther, challenger => challenger ? 40 : 10);
        clock.Advance(Horizon);
        Assert.Contains("not promoted by itself", await world.CheckAsync());
        Assert.Equal(1, await world.ChampionAsync());
        Assert.Equal("promote", (await world.ReadAsync(experiment)).Text("decision"));
    }

    [NativeXGBoostFact]
    public async Task Check_WorseChallenger_IsStoppedForHarmOrKeptOut()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        // With a margin that wide nobody says "worse than allowed" before the guardrail is broken.
        var harmful = await world.BeginAsync(Split(margin: 0.2));
        await world.PlantAsync(harmful, 400, EveryOther, challenger => challenger ? 5 : 40);
        clock.Advance(Horizon);
        Assert.Contains("Stopped for harm", await world.CheckAsync());
        var stopped = await world.ReadAsync(harmful);
        Assert.Equal(("stopped", "keep"), (stopped.Text("state"), stopped.Text("decision")));
        Assert.Contains("guardrail of 0.02 (10 of 200 against 80 of 200)", stopped.Text("reason"));
        var worse = await world.BeginAsync(Split(guardrail: 0.3));
        await world.PlantAsync(worse, 400, EveryOther, challenger => challenger ? 5 : 40);
        clock.Advance(Horizon);
        Assert.Contains("shown to be worse than allowed", await world.CheckAsync());
        Assert.Equal("decided", (await world.ReadAsync(worse)).Text("state"));
        Assert.Equal(1, await world.ChampionAsync());
    }

    [NativeXGBoostFact]
    public async Task Check_LeadsMissingFromAnArm_IsInvalid()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var experiment = await world.BeginAsync(Split());
        // However much better it seems.
        await world.PlantAsync(experiment, 200, i => i % 4 == 3, challenger => challenger ? 80 : 10);
        var words = await world.CheckAsync();
        Assert.Contains("Invalid: of ", words);
        var stopped = await world.ReadAsync(experiment);
        Assert.Equal(("stopped", "keep"), (stopped.Text("state"), stopped.Text("decision")));
        Assert.True(stopped.GetProperty("figures").GetProperty("sample_ratio_p").GetDouble() < 0.001);
        Assert.Equal(1, await world.ChampionAsync());
    }

    [NativeXGBoostFact]
    public async Task Check_BoundsReached_StopsWithoutADecision()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        await world.BeginAsync(Split(mostWeeks: 1));
        clock.Advance(TimeSpan.FromDays(6));
        Assert.Contains("nothing decided: nothing is known", await world.CheckAsync());
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Contains("The largest number of weeks (1) is over", await world.CheckAsync());
        var experiment = await world.BeginAsync(Split(mostLeads: 100));
        await world.PlantAsync(experiment, 150, EveryOther, _ => 20);
        clock.Advance(Horizon);
        Assert.Contains("The largest number of leads (100) is reached without a decision", await world.CheckAsync());
        Assert.Equal(100, (await world.ReadAsync(experiment)).GetProperty("figures").Int("counted"));
    }

    [NativeXGBoostFact]
    public async Task Check_AnotherChampionByHand_EndsTheExperimentAtOnce()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var experiment = await world.BeginAsync(Split());
        await world.Organization.ImportModelAsync(await SmallModel.BundleAsync());
        await world.Organization.SendAsync(HttpMethod.Post, "/v1/models/3/promote");
        var seen = await world.ReadAsync(experiment);
        Assert.Equal(("stopped", RunExperiment.OtherChampion), (seen.Text("state"), seen.Text("reason")));
        for (var i = 0; i < 8; i++) Assert.Equal(3, (await world.Organization.ScoreAsync(new { lead_id = $"n{i}", lead = new { age = 30 } })).Int("model_version"));
        await world.CheckAsync();
        Assert.Equal(["stopped"], await world.RowsAsync<string>("select state from experiments where organization_id = @Id"));
        Assert.Equal(3, await world.ChampionAsync());
    }

    [NativeXGBoostFact]
    public async Task Check_Shadow_PromotesOnLogLossOfTheSameLeads()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var experiment = await world.BeginAsync(new { name = "beside", kind = "shadow", challenger = 2, horizon_days = 7 });
        await world.PlantAsync(experiment, 300, _ => false, _ => 20, converted => converted ? (0.3, 0.5) : (0.3, 0.15));
        clock.Advance(Horizon);
        Assert.Contains("shown to be better: log loss saved a lead", await world.CheckAsync());
        Assert.Equal(2, await world.ChampionAsync());
        Assert.False((await world.ReadAsync(experiment)).GetProperty("figures").TryGetProperty("challenger", out _));
    }

    [NativeXGBoostFact]
    public async Task Train_Staged_GoesFromShadowToSplitToChampion()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var world = new ExperimentWorld(sidecar, clock, organization);
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 1_200, 0, seed: 31);
        async Task<TrainedVersion> TrainAsync()
        {
            using var output = new StringWriter();
            return await TrainCommand.RunAsync(Terminal.Plain(output, output), sidecar.Services, organization.Id, SmallModel.Settings, PromotionMode.Auto, CancellationToken.None, new EvaluationSettings { LearningCurve = false });
        }

        Assert.Equal(HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Put, "/v1/gates", new { deploy = "staged", staged_share = 0.4, staged_margin = 0.03, left_out = PromotionGates.All })).Status);
        // A first model has nothing to be tried against.
        Assert.True((await TrainAsync()).IsPromoted);
        var second = await TrainAsync();
        Assert.False(second.IsPromoted);
        Assert.Contains("in stages, a shadow first: gates passed", second.Reason);
        var shadow = (await organization.GetAsync("/v1/experiments")).Body.At("experiments", 0);
        Assert.Equal(("running", "shadow", 1, 2, "split"), (shadow.Text("state"), shadow.Text("kind"), shadow.Int("champion"), shadow.Int("challenger"), shadow.Text("next")));
        Assert.Equal(0.01, shadow.GetProperty("rule").GetProperty("margin").GetDouble());
        var third = await TrainAsync();
        Assert.Contains("is under way, so this version waits", third.Reason);
        // As good as the champion, up to a little noise: not worse by more than the margin.
        await world.PlantAsync(shadow, 1_500, _ => false, _ => 20, converted => converted ? (0.3, 0.302) : (0.3, 0.299));
        clock.Advance(TimeSpan.FromDays(91));
        var words = await world.CheckAsync();
        Assert.Contains("shown to be not worse than allowed", words);
        Assert.Contains("follows: split", words);
        Assert.Equal(1, await world.ChampionAsync());
        var split = (await organization.GetAsync("/v1/experiments")).Body.At("experiments", 0);
        Assert.Equal(("running", "split", 0.4, 0.03), (split.Text("state"), split.Text("kind"), split.GetProperty("share").GetDouble(), split.GetProperty("rule").GetProperty("margin").GetDouble()));
        Assert.Equal("challenger", (await organization.GetAsync("/v1/models")).Body.GetProperty("models").EnumerateArray().Single(m => m.Int("version") == 2).At("aliases", 0).GetString());
        clock.Advance(TimeSpan.FromHours(1));
        await world.PlantAsync(split, 1_000, i => i % 5 < 2, challenger => challenger ? 30 : 15);
        clock.Advance(TimeSpan.FromDays(92));
        Assert.Contains("Version 2 is the champion", await world.CheckAsync());
        Assert.Equal(2, await world.ChampionAsync());
    }

    [NativeXGBoostFact]
    public async Task Post_Experiment_TellsWhetherItCanFinishAndKeepsItsRule()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        // 16 leads in the last eight weeks.
        await world.PutLeadsAsync(Enumerable.Range(0, 16).Select(i => $"lead-{i}"));
        await world.WorkAsync();
        clock.Advance(TimeSpan.FromDays(55));
        var (status, forecast) = await world.Organization.PostAsync("/v1/experiments/forecast", new { kind = "split", effect = 0.05 });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.False(forecast.GetProperty("can_finish").GetBoolean());
        Assert.Contains("it cannot finish", forecast.Text("text"));
        Assert.Equal(2.0, forecast.GetProperty("leads_per_week").GetDouble(), 0.1);
        var help = forecast.GetProperty("what_would_help").EnumerateArray().Select(h => h.GetString()!).ToArray();
        Assert.Contains(help, h => h.StartsWith("A shadow with metric log_loss", StringComparison.Ordinal));
        Assert.Contains(help, h => h.StartsWith("An interleaved call list", StringComparison.Ordinal));
        var experiment = await world.BeginAsync(new { name = "rule", kind = "split", challenger = 2, effect = 0.05, margin = 0.01, alpha = 0.1 });
        Assert.Equal(forecast.Text("conversion_rate"), experiment.GetProperty("forecast").Text("conversion_rate"));
        var rule = (await world.ReadAsync(experiment)).GetProperty("rule");
        Assert.Equal(("conversion", 0.01, 0.1, 0.02, 90), (rule.Text("metric"), rule.GetProperty("margin").GetDouble(), rule.GetProperty("alpha").GetDouble(), rule.GetProperty("guardrail").GetDouble(), rule.Int("horizon_days")));
        // One at a time, and of one organization.
        var (conflict, problem) = await world.Organization.PostAsync("/v1/experiments", new { name = "second", kind = "shadow", challenger = 2 });
        Assert.Equal(HttpStatusCode.Conflict, conflict);
        Assert.Contains("is under way", problem.Text("detail"));
        var other = await ExperimentWorld.StartAsync(sidecar, clock);
        Assert.Equal(HttpStatusCode.NotFound, (await other.Organization.GetAsync($"/v1/experiments/{experiment.Text("experiment_id")}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await other.Organization.SendAsync(HttpMethod.Post, $"/v1/experiments/{experiment.Text("experiment_id")}/stop")).Status);
        Assert.Equal(1, (await other.Organization.ScoreAsync(new { lead_id = "x", lead = new { age = 30 } })).Int("model_version"));
    }

    [NativeXGBoostTheory]
    [InlineData("""{"kind":"split","challenger":2}""", HttpStatusCode.BadRequest, "name")]
    [InlineData("""{"name":"x","challenger":2}""", HttpStatusCode.BadRequest, "kind")]
    [InlineData("""{"name":"x","kind":"split"}""", HttpStatusCode.BadRequest, "challenger")]
    [InlineData("""{"name":"x","kind":"coin","challenger":2}""", HttpStatusCode.BadRequest, "kind")]
    [InlineData("""{"name":"x","kind":"shadow","challenger":2,"metric":"conversion"}""", HttpStatusCode.BadRequest, "/metric")]
    [InlineData("""{"name":"x","kind":"split","challenger":2,"metric":"log_loss"}""", HttpStatusCode.BadRequest, "/metric")]
    [InlineData("""{"name":"x","kind":"split","challenger":2,"share":1}""", HttpStatusCode.BadRequest, "/share")]
    [InlineData("""{"name":"x","kind":"shadow","challenger":2,"share":0.5}""", HttpStatusCode.BadRequest, "/share")]
    [InlineData("""{"name":"x","kind":"split","challenger":2,"alpha":0.5}""", HttpStatusCode.BadRequest, "/alpha")]
    [InlineData("""{"name":"x","kind":"split","challenger":2,"margin":-1}""", HttpStatusCode.BadRequest, "/margin")]
    [InlineData("""{"name":"x","kind":"split","challenger":2,"most_weeks":0}""", HttpStatusCode.BadRequest, "/most_weeks")]
    [InlineData("""{"name":"x","kind":"split","challenger":9}""", HttpStatusCode.NotFound, "There is no model version 9")]
    [InlineData("""{"name":"x","kind":"split","challenger":1}""", HttpStatusCode.Conflict, "is the champion")]
    public async Task Post_BadInput_IsRefusedAndNamed(string body, HttpStatusCode expected, string named)
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var (status, problem) = await world.Organization.PostAsync("/v1/experiments", body);
        Assert.Equal(expected, status);
        Assert.Contains(named, problem.ToString(), StringComparison.Ordinal);
        Assert.Empty((await world.Organization.GetAsync("/v1/experiments")).Body.GetProperty("experiments").EnumerateArray());
    }

    [NativeXGBoostFact]
    public async Task Post_NoChampion_IsRefused()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.ImportModelAsync(await SmallModel.BundleAsync());
        var (status, problem) = await organization.PostAsync("/v1/experiments", new { name = "x", kind = "split", challenger = 1 });
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Contains("no champion", problem.Text("detail"));
    }
}
