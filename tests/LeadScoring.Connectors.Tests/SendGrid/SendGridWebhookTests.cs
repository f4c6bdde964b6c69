using System.Security.Cryptography;
using System.Text;
using LeadScoring.Connectors.SendGrid;

namespace LeadScoring.Connectors.Tests.SendGrid;

public sealed class SendGridWebhookTests
{
    // Origin: sendgrid/sendgrid-nodejs, packages/eventwebhook/src/eventwebhook.spec.js; the other key: sendgrid/sendgrid-ruby, spec/fixtures/event_webhook.rb.
    private const string PublicKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    private const string OtherKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj+y7GjUuFDb/R1NGe1OPzpA==";
    private const string Signature = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
    private const string Timestamp = "1600112502";
    private const string Body =
        "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\"," +
        "\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n";

    private sealed class FixedClock(long seconds) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeSeconds(seconds);
    }

    private static InboundResult Read(string body, string? signature, string? timestamp, string? key = PublicKey, long now = 1_600_112_510) => new SendGridWebhook(key, new FixedClock(now)).Read(new InboundRequest(
        "POST", new Uri("https://scores.example.com/hook"),
        name => name switch { "X-Twilio-Email-Event-Webhook-Signature" => signature, "X-Twilio-Email-Event-Webhook-Timestamp" => timestamp, _ => null }, Encoding.UTF8.GetBytes(body)));

    [Fact]
    public void Read_PublishedExample_IsBelieved()
    {
        var result = Read(Body, Signature, Timestamp);
        Assert.Null(result.Refusal);
        var change = Assert.Single(result.Changes);
        Assert.Equal(("ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA", InboundKind.Activity, ""), (change.EventId, change.Kind, change.RecordId));
        Assert.Equal(("email_bounced", "hello@world.com", DateTimeOffset.FromUnixTimeSeconds(1_600_112_492)), (change.Activity!.Type, change.Activity.Email, change.Activity.OccurredAt));
    }

    public static TheoryData<string, string?, string?, string?, string> Forgeries => new()
    {
        { Body.Replace("hello", "hullo", StringComparison.Ordinal), Signature, Timestamp, PublicKey, "the signature is wrong" },
        { Body.TrimEnd(), Signature, Timestamp, PublicKey, "the signature is wrong" },
        { Body, Signature, "1600112503", PublicKey, "the signature is wrong" },
        { Body, Signature, Timestamp, OtherKey, "the signature is wrong" },
        { Body, Signature.Replace("MEUCIG", "MEUCIH", StringComparison.Ordinal), Timestamp, PublicKey, "the signature is wrong" },
        { Body, "not base64", Timestamp, PublicKey, "the signature is wrong" },
        { Body, "AAAA", Timestamp, PublicKey, "the signature is wrong" },
        { Body, null, Timestamp, PublicKey, "no signature" },
        { Body, Signature, null, PublicKey, "no timestamp" },
        { Body, Signature, "soon", PublicKey, "no timestamp" },
        { Body, Signature, Timestamp, null, "no public key is set" },
        { Body, Signature, Timestamp, "AAAA", "the public key is none of P-256" },
    };

    [Theory]
    [MemberData(nameof(Forgeries))]
    public void Read_AnythingChanged_IsRefused(string body, string? signature, string? timestamp, string? key, string why)
    {
        var result = Read(body, signature, timestamp, key);
        Assert.Equal(why, result.Refusal);
        Assert.Empty(result.Changes);
    }

    [Theory]
    [InlineData(86_700, true)]
    [InlineData(86_701, false)]
    [InlineData(-300, true)]
    [InlineData(-301, false)]
    public void Read_AgeOfTheTimestamp_Decides(int age, bool isInTime) => Assert.Equal(isInTime ? null : "the timestamp is too old or ahead", Read(Body, Signature, Timestamp, now: 1_600_112_502 + age).Refusal);

    [Fact]
    public void Read_Events_AreToldWithTheirIdsAndMachinesAreMarked()
    {
        const string Events = """
            [{"email":"a@example.com","event":"open","sg_event_id":"1","timestamp":1600112492,"sg_machine_open":true,"useragent":"Mozilla/5.0"},
             {"email":"a@example.com","event":"click","sg_event_id":"2","timestamp":1600112493,"sg_machine_open":false,"url":"https://example.com/offer?who=a","category":["x"],"own_argument":{"a":1}},
             {"email":"a@example.com","event":"delivered","sg_event_id":"3","timestamp":1600112491},
             {"email":"a@example.com","event":"group_unsubscribe","sg_event_id":"4","timestamp":1600112494},
             {"email":"a@example.com","event":"spamreport","sg_event_id":"5","timestamp":1600112495},
             {"email":"a@example.com","event":"processed","sg_event_id":"6","timestamp":1600112490},
             {"email":"a@example.com","event":"open","timestamp":1600112492}]
            """;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var signature = Convert.ToBase64String(key.SignData(Encoding.UTF8.GetBytes(Timestamp + Events), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        var result = Read(Events, signature, Timestamp, Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()));
        Assert.Null(result.Refusal);
        Assert.Equal([("1", "email_opened"), ("2", "email_clicked"), ("3", "email_sent"), ("4", "email_unsubscribed"), ("5", "email_spam_report")], result.Changes.Select(c => (c.EventId, c.Activity!.Type)));
        Assert.Equal(new Dictionary<string, string> { ["sg_machine_open"] = "true", ["useragent"] = "Mozilla/5.0" }, result.Changes[0].Activity!.Properties);
        Assert.Equal(new Dictionary<string, string> { ["url"] = "https://example.com/offer" }, result.Changes[1].Activity!.Properties);
    }

    [Fact]
    public void Read_OtherCurve_IsNoKey()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var signature = Convert.ToBase64String(key.SignData(Encoding.UTF8.GetBytes(Timestamp + Body), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        Assert.Equal("the public key is none of P-256", Read(Body, signature, Timestamp, Convert.ToBase64String(key.ExportSubjectPublicKeyInfo())).Refusal);
    }
}
