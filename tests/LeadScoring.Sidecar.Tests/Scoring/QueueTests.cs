using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Claims, fairness, leads that cannot be scored, and clocks that are set.</summary>
[Trait("Category", "Slow")]
public sealed class QueueTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public QueueTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private StaleLeads Queue => sidecar.Get<StaleLeads>();

    private Task<LeadClaim?> ClaimAsync(string after = "", int limit = 100) => Queue.ClaimAsync(after, limit, CancellationToken.None);

    private Task<int> RunOnceAsync() => sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None);

    private async Task<TestOrganization> WithLeadsAsync(int leads)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PostAsync("/v1/leads/batch", Enumerable.Range(0, leads).Select(i => new { lead_id = $"l{i:000}", attributes = new { call_count = i % 3 } }).ToArray());
        return organization;
    }

    /// <summary>A lead whose stored activity nothing can read.</summary>
    private Task PoisonAsync(TestOrganization organization, string leadId) => sidecar.Get<Database>().WriteAsync(
        transaction => transaction.ExecuteAsync("update leads set activity = @broken where organization_id = @Id and lead_id = @leadId", new { broken = new byte[] { 99 }, organization.Id, leadId }, CancellationToken.None),
        CancellationToken.None);

    private async Task<(ActiveModel Active, ScoreWrite[] Writes)> ScoreAsync(LeadClaim claim)
    {
        var active = await sidecar.Get<ActiveModels>().GetAsync(claim.OrganizationId, CancellationToken.None);
        var stored = await sidecar.Get<LeadStore>().GetManyAsync(claim.OrganizationId, [.. claim.Leads.Select(l => l.LeadId)], CancellationToken.None);
        return (active, sidecar.Get<LeadScorer>().ScoreStored(active, [.. stored.Values], clock.GetUtcNow().ToUnixTimeMilliseconds()));
    }

    private async Task<int> LedgerAsync(TestOrganization organization, string leadId) =>
        (await organization.GetAsync($"/v1/leads/{leadId}/scores")).Body.GetProperty("scores").GetArrayLength();

    [Fact]
    public async Task Claim_TwoWorkers_GetDifferentLeadsOldestFirst()
    {
        await WithLeadsAsync(25);
        var claims = new[] { await ClaimAsync(limit: 10), await ClaimAsync(limit: 10), await ClaimAsync(limit: 10), await ClaimAsync(limit: 10) };
        Assert.Equal([10, 10, 5, null], claims.Select(c => c?.Leads.Count));
        Assert.Equal(25, claims.SelectMany(c => c?.Leads ?? []).Select(l => l.LeadId).Distinct().Count());
        Assert.Equal("l000", claims[0]!.Leads[0].LeadId);
    }

    [Fact]
    public async Task Claim_LongQueueOfOneOrganization_DoesNotHoldUpAnother()
    {
        var (one, two, three) = (await WithLeadsAsync(500), await WithLeadsAsync(1), await WithLeadsAsync(2));
        var served = new List<string>();
        for (var i = 0; i < 5; i++) served.Add((await ClaimAsync(served.LastOrDefault() ?? "", 100))!.OrganizationId);
        Assert.Equal([one.Id, two.Id, three.Id, one.Id, one.Id], served);
    }

    /// <summary>A worker died with its claim; a little later another has it. The dead one comes back to life and writes nothing.</summary>
    [Fact]
    public async Task Write_ClaimRanOut_LeavesTheScoreToTheOtherWorker()
    {
        var organization = await WithLeadsAsync(3);
        var lost = (await ClaimAsync())!;
        Assert.Null(await ClaimAsync());
        clock.Advance(StaleLeads.Lease);
        var (active, late) = await ScoreAsync(lost);
        Assert.Equal(3, await RunOnceAsync());
        await organization.PutLeadAsync("l001", new { call_count = 9 });
        Assert.True(await sidecar.Get<ScoreStore>().WriteClaimedAsync(lost, active, late, CancellationToken.None));
        Assert.Equal((1, 1, 1), (await LedgerAsync(organization, "l000"), await LedgerAsync(organization, "l001"), await LedgerAsync(organization, "l002")));
        Assert.True((await organization.LeadAsync("l001"))!.IsStale);
        Assert.Equal((1, 0), (await RunOnceAsync(), await RunOnceAsync()));
    }

    /// <summary>Set back by an hour: neither the leads of a claim made before nor the queue wait for the hour to pass.</summary>
    [Fact]
    public async Task Claim_ClockSetBack_IsFreeAtOnceAndNothingIsScoredTwice()
    {
        var organization = await WithLeadsAsync(3);
        var held = (await ClaimAsync())!;
        var (active, writes) = await ScoreAsync(held);
        clock.Advance(TimeSpan.FromHours(-1));
        var other = (await ClaimAsync())!;
        Assert.Equal(3, other.Leads.Count);
        await sidecar.Get<ScoreStore>().WriteClaimedAsync(held, active, writes, CancellationToken.None);
        Assert.Equal(0, await LedgerAsync(organization, "l000"));
        await sidecar.Get<ScoreStore>().WriteClaimedAsync(other, active, (await ScoreAsync(other)).Writes, CancellationToken.None);
        Assert.Equal((1, 0), (await LedgerAsync(organization, "l000"), await RunOnceAsync()));
        // What changes now has a younger moment than what was scored before the jump, and is scored all the same.
        await organization.PutLeadAsync("l000", new { call_count = 7 });
        Assert.Equal((1, 0), (await RunOnceAsync(), await RunOnceAsync()));
        Assert.Equal(2, await LedgerAsync(organization, "l000"));
    }

    [Fact]
    public async Task Claim_ClockSetForward_RunsOutAndNothingIsLostOrScoredTwice()
    {
        var organization = await WithLeadsAsync(3);
        var held = (await ClaimAsync())!;
        var (active, writes) = await ScoreAsync(held);
        clock.Advance(TimeSpan.FromDays(30));
        Assert.Equal(3, await RunOnceAsync());
        await sidecar.Get<ScoreStore>().WriteClaimedAsync(held, active, writes, CancellationToken.None);
        foreach (var lead in (string[])["l000", "l001", "l002"]) Assert.Equal(1, await LedgerAsync(organization, lead));
        Assert.Equal(0, await RunOnceAsync());
    }

    [Fact]
    public async Task RunOnce_LeadThatCannotBeScored_IsSetAsideWithTheReasonAndHoldsUpNobody()
    {
        var organization = await WithLeadsAsync(40);
        await PoisonAsync(organization, "l017");
        Assert.Equal(40, await RunOnceAsync());
        // All others of its batch have their score.
        var rest = (await organization.GetAsync("/v1/leads?is_stale=true")).Body.GetProperty("leads").EnumerateArray();
        Assert.Equal("l017", Assert.Single(rest).Text("lead_id"));
        var queue = (await organization.GetAsync("/v1/rescoring")).Body;
        Assert.Equal((1, 1, 0), (queue.Int("queued"), queue.Int("to_be_tried_again"), queue.Int("set_aside")));

        // Not at once again, and not for ever.
        Assert.Equal(0, await RunOnceAsync());
        for (var tries = 1; tries < StaleLeads.Tries; tries++)
        {
            clock.Advance(TimeSpan.FromSeconds(2));
            Assert.Equal((1, 0), (await RunOnceAsync(), await RunOnceAsync()));
        }

        clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(0, await RunOnceAsync());
        queue = (await organization.GetAsync("/v1/rescoring")).Body;
        Assert.Equal((0, 0, 1), (queue.Int("queued"), queue.Int("to_be_tried_again"), queue.Int("set_aside")));
        var failed = queue.GetProperty("set_aside_leads")[0];
        Assert.Equal(("l017", StaleLeads.Tries), (failed.Text("lead_id"), failed.Int("failures")));
        Assert.StartsWith("FormatException: Activity state has version 99", failed.Text("reason"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Retry_LeadThatWasMended_IsScoredAndForgotten()
    {
        var organization = await WithLeadsAsync(2);
        await SetAsideAsync(organization, "l001");
        await sidecar.Get<Database>().WriteAsync(
            transaction => transaction.ExecuteAsync("update leads set activity = @empty where organization_id = @Id and lead_id = 'l001'", new { empty = Array.Empty<byte>(), organization.Id }, CancellationToken.None), CancellationToken.None);
        Assert.Equal(1, (await organization.SendAsync(HttpMethod.Post, "/v1/rescoring/retry")).Body.Int("queued"));
        Assert.Equal((1, 0), (await RunOnceAsync(), await RunOnceAsync()));
        Assert.Equal(1, await LedgerAsync(organization, "l001"));
        Assert.Equal(0, (await organization.GetAsync("/v1/rescoring")).Body.Int("set_aside"));
        Assert.Equal(0, (await organization.SendAsync(HttpMethod.Post, "/v1/rescoring/retry")).Body.Int("queued"));
    }

    /// <summary>A change may have mended it: one more try, then aside again.</summary>
    [Fact]
    public async Task RunOnce_SetAsideLeadChanges_GetsOneMoreTry()
    {
        var organization = await WithLeadsAsync(2);
        await SetAsideAsync(organization, "l001");
        await organization.PutLeadAsync("l001", new { call_count = 5 });
        Assert.Equal((1, 0), (await RunOnceAsync(), await RunOnceAsync()));
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0, await RunOnceAsync());
        Assert.Equal(StaleLeads.Tries + 1, (await organization.GetAsync("/v1/rescoring")).Body.GetProperty("set_aside_leads")[0].Int("failures"));
        // An erased lead leaves no trace of its failures.
        await organization.SendAsync(HttpMethod.Delete, "/v1/leads/l001");
        Assert.Equal(0, (await organization.GetAsync("/v1/rescoring")).Body.Int("set_aside"));
    }

    /// <summary>The lead changed while its last try failed: the change is not set aside unseen.</summary>
    [Fact]
    public async Task Fail_LeadChangedMeanwhile_StaysOnTheQueue()
    {
        var organization = await WithLeadsAsync(1);
        for (var tries = 0; tries < StaleLeads.Tries; tries++)
        {
            var claim = (await ClaimAsync())!;
            if (tries == StaleLeads.Tries - 1) await organization.PutLeadAsync("l000", new { call_count = 8 });
            Assert.False(await Queue.FailAsync(claim, claim.Leads[0], "could not", CancellationToken.None));
            clock.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.Equal((1, 0), (await RunOnceAsync(), await RunOnceAsync()));
        Assert.Equal(1, await LedgerAsync(organization, "l000"));
    }

    [Fact]
    public async Task Append_EventOfASetAsideLead_QueuesItAgain()
    {
        var organization = await WithLeadsAsync(1);
        for (var tries = 0; tries < StaleLeads.Tries; tries++)
        {
            var claim = (await ClaimAsync())!;
            Assert.Equal(tries == StaleLeads.Tries - 1, await Queue.FailAsync(claim, claim.Leads[0], "could not", CancellationToken.None));
            clock.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.Equal(0, await RunOnceAsync());
        await organization.PostAsync("/v1/events", new { lead_id = "l000", type = "chat", source = "website", occurred_at = 1_760_000_000_000 });
        Assert.Equal((1, 0), (await RunOnceAsync(), await RunOnceAsync()));
    }

    private async Task SetAsideAsync(TestOrganization organization, string leadId)
    {
        await PoisonAsync(organization, leadId);
        for (var tries = 0; tries < StaleLeads.Tries; tries++)
        {
            await RunOnceAsync();
            clock.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.Equal(1, (await organization.GetAsync("/v1/rescoring")).Body.Int("set_aside"));
    }
}
