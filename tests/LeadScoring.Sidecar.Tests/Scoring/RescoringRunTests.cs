using System.Net;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>All leads anew: resumable, one at a time, writing only what changed.</summary>
[Trait("Category", "Slow")]
public sealed class RescoringRunTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public RescoringRunTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private Task<int> RunBatchAsync() => sidecar.Get<RescoreChangedLeads>().RunBatchAsync(CancellationToken.None);

    private async Task<TestOrganization> ScoredAsync(int leads)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PostAsync("/v1/leads/batch", Enumerable.Range(0, leads).Select(i => new { lead_id = $"l{i:000}", attributes = new { showing_requests = i % 2 } }).ToArray());
        while (await sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None) > 0)
        {
        }

        return organization;
    }

    /// <summary>Other rules: a showing is worth more than before.</summary>
    private static async Task ChangeRulesAsync(TestOrganization organization)
    {
        var yaml = (await organization.GetAsync("/v1/profile")).Body.Text("yaml")!;
        await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = yaml.Replace("start_points: 10", "start_points: 45", StringComparison.Ordinal) });
    }

    private async Task<long> LedgerAsync(TestOrganization organization)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        using var command = connection.CreateCommand();
        command.CommandText = $"select count(*) from scores where organization_id = '{organization.Id}'";
        return (long)(await command.ExecuteScalarAsync())!;
    }

    [Fact]
    public async Task Run_BatchByBatch_TellsProgressAndWritesOnlyWhatChanged()
    {
        var organization = await ScoredAsync(250);
        var (status, run) = await organization.SendAsync(HttpMethod.Post, "/v1/rescoring-runs");
        Assert.Equal((HttpStatusCode.Accepted, "running", "request", 250, 0), (status, run.Text("status"), run.Text("reason"), run.Int("total"), run.Int("done")));
        var path = "/v1/rescoring-runs/" + run.Text("run_id");
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(100, await RunBatchAsync());
        run = (await organization.GetAsync(path)).Body;
        Assert.Equal((100, 50.0, 3.0), (run.Int("done"), run.GetProperty("leads_per_second").GetDouble(), run.GetProperty("seconds_left").GetDouble()));
        Assert.Equal(run.Text("run_id"), (await organization.GetAsync("/v1/rescoring")).Body.GetProperty("run").Text("run_id"));
        Assert.Equal((100, 50, 0, 0), (await RunBatchAsync(), await RunBatchAsync(), await RunBatchAsync(), await RunBatchAsync()));
        run = (await organization.GetAsync(path)).Body;
        Assert.Equal(("succeeded", 250, 0, 250L), (run.Text("status"), run.Int("done"), run.Int("changed"), await LedgerAsync(organization)));
        Assert.Empty(run.GetProperty("changed_grades").EnumerateArray());

        await ChangeRulesAsync(organization);
        clock.Advance(TimeSpan.FromSeconds(2));
        path = "/v1/rescoring-runs/" + (await organization.SendAsync(HttpMethod.Post, "/v1/rescoring-runs")).Body.Text("run_id");
        while (await RunBatchAsync() > 0)
        {
        }

        run = (await organization.GetAsync(path)).Body;
        Assert.Equal(("succeeded", 250, 500L), (run.Text("status"), run.Int("changed"), await LedgerAsync(organization)));
        var moved = (await organization.GetAsync("/v1/leads?limit=200")).Body.GetProperty("leads").EnumerateArray().Select(l => l.Text("grade")).Distinct().ToArray();
        Assert.Equal(125, run.GetProperty("changed_grades").EnumerateArray().Sum(g => g.Int("leads")));
        Assert.Equal(2, moved.Length);
    }

    [Fact]
    public async Task Run_WhileOneIsUnderWay_IsRefusedUntilItIsCancelled()
    {
        var organization = await ScoredAsync(150);
        await ChangeRulesAsync(organization);
        clock.Advance(TimeSpan.FromSeconds(2));
        var id = (await organization.SendAsync(HttpMethod.Post, "/v1/rescoring-runs")).Body.Text("run_id");
        await RunBatchAsync();
        var (status, problem) = await organization.SendAsync(HttpMethod.Post, "/v1/rescoring-runs");
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Contains(id!, problem.Text("detail"));
        var cancelled = (await organization.SendAsync(HttpMethod.Post, $"/v1/rescoring-runs/{id}/cancel")).Body;
        Assert.Equal(("cancelled", 100, 0), (cancelled.Text("status"), cancelled.Int("done"), await RunBatchAsync()));
        Assert.Equal(250, await LedgerAsync(organization));
        Assert.Equal(HttpStatusCode.Accepted, (await organization.SendAsync(HttpMethod.Post, "/v1/rescoring-runs")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync("/v1/rescoring-runs/nothing")).Status);
    }

    /// <summary>The worker died between its batch's scores and their storing: another goes on from what is stored, and the first, come back, stores nothing.</summary>
    [Fact]
    public async Task Run_WorkerDies_AnotherGoesOnAndNothingIsDoneTwice()
    {
        var organization = await ScoredAsync(150);
        await ChangeRulesAsync(organization);
        clock.Advance(TimeSpan.FromSeconds(2));
        var id = (await organization.SendAsync(HttpMethod.Post, "/v1/rescoring-runs")).Body.Text("run_id");
        var runs = sidecar.Get<RescoringRunStore>();
        var dead = (await runs.TakeAsync("", CancellationToken.None))!;
        Assert.Equal(0, await RunBatchAsync());
        clock.Advance(StaleLeads.Lease);
        Assert.Equal(100, await RunBatchAsync());
        await sidecar.Get<RescoreBatch>().AdvanceAsync(dead, 100, CancellationToken.None);
        Assert.Equal(100, (await organization.GetAsync("/v1/rescoring-runs/" + id)).Body.Int("done"));
        // The clock is set back by a day while another dies: the run does not wait for the day.
        Assert.NotNull(await runs.TakeAsync("", CancellationToken.None));
        clock.Advance(TimeSpan.FromDays(-1));
        Assert.Equal((50, 0), (await RunBatchAsync(), await RunBatchAsync()));
        var run = (await organization.GetAsync("/v1/rescoring-runs/" + id)).Body;
        Assert.Equal(("succeeded", 150, 150, 300L), (run.Text("status"), run.Int("done"), run.Int("changed"), await LedgerAsync(organization)));
    }

    [Fact]
    public async Task Run_LeadThatCannotBeScored_GoesToTheQueueAndTheRunGoesOn()
    {
        var organization = await ScoredAsync(120);
        await sidecar.Get<Database>().WriteAsync(
            transaction => transaction.ExecuteAsync("update leads set activity = @broken where organization_id = @Id and lead_id = 'l007'", new { broken = new byte[] { 99 }, organization.Id }, CancellationToken.None), CancellationToken.None);
        await ChangeRulesAsync(organization);
        clock.Advance(TimeSpan.FromSeconds(2));
        var id = (await organization.SendAsync(HttpMethod.Post, "/v1/rescoring-runs")).Body.Text("run_id");
        Assert.Equal((100, 20, 0), (await RunBatchAsync(), await RunBatchAsync(), await RunBatchAsync()));
        Assert.Equal("succeeded", (await organization.GetAsync("/v1/rescoring-runs/" + id)).Body.Text("status"));
        await sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None);
        Assert.Equal(239, await LedgerAsync(organization));
        Assert.Equal("l007", Assert.Single((await organization.GetAsync("/v1/leads?is_stale=true")).Body.GetProperty("leads").EnumerateArray()).Text("lead_id"));
    }

    [Fact]
    public async Task Run_SeveralOrganizations_TakeTurns()
    {
        var (one, two) = (await ScoredAsync(250), await ScoredAsync(110));
        foreach (var organization in (TestOrganization[])[one, two]) await organization.SendAsync(HttpMethod.Post, "/v1/rescoring-runs");
        var batches = new List<int>();
        for (var i = 0; i < 5; i++) batches.Add(await RunBatchAsync());
        Assert.Equal([100, 100, 100, 10, 50], batches);
    }
}
