using System.Net;
using LeadScoring.Demo;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>A model whose base rate moves on after its training: re-anchored on what became of later leads.</summary>
[Trait("Category", "Slow")]
public sealed class AnchorTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public AnchorTests()
    {
        // The model was trained on the day on which a test clock stands; by now the leads of half a year later have had their horizon.
        clock.Advance(TimeSpan.FromDays(300));
        sidecar = TestClock.Sidecar(clock);
    }

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private async Task<TestOrganization> WithLaterLeadsAsync(double shift, int leads)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        var world = new DemoWorld(DemoWorldSettings.Default(clock.GetUtcNow().ToUnixTimeMilliseconds()) with
        {
            HistoricalLeads = leads, ActiveLeads = 3, HistoryDays = 120, Seed = 5, BaseRateShift = new DemoDrift(946_684_800_000, shift),
        });
        await new DemoSeeding(sidecar.Get<Database>(), sidecar.Get<LeadStore>(), sidecar.Get<EventStore>(), sidecar.Get<OutcomeStore>()).RunAsync(organization.Id, world, new Progress<JobStep>(), CancellationToken.None);
        return organization;
    }

    [NativeXGBoostFact]
    public async Task Anchor_BaseRateMoved_ScoresFollow()
    {
        var organization = await WithLaterLeadsAsync(1.5, 700);
        object lead = new { lead_id = "hello", lead = new { website_sessions = 9, avg_pages_viewed = 5, showing_requests = 1 }, include_factors = true };
        var before = await organization.ScoreAsync(lead);
        Assert.Equal("calibrated", before.Text("calibration"));

        var (status, body) = await organization.SendAsync(HttpMethod.Post, "/v1/models/1/anchor");
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        var anchor = body.GetProperty("anchor");
        Assert.Equal(("reanchored", "outcomes", 700), (anchor.Text("verdict"), anchor.Text("method"), anchor.GetProperty("evidence").Int("rows")));
        Assert.True(anchor.GetProperty("intercept").GetDouble() > 0.3, anchor.ToString());
        // The three open leads and the one just scored.
        Assert.Equal(4, body.Int("leads_to_rescore"));

        var after = await organization.ScoreAsync(lead);
        Assert.Equal("reanchored", after.Text("calibration"));
        Assert.True(after.GetProperty("score").GetDouble() > before.GetProperty("score").GetDouble());
        var factors = after.GetProperty("factors");
        var sum = factors.GetProperty("base").GetDouble() + factors.GetProperty("positive").EnumerateArray().Concat(factors.GetProperty("negative").EnumerateArray()).Sum(f => f.GetProperty("points").GetDouble());
        Assert.Equal(after.GetProperty("score").GetDouble(), sum, 0.1);
        var model = (await organization.GetAsync("/v1/models/1")).Body;
        Assert.Equal("reanchored", model.GetProperty("anchor").Text("verdict"));
        Assert.NotNull(model.Text("anchored_at"));
        // What the training itself found stays what it was.
        Assert.Equal("none", model.GetProperty("manifest").GetProperty("anchor").Text("verdict"));
    }

    [NativeXGBoostFact]
    public async Task Anchor_FewOutcomes_LeavesScoresAndSaysWhy()
    {
        var organization = await WithLaterLeadsAsync(1.5, 60);
        var (_, body) = await organization.SendAsync(HttpMethod.Post, "/v1/models/1/anchor");
        var anchor = body.GetProperty("anchor");
        Assert.Equal(("none", 0.0), (anchor.Text("verdict"), anchor.GetProperty("intercept").GetDouble()));
        Assert.Contains("60 matured recent outcomes", anchor.GetProperty("evidence").Text("reason"));
        Assert.Equal("calibrated", (await organization.ScoreAsync(new { lead_id = "x", lead = new { website_sessions = 2 } })).Text("calibration"));
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Post, "/v1/models/9/anchor")).Status);
    }

    /// <summary>Outcomes that contradict what was said of leads scored alike: the interval moves with the probability, and is wider than the training left it.</summary>
    [NativeXGBoostFact]
    public async Task Anchor_OutcomesContradict_ServedIntervalIsMovedAndWider()
    {
        var organization = await WithLaterLeadsAsync(1.5, 700);
        object lead = new { lead_id = "hello", lead = new { website_sessions = 9, avg_pages_viewed = 5, showing_requests = 1 } };
        var before = (await organization.ScoreAsync(lead)).GetProperty("conversion_interval");

        var (_, body) = await organization.SendAsync(HttpMethod.Post, "/v1/models/1/anchor");
        var anchor = body.GetProperty("anchor");
        Assert.Equal(5, anchor.GetProperty("evidence").Int("interval_groups"));
        Assert.True(anchor.GetProperty("evidence").Int("intervals_held") < 3, anchor.ToString());

        var after = (await organization.ScoreAsync(lead)).GetProperty("conversion_interval");
        Assert.Equal(0.9, after.GetProperty("level").GetDouble());
        var (low, high) = (LogOdds(after, "low"), LogOdds(after, "high"));
        Assert.True((low + high) / 2 > ((LogOdds(before, "low") + LogOdds(before, "high")) / 2) + 0.3, $"{before} {after}");
        Assert.True(high - low > 1.5 * (LogOdds(before, "high") - LogOdds(before, "low")), $"{before} {after}");
        // The width of the answer is that of the anchor: nothing but what is owed to sampling comes on top.
        Assert.True((high - low) / 2 >= anchor.GetProperty("period_half_width").GetDouble() - 0.01, $"{anchor} {after}");

        static double LogOdds(System.Text.Json.JsonElement interval, string end) => interval.GetProperty(end).GetDouble() is var p ? Math.Log(p / (1 - p)) : 0;
    }
}
