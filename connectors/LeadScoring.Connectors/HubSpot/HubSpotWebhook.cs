using System.Globalization;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.HubSpot;

/// <summary>Webhooks of HubSpot with signature version 3.</summary>
/// <remarks>
/// Source: HubSpot, "Validate requests": base64 of HMAC-SHA256 with the app's secret over method, full address, raw body and timestamp, the timestamp at most five minutes old.
/// Versions 1 and 2 of the signature know no time, so a request that was recorded could be sent again: they are refused.
/// </remarks>
internal sealed class HubSpotWebhook(string? secret, string fieldPrefix, TimeProvider time)
{
    private const string SignatureHeader = "X-HubSpot-Signature-v3";
    private const string TimestampHeader = "X-HubSpot-Request-Timestamp";
    private static readonly TimeSpan LongestAge = TimeSpan.FromMinutes(5);

    // HubSpot signs the address with these decoded.
    private static readonly (string Encoded, string Plain)[] Decoded =
    [
        ("%3A", ":"), ("%2F", "/"), ("%3F", "?"), ("%40", "@"), ("%21", "!"), ("%24", "$"), ("%27", "'"), ("%28", "("), ("%29", ")"), ("%2A", "*"), ("%2C", ","), ("%3B", ";"),
    ];

    internal InboundResult Read(InboundRequest request)
    {
        if (Refusal(request) is { } why) return InboundResult.Refused(why);
        IReadOnlyList<WebhookEvent>? events;
        try
        {
            events = JsonSerializer.Deserialize(request.Body.Span, HubSpotJson.Default.IReadOnlyListWebhookEvent);
        }
        catch (JsonException)
        {
            return InboundResult.Refused("the body is not a list of events");
        }

        return new InboundResult(null, [.. (events ?? []).SelectMany(Changes)]);
    }

    private string? Refusal(InboundRequest request)
    {
        if (string.IsNullOrWhiteSpace(secret)) return "no secret is set";
        if (request.Headers(SignatureHeader) is not { Length: > 0 } signature) return "no signature of version 3";
        if (request.Headers(TimestampHeader) is not { } timestamp || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var sentMs)) return "no timestamp";
        if (Math.Abs(time.GetUtcNow().ToUnixTimeMilliseconds() - (double)sentMs) > LongestAge.TotalMilliseconds) return "the timestamp is too old or ahead";
        var uri = request.Uri.AbsoluteUri;
        foreach (var (encoded, plain) in Decoded) uri = uri.Replace(encoded, plain, StringComparison.OrdinalIgnoreCase);
        return WebhookHmac.IsBase64(secret, signature, WebhookHmac.Bytes(request.Method), WebhookHmac.Bytes(uri), request.Body, WebhookHmac.Bytes(timestamp)) ? null : "the signature is wrong";
    }

    private IEnumerable<InboundChange> Changes(WebhookEvent e)
    {
        var (subject, what) = e.SubscriptionType?.Split('.') is [var s, var w] ? (s, w) : ("", "");
        if (subject == "object") subject = e.ObjectTypeId switch { "0-1" => "contact", "0-3" => "deal", _ => "" };
        // What we wrote ourselves comes back as a change.
        if (what == "propertyChange" && e.PropertyName?.StartsWith(fieldPrefix, StringComparison.Ordinal) == true) yield break;
        var id = string.Create(CultureInfo.InvariantCulture, $"{e.EventId}-{e.SubscriptionId}-{e.OccurredAt}");
        var record = e.ObjectId ?? e.PrimaryObjectId;
        InboundKind? kind = (subject, what) switch
        {
            ("contact", "deletion") => InboundKind.ContactDeleted,
            ("contact", "privacyDeletion") => InboundKind.ContactErased,
            ("contact", "creation" or "propertyChange" or "restore" or "merge") => InboundKind.ContactChanged,
            ("deal", "creation" or "propertyChange" or "restore" or "merge" or "deletion" or "associationChange") => InboundKind.DealChanged,
            _ => null,
        };
        if (kind is { } known && record is { } number) yield return new InboundChange(id, known, number.ToString(CultureInfo.InvariantCulture));
    }
}
