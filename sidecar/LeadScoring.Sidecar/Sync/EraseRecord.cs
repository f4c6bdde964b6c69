using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>A person asked the vendor's customer to be forgotten: the lead and all that is known of it goes, and its record is never taken in again.</summary>
internal sealed class EraseRecord(Database database, IEnumerable<LeadErasure> erasures, Audit.AuditLog audit)
{
    internal async Task RunAsync(ConnectorAccount account, string recordId, CancellationToken cancellationToken)
    {
        var link = await database.WriteAsync(transaction => LeadLinkStore.LinksAsync(transaction, account, [recordId], cancellationToken), cancellationToken);
        if (link.GetValueOrDefault(recordId) is { IsErased: false } known) await DeleteLead.EraseAsync(database, erasures, audit, account.OrganizationId, known.LeadId, cancellationToken);
    }
}
