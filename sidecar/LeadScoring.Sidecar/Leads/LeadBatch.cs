using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Leads;

internal static class LeadBatch
{
    internal const string TooMany = "The lead would have more than 500 attributes. Remove some with null first.";

    /// <summary>What the documentation shows of the body; a bare array is taken too.</summary>
    public sealed record Request(IReadOnlyList<LeadItem> Leads);

    public sealed record Result(int Index, string? LeadId, LeadWriteStatus Status, IReadOnlyList<FieldError>? Errors = null);

    public sealed record Response(int Created, int Updated, int Unchanged, int Rejected, IReadOnlyList<Result> Results);

    internal static async Task<Ok<Response>> HandleAsync(
        JsonElement body, Caller caller, LeadStore leads, Database database, LeadsChanged changed, TimeProvider time, CancellationToken cancellationToken)
    {
        var items = ItemList.Read(body, "leads", caller, allowSingle: false).Items;
        var writes = items.Select(item => LeadItem.Read(item, null, time.NowMs())).ToArray();
        LeadWrite[] good = [.. writes.OfType<LeadWrite>()];
        var erased = new HashSet<string>(StringComparer.Ordinal);
        var statuses = good.Length == 0 ? [] : await PutLead.StoreAsync(database, leads, caller.OrganizationId, good, time.NowMs(), erased, cancellationToken);
        changed.Tell();
        var results = new List<Result>(items.Count);
        var next = 0;
        for (var i = 0; i < items.Count; i++)
        {
            if (writes[i] is not { } write) results.Add(new Result(i, null, LeadWriteStatus.Rejected, items[i].Errors));
            else if (statuses[next++] is var status and not LeadWriteStatus.Rejected) results.Add(new Result(i, write.LeadId, status));
            else if (erased.Contains(write.LeadId)) results.Add(new Result(i, write.LeadId, LeadWriteStatus.Rejected, [new FieldError(items[i].Pointer + "/lead_id", Tombstones.Refusal)]));
            else results.Add(new Result(i, write.LeadId, LeadWriteStatus.Rejected, [new FieldError(items[i].Pointer + "/attributes", TooMany)]));
        }

        int Count(LeadWriteStatus status) => results.Count(r => r.Status == status);
        return TypedResults.Ok(new Response(Count(LeadWriteStatus.Created), Count(LeadWriteStatus.Updated), Count(LeadWriteStatus.Unchanged), Count(LeadWriteStatus.Rejected), results));
    }
}
