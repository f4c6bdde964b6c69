using System.Text.Json;
using LeadScoring.Sidecar.Api;
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
        var isNew = await store.AppendAsync(caller.OrganizationId, [.. events.OfType<LeadEvent>()], cancellationToken);
        var results = new List<Result>(events.Length);
        var next = 0;
        for (var i = 0; i < events.Length; i++)
        {
            results.Add(events[i] is { } e
                ? new Result(i, e.Event.EventId, isNew[next++] ? EventStatus.Accepted : EventStatus.Duplicate)
                : new Result(i, null, EventStatus.Rejected, list.Items[i].Errors));
        }

        int Count(EventStatus status) => results.Count(r => r.Status == status);
        return TypedResults.Ok(new Response(Count(EventStatus.Accepted), Count(EventStatus.Duplicate), Count(EventStatus.Rejected), results));
    }
}
