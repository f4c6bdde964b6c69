using System.ComponentModel;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Events;

/// <summary>An event as it comes in.</summary>
public sealed partial record EventItem(
    [property: Description("1 to 200 characters. The same id is the same event, however often it arrives. Left out: made from the content.")] string? EventId,
    string LeadId,
    [property: Description("Lower snake case, at most 64 characters, such as page_view.")] string Type,
    [property: Description("crm, website, email or phone.")] string Source,
    [property: Description("ISO 8601 or epoch milliseconds; at most 5 minutes ahead.")] DateTimeOffset OccurredAt,
    [property: Description("At most 50 texts, numbers or truth values.")] Dictionary<string, JsonElement>? Properties = null,
    string? OrganizationId = null)
{
    private const int MaxProperties = 50;
    private const int MaxTextLength = 4_000;

    [GeneratedRegex("^[a-z][a-z0-9_]{0,63}$", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex TypePattern { get; }

    /// <summary>Reads an item; null when <see cref="ItemReader.Errors"/> says why not.</summary>
    /// <param name="leadId">The lead when the request around the item has named it; null when the item must.</param>
    internal static LeadEvent? Read(ItemReader item, long nowMs, string? leadId = null)
    {
        if (item.Errors.Count > 0) return null;
        var eventId = item.Text("event_id", LeadItem.MaxIdLength);
        var named = LeadItem.ReadId(item, required: leadId is null);
        if (leadId is not null && named is not null && named != leadId) item.Fault("lead_id", "The event names another lead than the request.");
        leadId ??= named;
        var type = item.Text("type", 64, required: true);
        var source = item.Text("source", 64, required: true);
        var occurredAtMs = item.Moment("occurred_at", required: true);
        var properties = ReadProperties(item);
        if (item.Errors.Count > 0) return null;
        var (result, member, fault) = Check(eventId, leadId!, type!, source!, occurredAtMs!.Value, properties, nowMs);
        if (fault is not null) item.Fault(member, fault);
        return result;
    }

    /// <summary>The rules that hold for an event wherever it comes from. Either the event, or the member at fault and why.</summary>
    internal static (LeadEvent? Event, string Member, string? Fault) Check(
        string? eventId, string leadId, string type, string source, long occurredAtMs, Dictionary<string, AttributeValue>? properties, long nowMs)
    {
        if (!TypePattern.IsMatch(type)) return (null, "type", "type must be lower snake case, such as page_view, with at most 64 characters.");
        if (source is not ("crm" or "website" or "email" or "phone")) return (null, "source", "source must be crm, website, email or phone.");
        if (occurredAtMs < 0) return (null, "occurred_at", "occurred_at is before 1970.");
        if (occurredAtMs > nowMs + LeadItem.FutureToleranceMs) return (null, "occurred_at", "occurred_at is more than 5 minutes in the future. Check the sender's clock and time zone.");
        if (properties?.Count > MaxProperties) return (null, "properties", $"An event has at most {MaxProperties} properties; these are {properties.Count}.");
        eventId ??= ContentId(leadId, type, source, occurredAtMs, properties);
        // A clock that runs a little ahead: the event has happened, so it happened by now.
        return (new LeadEvent(leadId, new ActivityEvent(eventId, type, source, Math.Min(occurredAtMs, nowMs), properties)), "", null);
    }

    private static Dictionary<string, AttributeValue>? ReadProperties(ItemReader item)
    {
        if (item.Member("properties") is not { } json) return null;
        var pointer = JsonPointer.Append(item.Pointer, "properties");
        if (json.ValueKind != JsonValueKind.Object)
        {
            item.Fault("properties", "properties must be an object of names and values.");
            return null;
        }

        var properties = new Dictionary<string, AttributeValue>(StringComparer.Ordinal);
        foreach (var member in json.EnumerateObject())
        {
            try
            {
                var name = member.Name;
                var fault = ItemReader.Check("A property name", name, LeadAttributes.MaxNameLength) ?? member.Value.ValueKind switch
                {
                    JsonValueKind.Object or JsonValueKind.Array => "A property is text, a number or a truth value.",
                    JsonValueKind.String when member.Value.GetString()!.Length > MaxTextLength => $"Text has at most {MaxTextLength:N0} characters.",
                    _ => null,
                };
                if (fault is null) properties[name] = AttributeValue.From(member.Value);
                else item.Errors.Add(new FieldError(JsonPointer.Append(pointer, name), fault));
            }
            catch (InvalidOperationException)
            {
                item.Fault("properties", "A name or text is not valid (half a surrogate pair).");
            }
        }

        return properties;
    }

    /// <summary>Senders without ids repeat themselves too: equal content at the same millisecond is taken as one event.</summary>
    private static string ContentId(string leadId, string type, string source, long occurredAtMs, Dictionary<string, AttributeValue>? properties)
    {
        var ordered = properties?.OrderBy(p => p.Key, StringComparer.Ordinal).ToDictionary(p => p.Key, p => p.Value);
        var content = $"{leadId}\n{type}\n{source}\n{occurredAtMs}\n{EventProperties.ToJson(ordered)}";
        return "sha-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)).AsSpan(0, 16));
    }
}
