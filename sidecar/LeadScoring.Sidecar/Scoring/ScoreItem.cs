using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>How fresh and how thorough a score must be.</summary>
public enum ScoringType
{
    /// <summary>Fresh features, all members.</summary>
    Full,

    /// <summary>The stored score while the lead is unchanged and the score younger than its time to live; else the primary member alone.</summary>
    Quick,

    /// <summary>All members over everything known by now; the stored score is renewed.</summary>
    Update,
}

/// <summary>A request to score one lead, as the documentation shows it.</summary>
/// <param name="LeadId">The lead.</param>
/// <param name="OrganizationId">Must be the caller's own when given.</param>
/// <param name="ScoringType">Default full.</param>
/// <param name="IncludeFactors">Whether to say why. Default false.</param>
/// <param name="Lead">Attributes, so that one call is enough; merged into what is stored.</param>
/// <param name="Events">Events, so that one call is enough.</param>
/// <param name="Save">Whether inline facts are stored. Default: yes if the key may write.</param>
public sealed record ScoreRequest(
    [property: Description("The lead: 1 to 200 characters.")] string LeadId,
    [property: Description("Must be the organization of the key when given.")] string? OrganizationId = null,
    [property: Description("full (default): fresh features, all members. quick: the stored score if younger than an hour and the lead unchanged, else the primary model alone. update: all members, stored score renewed.")] ScoringType ScoringType = ScoringType.Full,
    [property: Description("Say why: base points and the points of every feature.")] bool IncludeFactors = false,
    [property: Description("Attributes of the lead, so that one call is enough. Merged into what is stored.")] Dictionary<string, JsonElement>? Lead = null,
    [property: Description("Events of the lead, so that one call is enough.")] IReadOnlyList<EventItem>? Events = null,
    [property: Description("Store the inline lead and events. Default: true if the key has scope write.")] bool? Save = null);

/// <summary>A request that has been read and found right.</summary>
/// <param name="Patch">Attributes by name; a missing value removes.</param>
/// <param name="Events">Inline events.</param>
/// <param name="Save">Whether they are stored.</param>
internal sealed record ScoreItem(
    string LeadId, ScoringType Type, bool IncludeFactors, Dictionary<string, AttributeValue>? Patch, IReadOnlyList<ActivityEvent> Events, bool Save)
{
    internal bool IsInline => Patch is not null || Events.Count > 0;

    /// <summary>The attributes as they came, good as long as the request is.</summary>
    internal JsonElement Attributes { get; init; }

    /// <summary>Feature values as they would be, by name; never stored.</summary>
    internal IReadOnlyDictionary<string, FeatureValue>? Overrides { get; init; }

    /// <summary>Reads an item; null when <see cref="ItemReader.Errors"/> says why not.</summary>
    internal static ScoreItem? Read(ItemReader item, Caller caller, long nowMs)
    {
        if (item.Errors.Count > 0) return null;
        var leadId = LeadItem.ReadId(item);
        var type = ReadType(item);
        var includeFactors = item.Flag("include_factors") ?? false;
        var save = item.Flag("save");
        if (save == true && caller.Scope < ApiScope.Write) item.Fault("save", "This key may score but not store. Use a key with scope write, or leave save out.");
        var facts = ReadFacts(item, leadId, nowMs);
        return facts is null ? null : facts with { Type = type, IncludeFactors = includeFactors, Save = save ?? caller.Scope >= ApiScope.Write };
    }

    /// <summary>Reads lead and events only, not to be saved; null when <see cref="ItemReader.Errors"/> says why not.</summary>
    internal static ScoreItem? ReadFacts(ItemReader item, string? leadId, long nowMs)
    {
        var attributes = item.Member("lead");
        var patch = attributes is { } lead ? LeadAttributes.Read(item, lead, JsonPointer.Append(item.Pointer, "lead")) : null;
        var events = ReadEvents(item, leadId, nowMs);
        return item.Errors.Count > 0 ? null : new ScoreItem(leadId!, ScoringType.Full, IncludeFactors: true, patch, events, Save: false) { Attributes = attributes ?? default };
    }

    private static ScoringType ReadType(ItemReader item)
    {
        switch (item.Text("scoring_type", 20))
        {
            case null or "full":
                return ScoringType.Full;
            case "quick":
                return ScoringType.Quick;
            case "update":
                return ScoringType.Update;
            default:
                item.Fault("scoring_type", "scoring_type is full, quick or update.");
                return default;
        }
    }

    private static List<ActivityEvent> ReadEvents(ItemReader item, string? leadId, long nowMs)
    {
        var events = new List<ActivityEvent>();
        if (leadId is null || item.Member("events") is not { } list) return events;
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > ItemList.Max)
        {
            item.Fault("events", $"events must be an array of at most {ItemList.Max:N0} events.");
            return events;
        }

        var pointer = JsonPointer.Append(item.Pointer, "events");
        foreach (var (element, i) in list.EnumerateArray().Select((e, i) => (e, i)))
        {
            var reader = new ItemReader(element, JsonPointer.Append(pointer, i));
            if (!reader.IsObject) reader.Errors.Add(new FieldError(reader.Pointer, "An event must be an object."));
            if (EventItem.Read(reader, nowMs, leadId) is { } e) events.Add(e.Event);
            item.Errors.AddRange(reader.Errors);
        }

        return events;
    }
}
