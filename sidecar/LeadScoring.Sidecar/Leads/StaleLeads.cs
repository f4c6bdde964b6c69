using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Leads;

/// <summary>A lead that changed since it was last scored.</summary>
internal sealed record StaleLead
{
    public string OrganizationId { get; init; } = "";
    public string LeadId { get; init; } = "";
    public long Revision { get; init; }
    public long StaleSinceMs { get; init; }
}

/// <summary>The queue of leads to score again: a flag on the lead itself, so that it cannot lose or double anything.</summary>
internal sealed class StaleLeads(Database database)
{
    /// <summary>The leads that have waited longest, over all organizations.</summary>
    internal async Task<IReadOnlyList<StaleLead>> ListAsync(int limit, CancellationToken cancellationToken)
    {
        const string Sql = """
            select organization_id as OrganizationId, lead_id as LeadId, revision as Revision, stale_since_ms as StaleSinceMs
            from leads where is_stale = 1 order by stale_since_ms, organization_id, lead_id limit @limit
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StaleLead>(new CommandDefinition(Sql, new { limit }, cancellationToken: cancellationToken))];
    }

    /// <summary>Takes leads off the queue, but only those still at the revision that was scored: a change in between keeps its place.</summary>
    /// <returns>How many were taken off.</returns>
    internal static int Clear(WriteTransaction transaction, string organizationId, IEnumerable<(string LeadId, long Revision)> scored)
    {
        const string Sql = """
            update leads set is_stale = 0, stale_since_ms = null
            where organization_id = @organizationId and lead_id = @leadId and revision = @revision and is_stale = 1
            """;
        using var update = transaction.Prepare(Sql, "organizationId", "leadId", "revision").Set(0, organizationId);
        return scored.Sum(lead => update.Set(1, lead.LeadId).Set(2, lead.Revision).Execute());
    }

    /// <summary>Puts every lead of an organization on the queue: after a promotion, say.</summary>
    internal static Task<int> MarkAllAsync(WriteTransaction transaction, string organizationId, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = "update leads set is_stale = 1, stale_since_ms = @nowMs where organization_id = @organizationId and is_stale = 0";
        return transaction.ExecuteAsync(Sql, new { organizationId, nowMs }, cancellationToken);
    }
}
