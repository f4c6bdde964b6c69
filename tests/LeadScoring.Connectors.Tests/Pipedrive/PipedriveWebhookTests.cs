using System.Text;
using System.Text.Json.Nodes;
using LeadScoring.Connectors.Pipedrive;

namespace LeadScoring.Connectors.Tests.Pipedrive;

public sealed class PipedriveWebhookTests
{
    private const string Secret = "hook:long password";
    private const string Ours = "00000000000000000000000000000000000000aa";

    private static string Basic(string pair) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(pair));

    private static InboundResult Read(string body, string? authorization, string? secret = Secret) => new PipedriveWebhook(secret, () => [Ours]).Read(new InboundRequest(
        "POST", new Uri("https://scores.example.com/inbound"), name => name.Equals("authorization", StringComparison.OrdinalIgnoreCase) ? authorization : null, Encoding.UTF8.GetBytes(body)));

    private static string Body(string entity, string action, string id = "8", string data = "null", string previous = "null", string more = "", string version = "2.0") =>
        $$"""{"data":{{data}},"previous":{{previous}},"meta":{"action":"{{action}}","company_id":"8087566","entity_id":"{{id}}","entity":"{{entity}}","id":"71825ee0-0054-4267-b5fd-d28b7a414212","version":"{{version}}","attempt":1{{more}}} }""";

    // Origin: Pipedrive, "Guide for Webhooks v2", example "Create deal", shortened to what is read.
    private const string Published = """
        { "data": { "add_time": "2022-11-24T13:18:55Z", "currency": "EUR", "custom_fields": {}, "id": 8, "person_id": 8, "status": "open", "title": "Sample Org deal", "value": 100, "won_time": null },
          "previous": null,
          "meta": { "action": "create", "company_id": "8087566", "correlation_id": "4095519f-02cb-44bc-bd2f-551d5383f202", "entity_id": "8", "entity": "deal", "id": "71825ee0-0054-4267-b5fd-d28b7a414212",
            "is_bulk_edit": false, "timestamp": "2022-11-24T13:18:56.089Z", "type": "general", "user_id": "12415231", "version": "2.0", "webhook_id": "4710827", "webhook_owner_id": "12094821", "change_source": "app", "attempt": 1, "host": "pd-us.pipedrive.com" } }
        """;

    [Fact]
    public void Read_PublishedExample_IsADealToFetch()
    {
        var result = Read(Published, Basic(Secret));
        Assert.Null(result.Refusal);
        Assert.Equal(("71825ee0-0054-4267-b5fd-d28b7a414212", InboundKind.DealChanged, "8"), (result.Changes[0].EventId, result.Changes[0].Kind, result.Changes[0].RecordId));
    }

    public static TheoryData<string, string?, string?, string> Forgeries => new()
    {
        { Published, null, Secret, "no user and password" },
        { Published, "Bearer " + Basic(Secret)[6..], Secret, "no user and password" },
        { Published, "Basic not base64!", Secret, "no user and password" },
        { Published, Basic("hook:long passworD"), Secret, "user or password are wrong" },
        { Published, Basic("hooj:long password"), Secret, "user or password are wrong" },
        { Published, Basic(""), Secret, "user or password are wrong" },
        { Published, Basic(":"), ":", "no user and password are set" },
        { Published, Basic("hook"), "hook", "no user and password are set" },
        { Published, Basic(Secret), null, "no user and password are set" },
        { "[]", Basic(Secret), Secret, "the body is no webhook of version 2" },
        { "{}", Basic(Secret), Secret, "the body is no webhook of version 2" },
        { "", Basic(Secret), Secret, "the body is no webhook of version 2" },
        { Body("deal", "create", version: "1.0"), Basic(Secret), Secret, "the body is no webhook of version 2" },
    };

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void Read_AnythingMissingOrWrong_IsRefused(string body, string? authorization, string? secret, string why) => Assert.Equal(why, Read(body, authorization, secret).Refusal);

    public static TheoryData<string, InboundKind?, string> Notices => new()
    {
        { Body("person", "create"), InboundKind.ContactChanged, "8" },
        { Body("person", "change", previous: """{"name":"x","update_time":"y"}"""), InboundKind.ContactChanged, "8" },
        { Body("person", "delete"), InboundKind.ContactDeleted, "8" },
        { Body("person", "delete", more: ",\"merged_to_id\":\"9\""), InboundKind.ContactChanged, "9" },
        { Body("deal", "delete"), InboundKind.DealChanged, "8" },
        { Body("lead", "create", "adf21080-0e10-11eb-879b-05d71fb426ec", """{"person_id":77}"""), InboundKind.ContactChanged, "77" },
        { Body("lead", "create", "adf21080-0e10-11eb-879b-05d71fb426ec", """{"person_id":null}"""), null, "" },
        { Body("activity", "change", "5", """{"id":5,"type":"call","done":true,"person_id":77,"update_time":"2026-11-27T10:00:00Z"}"""), InboundKind.Activity, "77" },
        { Body("activity", "create", "5", """{"id":5,"type":"call","done":false,"person_id":77}"""), null, "" },
        { Body("person", "create", "8;drop"), null, "" },
        { Body("note", "create"), null, "" },
        // What we wrote comes back as a change.
        { Body("person", "change", previous: $$"""{"update_time":"y","custom_fields":{"{{Ours}}":null} }"""), null, "" },
        { Body("person", "change", previous: $$"""{"update_time":"y","custom_fields":{"{{Ours}}":null,"00000000000000000000000000000000000000bb":1} }"""), InboundKind.ContactChanged, "8" },
    };

    [Theory]
    [MemberData(nameof(Notices))]
    public void Read_Notices_AreToldAndOurOwnWritesAreNot(string body, InboundKind? kind, string record)
    {
        var result = Read(body, Basic(Secret));
        Assert.Null(result.Refusal);
        (InboundKind, string)[] expected = kind is { } k ? [(k, record)] : [];
        Assert.Equal(expected, result.Changes.Select(c => (c.Kind, c.RecordId)));
    }

    [Fact]
    public async Task Read_AfterFieldsWereMade_OurOwnChangeIsKnownByItsHash()
    {
        await using var world = await PipedriveWorld.StartAsync(s => s.WebhookSecret = Secret);
        await world.Connector.EnsureFieldsAsync([new FieldDefinition("lead_scoring_score", "Score", FieldKind.Number)], CancellationToken.None);
        var previous = new JsonObject { ["custom_fields"] = new JsonObject { [world.Pipedrive.CodeOf("lead_scoring_score")] = null } }.ToJsonString();
        var result = world.Connector.ReadInbound(new InboundRequest("POST", new Uri("https://scores.example.com/"), _ => Basic(Secret), Encoding.UTF8.GetBytes(Body("person", "change", previous: previous))));
        Assert.Equal((null, 0), (result.Refusal, result.Changes.Count));
    }
}
