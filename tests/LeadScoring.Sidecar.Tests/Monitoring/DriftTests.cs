using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.XGBoost;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Monitoring;

[Trait("Category", "Slow")]
public sealed class DriftTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync() => (sidecar = TestClock.Sidecar(clock)).InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private Task<string> CheckAsync(DemoTraffic traffic) => sidecar.Get<CheckDrift>().RunAsync(traffic.Organization.Id, CancellationToken.None);

    private static async Task<JsonElement> ReadAsync(DemoTraffic traffic)
    {
        var (status, body) = await traffic.Organization.GetAsync("/v1/monitoring/drift");
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body;
    }

    private async Task<IReadOnlyList<string>> EventsAsync(DemoTraffic traffic)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        return [.. await connection.QueryAsync<string>("select body from webhook_deliveries where organization_id = @Id and event_type = 'drift.alert' order by event_id", new { traffic.Organization.Id })];
    }

    private async Task ListenAsync(DemoTraffic traffic)
    {
        var (status, body) = await traffic.Organization.PostAsync("/v1/webhooks", new { url = "https://example.com/hook", events = new[] { "drift.alert" } });
        Assert.True(status == HttpStatusCode.Created, body.ToString());
    }

    [NativeXGBoostFact]
    public async Task Run_LeadsAsInTraining_GivesNoAlarmAndTestsAWindowOnce()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        Assert.Equal("waiting", (await ReadAsync(traffic)).Text("status"));
        await traffic.ScoreAsync(150);
        clock.Advance(TimeSpan.FromDays(7));
        Assert.Contains("2 windows looked at, 1 of them with fewer than 30 leads; 0 new alarms", await CheckAsync(traffic));
        // Looking every hour tests nothing again.
        for (var hour = 0; hour < 5; hour++)
        {
            clock.Advance(TimeSpan.FromHours(1));
            Assert.Contains("No window has ended", await CheckAsync(traffic));
        }

        var body = await ReadAsync(traffic);
        Assert.Equal("ok", body.Text("status"));
        var week = body.At("windows", 0);
        Assert.Equal((7, 150), (week.Int("days"), week.Int("leads")));
        Assert.Equal("2026-06-08T00:00:00.000Z", week.Text("from"));
        var model = (await sidecar.Get<ActiveModels>().GetAsync(traffic.Organization.Id, CancellationToken.None)).Bundle!.Model;
        Assert.Equal(model.Profile.Features.Count, week.GetProperty("report").GetProperty("features").GetArrayLength());
        Assert.InRange(week.GetProperty("smallest_change_found").GetDouble(), 0.1, 0.3);
    }

    [NativeXGBoostFact]
    public async Task Run_PlantedDrift_NamesFeaturesLeadsAndWhatToDo_IsToldOnceAndEnds()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        await ListenAsync(traffic);
        var drifted = await traffic.ScoreAsync(150, featureDrift: 2);
        clock.Advance(TimeSpan.FromDays(7));
        await CheckAsync(traffic);
        var body = await ReadAsync(traffic);
        Assert.Equal("alarm", body.Text("status"));
        var alarms = body.GetProperty("alarms").EnumerateArray().ToArray();
        string[] moved = ["mortgage_calculator_use", "property_views", "email_opens", "pages_per_session", "total_sessions"];
        Assert.Contains(alarms, a => moved.Contains(a.Text("feature")));
        Assert.All(alarms, a => Assert.Contains(a.Text("kind"), (string[])["feature", "prediction"]));
        var first = alarms.First(a => a.Text("feature") is not null);
        Assert.Contains("150 leads first scored from 2026-06-08 to 2026-06-15", first.Text("detail"));
        Assert.NotEmpty(first.Text("what_to_do")!);
        var ids = drifted.Select(l => l.LeadId).ToHashSet();
        Assert.All(alarms, a => Assert.InRange(a.GetProperty("lead_ids").GetArrayLength(), 1, 20));
        Assert.All(first.GetProperty("lead_ids").EnumerateArray(), id => Assert.Contains(id.GetString()!, ids));
        var told = await EventsAsync(traffic);
        Assert.Equal(alarms.Length, told.Count);
        // It asks for a new model, once, in the words of the first alarm.
        var wish = Assert.Single((await traffic.Organization.GetAsync("/v1/training-runs/decisions")).Body.GetProperty("decisions").EnumerateArray());
        Assert.Equal("drift", wish.Text("cause"));
        Assert.Contains(alarms, a => a.Text("detail") == wish.Text("detail"));

        // A second week of the same is the same alarm.
        await traffic.ScoreAsync(150, featureDrift: 2);
        clock.Advance(TimeSpan.FromDays(7));
        await CheckAsync(traffic);
        var again = await EventsAsync(traffic);
        Assert.True(again.Count - told.Count <= 2, "An open alarm is not told again; only what the first week had not shown may come.");
        // Back to what it was.
        await traffic.ScoreAsync(150);
        clock.Advance(TimeSpan.FromDays(7));
        await CheckAsync(traffic);
        Assert.All((await ReadAsync(traffic)).GetProperty("alarms").EnumerateArray(), a => Assert.NotNull(a.Text("closed_at")));
    }

    /// <summary>
    /// A champion that was trained on the leads of the window remembers them: what it says of them lies further from the middle than what it says of leads that it has not seen. They are held against the model that
    /// scored them first, which had not seen them either.
    /// </summary>
    [NativeXGBoostFact]
    public async Task Run_LeadsThatTheChampionHasLearnedFromSince_AreNoDriftOfPredictions()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        var leads = await traffic.ScoreAsync(500);
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        clock.Advance(TimeSpan.FromDays(2));
        var random = new Random(3);
        // What became of them has nothing to do with what they are like: all that can be learned is to remember.
        await sidecar.Get<OutcomeStore>().WriteAsync(
            traffic.Organization.Id, [.. leads.Select(l => new OutcomeWrite(l.LeadId, "demo", random.NextDouble() < 0.4, nowMs + ActivityState.DayMs, nowMs, IsFinal: true))], CancellationToken.None);
        using var output = new StringWriter();
        var settings = SmallModel.Settings with { RandomForest = XGBoostParameters.RandomForest with { ParallelTrees = 40, MaxDepth = 12 }, GradientBoosting = XGBoostParameters.GradientBoosting with { Rounds = 60 } };
        var trained = await TrainCommand.RunAsync(Terminal.Plain(output, output), sidecar.Services, traffic.Organization.Id, settings, PromotionMode.Always, CancellationToken.None);
        sidecar.Get<ActiveModels>().Forget(traffic.Organization.Id);
        Assert.True(trained.IsPromoted);
        clock.Advance(TimeSpan.FromDays(5));
        await CheckAsync(traffic);
        var body = await ReadAsync(traffic);
        Assert.DoesNotContain(body.GetProperty("alarms").EnumerateArray(), a => a.Text("kind") == "prediction");
        // It was tested, by the model before.
        Assert.Equal(JsonValueKind.Object, body.At("windows", 0).GetProperty("report").GetProperty("prediction").ValueKind);
    }

    [NativeXGBoostFact]
    public async Task Erasure_LeadOfAnAlarm_IsGoneFromItAlso()
    {
        var traffic = await DemoTraffic.StartAsync(sidecar, clock);
        await traffic.ScoreAsync(150, featureDrift: 2);
        clock.Advance(TimeSpan.FromDays(7));
        await CheckAsync(traffic);
        var leadId = (await ReadAsync(traffic)).At("alarms", 0).At("lead_ids", 0).GetString()!;
        Assert.Equal(HttpStatusCode.OK, (await traffic.Organization.SendAsync(HttpMethod.Delete, "/v1/leads/" + leadId)).Status);
        Assert.DoesNotContain(leadId, (await ReadAsync(traffic)).ToString());
    }

    [Fact]
    public async Task Run_NoModel_SaysThatThereIsNothingToCompareWith()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Contains("Nothing to compare with", await sidecar.Get<CheckDrift>().RunAsync(organization.Id, CancellationToken.None));
        Assert.Equal("no_reference", (await organization.GetAsync("/v1/monitoring/drift")).Body.Text("status"));
    }
}
