using System.Net;
using LeadScoring.Sidecar.Tests.Scoring;

namespace LeadScoring.Sidecar.Tests.Sync;

[Trait("Category", "Slow")]
public sealed class MergeTests
{
    private static async Task<(SyncWorld World, string Winner, string Loser)> MergedAsync()
    {
        var world = await SyncWorld.StartAsync();
        var at = world.Clock.GetUtcNow().AddDays(-1).ToUnixTimeMilliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture);
        var (winner, loser) = (world.HubSpot.Add("contacts", ("email", "a@example.com"), ("hs_email_open", "1"), ("hs_email_last_open_date", at)), world.HubSpot.Add("contacts", ("email", "b@example.com"), ("hs_email_open", "2"), ("hs_email_last_open_date", at)));
        await world.SyncAsync();
        world.HubSpot.Merge(winner, loser);
        await world.SyncAsync();
        return (world, "hubspot-" + winner, "hubspot-" + loser);
    }

    [Fact]
    public async Task Merge_ByTheVendor_MovesActivityAndClosesTheOther()
    {
        var (world, winner, loser) = await MergedAsync();
        await using var disposing = world;
        Assert.All(await world.Organization.EventsAsync(), e => Assert.Equal(winner, e.LeadId));
        await world.Organization.AssertStatesEqualReplayAsync();
        Assert.Equal(winner, (await world.Organization.LeadAsync(loser))!.Snapshot.Attribute("merged_into").AsText());
        var (_, merges) = await world.Organization.GetAsync("/v1/merges");
        Assert.Equal((winner, loser, "merged_by_vendor"), (merges.At("merges", 0).Text("lead_id"), merges.At("merges", 0).Text("merged_lead_id"), merges.At("merges", 0).Text("reason")));
    }

    [Fact]
    public async Task Erase_OneOfThePair_ErasesBothAndKeepsBothOut()
    {
        var (world, winner, loser) = await MergedAsync();
        await using var disposing = world;
        var (status, body) = await world.Organization.SendAsync(HttpMethod.Delete, "/v1/leads/" + loser);
        Assert.Equal((HttpStatusCode.OK, 2), (status, body.GetProperty("receipt").Int("leads")));
        world.HubSpot.Set("contacts", winner["hubspot-".Length..], ("jobtitle", "CTO"));
        await world.SyncAsync();
        Assert.Null(await world.Organization.LeadAsync(winner));
        Assert.Null(await world.Organization.LeadAsync(loser));
    }

    [Fact]
    public async Task Undo_Merge_GivesEachItsOwnBackForGood()
    {
        var (world, winner, loser) = await MergedAsync();
        await using var disposing = world;
        var (_, merges) = await world.Organization.GetAsync("/v1/merges");
        var undo = $"/v1/merges/{merges.At("merges", 0).Text("merge_id")}/undo";
        Assert.Equal(HttpStatusCode.NoContent, (await world.Organization.SendAsync(HttpMethod.Post, undo)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await world.Organization.SendAsync(HttpMethod.Post, undo)).Status);
        async Task AssertPartedAsync()
        {
            var events = (await world.Organization.EventsAsync()).ToLookup(e => e.LeadId);
            Assert.Equal((1, 2), (events[winner].Count(), events[loser].Count()));
            await world.Organization.AssertStatesEqualReplayAsync();
            Assert.Null((await world.Organization.LeadAsync(loser))!.Snapshot.Attribute("merged_into").AsText());
        }

        await AssertPartedAsync();
        world.HubSpot.Set("contacts", winner["hubspot-".Length..], ("jobtitle", "CTO"));
        await world.SyncAsync();
        await AssertPartedAsync();
    }

    [Fact]
    public async Task Contact_WithAnAddressThatIsKnown_IsTheSameLead()
    {
        await using var world = await SyncWorld.StartAsync();
        var first = world.HubSpot.Add("contacts", ("email", "Ada@Example.com"));
        await world.SyncAsync();
        var second = world.HubSpot.Add("contacts", ("email", "ada@example.com "), ("jobtitle", "CTO"));
        await world.SyncAsync();
        Assert.Null(await world.Organization.LeadAsync("hubspot-" + second));
        // The second record names its attributes after itself: two records never overwrite each other in turns.
        Assert.Equal("CTO", (await world.Organization.LeadAsync("hubspot-" + first))!.Snapshot.Attribute("hubspot_job_title").AsText());
    }
}
