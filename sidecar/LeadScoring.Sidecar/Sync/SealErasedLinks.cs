using Dapper;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>An earlier version knew records of erased leads by their id in clear. They become tombstones.</summary>
internal sealed class SealErasedLinks(Database database, Tombstones tombstones, PrivacyKeyStore keys)
{
    private const int Batch = 500;

    /// <returns>How many there were.</returns>
    internal async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        const string Sql = "select organization_id, connector, record_id from lead_links where lead_id = '' limit @limit";
        const string Delete = "delete from lead_links where organization_id = @organizationId and connector = @connector and record_id = @recordId and lead_id = ''";
        for (var all = 0; ;)
        {
            List<(string OrganizationId, string Connector, string RecordId)> links;
            await using (var connection = await database.OpenConnectionAsync(cancellationToken))
                links = (await connection.QueryAsync<(string, string, string)>(new CommandDefinition(Sql, new { limit = Batch }, cancellationToken: cancellationToken))).AsList();
            foreach (var organizationId in links.Select(l => l.OrganizationId).Distinct().ToArray()) await keys.EnsureAsync(organizationId, cancellationToken);
            await database.WriteAsync(async transaction =>
            {
                foreach (var (organizationId, connector, recordId) in links)
                {
                    await tombstones.PutAsync(transaction, organizationId, "", [Trace.Record(connector, recordId)], cancellationToken);
                    await transaction.ExecuteAsync(Delete, new { organizationId, connector, recordId }, cancellationToken);
                }
            }, cancellationToken);
            all += links.Count;
            if (links.Count < Batch) return all;
        }
    }
}
