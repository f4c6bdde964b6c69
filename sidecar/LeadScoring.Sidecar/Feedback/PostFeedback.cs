using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Feedback;

internal static class PostFeedback
{
    /// <summary>What the documentation shows of the body; one item or a bare array are taken too.</summary>
    public sealed record Request(IReadOnlyList<FeedbackItem> Feedback);

    public sealed record Result(int Index, string? Id, FeedbackStatus Status, IReadOnlyList<FieldError>? Errors = null);

    public sealed record Response(int Recorded, int Unchanged, int Rejected, IReadOnlyList<Result> Results);

    internal static async Task<Ok<Response>> HandleAsync(JsonElement body, Caller caller, FeedbackStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var list = ItemList.Read(body, "feedback", caller);
        var nowMs = time.NowMs();
        var items = list.Items.Select(item => FeedbackItem.Read(item, nowMs)).ToArray();
        if (list.IsSingle && items[0] is null) throw ProblemException.Invalid(list.Items[0].Errors);
        FeedbackGiven[] good = [.. items.OfType<FeedbackGiven>()];
        var statuses = good.Length == 0 ? [] : await store.WriteAsync(caller.OrganizationId, good, cancellationToken);
        if (list.IsSingle && statuses[0].Why is { } why) throw new ProblemException(ProblemKind.Conflict, why);
        var results = new List<Result>(items.Length);
        var next = 0;
        for (var i = 0; i < items.Length; i++)
        {
            if (items[i] is not { } item) results.Add(new Result(i, null, FeedbackStatus.Rejected, list.Items[i].Errors));
            else if (statuses[next++] is var (status, reason) && reason is null) results.Add(new Result(i, item.FeedbackId, status));
            else results.Add(new Result(i, item.FeedbackId, FeedbackStatus.Rejected, [new FieldError(list.Items[i].Pointer, reason)]));
        }

        int Count(FeedbackStatus status) => results.Count(r => r.Status == status);
        return TypedResults.Ok(new Response(Count(FeedbackStatus.Recorded), Count(FeedbackStatus.Unchanged), Count(FeedbackStatus.Rejected), results));
    }
}
