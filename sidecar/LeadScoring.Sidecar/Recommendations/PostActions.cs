using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Recommendations;

internal static class PostActions
{
    private const string Conflict = "This id was recorded with another lead, action, channel, moment or result; what was recorded stands. Send a new id for another action.";

    /// <summary>What the documentation shows of the body; one action or a bare array are taken too.</summary>
    public sealed record Request(IReadOnlyList<ActionItem> Actions);

    public sealed record Result(int Index, string? Id, ActionStatus Status, IReadOnlyList<FieldError>? Errors = null);

    public sealed record Response(int Recorded, int Updated, int Unchanged, int Rejected, IReadOnlyList<Result> Results);

    internal static async Task<Ok<Response>> HandleAsync(
        string leadId, JsonElement body, Caller caller, ActionStore store, ProfileStore profiles, TimeProvider time, CancellationToken cancellationToken)
    {
        var list = ItemList.Read(body, "actions", caller);
        var profile = (await profiles.GetActiveAsync(caller.OrganizationId, cancellationToken)).Profile;
        var nowMs = time.NowMs();
        var actions = list.Items.Select(item => ActionItem.Read(item, leadId, profile, nowMs)).ToArray();
        if (list.IsSingle && actions[0] is null) throw ProblemException.Invalid(list.Items[0].Errors);
        ActionTaken[] good = [.. actions.OfType<ActionTaken>()];
        var statuses = good.Length == 0 ? [] : await store.WriteAsync(caller.OrganizationId, leadId, good, cancellationToken) ?? throw GetLead.Unknown();
        if (list.IsSingle && statuses[0] == ActionStatus.Rejected) throw new ProblemException(ProblemKind.Conflict, Conflict, [new FieldError("/id", Conflict)]);
        var results = new List<Result>(actions.Length);
        var next = 0;
        for (var i = 0; i < actions.Length; i++)
        {
            if (actions[i] is not { } action) results.Add(new Result(i, null, ActionStatus.Rejected, list.Items[i].Errors));
            else if (statuses[next++] is var status and not ActionStatus.Rejected) results.Add(new Result(i, action.RecordId, status));
            else results.Add(new Result(i, action.RecordId, ActionStatus.Rejected, [new FieldError(JsonPointer.Append(list.Items[i].Pointer, "id"), Conflict)]));
        }

        int Count(ActionStatus status) => results.Count(r => r.Status == status);
        return TypedResults.Ok(new Response(Count(ActionStatus.Recorded), Count(ActionStatus.Updated), Count(ActionStatus.Unchanged), Count(ActionStatus.Rejected), results));
    }
}
