using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Leads;

internal static class DeleteLead
{
    /// <summary>Erasure: the lead and all that any slice keeps about it, in one transaction.</summary>
    internal static async Task<NoContent> HandleAsync(
        string leadId, Caller caller, Database database, IEnumerable<LeadErasure> erasures, CancellationToken cancellationToken)
    {
        const string Sql = "delete from leads where organization_id = @organizationId and lead_id = @leadId";
        var parameters = new { organizationId = caller.OrganizationId, leadId };
        var known = await database.WriteAsync(async transaction =>
        {
            var rows = 0;
            // First: what comes in for the lead from now on waits, and then finds it gone.
            await LeadStore.LockAsync(transaction, caller.OrganizationId, [leadId], cancellationToken);
            foreach (var erasure in erasures) rows += await transaction.ExecuteAsync(erasure.Sql, parameters, cancellationToken);
            return rows + await transaction.ExecuteAsync(Sql, parameters, cancellationToken);
        }, cancellationToken);
        return known > 0 ? TypedResults.NoContent() : throw GetLead.Unknown();
    }
}
