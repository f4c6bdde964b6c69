using System.ComponentModel;
using System.Security.Cryptography;
using System.Text;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Recommendations;

/// <summary>What came of an action.</summary>
public enum ActionResult
{
    /// <summary>Nobody took the call, or no reply is expected any more.</summary>
    NoAnswer,

    /// <summary>The lead took the call.</summary>
    Answered,

    /// <summary>The lead wrote back.</summary>
    Replied,

    /// <summary>A meeting was agreed or held.</summary>
    Meeting,

    /// <summary>The lead answered, and said no to the offer.</summary>
    Refused,

    /// <summary>The lead does not want to be contacted by this channel any more; it is not recommended again.</summary>
    OptedOut,
}

/// <summary>An action taken.</summary>
internal sealed record ActionTaken(string RecordId, string LeadId, string ActionId, string Channel, long TakenAtMs, ActionResult? Result, long? ResultAtMs)
{
    /// <summary>Id of the event by which another system tells of the same call or message; null when none does.</summary>
    internal string? EventId { get; init; }

    internal static bool IsResponse(ActionResult? result) => result is ActionResult.Answered or ActionResult.Replied or ActionResult.Meeting or ActionResult.Refused;
}

/// <summary>An action as it comes in.</summary>
public sealed record ActionItem(
    [property: Description("1 to 150 characters. The same id is the same action. Left out: made from lead, action, channel and moment.")] string? Id,
    [property: Description("action_id of a recommendation, or any other that the team takes.")] string ActionId,
    [property: Description("phone, email, sms, meeting, or another of the profile. Left out: that of the catalogue's action.")] string? Channel = null,
    [property: Description("Left out: now. At most 5 minutes ahead.")] DateTimeOffset? TakenAt = null,
    [property: Description("no_answer, answered, replied, meeting, refused or opted_out. Left out while not known; it may follow under the same id and then stands.")] ActionResult? Result = null,
    [property: Description("When the result came. Left out: taken_at for calls, else now.")] DateTimeOffset? ResultAt = null,
    [property: Description("event_id of the event with which another system tells of the same call or message, so that it counts once.")] string? EventId = null)
{
    private const int MaxIdLength = 150;

    internal static ActionTaken? Read(ItemReader item, string leadId, FeatureProfile profile, long nowMs)
    {
        if (item.Errors.Count > 0) return null;
        var id = item.Text("id", MaxIdLength);
        var actionId = item.Text("action_id", 100, required: true);
        var channel = item.Text("channel", 64) ?? profile.Actions.FirstOrDefault(a => a.Id == actionId)?.Channel ?? "";
        if (channel.Length > 0 && profile.Contact.Find(channel) is null && channel != ContactRules.Meeting)
            item.Fault("channel", $"channel must be meeting or one of the profile: {string.Join(", ", profile.Contact.Channels.Select(c => c.Name))}.");
        var takenAtMs = item.Moment("taken_at") ?? nowMs;
        var result = ReadResult(item);
        var resultAtMs = item.Moment("result_at");
        var eventId = item.Text("event_id", LeadItem.MaxIdLength);
        if (takenAtMs < 0) item.Fault("taken_at", "taken_at is before 1970.");
        if (takenAtMs > nowMs + LeadItem.FutureToleranceMs) item.Fault("taken_at", "taken_at is more than 5 minutes in the future. Check the sender's clock and time zone.");
        if (resultAtMs > nowMs + LeadItem.FutureToleranceMs) item.Fault("result_at", "result_at is more than 5 minutes in the future. Check the sender's clock and time zone.");
        if (resultAtMs < takenAtMs) item.Fault("result_at", "result_at is before taken_at.");
        if (resultAtMs is not null && result is null) item.Fault("result", "result_at needs a result.");
        if (item.Errors.Count > 0) return null;
        takenAtMs = Math.Min(takenAtMs, nowMs);
        var cameAtMs = result is null ? (long?)null : Math.Max(takenAtMs, Math.Min(resultAtMs ?? (channel == ContactRules.Phone ? takenAtMs : nowMs), nowMs));
        return new ActionTaken(id ?? ContentId(leadId, actionId!, channel, takenAtMs), leadId, actionId!, channel, takenAtMs, result, cameAtMs) { EventId = eventId };
    }

    private static ActionResult? ReadResult(ItemReader item)
    {
        if (item.Text("result", 64) is not { } text) return null;
        foreach (var result in Enum.GetValues<ActionResult>())
        {
            if (ActionStore.Name(result) == text) return result;
        }

        item.Fault("result", $"result must be one of {string.Join(", ", Enum.GetValues<ActionResult>().Select(ActionStore.Name))}.");
        return null;
    }

    private static string ContentId(string leadId, string actionId, string channel, long takenAtMs) =>
        "sha-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{leadId}\n{actionId}\n{channel}\n{takenAtMs}")).AsSpan(0, 16));
}
