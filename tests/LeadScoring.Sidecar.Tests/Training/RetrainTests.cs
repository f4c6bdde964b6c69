using System.Net;
using System.Text.Json;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>What asks for a new model, what is decided and why; cancelling and following a run.</summary>
[Trait("Category", "Slow")]
public sealed class RetrainTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public RetrainTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync()
    {
        sidecar.Settings["LeadScoring:Training:RetrainAfterOutcomes"] = "30";
        return sidecar.InitializeAsync();
    }

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private Task<string> CheckAsync(TestOrganization organization) => sidecar.Get<CheckRetrain>().RunAsync(organization.Id, CancellationToken.None);

    private Task<string> WeekAsync(TestOrganization organization) => sidecar.Get<WeeklyRetrain>().RunAsync(organization.Id, CancellationToken.None);

    private static async Task OutcomesAsync(TestOrganization organization, int from, int count)
    {
        for (var i = from; i < from + count; i++) await organization.PutLeadAsync($"l{i}", new { });
        var (status, body) = await organization.PostAsync("/v1/outcomes", new { outcomes = Enumerable.Range(from, count).Select(i => new { lead_id = $"l{i}", converted = i % 2 == 0, occurred_at = "2026-03-01", final = true }) });
        Assert.True(status == HttpStatusCode.OK, body.ToString());
    }

    /// <summary>The queued run ends well, without a model: what counts here is when.</summary>
    private async Task EndAsync(bool succeeds)
    {
        var run = (await sidecar.Get<TrainingRunStore>().TakeAsync(TimeSpan.FromMinutes(1), CancellationToken.None))!;
        if (succeeds)
            await sidecar.Get<LeadScoring.Sidecar.Storage.Database>().WriteAsync(t => sidecar.Get<TrainingRunStore>().SucceedAsync(t, run, 1, false, "test", CancellationToken.None), CancellationToken.None);
        else await sidecar.Get<TrainingRunStore>().FailAsync(run, "test", CancellationToken.None);
    }

    private static async Task<JsonElement> LastDecisionAsync(TestOrganization organization) => (await organization.GetAsync("/v1/training-runs/decisions")).Body.At("decisions", 0);

    [NativeXGBoostFact]
    public async Task Week_TooFewOutcomes_IsSkippedWithTheReason()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await OutcomesAsync(organization, 0, 12);
        Assert.Equal("Skipped (weekly): there are 6 converted and 6 not converted leads with an outcome; a training needs 10 of each.", await WeekAsync(organization));
        var decision = await LastDecisionAsync(organization);
        Assert.Equal(("weekly", false), (decision.Text("cause"), decision.GetProperty("is_started").GetBoolean()));
        Assert.StartsWith("there are 6 converted", decision.Text("reason"));
        Assert.Empty((await organization.GetAsync("/v1/training-runs")).Body.GetProperty("runs").EnumerateArray());
    }

    [NativeXGBoostFact]
    public async Task Week_AfterWeek_StartsOnceAndSkipsWhatTeachesNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await OutcomesAsync(organization, 0, 24);
        Assert.Matches("^Training run [0-9a-f]{32} is queued \\(weekly\\)\\.$", await WeekAsync(organization));
        var run = (await organization.GetAsync("/v1/training-runs")).Body.At("runs", 0);
        Assert.Equal(("weekly", "queued", (await LastDecisionAsync(organization)).Text("run_id")), (run.Text("cause"), run.Text("status"), run.Text("run_id")));
        Assert.Equal("Skipped (weekly): a training is queued or running.", await WeekAsync(organization));
        await EndAsync(succeeds: true);
        clock.Advance(TimeSpan.FromDays(7));
        Assert.StartsWith("Skipped (weekly): no outcome was recorded or changed", await WeekAsync(organization));
        await OutcomesAsync(organization, 24, 1);
        Assert.Contains("is queued (weekly)", await WeekAsync(organization));
    }

    [NativeXGBoostFact]
    public async Task Check_Causes_StartBetweenTheWeeksAndKeepTheirPause()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await OutcomesAsync(organization, 0, 24);
        Assert.Equal("Nothing asks for a training.", await CheckAsync(organization));
        await WeekAsync(organization);
        await EndAsync(succeeds: true);
        clock.Advance(TimeSpan.FromHours(2));
        await OutcomesAsync(organization, 24, 29);
        Assert.Equal("Nothing asks for a training.", await CheckAsync(organization));
        await OutcomesAsync(organization, 53, 1);
        Assert.StartsWith("Skipped (outcomes): the last training began at 2026-06-10T12:00:00.000Z", await CheckAsync(organization));
        clock.Advance(TimeSpan.FromDays(1));
        // Two causes, one run; the first names it.
        await sidecar.Get<RetrainStore>().AskAsync(organization.Id, RetrainCause.Drift, "phone_calls", CancellationToken.None);
        await sidecar.Get<RetrainStore>().AskAsync(organization.Id, RetrainCause.Drift, "again", CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Contains("is queued (drift, outcomes)", await CheckAsync(organization));
        Assert.Equal("drift", (await organization.GetAsync("/v1/training-runs")).Body.At("runs", 0).Text("cause"));
        await EndAsync(succeeds: false);
    }

    [Fact]
    public void Ranking_Dropped_OnlyBeyondShareAndChance()
    {
        var random = new Random(4);
        double[] p = [.. Enumerable.Range(0, 2_000).Select(_ => random.NextDouble())];
        float[] good = [.. p.Select(x => random.NextDouble() < x ? 1f : 0f)];
        float[] none = [.. p.Select(_ => random.NextDouble() < 0.5 ? 1f : 0f)];
        var as0 = RecentRanking.Of(p, good, 0.83);
        Assert.InRange(as0.Auc, 0.80, 0.86);
        Assert.False(as0.HasDropped(0.05));
        Assert.True(RecentRanking.Of(p, none, 0.83).HasDropped(0.05));
        // A hundred leads cannot tell 0.75 from 0.8.
        Assert.False(RecentRanking.Of(p[..100], good[..100], RankingQuality.RocAuc(p.AsSpan(0, 100), good.AsSpan(0, 100)) + 0.04).HasDropped(0.01));
        Assert.True(double.IsNaN(RecentRanking.Of(p[..50], good[..50], 0.83).Auc));
        Assert.False(RecentRanking.Of(p[..50], none[..50], 0.83).HasDropped(0.05));
    }

    /// <summary>Hanley and McNeil's own example: 58 normal and 51 abnormal images, area 0.893, standard error 0.032 by the formula.</summary>
    [Fact]
    public void AucInterval_PublishedExample_HasItsStandardError()
    {
        var interval = AucInterval.Of(0.893, 51, 58);
        Assert.Equal(0.032, (0.893 - interval.Low) / 1.959964, 0.0011);
        Assert.True(double.IsNaN(AucInterval.Of(0.9, 0, 10).Low));
    }

    [NativeXGBoostFact]
    public async Task Outcomes_Job_HoldsTheChampionAgainstThem()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var job = sidecar.Get<CollectOutcomes>();
        Assert.Equal("There is no champion to hold outcomes against.", await job.RunAsync(organization.Id, CancellationToken.None));
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 200, 3);
        var words = await job.RunAsync(organization.Id, CancellationToken.None);
        Assert.Matches("^Champion 1, [0-9,]+ matured outcomes that it has not seen: anchor [a-z_]+, 3 leads to rescore\\. ", words);
        Assert.True((await organization.GetAsync("/v1/models/1")).Body.TryGetProperty("anchored_at", out _));
    }

    [NativeXGBoostFact]
    public async Task Cancel_QueuedOrRunning_EndsItForGood()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var store = sidecar.Get<TrainingRunStore>();
        var queued = (await organization.PostAsync("/v1/training-runs", "{}")).Body.Text("run_id");
        var (status, run) = await organization.PostAsync($"/v1/training-runs/{queued}/cancel", "{}");
        Assert.Equal((HttpStatusCode.OK, "cancelled", "Cancelled by hand."), (status, run.Text("status"), run.Text("reason")));
        Assert.Equal(HttpStatusCode.Conflict, (await organization.PostAsync($"/v1/training-runs/{queued}/cancel", "{}")).Status);
        Assert.Null(await store.TakeAsync(TimeSpan.FromMinutes(1), CancellationToken.None));
        await organization.PostAsync("/v1/training-runs", "{}");
        var running = (await store.TakeAsync(TimeSpan.FromMinutes(1), CancellationToken.None))!;
        clock.Advance(TimeSpan.FromSeconds(30));
        Assert.True(await store.ReportAsync(running, new TrainingProgress("Fitting, fold 2 of 5", 0.25), CancellationToken.None));
        // A quarter in 30 s: three quarters take 90 s.
        Assert.Equal(90, (await organization.GetAsync($"/v1/training-runs/{running.RunId}")).Body.Int("seconds_left"));
        await organization.PostAsync($"/v1/training-runs/{running.RunId}/cancel", "{}");
        Assert.False(await store.ReportAsync(running, new TrainingProgress("Fitting", 0.5), CancellationToken.None));
        Assert.False(await sidecar.Get<LeadScoring.Sidecar.Storage.Database>().WriteAsync(t => store.SucceedAsync(t, running, 1, false, "late", CancellationToken.None), CancellationToken.None));
        Assert.Equal(HttpStatusCode.NotFound, (await (await sidecar.NewOrganizationAsync()).PostAsync($"/v1/training-runs/{running.RunId}/cancel", "{}")).Status);
    }

    [NativeXGBoostFact]
    public async Task Follow_ServerSentEvents_TellEachChangeAndTheEnd()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var store = sidecar.Get<TrainingRunStore>();
        var runId = (await organization.PostAsync("/v1/training-runs", "{}")).Body.Text("run_id");
        using var response = await organization.Client.GetAsync($"/v1/training-runs/{runId}/events", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        async Task<(string Event, JsonElement Data)> NextAsync()
        {
            var name = "";
            while (true)
            {
                var line = await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)) ?? throw new InvalidOperationException("The stream ended.");
                if (line.StartsWith("event: ", StringComparison.Ordinal)) name = line[7..];
                if (line.StartsWith("data: ", StringComparison.Ordinal)) return (name, JsonElement.Parse(line[6..]));
            }
        }

        var first = await NextAsync();
        Assert.Equal(("progress", "queued"), (first.Event, first.Data.Text("status")));
        var run = (await store.TakeAsync(TimeSpan.FromMinutes(1), CancellationToken.None))!;
        await store.ReportAsync(run, new TrainingProgress("Fitting, fold 2 of 5", 0.25), CancellationToken.None);
        var second = await NextAsync();
        while (second.Data.Text("stage") != "Fitting, fold 2 of 5") second = await NextAsync();
        Assert.Equal(("progress", "running"), (second.Event, second.Data.Text("status")));
        await organization.PostAsync($"/v1/training-runs/{runId}/cancel", "{}");
        var last = await NextAsync();
        Assert.Equal(("ended", "cancelled"), (last.Event, last.Data.Text("status")));
        Assert.Equal("", (await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60))).Trim());
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync("/v1/training-runs/nothing/events")).Status);
    }
}
