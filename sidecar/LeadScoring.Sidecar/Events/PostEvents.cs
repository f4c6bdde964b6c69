using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Events;

/// <summary>What became of an event.</summary>
public enum EventStatus
{
    /// <summary>Stored and folded into the lead's activity.</summary>
    Accepted,

    /// <summary>Its id was known; the first one stands.</summary>
    Duplicate,

    /// <summary>Not stored.</summary>
    Rejected,
}

internal static class PostEvents
{
    /// <summary>What the documentation shows of the body; one event or a bare array are taken too.</summary>
    public sealed record Request(IReadOnlyList<EventItem> Events);

    public sealed record Result(int Index, string? EventId, EventStatus Status, IReadOnlyList<FieldError>? Errors = null);

    public sealed record Response(int Accepted, int Duplicate, int Rejected, IReadOnlyList<Result> Results);

    internal static async Task<Ok<Response>> HandleAsync(JsonElement body, Caller caller, Ingestion ingestion, EventStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var list = ItemList.Read(body, "events", caller);
        var nowMs = time.NowMs();
        var events = list.Items.Select(item => EventItem.Read(item, nowMs)).ToArray();
        if (list.IsSingle && events[0] is null) throw ProblemException.Invalid(list.Items[0].Errors);
        var erased = new HashSet<string>(StringComparer.Ordinal);
        var isNew = await store.AppendAsync(caller.OrganizationId, [.. events.OfType<LeadEvent>()], cancellationToken, erased);
        var results = new List<Result>(events.Length);
        var next = 0;
        for (var i = 0; i < events.Length; i++)
        {
            if (events[i] is not { } e) results.Add(new Result(i, null, EventStatus.Rejected, list.Items[i].Errors));
            else if (isNew[next++]) results.Add(new Result(i, e.Event.EventId, EventStatus.Accepted));
            else if (!erased.Contains(e.LeadId)) results.Add(new Result(i, e.Event.EventId, EventStatus.Duplicate));
            else results.Add(new Result(i, e.Event.EventId, EventStatus.Rejected, [new FieldError(JsonPointer.Append(list.Items[i].Pointer, "lead_id"), Tombstones.Refusal)]));
        }

        if (list.IsSingle && results[0].Errors is [var fault]) throw new ProblemException(ProblemKind.Conflict, fault.Detail);
        int Count(EventStatus status) => results.Count(r => r.Status == status);
        return TypedResults.Ok(new Response(Count(EventStatus.Accepted), Count(EventStatus.Duplicate), Count(EventStatus.Rejected), results));
    }
}
