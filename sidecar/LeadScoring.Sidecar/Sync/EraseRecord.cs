using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>A person asked the vendor's customer to be forgotten: the lead and all that is known of it goes, and its record is never taken in again, whether it was known here or not.</summary>
internal sealed class EraseRecord(Database database, Tombstones tombstones, PrivacyKeyStore keys, EraseLead erase)
{
    internal async Task RunAsync(ConnectorAccount account, string recordId, CancellationToken cancellationToken)
    {
        var trace = Trace.Record(account.Name, recordId);
        var links = await database.WriteAsync(transaction => LeadLinkStore.LinksAsync(transaction, account, [recordId], cancellationToken), cancellationToken);
        if (links.GetValueOrDefault(recordId) is { IsErased: false } known && await erase(account.OrganizationId, known.LeadId, "connector " + account.Name, [trace], cancellationToken)) return;
        await keys.EnsureAsync(account.OrganizationId, cancellationToken);
        await database.WriteAsync(transaction => tombstones.PutAsync(transaction, account.OrganizationId, "", [trace], cancellationToken), cancellationToken);
    }
}
