using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Sidecar.Sync;
using LeadScoring.Sidecar.Tests.Webhooks;

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

    /// <summary>Opens are a change of the contact: they are events at once, and the walk that comes later finds nothing new in them.</summary>
    [Fact]
    public async Task Notice_OfAnOpen_IsAnEventAtOnceAndOnce()
    {
        await using var world = await SyncWorld.StartAsync();
        var at = world.Clock.GetUtcNow().AddHours(-1).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        var contact = world.HubSpot.Add("contacts", ("email", "a@example.com"), ("hs_email_delivered", "1"), ("hs_email_last_send_date", at), ("hs_email_open", "1"), ("hs_email_last_open_date", at));
        await world.NotifyAsync(Event(1, "contact.propertyChange", contact, "hs_email_open"));
        await world.WorkOffAsync();
        Assert.Equal(["email_opened", "email_sent"], (await world.Organization.EventsAsync()).Select(e => e.Event.Type).Order());
        await world.SyncAsync();
        Assert.Equal(2, (await world.Organization.EventsAsync()).Count);
        await world.Organization.AssertStatesEqualReplayAsync();
    }

    /// <summary>Whoever recorded a notice can send it again while its moment is good, or for ever where the vendor signs none: it is believed, and does nothing.</summary>
    [Theory]
    [InlineData("hubspot")]
    [InlineData("salesforce")]
    [InlineData("pipedrive")]
    [InlineData("mailchimp")]
    [InlineData("sendgrid")]
    [InlineData("klaviyo")]
    public async Task Notice_Recorded_IsNotDoneAgain(string vendor)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string Of(string name) => $"LeadScoring:Connectors:{vendor.ToUpperInvariant()}:{name}";
        var secret = vendor switch { "pipedrive" => "user:a long password", "sendgrid" => Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()), "hubspot" => HubSpotSimulator.ClientSecret, _ => "a secret of the test" };
        (string, string)[] settings = vendor == "hubspot" ? [] :
        [
            (Of("Organization"), "org-1"), (Of("BaseUrl"), "http://127.0.0.1:9"), (Of("Token"), "0123456789abcdef0123456789abcdef-us1"), (Of("WebhookSecret"), secret), (Of("Options:OrganizationId"), "00D000000000001"),
        ];
        await using var world = await SyncWorld.StartAsync(settings);
        var now = world.Clock.GetUtcNow();
        var (query, media, body, headers) = NoticeOf(vendor, secret, key, now);
        var account = world.Sidecar.Get<ConnectorAccounts>().Find(vendor)!;
        for (var sent = 0; sent < 3; sent++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/inbound/{vendor}{query}") { Content = new StringContent(body, Encoding.UTF8, media) };
            foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
            using var answer = await world.Sidecar.Anonymous().SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(1, await world.Sidecar.Get<InboundStore>().WaitingAsync(account, CancellationToken.None));
        }
    }

    private static (string Query, string Media, string Body, (string Name, string Value)[] Headers) NoticeOf(string vendor, string secret, ECDsa key, DateTimeOffset now)
    {
        const string Json = "application/json";
        static string Hex(string secret, string text) => Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(text)));
        var (seconds, date) = (now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), now.ToString("r", CultureInfo.InvariantCulture));
        switch (vendor)
        {
            case "hubspot":
                var (notice, ms) = (Event(1, "contact.creation", "1"), now.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture));
                return ("", Json, notice, [("X-HubSpot-Signature-v3", HubSpotSimulator.Sign(secret, SyncWorld.WebhookUrl, notice, ms)), ("X-HubSpot-Request-Timestamp", ms)]);
            case "salesforce":
                return ("?secret=" + Uri.EscapeDataString(secret), "text/xml", Outbound, []);
            case "pipedrive":
                const string Deal = """{"data":null,"previous":null,"meta":{"action":"create","entity_id":"8","entity":"deal","id":"71825ee0-0054-4267-b5fd-d28b7a414212","version":"2.0"}}""";
                return ("", Json, Deal, [("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(secret)))]);
            case "mailchimp":
                return ("?secret=" + Uri.EscapeDataString(secret), "application/x-www-form-urlencoded", "type=profile&fired_at=2026-06-10+12%3A00%3A00&data%5Bemail%5D=a%40example.com&data%5Blist_id%5D=aaa", []);
            case "sendgrid":
                var opened = """[{"email":"a@example.com","event":"open","sg_event_id":"1","timestamp":SECONDS}]""".Replace("SECONDS", seconds, StringComparison.Ordinal);
                var signature = Convert.ToBase64String(key.SignData(Encoding.UTF8.GetBytes(seconds + opened), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
                return ("", Json, opened, [("X-Twilio-Email-Event-Webhook-Signature", signature), ("X-Twilio-Email-Event-Webhook-Timestamp", seconds)]);
            default:
                var data = """{"data":[{"external_id":"x","topic":"event:klaviyo.opened_email","payload":{"data":{"type":"event","id":"e1","attributes":{"timestamp":SECONDS},"relationships":{"profile":{"data":{"type":"profile","id":"P1"}}}}}}]}""".Replace("SECONDS", seconds, StringComparison.Ordinal);
                return ("", Json, data, [("Klaviyo-Signature", Hex(secret, data + date)), ("Klaviyo-Timestamp", date)]);
        }
    }

    private const string Outbound = """
        <soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
        <OrganizationId>00D000000000001EAA</OrganizationId><Notification><Id>04l000000000001AAA</Id><sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>00Q000000000001AAA</sf:Id></sObject></Notification>
        </notifications></soapenv:Body></soapenv:Envelope>
        """;

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
        foreach (var (query, expected) in (IEnumerable<(string, HttpStatusCode)>)[("", HttpStatusCode.Unauthorized), ("?secret=another+secret+of+16", HttpStatusCode.Unauthorized), ($"?secret={Uri.EscapeDataString(Secret)}", HttpStatusCode.OK)])
        {
            using var body = new StringContent(Outbound, Encoding.UTF8, "text/xml");
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

    /// <summary>Whoever was erased does not come back as another record with the same address, nor by activity of the address, nor by a record that nobody knew.</summary>
    [Fact]
    public async Task Erased_AnotherRecordOrActivityOfTheAddress_StaysOut()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts", ("email", "a@example.com"));
        await world.SyncAsync();
        await world.Organization.SendAsync(HttpMethod.Delete, "/v1/leads/hubspot-" + contact);
        var again = world.HubSpot.Add("contacts", ("email", "A@example.com"), ("jobtitle", "CTO"));
        var other = world.HubSpot.Add("contacts", ("email", "b@example.com"));
        await world.SyncAsync();
        Assert.Null(await world.Organization.LeadAsync("hubspot-" + again));
        Assert.NotNull(await world.Organization.LeadAsync("hubspot-" + other));
        Sidecar.Storage.Database database = world.Sidecar.Get<Sidecar.Storage.Database>();
        var record = new LeadScoring.Connectors.ActivityRecord("act-9", null, "a@example.com", "email_open", "email", world.Clock.GetUtcNow());
        await database.WriteAsync(t => world.Sidecar.Get<StoreActivity>().RunAsync(t, world.Account, [record, record with { Id = "act-10", ContactId = contact, Email = null }], CancellationToken.None), CancellationToken.None);
        Assert.Empty(await world.Organization.EventsAsync());
        Assert.Equal(0, await world.Sidecar.CountAsync("select count(*) from connector_inbound where status = 'pending'"));
        await world.NotifyAsync(Event(7, "contact.privacyDeletion", "990"));
        await world.WorkOffAsync();
        await database.WriteAsync(t => world.Sidecar.Get<StoreContacts>().RunAsync(t, world.Account, [new LeadScoring.Connectors.ContactRecord("990", "z@example.com", new Dictionary<string, string?>())], CancellationToken.None), CancellationToken.None);
        Assert.Null(await world.Organization.LeadAsync("hubspot-990"));
        Assert.True((await world.Organization.GetAsync("/v1/erasures")).Body.At("erasures", 0).Int("refused") >= 3);
    }

    /// <summary>A version before kept records of erased leads by their id in clear.</summary>
    [Fact]
    public async Task Seal_LinksOfAnEarlierVersion_BecomeTombstones()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts", ("email", "a@example.com"));
        await world.SyncAsync();
        await world.Sidecar.Get<Sidecar.Storage.Database>().WriteAsync(t => t.ExecuteAsync("update lead_links set lead_id = ''; delete from lead_emails; delete from leads", null, CancellationToken.None), CancellationToken.None);
        Assert.Equal(1, await world.Sidecar.Get<SealErasedLinks>().RunAsync(CancellationToken.None));
        Assert.Equal(0, await world.Sidecar.CountAsync("select count(*) from lead_links"));
        world.HubSpot.Set("contacts", contact, ("jobtitle", "CEO"));
        await world.SyncAsync();
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
