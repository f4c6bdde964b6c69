using System.Globalization;
using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Klaviyo;

/// <summary>System webhooks.</summary>
/// <remarks>Source: Klaviyo, "Working with system webhooks": Klaviyo-Signature is hexadecimal HMAC-SHA256 with the webhook's secret over the raw body and, after it, the text of Klaviyo-Timestamp, which is a date of HTTP. The id of the webhook in the body must be the one of its header.</remarks>
internal sealed class KlaviyoWebhook(string? secret, KlaviyoEvents events, TimeProvider time)
{
    private const string SignatureHeader = "Klaviyo-Signature";
    private const string IdHeader = "Klaviyo-Webhook-Id";
    private const string TimestampHeader = "Klaviyo-Timestamp";
    private static readonly TimeSpan LongestAge = TimeSpan.FromMinutes(5);

    internal InboundResult Read(InboundRequest request)
    {
        if (Refusal(request) is { } why) return InboundResult.Refused(why);
        try
        {
            var delivery = JsonSerializer.Deserialize(request.Body.Span, KlaviyoJson.Default.Delivery);
            if (delivery?.Meta?.KlaviyoWebhookId is { } id && request.Headers(IdHeader) != id) return InboundResult.Refused("header and body name different webhooks");
            return new InboundResult(null, [.. (delivery?.Data ?? []).Select(Change).OfType<InboundChange>()]);
        }
        catch (JsonException)
        {
            return InboundResult.Refused("the body is not a list of events");
        }
    }

    private string? Refusal(InboundRequest request)
    {
        if (string.IsNullOrWhiteSpace(secret)) return "no secret is set";
        if (request.Headers(SignatureHeader) is not { Length: > 0 } signature) return "no signature";
        if (request.Headers(TimestampHeader) is not { Length: > 0 } timestamp || Moment(timestamp) is not { } sent) return "no timestamp";
        if ((time.GetUtcNow() - sent).Duration() > LongestAge) return "the timestamp is too old or ahead";
        return WebhookHmac.IsHex(secret, signature, request.Body, WebhookHmac.Bytes(timestamp)) ? null : "the signature is wrong";
    }

    private InboundChange? Change(DeliveredEvent delivered) =>
        delivered.Payload?.Data is { } e && KlaviyoEvents.Record(e, events.TypeOfTopic(delivered.Topic)) is { } activity ? new InboundChange(activity.Id, InboundKind.Activity, activity.ContactId!, activity) : null;

    private static DateTimeOffset? Moment(string text) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;
}
