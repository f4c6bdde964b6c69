using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Outcomes;

internal static class PostOutcomes
{
    private const string UnknownLead = "The organization has no lead with this id. Store it with PUT /v1/leads/{lead_id} first.";

    /// <summary>What the documentation shows of the body; one outcome or a bare array are taken too.</summary>
    public sealed record Request(IReadOnlyList<OutcomeItem> Outcomes);

    public sealed record Result(int Index, string? LeadId, OutcomeStatus Status, IReadOnlyList<FieldError>? Errors = null);

    public sealed record Response(int Recorded, int Updated, int Unchanged, int Reversed, int Rejected, IReadOnlyList<Result> Results);

    internal static async Task<Ok<Response>> HandleAsync(JsonElement body, Caller caller, OutcomeStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var list = ItemList.Read(body, "outcomes", caller);
        var nowMs = time.NowMs();
        var writes = list.Items.Select(item => OutcomeItem.Read(item, nowMs)).ToArray();
        if (list.IsSingle && writes[0] is null) throw ProblemException.Invalid(list.Items[0].Errors);
        OutcomeWrite[] good = [.. writes.OfType<OutcomeWrite>()];
        var statuses = good.Length == 0 ? [] : await store.WriteAsync(caller.OrganizationId, good, cancellationToken);
        if (list.IsSingle && statuses[0] == OutcomeStatus.Rejected) throw new ProblemException(ProblemKind.NotFound, UnknownLead, [new FieldError("/lead_id", UnknownLead)]);
        var results = new List<Result>(writes.Length);
        var next = 0;
        for (var i = 0; i < writes.Length; i++)
        {
            var item = list.Items[i];
            if (writes[i] is not { } write) results.Add(new Result(i, null, OutcomeStatus.Rejected, item.Errors));
            else if (statuses[next++] is var status and not OutcomeStatus.Rejected) results.Add(new Result(i, write.LeadId, status));
            else results.Add(new Result(i, write.LeadId, OutcomeStatus.Rejected, [new FieldError(JsonPointer.Append(item.Pointer, "lead_id"), UnknownLead)]));
        }

        int Count(OutcomeStatus status) => results.Count(r => r.Status == status);
        return TypedResults.Ok(new Response(
            Count(OutcomeStatus.Recorded), Count(OutcomeStatus.Updated), Count(OutcomeStatus.Unchanged), Count(OutcomeStatus.Reversed), Count(OutcomeStatus.Rejected), results));
    }
}
