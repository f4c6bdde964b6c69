using System.ComponentModel;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Leads that turned out to be one person: look at them, and part them again.</summary>
internal static class Merges
{
    /// <param name="LeadId">That goes on.</param>
    /// <param name="MergedLeadId">Whose events and records it has.</param>
    /// <param name="Reason">email (the same address) or merged_by_vendor.</param>
    /// <param name="UndoneAt">Absent while it stands.</param>
    public sealed record Item(string MergeId, string LeadId, string MergedLeadId, string Connector, string Reason, DateTimeOffset MergedAt, DateTimeOffset? UndoneAt);

    public sealed record Response(IReadOnlyList<Item> Merges);

    internal static async Task<Ok<Response>> ListAsync(Caller caller, MergeLeads merges, CancellationToken cancellationToken, [Description("1 to 1,000, the newest first.")] int limit = 100)
    {
        if (limit is < 1 or > 1_000) throw ProblemException.Invalid("?limit", "1 to 1,000.");
        return TypedResults.Ok(new Response([.. (await merges.ListAsync(caller.OrganizationId, limit, cancellationToken)).Select(m => new Item(
            m.MergeId, m.LeadId, m.MergedLeadId, m.Connector, m.Reason, Moment.Of(m.MergedAtMs), Moment.Of(m.UndoneAtMs)))]));
    }

    internal static async Task<NoContent> UndoAsync(string mergeId, Caller caller, MergeLeads merges, ConnectorAccounts accounts, LeadsChanged changed, CancellationToken cancellationToken)
    {
        if (!await merges.UndoAsync(caller.OrganizationId, mergeId, accounts, cancellationToken)) throw new ProblemException(ProblemKind.NotFound, "The organization has no such merge, or it was undone before. GET /v1/merges lists them.");
        changed.Tell();
        return TypedResults.NoContent();
    }
}
