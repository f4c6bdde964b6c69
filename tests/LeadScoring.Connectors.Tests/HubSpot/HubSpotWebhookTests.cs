using System.Text;
using LeadScoring.Connectors.HubSpot;
using LeadScoring.Connectors.Tests.Simulators;

namespace LeadScoring.Connectors.Tests.HubSpot;

public sealed class HubSpotWebhookTests
{
    private const string Secret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
    private static readonly Uri Address = new("https://www.example.com/webhook_uri");

    private sealed class FixedClock(long ms) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(ms);
    }

    private static InboundRequest Request(string body, string? signature, string? timestamp, string method = "POST", Uri? uri = null) => new(
        method, uri ?? Address, name => name.ToUpperInvariant() switch { "X-HUBSPOT-SIGNATURE-V3" => signature, "X-HUBSPOT-REQUEST-TIMESTAMP" => timestamp, _ => null }, Encoding.UTF8.GetBytes(body));

    // Origin: HubSpot/hubspot-api-python, tests/spec/utils/test_signature.py, test_get_signature__v3.
    private const string PublishedBody = "{'example_field':'example_value'}";
    private const string PublishedSignature = "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=";
    private const string PublishedTimestamp = "15000000";

    /// <summary>The published body is no JSON: the signature is right, and what it signs is refused for that.</summary>
    [Fact]
    public void Read_PublishedExample_SignatureIsRight() => Assert.Equal(
        "the body is not a list of events", new HubSpotWebhook(Secret, "lead_scoring_", new FixedClock(15_000_000)).Read(Request(PublishedBody, PublishedSignature, PublishedTimestamp)).Refusal);

    public static TheoryData<string, string?, string?, string, string> Forgeries => new()
    {
        { "{'example_field':'example_valuf'}", PublishedSignature, PublishedTimestamp, Secret, "the signature is wrong" },
        { PublishedBody, PublishedSignature, "15000001", Secret, "the signature is wrong" },
        { PublishedBody, PublishedSignature, PublishedTimestamp, Secret + "x", "the signature is wrong" },
        { PublishedBody, "IPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=", PublishedTimestamp, Secret, "the signature is wrong" },
        { PublishedBody, "not base64", PublishedTimestamp, Secret, "the signature is wrong" },
        { PublishedBody, null, PublishedTimestamp, Secret, "no signature of version 3" },
        { PublishedBody, PublishedSignature, null, Secret, "no timestamp" },
        { PublishedBody, PublishedSignature, "soon", Secret, "no timestamp" },
        { PublishedBody, PublishedSignature, PublishedTimestamp, "", "no secret is set" },
    };

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void Read_AnythingChanged_IsRefused(string body, string? signature, string? timestamp, string secret, string why) =>
        Assert.Equal(why, new HubSpotWebhook(secret, "lead_scoring_", new FixedClock(15_000_000)).Read(Request(body, signature, timestamp)).Refusal);

    [Theory]
    [InlineData(15_000_000 + 300_000, true)]
    [InlineData(15_000_000 + 300_001, false)]
    [InlineData(15_000_000 - 300_001, false)]
    public void Read_AgeOfTheTimestamp_DecidesAtFiveMinutes(long nowMs, bool inTime) => Assert.Equal(
        inTime ? "the body is not a list of events" : "the timestamp is too old or ahead", new HubSpotWebhook(Secret, "lead_scoring_", new FixedClock(nowMs)).Read(Request(PublishedBody, PublishedSignature, PublishedTimestamp)).Refusal);

    [Fact]
    public void Read_OtherMethodOrAddress_IsRefused()
    {
        var webhook = new HubSpotWebhook(Secret, "lead_scoring_", new FixedClock(15_000_000));
        Assert.Equal("the signature is wrong", webhook.Read(Request(PublishedBody, PublishedSignature, PublishedTimestamp, method: "PUT")).Refusal);
        Assert.Equal("the signature is wrong", webhook.Read(Request(PublishedBody, PublishedSignature, PublishedTimestamp, uri: new Uri("https://www.example.com/webhook_uri?x=1"))).Refusal);
    }

    [Fact]
    public void Read_Events_AreToldAndOurOwnWritesAreNot()
    {
        const string Body = """
            [{"eventId":1,"subscriptionId":2,"occurredAt":3,"subscriptionType":"contact.propertyChange","objectId":101,"propertyName":"jobtitle"},
             {"eventId":4,"subscriptionId":2,"occurredAt":3,"subscriptionType":"contact.propertyChange","objectId":102,"propertyName":"lead_scoring_score"},
             {"eventId":5,"subscriptionId":2,"occurredAt":3,"subscriptionType":"contact.privacyDeletion","objectId":103},
             {"eventId":6,"subscriptionId":2,"occurredAt":3,"subscriptionType":"object.deletion","objectTypeId":"0-1","objectId":104},
             {"eventId":7,"subscriptionId":2,"occurredAt":3,"subscriptionType":"deal.propertyChange","objectId":105,"propertyName":"dealstage"},
             {"eventId":8,"subscriptionId":2,"occurredAt":3,"subscriptionType":"ticket.creation","objectId":106}]
            """;
        var clock = new LeapClock();
        var timestamp = clock.GetUtcNow().ToUnixTimeMilliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture);
        var result = new HubSpotWebhook(Secret, "lead_scoring_", clock).Read(Request(Body, HubSpotSimulator.Sign(Secret, Address.AbsoluteUri, Body, timestamp), timestamp));
        Assert.Null(result.Refusal);
        Assert.Equal(
            [("1-2-3", InboundKind.ContactChanged, "101"), ("5-2-3", InboundKind.ContactErased, "103"), ("6-2-3", InboundKind.ContactDeleted, "104"), ("7-2-3", InboundKind.DealChanged, "105")],
            result.Changes.Select(c => (c.EventId, c.Kind, c.RecordId)));
    }
}
