using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Leads;

internal static class DeleteLead
{
    internal static async Task<NoContent> HandleAsync(string leadId, Caller caller, Database database, IEnumerable<LeadErasure> erasures, AuditLog audit, CancellationToken cancellationToken) =>
        await EraseAsync(database, erasures, audit, caller.OrganizationId, leadId, cancellationToken) > 0 ? TypedResults.NoContent() : throw GetLead.Unknown();

    /// <summary>Erasure: the lead and all that any slice keeps about it, in one transaction; the number of rows that it was.</summary>
    internal static Task<int> EraseAsync(Database database, IEnumerable<LeadErasure> erasures, AuditLog audit, string organizationId, string leadId, CancellationToken cancellationToken)
    {
        const string Sql = "delete from leads where organization_id = @organizationId and lead_id = @leadId";
        var parameters = new { organizationId, leadId };
        return database.WriteAsync(async transaction =>
        {
            var rows = 0;
            transaction.Touch(organizationId, leadId);
            // First: what comes in for the lead from now on waits, and then finds it gone.
            await LeadStore.LockAsync(transaction, organizationId, [leadId], cancellationToken);
            foreach (var erasure in erasures) rows += await transaction.ExecuteAsync(erasure.Sql, parameters, cancellationToken);
            rows += await transaction.ExecuteAsync(Sql, parameters, cancellationToken);
            if (rows > 0) audit.Append(transaction, organizationId, AuditKind.LeadErased, null, new { rows });
            return rows;
        }, cancellationToken);
    }
}
