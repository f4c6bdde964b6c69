using System.Net;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Tests.Events;

public sealed class EventTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static object Event(string? id, string lead, string type = "page_view", object? at = null, object? properties = null) =>
        new { event_id = id, lead_id = lead, type, source = "website", occurred_at = at ?? "2026-05-01T10:00:00Z", properties };

    [Fact]
    public async Task Post_NewRepeatedAndBad_AnswersPerItemAndFoldsOnce()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, body) = await organization.PostAsync("/v1/events", new { events = new[] { Event("1", "a"), Event("1", "a"), Event("2", "a", "Bad Type"), Event("1", "other", "chat") } });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["accepted", "duplicate", "rejected", "duplicate"], body.GetProperty("results").EnumerateArray().Select(r => r.Text("status")));
        Assert.Equal("/events/2/type", body.At("results", 2).At("errors", 0).Text("pointer"));
        Assert.Equal(1, (await organization.LeadAsync("a"))!.Snapshot.Activity.Events);
        Assert.Null(await organization.LeadAsync("other"));
    }

    [Fact]
    public async Task Post_UnknownLead_MakesItStaleWithoutAttributes()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PostAsync("/v1/events", Event("1", "new"));
        var lead = await organization.LeadAsync("new");
        Assert.Empty(lead!.Snapshot.Attributes);
        Assert.True(lead.IsStale);
        Assert.Null(lead.Snapshot.CreatedAtMs);
    }

    [Fact]
    public async Task Post_WithoutId_SameContentIsOneEvent()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var first = (await organization.PostAsync("/v1/events", Event(null, "a", properties: new { x = 1, y = "z" }))).Body;
        var again = (await organization.PostAsync("/v1/events", Event(null, "a", properties: new { y = "z", x = 1 }))).Body;
        var other = (await organization.PostAsync("/v1/events", Event(null, "a", properties: new { x = 2, y = "z" }))).Body;
        Assert.Equal(1, first.Int("accepted"));
        Assert.Equal(1, again.Int("duplicate"));
        Assert.Equal(1, other.Int("accepted"));
    }

    [Fact]
    public async Task Post_ALittleInTheFuture_IsStoredAsOfArrival()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var aheadMs = TimeProvider.System.GetUtcNow().AddMinutes(3).ToUnixTimeMilliseconds();
        await organization.PostAsync("/v1/events", Event("1", "a", at: aheadMs));
        var stored = Assert.Single(await organization.EventsAsync());
        Assert.InRange(stored.Event.OccurredAtMs, aheadMs - 200_000, aheadMs - 170_000);
        var (status, _) = await organization.PostAsync("/v1/events", Event("2", "a", at: aheadMs + 300_000));
        Assert.Equal(HttpStatusCode.BadRequest, status);
    }

    [Fact]
    public async Task Post_HalfSurrogatesAndDuplicateNames_AreNeverA500()
    {
        var organization = await sidecar.NewOrganizationAsync();
        const string Head = "{\"event_id\":\"1\",\"lead_id\":\"a\",\"type\":\"chat\",\"source\":\"website\",\"occurred_at\":1767225600000,\"properties\":";
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.PostAsync("/v1/events", Head + "{\"x\":\"\\udc00\"}}")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.PostAsync("/v1/events", Head + "{\"\\udc00\":1}}")).Status);
        Assert.Equal(HttpStatusCode.OK, (await organization.PostAsync("/v1/events", Head + "{\"x\":1,\"x\":2}}")).Status);
    }

    [Fact]
    public async Task Read_ForLeads_IsOrderedByLeadAndMoment()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PostAsync("/v1/events", new[] { Event("1", "b", at: "2026-01-02"), Event("2", "c"), Event("3", "a"), Event("4", "b", at: "2026-01-01") });
        List<string> ids = [];
        await foreach (var e in sidecar.Get<EventStore>().ReadForLeadsAsync(organization.Id, ["b", "a", "nobody"], CancellationToken.None)) ids.Add(e.Event.EventId);
        Assert.Equal(["3", "4", "1"], ids);
    }

    [Fact]
    public async Task Append_ConcurrentCallers_LoseNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var store = sidecar.Get<EventStore>();
        await Parallel.ForEachAsync(Enumerable.Range(0, 40), async (i, cancellationToken) => await store.AppendAsync(organization.Id,
            [.. Enumerable.Range(0, 25).Select(k => new LeadEvent("l" + (k % 3), new ActivityEvent($"{i}-{k}", "page_view", "website", 1_760_000_000_000 + i * 1_000 + k)))], cancellationToken));
        Assert.Equal(1_000, (await organization.EventsAsync()).Count);
        await organization.AssertStatesEqualReplayAsync();
    }
}
