using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;

namespace LeadScoring.Sidecar.Tests.Leads;

/// <summary>Leads in memory: never older than what this process wrote, and at most a second older than what another one wrote.</summary>
[Trait("Category", "Slow")]
public sealed class LeadCacheTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public LeadCacheTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private LeadCache Cache => sidecar.Get<LeadCache>();

    private ValueTask<StoredLead?> CachedAsync(TestOrganization organization, string leadId) => Cache.GetAsync(organization.Id, leadId, CancellationToken.None);

    /// <summary>The clock stands, so that nothing leaves the cache by age: only by being written.</summary>
    private async Task AssertCurrentAsync(TestOrganization organization, string leadId, string after)
    {
        var (cached, stored) = (await CachedAsync(organization, leadId), await organization.LeadAsync(leadId));
        Assert.True((cached is null) == (stored is null), after);
        if (cached is null || stored is null) return;
        Assert.Equal((after, stored.Revision, stored.IsStale, stored.ScoredAtMs, stored.Latest), (after, cached.Revision, cached.IsStale, cached.ScoredAtMs, cached.Latest));
        Assert.Equal(stored.Snapshot.Activity.ToBytes(), cached.Snapshot.Activity.ToBytes());
        Assert.Equal(stored.Snapshot.Attributes.OrderBy(a => a.Key, StringComparer.Ordinal), cached.Snapshot.Attributes.OrderBy(a => a.Key, StringComparer.Ordinal));
    }

    [Fact]
    public async Task Get_AfterEveryKindOfWriteHere_IsWhatIsStored()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await AssertCurrentAsync(organization, "a", "nothing");
        await organization.PutLeadAsync("a", new { call_count = 1 });
        await AssertCurrentAsync(organization, "a", "first lead");
        await organization.PutLeadAsync("a", new { call_count = 2 });
        await AssertCurrentAsync(organization, "a", "attributes");
        await organization.PostAsync("/v1/events", new { lead_id = "a", type = "page_view", source = "website", occurred_at = "2026-06-01" });
        await AssertCurrentAsync(organization, "a", "event");
        await organization.ScoreAsync(new { lead_id = "a" });
        await AssertCurrentAsync(organization, "a", "score");
        await organization.SendAsync(HttpMethod.Put, "/v1/grades", new { mode = "fixed", bounds = new { a = 30, b = 15, c = 5 } });
        await AssertCurrentAsync(organization, "a", "grades");
        await organization.PostAsync("/v1/outcomes", new { lead_id = "a", converted = true, occurred_at = "2026-06-02" });
        await AssertCurrentAsync(organization, "a", "outcome");
        await organization.PostAsync("/v1/outcomes", new { lead_id = "a", reversed = true });
        await AssertCurrentAsync(organization, "a", "outcome reversed");
        await sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None);
        await AssertCurrentAsync(organization, "a", "rescored");
        await sidecar.Get<Database>().WriteAsync(t => StaleLeads.MarkAsync(t, organization.Id, ["a"], 1, CancellationToken.None), CancellationToken.None);
        await AssertCurrentAsync(organization, "a", "marked");
        await sidecar.Get<Database>().WriteAsync(t => LeadStore.SetActivityAsync(t, organization.Id, new Dictionary<string, ActivityState> { ["a"] = new() }, 99, 1, CancellationToken.None), CancellationToken.None);
        await AssertCurrentAsync(organization, "a", "folded anew");
        await organization.SendAsync(HttpMethod.Delete, "/v1/leads/a");
        await AssertCurrentAsync(organization, "a", "erased");
    }

    [Fact]
    public async Task Get_WrittenByAnotherProcess_IsSeenWithinTheStatedTime()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        var before = (await CachedAsync(organization, "a"))!;
        await WriteFromOutsideAsync("update leads set attributes = '{\"call_count\":7}', revision = revision + 1");
        clock.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Same(before, await CachedAsync(organization, "a"));
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(7, (await CachedAsync(organization, "a"))!.Snapshot.Attribute("call_count").AsNumber());
    }

    [Fact]
    public async Task Get_UnchangedAfterTheStatedTime_KeepsWhatWasMadeOfTheRow()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        var before = (await CachedAsync(organization, "a"))!;
        clock.Advance(TimeSpan.FromSeconds(2));
        var after = (await CachedAsync(organization, "a"))!;
        Assert.NotSame(before, after);
        Assert.Same(before.Snapshot.Attributes, after.Snapshot.Attributes);
    }

    [Fact]
    public async Task Score_LeadThatAnotherProcessStoredAMomentAgo_IsKnown()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Null(await CachedAsync(organization, "a"));
        await WriteFromOutsideAsync($"insert into leads (organization_id, lead_id, attributes, created_at_ms, updated_at_ms, activity, revision, is_stale, stale_since_ms) values ('{organization.Id}', 'a', '{{}}', 1, 1, @none, 1, 1, 1)");
        await organization.ScoreAsync(new { lead_id = "a", scoring_type = "quick" });
    }

    [Fact]
    public async Task Get_ManyAtOnce_OneReads()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        var read = Cache.Read;
        var leads = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => CachedAsync(organization, "a").AsTask())));
        Assert.Equal(1, Cache.Read - read);
        Assert.All(leads, l => Assert.Same(leads[0], l));
    }

    [Fact]
    public async Task GetMany_TwiceTheSameAndUnknownOnes_AreInOrder()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        await organization.PutLeadAsync("b", new { });
        foreach (var cache in (LeadCache[])[Cache, With(size: 0)])
        {
            for (var i = 0; i < 2; i++)
                Assert.Equal(["b", null, "a", "b", null], (await cache.GetManyAsync(organization.Id, ["b", "nobody", "a", "b", "nobody"], CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(30))).Select(l => l?.LeadId));
        }
    }

    [Fact]
    public async Task Get_DatabaseFails_IsToldAndNotRemembered()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await WriteFromOutsideAsync("alter table leads rename to gone");
        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(async () => await CachedAsync(organization, "a"));
        await WriteFromOutsideAsync("alter table gone rename to leads");
        Assert.Null(await CachedAsync(organization, "a"));
    }

    private LeadCache With(int size) => new(sidecar.Get<LeadStore>(), sidecar.Get<Database>(), Microsoft.Extensions.Options.Options.Create(new LeadOptions { CacheSize = size }), clock);

    private async Task WriteFromOutsideAsync(string sql)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        if (sql.Contains("@none", StringComparison.Ordinal))
        {
            var none = command.CreateParameter();
            (none.ParameterName, none.Value) = ("none", Array.Empty<byte>());
            command.Parameters.Add(none);
        }

        command.ExecuteNonQuery();
    }
}
