using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Recommendations;

internal static class ListActions
{
    private const int Most = 1_000;

    public sealed record Action(string Id, string ActionId, string Channel, DateTimeOffset TakenAt, ActionResult? Result, DateTimeOffset? ResultAt);

    /// <param name="Actions">The newest first, at most 1,000.</param>
    public sealed record Response(IReadOnlyList<Action> Actions);

    internal static async Task<Ok<Response>> HandleAsync(string leadId, Caller caller, ActionStore store, LeadStore leads, CancellationToken cancellationToken)
    {
        var actions = await store.ListAsync(caller.OrganizationId, leadId, Most, cancellationToken);
        if (actions.Count == 0 && await leads.GetAsync(caller.OrganizationId, leadId, cancellationToken) is null) throw GetLead.Unknown();
        return TypedResults.Ok(new Response([.. actions.Select(a => new Action(a.RecordId, a.ActionId, a.Channel, Moment.Of(a.TakenAtMs), a.Result, Moment.Of(a.ResultAtMs)))]));
    }
}
