using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Leads;

internal static class PutLead
{
    /// <summary>What the documentation shows of the body; it is read by <see cref="LeadItem.Read"/> like the items of a batch.</summary>
    public sealed record Request(
        [property: Description("Names with text, number, truth value or a list of those. Given names overwrite, null removes, the rest stays.")] Dictionary<string, JsonElement> Attributes,
        [property: Description("When the lead came into the pipeline; default: the moment it is first stored.")] DateTimeOffset? CreatedAt = null,
        string? OrganizationId = null);

    public sealed record Response(string LeadId, LeadWriteStatus Status);

    internal static async Task<Ok<Response>> HandleAsync(
        string leadId, JsonElement body, Caller caller, LeadStore leads, Database database, LeadsChanged changed, TimeProvider time, CancellationToken cancellationToken)
    {
        if (body.ValueKind != JsonValueKind.Object) throw ProblemException.Invalid("", "Send an object: {\"attributes\": {...}}.");
        var item = ItemList.Read(body, "\0", caller).Items[0];
        if (LeadItem.IdFault("lead_id", leadId) is { } fault) throw ProblemException.Invalid("", fault);
        var write = LeadItem.Read(item, leadId, time.NowMs()) ?? throw ProblemException.Invalid(item.Errors);
        var erased = new HashSet<string>(StringComparer.Ordinal);
        var status = (await StoreAsync(database, leads, caller.OrganizationId, [write], time.NowMs(), erased, cancellationToken))[0];
        if (erased.Count > 0) throw new ProblemException(ProblemKind.Conflict, Tombstones.Refusal);
        if (status == LeadWriteStatus.Rejected) throw ProblemException.Invalid("/attributes", LeadBatch.TooMany);
        changed.Tell();
        return TypedResults.Ok(new Response(leadId, status));
    }

    /// <summary>A lead that the API tells us of for the first time came into the pipeline now, unless the sender knows better.</summary>
    internal static Task<IReadOnlyList<LeadWriteStatus>> StoreAsync(
        Database database, LeadStore leads, string organizationId, IReadOnlyList<LeadWrite> writes, long nowMs, ISet<string> erased, CancellationToken cancellationToken) =>
        database.WriteAsync(async transaction =>
        {
            var existing = await LeadStore.ExistingAsync(transaction, organizationId, writes.Select(w => w.LeadId), cancellationToken);
            LeadWrite[] dated = [.. writes.Select(w => w.CreatedAtMs is null && existing.Add(w.LeadId) ? w with { CreatedAtMs = nowMs } : w)];
            return await leads.UpsertAsync(transaction, organizationId, dated, cancellationToken, erased);
        }, cancellationToken);
}
