using System.Net;

namespace LeadScoring.Sidecar.Tests.Sync;

[Trait("Category", "Slow")]
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

    /// <summary>Where a secret in the address is the proof, it must come with the request: the address in the settings, which holds it too, does not stand in for it.</summary>
    [Fact]
    public async Task Notice_SecretInTheAddress_MustComeWithTheRequest()
    {
        const string Secret = "a secret of the test";
        const string Salesforce = "LeadScoring:Connectors:SALESFORCE:";
        const string Mailchimp = "LeadScoring:Connectors:MAILCHIMP:";
        await using var world = await SyncWorld.StartAsync(
            (Salesforce + "Organization", "org-1"), (Salesforce + "BaseUrl", "http://127.0.0.1:9"), (Salesforce + "Token", "x"), (Salesforce + "WebhookSecret", Secret),
            (Salesforce + "Options:OrganizationId", "00D000000000001"), (Salesforce + "WebhookUrl", $"https://leads.example.com/v1/inbound/salesforce?secret={Secret}"),
            (Mailchimp + "Organization", "org-1"), (Mailchimp + "BaseUrl", "http://127.0.0.1:9"), (Mailchimp + "Token", "0123456789abcdef0123456789abcdef-us1"), (Mailchimp + "WebhookSecret", Secret),
            (Mailchimp + "WebhookUrl", $"https://leads.example.com/v1/inbound/mailchimp?secret={Secret}"));
        const string Message = """
            <soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
            <OrganizationId>00D000000000001EAA</OrganizationId><Notification><Id>04l000000000001AAA</Id><sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>00Q000000000001AAA</sf:Id></sObject></Notification>
            </notifications></soapenv:Body></soapenv:Envelope>
            """;
        foreach (var (query, expected) in (IEnumerable<(string, HttpStatusCode)>)[("", HttpStatusCode.Unauthorized), ("?secret=another+secret+of+16", HttpStatusCode.Unauthorized), ($"?secret={Uri.EscapeDataString(Secret)}", HttpStatusCode.OK)])
        {
            using var body = new StringContent(Message, System.Text.Encoding.UTF8, "text/xml");
            using var notice = await world.Sidecar.Anonymous().PostAsync("/v1/inbound/salesforce" + query, body);
            using var probe = await world.Sidecar.Anonymous().GetAsync("/v1/inbound/mailchimp" + query);
            Assert.Equal((expected, expected), (notice.StatusCode, probe.StatusCode));
            // Salesforce sends the same again for a day unless it is told so in its own words.
            if (expected == HttpStatusCode.OK) Assert.Contains("<Ack>true</Ack>", await notice.Content.ReadAsStringAsync());
        }
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
