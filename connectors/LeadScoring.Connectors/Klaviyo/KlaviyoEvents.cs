using System.Text.Json;

namespace LeadScoring.Connectors.Klaviyo;

/// <summary>Which of Klaviyo's metrics are activity, and as which type.</summary>
internal sealed class KlaviyoEvents
{
    private static readonly (string Metric, string Type)[] Known =
    [
        ("Received Email", "email_sent"), ("Opened Email", "email_opened"), ("Clicked Email", "email_clicked"), ("Bounced Email", "email_bounced"), ("Dropped Email", "email_bounced"), ("Marked Email as Spam", "email_spam_report"),
        ("Unsubscribed from Email Marketing", "email_unsubscribed"), ("Unsubscribed", "email_unsubscribed"), ("Active on Site", "session"), ("Viewed Product", "property_view"), ("Form submitted by profile", "form_submission"),
    ];

    private static readonly HashSet<string> OfWebsite = new(StringComparer.Ordinal) { "session", "page_view", "property_view", "form_submission" };

    private readonly Dictionary<string, string> types = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="more">Further metrics of the settings, such as <c>Booked demo=showing_request;Viewed page=page_view</c>.</param>
    internal KlaviyoEvents(string more)
    {
        foreach (var (metric, type) in Known) types[metric] = type;
        foreach (var pair in more.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (pair.Split('=', StringSplitOptions.TrimEntries) is [var metric, var type]) types[metric] = type;
        }
    }

    internal string? TypeOf(string? metric) => metric is not null && types.TryGetValue(metric, out var type) ? type : null;

    /// <summary>Topics of webhooks name the metric in lower snake case: event:klaviyo.opened_email.</summary>
    internal string? TypeOfTopic(string? topic)
    {
        if (topic is null || !topic.StartsWith("event:", StringComparison.Ordinal) || topic.IndexOf('.', StringComparison.Ordinal) is not (> 0 and var at)) return null;
        return TypeOf(topic[(at + 1)..].Replace('_', ' '));
    }

    internal static ActivityRecord? Record(KlaviyoEvent e, string? type)
    {
        if (type is null || e.Relationships?.Profile?.Data?.Id is not { } profile) return null;
        var at = e.Attributes.Datetime ?? (e.Attributes.Timestamp is > 0 and < 253_402_300_800 and var seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : (DateTimeOffset?)null);
        if (at is null || e.Id.Length > 150) return null;
        var details = new Dictionary<string, string>(StringComparer.Ordinal);
        var properties = e.Attributes.EventProperties ?? [];
        // Apple's mail fetches pictures before anybody looks: such an open is a machine's.
        if (Value(properties, "machine_open") is "True" or "true") details["is_bot"] = "true";
        if ((Value(properties, "URL") ?? Value(properties, "page")) is { Length: > 0 and < 2_000 } url) details["url"] = url.Split('?', '#')[0];
        return new ActivityRecord(e.Id, profile, null, type, OfWebsite.Contains(type) ? "website" : "email", at.Value, details.Count > 0 ? details : null);
    }

    private static string? Value(Dictionary<string, JsonElement> properties, string name) =>
        properties.TryGetValue(name, out var value) && value.ValueKind is JsonValueKind.String or JsonValueKind.True or JsonValueKind.False ? properties[name].ToString() : null;
}
