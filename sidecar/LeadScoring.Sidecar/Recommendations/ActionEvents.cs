using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;

namespace LeadScoring.Sidecar.Recommendations;

/// <summary>
/// The events that a recorded action is: that it was taken (for cool-downs), the call or message that it was, the answer to it. Their ids follow from the
/// action's, so that recording it again, or recording its result later, adds each of them once.
/// </summary>
internal static class ActionEvents
{
    internal static IEnumerable<LeadEvent> Of(ActionTaken action)
    {
        LeadEvent Event(string part, string type, string source, long atMs, string? id = null) =>
            new(action.LeadId, new ActivityEvent(id ?? $"action:{action.RecordId}:{part}", type, source, atMs));

        yield return Event("taken", EventTypes.ActionTaken(action.ActionId), "crm", action.TakenAtMs);
        if (action.Channel is "" or ContactRules.Meeting) yield break;
        var answered = ActionTaken.IsResponse(action.Result);
        switch (action.Channel)
        {
            case ContactRules.Phone:
                // Whether anybody took the call is known with the result only.
                if (action.Result is { } result)
                    yield return Event("call", result == ActionResult.NoAnswer ? EventTypes.CallAttempted : EventTypes.PhoneCall, "phone", action.TakenAtMs, action.EventId);
                break;
            case ContactRules.Email:
                yield return Event("sent", EventTypes.EmailSent, "email", action.TakenAtMs, action.EventId);
                if (answered) yield return Event("reply", EventTypes.EmailReplied, "email", action.ResultAtMs!.Value);
                break;
            default:
                var channel = new ContactChannel(action.Channel);
                yield return Event("sent", channel.SentEvent, "crm", action.TakenAtMs, action.EventId);
                if (answered) yield return Event("reply", channel.RepliedEvent, "crm", action.ResultAtMs!.Value);
                break;
        }

        if (action.Result == ActionResult.OptedOut) yield return Event("opt-out", new ContactChannel(action.Channel).OptOutEvent, "crm", action.ResultAtMs!.Value);
    }
}
