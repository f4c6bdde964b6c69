using System.Net;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Events;

/// <summary>Machines among the events, from the outside: kept, shown with the reason, not counted.</summary>
public sealed class BotEventTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private const long Start = 1_760_000_007_000;

    private static object Event(string id, string type, long offsetMs, object? properties = null) =>
        new { event_id = id, lead_id = "a", type, source = "email", occurred_at = Start + offsetMs, properties };

    [Fact]
    public async Task Events_OfMachines_AreShownWithTheReasonAndNotCounted()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PostAsync("/v1/events", new object[]
        {
            Event("sent", "email_sent", -60_000), Event("click-1", "email_clicked", 0), Event("click-2", "email_clicked", 120), Event("open", "email_opened", -30_000),
            Event("flagged", "page_view", 5_000, new { is_bot = true }), Event("crawler", "page_view", 6_000, new { user_agent = "Googlebot/2.1" }), Event("gateway", "email_opened", 9_000, new { host = "mx.pphosted.com" }),
        });
        Assert.Equal((4, 3, 0), await CountsAsync(organization));
        // The third click of the same second arrives later and makes all of them a scanner's.
        await organization.PostAsync("/v1/events", Event("click-3", "email_clicked", 480));
        Assert.Equal((2, 3, 3), await CountsAsync(organization));

        var first = (await organization.GetAsync("/v1/leads/a/events?limit=5")).Body;
        var second = (await organization.GetAsync("/v1/leads/a/events?limit=5&cursor=" + first.Text("next_cursor"))).Body;
        Assert.Equal((2, 6), (first.Int("counted"), first.Int("not_counted")));
        Assert.False(second.TryGetProperty("next_cursor", out _));
        var shown = first.GetProperty("events").EnumerateArray().Concat(second.GetProperty("events").EnumerateArray()).ToArray();
        Assert.Equal(
            [("gateway", "host"), ("crawler", "user_agent"), ("flagged", "declared"), ("click-3", "burst"), ("click-2", "burst"), ("click-1", "burst"), ("open", null), ("sent", null)],
            shown.Select(e => (e.Text("event_id")!, e.TryGetProperty("why_not", out var why) ? why.GetString() : null)));
        Assert.All(shown, e => Assert.Equal(!e.TryGetProperty("why_not", out _), e.GetProperty("counts").GetBoolean()));
        await organization.AssertStatesEqualReplayAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync("/v1/leads/nobody/events")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/leads/a/events?cursor=x")).Status);
    }

    [Fact]
    public async Task EventTypes_KnownAndUnknown_AreCountedWithWhatUsesThem()
    {
        var organization = await sidecar.NewOrganizationAsync();
        for (var again = 0; again < 2; again++)
        {
            await organization.PostAsync("/v1/events", new object[] { Event("1", "phone_call", 0), Event("2", "webinar_joined", 1), Event("3", "webinar_joined", 2, new { is_bot = true }), Event("4", "page_view", 3) });
        }

        var body = (await organization.GetAsync("/v1/events/types")).Body;
        var types = body.GetProperty("types").EnumerateArray().ToDictionary(t => t.Text("type")!);
        Assert.Equal(["webinar_joined", "page_view", "phone_call"], types.Keys);
        Assert.Equal((2, 1, false), (types["webinar_joined"].Int("events"), types["webinar_joined"].Int("bot_events"), types["webinar_joined"].GetProperty("is_used").GetBoolean()));
        Assert.Equal(["phone_calls"], types["phone_call"].GetProperty("features").EnumerateArray().Select(f => f.GetString()));
        Assert.Contains("total_sessions", types["page_view"].GetProperty("features").EnumerateArray().Select(f => f.GetString()));
        Assert.Equal((1, 1), (body.GetProperty("not_counted").Int("events"), body.GetProperty("not_counted").Int("leads")));
        Assert.Empty((await (await sidecar.NewOrganizationAsync()).GetAsync("/v1/events/types")).Body.GetProperty("types").EnumerateArray());
    }

    /// <summary>What an earlier version folded by other rules is folded anew at the start, and only that.</summary>
    [Fact]
    public async Task Refold_ActivityOfAnEarlierVersion_IsWhatReplayGives()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PostAsync("/v1/events", Enumerable.Range(0, 4).Select(i => Event("c" + i, "email_clicked", i)).Append(Event("chat", "chat", 60_000)).ToArray());
        await organization.PostAsync("/v1/events", new { event_id = "other", lead_id = "b", type = "chat", source = "website", occurred_at = Start });
        // As the version before would have it: every click counted.
        var old = new ActivityState();
        for (var i = 0; i < 4; i++) old.Fold(new ActivityEvent("c" + i, "email_clicked_before", "email", Start + i));
        await sidecar.Get<Database>().WriteAsync(
            transaction => transaction.ExecuteAsync(
                "update leads set activity = @activity, fold_version = 2, is_stale = 0, stale_since_ms = null where organization_id = @Id and lead_id = 'a'", new { activity = old.ToBytes(), organization.Id }, CancellationToken.None),
            CancellationToken.None);
        Assert.Equal(1, await sidecar.Get<RefoldActivity>().RunAsync(CancellationToken.None));
        await organization.AssertStatesEqualReplayAsync();
        Assert.Equal((1, 0, 4), await CountsAsync(organization));
        Assert.True((await organization.LeadAsync("a"))!.IsStale);
        Assert.Equal(0, await sidecar.Get<RefoldActivity>().RunAsync(CancellationToken.None));
    }

    private static async Task<(int Events, int Bots, int Bursts)> CountsAsync(TestOrganization organization)
    {
        var activity = (await organization.GetAsync("/v1/leads/a")).Body.GetProperty("activity");
        return (activity.Int("events"), activity.Int("bot_events"), activity.Int("burst_events"));
    }
}
