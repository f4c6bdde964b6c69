using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace LeadScoring.Connectors.Pipedrive;

/// <summary>Webhooks of Pipedrive, version 2: unsigned, with HTTP Basic credentials that are chosen when the webhook is made.</summary>
/// <remarks><c>WEBHOOKSECRET</c> is <c>user:password</c>. Source: Pipedrive, "Guide for Webhooks v2".</remarks>
internal sealed class PipedriveWebhook(string? secret, Func<IEnumerable<string>> ownCodes)
{
    private const string Scheme = "Basic ";

    // Of every change, so it is none.
    private const string UpdateTime = "update_time";

    internal InboundResult Read(InboundRequest request)
    {
        if (Refusal(request) is { } why) return InboundResult.Refused(why);
        try
        {
            var notice = JsonSerializer.Deserialize(request.Body.Span, PipedriveJson.Default.Notice);
            if (notice?.Meta is not { Id.Length: > 0 and <= 100, Version: "2.0" } meta) return InboundResult.Refused("the body is no webhook of version 2");
            return new InboundResult(null, [.. Changes(meta, notice)]);
        }
        catch (JsonException)
        {
            return InboundResult.Refused("the body is no webhook of version 2");
        }
    }

    private string? Refusal(InboundRequest request)
    {
        if (secret?.IndexOf(':', StringComparison.Ordinal) is not > 0) return "no user and password are set";
        if (request.Headers("Authorization") is not { } header || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return "no user and password";
        var given = new byte[header.Length];
        if (!Convert.TryFromBase64String(header[Scheme.Length..].Trim(), given, out var length)) return "no user and password";
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(given.AsSpan(0, length)), SHA256.HashData(Encoding.UTF8.GetBytes(secret))) ? null : "user or password are wrong";
    }

    private IEnumerable<InboundChange> Changes(NoticeMeta meta, Notice notice)
    {
        var (eventId, entity) = (meta.Id!, meta.EntityId ?? "");
        switch (meta.Entity, meta.Action)
        {
            // Its addresses went over to the other: by them they are one person.
            case ("person", "delete") when meta.MergedToId is { } into && PipedrivePersons.IsId(into):
                yield return new InboundChange(eventId, InboundKind.ContactChanged, into);
                break;
            case ("person", "delete") when PipedrivePersons.IsId(entity):
                yield return new InboundChange(eventId, InboundKind.ContactDeleted, entity);
                break;
            case ("person", "create" or "change") when PipedrivePersons.IsId(entity) && !IsOurs(notice.Previous):
                yield return new InboundChange(eventId, InboundKind.ContactChanged, entity);
                break;
            case ("deal", "create" or "change" or "delete") when PipedrivePersons.IsId(entity):
                yield return new InboundChange(eventId, InboundKind.DealChanged, entity);
                break;
            case ("lead", "create" or "change") when notice.Data is { ValueKind: JsonValueKind.Object } data && data.Deserialize(PipedriveJson.Default.NoticeLead)?.PersonId is { } person:
                yield return new InboundChange(eventId, InboundKind.ContactChanged, person.ToString(CultureInfo.InvariantCulture));
                break;
            case ("activity", "create" or "change") when notice.Data is { ValueKind: JsonValueKind.Object } data && data.Deserialize(PipedriveJson.Default.DoneActivity) is { } done && PipedriveActivity.Read(done) is { } activity:
                yield return new InboundChange(eventId, InboundKind.Activity, activity.ContactId!, activity);
                break;
        }
    }

    /// <summary>Whether nothing but our own fields changed.</summary>
    private bool IsOurs(JsonElement? previous)
    {
        if (previous is not { ValueKind: JsonValueKind.Object } changed || !changed.TryGetProperty("custom_fields", out var custom) || custom.ValueKind != JsonValueKind.Object) return false;
        var codes = ownCodes().ToHashSet(StringComparer.Ordinal);
        return changed.EnumerateObject().All(p => p.Name is "custom_fields" or UpdateTime) && custom.EnumerateObject().Any() && custom.EnumerateObject().All(p => codes.Contains(p.Name));
    }
}
