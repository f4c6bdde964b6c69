using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.SendGrid;

/// <summary>The event webhook with its signature.</summary>
/// <remarks>
/// Source: Twilio SendGrid, "Event Webhook Security Features": ECDSA with P-256 and SHA-256 over timestamp and raw body, the signature base64 of DER, the public key base64 of SPKI.
/// An unsigned webhook is refused. SendGrid sends again for a day what was not taken and does not say whether it signs anew, so a timestamp is good for so long;
/// what is sent twice within it is told apart by sg_event_id.
/// </remarks>
internal sealed class SendGridWebhook(string? publicKey, TimeProvider time)
{
    private const string SignatureHeader = "X-Twilio-Email-Event-Webhook-Signature";
    private const string TimestampHeader = "X-Twilio-Email-Event-Webhook-Timestamp";
    private const int LongestId = 150;
    private static readonly TimeSpan LongestAge = TimeSpan.FromHours(24) + TimeSpan.FromMinutes(5);
    private static readonly TimeSpan MostAhead = TimeSpan.FromMinutes(5);

    internal InboundResult Read(InboundRequest request)
    {
        if (Refusal(request) is { } why) return InboundResult.Refused(why);
        try
        {
            return new InboundResult(null, [.. (JsonSerializer.Deserialize(request.Body.Span, SendGridJson.Default.IReadOnlyListMailEvent) ?? []).Select(Change).OfType<InboundChange>()]);
        }
        catch (JsonException)
        {
            return InboundResult.Refused("the body is not a list of events");
        }
    }

    private string? Refusal(InboundRequest request)
    {
        if (string.IsNullOrWhiteSpace(publicKey)) return "no public key is set";
        if (request.Headers(SignatureHeader) is not { Length: > 0 } signature) return "no signature";
        if (request.Headers(TimestampHeader) is not { } timestamp || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var sent) || sent > 253_402_300_799) return "no timestamp";
        var age = time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(sent);
        if (age > LongestAge || age < -MostAhead) return "the timestamp is too old or ahead";
        return IsSigned(publicKey, signature, timestamp, request.Body) switch { true => null, false => "the signature is wrong", _ => "the public key is none of P-256" };
    }

    /// <returns>Null when the key cannot be used.</returns>
    private static bool? IsSigned(string publicKey, string signature, string timestamp, ReadOnlyMemory<byte> body)
    {
        using var key = ECDsa.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey.Trim()), out _);
            if (key.KeySize != 256) return null;
        }
        catch (Exception e) when (e is FormatException or CryptographicException)
        {
            return null;
        }

        var der = new byte[signature.Length];
        if (!Convert.TryFromBase64String(signature, der, out var length)) return false;
        return key.VerifyData([.. WebhookHmac.Bytes(timestamp).Span, .. body.Span], der.AsSpan(0, length), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }

    private static InboundChange? Change(MailEvent e)
    {
        var type = e.Event switch
        {
            "delivered" => "email_sent", "open" => "email_opened", "click" => "email_clicked", "bounce" or "dropped" => "email_bounced", "spamreport" => "email_spam_report",
            "unsubscribe" or "group_unsubscribe" => "email_unsubscribed", _ => null,
        };
        if (type is null || string.IsNullOrWhiteSpace(e.Email) || e.SgEventId is not { Length: > 0 and <= LongestId } id || e.Timestamp is <= 0 or > 253_402_300_799) return null;
        var details = new Dictionary<string, string>(StringComparer.Ordinal);
        // Apple's mail fetches pictures before anybody looks: such an open is a machine's.
        if (e.SgMachineOpen == true) details["sg_machine_open"] = "true";
        if (e.Useragent is { Length: > 0 and < 500 }) details["useragent"] = e.Useragent;
        if (e.Url is { Length: > 0 and < 2_000 }) details["url"] = e.Url.Split('?', '#')[0];
        var activity = new ActivityRecord(id, null, e.Email, type, "email", DateTimeOffset.FromUnixTimeSeconds(e.Timestamp), details.Count > 0 ? details : null);
        return new InboundChange(id, InboundKind.Activity, "", activity);
    }
}
