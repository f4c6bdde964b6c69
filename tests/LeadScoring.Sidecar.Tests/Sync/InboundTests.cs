using System.Net;

namespace LeadScoring.Sidecar.Tests.Sync;

public sealed class InboundTests
{
    private static string Event(long id, string type, string record, string property = "jobtitle") =>
        $$"""[{"eventId":{{id}},"subscriptionId":1,"occurredAt":1,"subscriptionType":"{{type}}","objectId":{{record}},"propertyName":"{{property}}"}]""";

    [Fact]
    public async Task Notice_OfANewContact_BringsItInWithoutTheSearch()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts", ("email", "a@example.com"), ("jobtitle", "CTO"));
        Assert.Equal(HttpStatusCode.OK, await world.NotifyAsync(Event(1, "contact.creation", contact)));
        Assert.Equal(1, await world.WorkOffAsync());
        Assert.Equal("CTO", (await world.Organization.LeadAsync("hubspot-" + contact))!.Snapshot.Attribute("job_title").AsText());
        Assert.DoesNotContain(world.HubSpot.Seen, r => r.Path.EndsWith("/search", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Notice_SentAgain_IsDoneOnce()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts");
        var notice = Event(7, "contact.creation", contact);
        await world.NotifyAsync(notice);
        await world.NotifyAsync(notice);
        Assert.Equal(1, await world.WorkOffAsync());
        await world.NotifyAsync(notice);
        Assert.Equal(0, await world.WorkOffAsync());
    }

    [Fact]
    public async Task Notice_ForgedOrOfAnUnknownConnector_IsRefusedAlike()
    {
        await using var world = await SyncWorld.StartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, await world.NotifyAsync(Event(1, "contact.creation", "1"), secret: "another secret"));
        using var plain = new StringContent(Event(1, "contact.creation", "1"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await world.Sidecar.Anonymous().PostAsync("/v1/inbound/hubspot", plain)).StatusCode);
        using var other = new StringContent("[]");
        Assert.Equal(HttpStatusCode.Unauthorized, (await world.Sidecar.Anonymous().PostAsync("/v1/inbound/salesforce", other)).StatusCode);
        Assert.Equal(0, await world.WorkOffAsync());
    }

    [Fact]
    public async Task Notice_OfErasure_ErasesAndKeepsOut()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts", ("email", "a@example.com"));
        await world.SyncAsync();
        await world.NotifyAsync(Event(2, "contact.privacyDeletion", contact));
        await world.WorkOffAsync();
        Assert.Null(await world.Organization.LeadAsync("hubspot-" + contact));
        await world.NotifyAsync(Event(3, "contact.propertyChange", contact));
        await world.WorkOffAsync();
        Assert.Null(await world.Organization.LeadAsync("hubspot-" + contact));
    }

    [Fact]
    public async Task Notice_OfADeletedContact_MarksIt()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts");
        await world.SyncAsync();
        world.HubSpot.Archive("contacts", contact);
        await world.NotifyAsync(Event(4, "contact.deletion", contact));
        await world.WorkOffAsync();
        Assert.Equal("true", (await world.Organization.LeadAsync("hubspot-" + contact))!.Snapshot.Attribute("crm_deleted").AsText());
    }
}
