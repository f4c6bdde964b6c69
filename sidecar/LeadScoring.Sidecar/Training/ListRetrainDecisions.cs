using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Training;

internal static class ListRetrainDecisions
{
    /// <param name="Cause">What asked for a new model.</param>
    /// <param name="Detail">What was seen.</param>
    /// <param name="DecidedAt">Absent while it waits for the next look, within the hour.</param>
    /// <param name="IsStarted">Whether a training was queued.</param>
    /// <param name="Reason">Why none was.</param>
    /// <param name="RunId">The training.</param>
    public sealed record Item(RetrainCause Cause, string Detail, DateTimeOffset AskedAt, DateTimeOffset? DecidedAt, bool IsStarted, string? Reason, string? RunId);

    public sealed record Response(IReadOnlyList<Item> Decisions);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, RetrainStore store, CancellationToken cancellationToken, int limit = 20)
    {
        if (limit is < 1 or > 200) throw ProblemException.Invalid("?limit", "limit is 1 to 200.");
        return TypedResults.Ok(new Response([.. (await store.ListAsync(caller.OrganizationId, limit, cancellationToken)).Select(d => new Item(
            Enum.Parse<RetrainCause>(d.Cause, ignoreCase: true), d.Detail, Moment.Of(d.AskedAtMs), Moment.Of(d.DecidedAtMs), d.IsStarted, d.Reason, d.RunId))]));
    }
}
