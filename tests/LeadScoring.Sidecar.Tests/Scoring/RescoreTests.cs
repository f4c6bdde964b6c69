using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Training;
using Microsoft.Data.Sqlite;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>The queue of changed leads.</summary>
[Trait("Category", "Slow")]
public sealed class RescoreTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public RescoreTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private Task<int> RunOnceAsync() => sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None);

    private Task<int> RunBatchAsync() => sidecar.Get<RescoreChangedLeads>().RunBatchAsync(CancellationToken.None);

    private async Task DrainAsync()
    {
        var rounds = 0;
        while (await RunOnceAsync() + await RunBatchAsync() > 0) Assert.True(++rounds < 50, "The queue does not empty.");
    }

    private static async Task<double?> ListedScoreAsync(TestOrganization organization, string leadId)
    {
        var lead = (await organization.GetAsync("/v1/leads")).Body.GetProperty("leads").EnumerateArray().Single(l => l.Text("lead_id") == leadId);
        return lead.TryGetProperty("score", out var score) ? score.GetDouble() : null;
    }

    [Fact]
    public async Task RunOnce_ChangedLeads_AreScoredOnceOverAllOrganizations()
    {
        var (one, two) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        for (var i = 0; i < 130; i++) await one.PutLeadAsync("l" + i, new { call_count = i % 2 });
        await two.PutLeadAsync("x", new { showing_requests = 1 });
        // One organization after the other, so that the longer queue does not hold up the shorter.
        Assert.Equal((100, 1, 30, 0), (await RunOnceAsync(), await RunOnceAsync(), await RunOnceAsync(), await RunOnceAsync()));
        Assert.Equal((20, 35), (await ListedScoreAsync(one, "l1"), await ListedScoreAsync(two, "x")));
        await one.PutLeadAsync("l1", new { call_count = 0 });
        Assert.Equal(1, await RunOnceAsync());
        Assert.Equal(10, await ListedScoreAsync(one, "l1"));
        Assert.Equal(2, (await one.GetAsync("/v1/leads/l1/scores")).Body.GetProperty("scores").GetArrayLength());
    }

    [Fact]
    public async Task Write_LeadChangedInBetween_KeepsItsPlace()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        var before = (await organization.LeadAsync("a"))!;
        var active = await sidecar.Get<ActiveModels>().GetAsync(organization.Id, CancellationToken.None);
        var write = sidecar.Get<LeadScorer>().ScoreStored(active, before, clock.GetUtcNow().ToUnixTimeMilliseconds());
        await organization.PutLeadAsync("a", new { showing_requests = 1 });
        await sidecar.Get<ScoreStore>().WriteAsync(organization.Id, active, [write], CancellationToken.None);
        Assert.True((await organization.LeadAsync("a"))!.IsStale);
        await DrainAsync();
        Assert.Equal(45, await ListedScoreAsync(organization, "a"));
    }

    /// <summary>The slower of two: it read the lead before the change and writes after the other has scored the change.</summary>
    [Fact]
    public async Task Write_LeadChangedAndScoredInBetween_KeepsTheNewerScore()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        var before = (await organization.LeadAsync("a"))!;
        var active = await sidecar.Get<ActiveModels>().GetAsync(organization.Id, CancellationToken.None);
        var write = sidecar.Get<LeadScorer>().ScoreStored(active, before, clock.GetUtcNow().ToUnixTimeMilliseconds());
        await organization.ScoreAsync(new { lead_id = "a", lead = new { showing_requests = 1 } });
        await sidecar.Get<ScoreStore>().WriteAsync(organization.Id, active, [write], CancellationToken.None);
        Assert.Equal(45, await ListedScoreAsync(organization, "a"));
        Assert.Single((await organization.GetAsync("/v1/leads/a/scores")).Body.GetProperty("scores").EnumerateArray());
    }

    [Fact]
    public async Task RunOnce_LeadWithOutcome_IsLeftAloneUntilItIsReversed()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var id in (string[])["open", "closed"]) await organization.PutLeadAsync(id, new { call_count = 1 });
        await organization.PostAsync("/v1/outcomes", new { lead_id = "closed", converted = true, occurred_at = "2026-06-01" });
        await organization.PutLeadAsync("closed", new { call_count = 2 });
        Assert.Equal(1, await RunOnceAsync());
        Assert.Null(await ListedScoreAsync(organization, "closed"));
        await organization.PostAsync("/v1/outcomes", new { lead_id = "closed", reversed = true });
        Assert.Equal(1, await RunOnceAsync());
        Assert.Equal(20, await ListedScoreAsync(organization, "closed"));
    }

    [Fact]
    public async Task RunOnce_LeadErasedMeanwhile_DoesNotComeBack()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("gone", new { });
        var before = (await organization.LeadAsync("gone"))!;
        var active = await sidecar.Get<ActiveModels>().GetAsync(organization.Id, CancellationToken.None);
        await organization.SendAsync(HttpMethod.Delete, "/v1/leads/gone");
        await sidecar.Get<ScoreStore>().WriteAsync(organization.Id, active, [sidecar.Get<LeadScorer>().ScoreStored(active, before, 0)], CancellationToken.None);
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from scores";
        Assert.Equal(0L, command.ExecuteScalar());
    }

    [NativeXGBoostFact]
    public async Task Promote_OpenLeads_AreScoredAnewAndClosedOnesAreNot()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var id in (string[])["a", "b", "closed"]) await organization.PutLeadAsync(id, new { call_count = 1 });
        await DrainAsync();
        await organization.PostAsync("/v1/outcomes", new { lead_id = "closed", converted = false, occurred_at = "2026-06-01" });
        var version = await organization.ImportModelAsync(await SmallModel.BundleAsync());
        Assert.Equal(0, await RunOnceAsync());
        var (_, promoted) = await organization.SendAsync(HttpMethod.Post, $"/v1/models/{version}/promote");
        Assert.Equal(2, promoted.Int("leads_to_rescore"));
        Assert.Equal((0, 2, 0), (await RunOnceAsync(), await RunBatchAsync(), await RunBatchAsync()));
        Assert.Equal([1, 1, null], await VersionsAsync(organization));
        var (_, again) = await organization.SendAsync(HttpMethod.Post, $"/v1/models/{version}/promote");
        Assert.Equal((0, 0), (again.Int("leads_to_rescore"), await RunBatchAsync()));
    }

    /// <summary>A training process or another replica promotes: this process hears of it up to a second later.</summary>
    [NativeXGBoostFact]
    public async Task Promote_ByAnotherProcess_LeavesNoLeadWithTheOldScore()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var id in (string[])["a", "b"]) await organization.PutLeadAsync(id, new { call_count = 1 });
        var version = await organization.ImportModelAsync(await SmallModel.BundleAsync());
        await DrainAsync();
        await sidecar.Get<Database>().WriteAsync(
            transaction => PromoteModel.PromoteAsync(transaction, organization.Id, version, "elsewhere", sidecar.Get<ModelStore>(), clock, CancellationToken.None), CancellationToken.None);
        for (var i = 0; i < 5; i++)
        {
            await RunOnceAsync();
            await RunBatchAsync();
            await organization.ScoreAsync(new { lead_id = "b" });
        }

        clock.Advance(TimeSpan.FromSeconds(2));
        await DrainAsync();
        Assert.Equal([version, version], await VersionsAsync(organization));
    }

    private static async Task<int?[]> VersionsAsync(TestOrganization organization) =>
        [.. (await organization.GetAsync("/v1/leads")).Body.GetProperty("leads").EnumerateArray().Select(l => l.TryGetProperty("model_version", out var v) && v.ValueKind == System.Text.Json.JsonValueKind.Number ? v.GetInt32() : (int?)null)];
}
