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
    /// <summary>The leads that have waited longest, over all organizations; leads with an outcome are left alone.</summary>
    internal async Task<IReadOnlyList<StaleLead>> ListAsync(int limit, CancellationToken cancellationToken)
    {
        const string Sql = """
            select organization_id as OrganizationId, lead_id as LeadId, revision as Revision, stale_since_ms as StaleSinceMs
            from leads where is_stale = 1 and closed_at_ms is null order by stale_since_ms, organization_id, lead_id limit @limit
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StaleLead>(new CommandDefinition(Sql, new { limit }, cancellationToken: cancellationToken))];
    }

    /// <summary>Puts open leads on the queue whose score is old: time alone changes what a lead is worth.</summary>
    /// <returns>How many, at most <paramref name="limit"/>.</returns>
    internal Task<int> MarkAgedAsync(long scoredBeforeMs, int limit, long nowMs, CancellationToken cancellationToken)
    {
        static string Sql(WriteTransaction transaction) => $"""
            update leads set is_stale = 1, stale_since_ms = @nowMs
            where (organization_id, lead_id) in (
                select organization_id, lead_id from leads where scored_at_ms < @scoredBeforeMs and is_stale = 0 and closed_at_ms is null order by scored_at_ms limit @limit {transaction.SkipLocked})
            """;
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql(transaction), new { scoredBeforeMs, limit, nowMs }, cancellationToken), cancellationToken);
    }

    /// <summary>Puts every open lead on the queue where the same model scores otherwise from now on: a score that is being made this moment does not take a lead off it.</summary>
    internal static Task<int> RescoreAllAsync(WriteTransaction transaction, string organizationId, long nowMs, CancellationToken cancellationToken)
    {
        var sql = $"""
            update leads set is_stale = 1, stale_since_ms = coalesce(stale_since_ms, @nowMs), revision = revision + 1
            where organization_id = @organizationId and closed_at_ms is null {InOrder(transaction, "closed_at_ms is null")}
            """;
        return transaction.ExecuteAsync(sql, new { organizationId, nowMs }, cancellationToken);
    }

    /// <summary>Puts every open lead of an organization on the queue: after a promotion, say.</summary>
    internal static Task<int> MarkAllAsync(WriteTransaction transaction, string organizationId, long nowMs, CancellationToken cancellationToken)
    {
        const string Open = "is_stale = 0 and closed_at_ms is null";
        var sql = $"update leads set is_stale = 1, stale_since_ms = @nowMs where organization_id = @organizationId and {Open} {InOrder(transaction, Open)}";
        return transaction.ExecuteAsync(sql, new { organizationId, nowMs }, cancellationToken);
    }

    /// <summary>Where others write at the same time, rows are locked in the order of their ids, as everybody does; an update by itself takes them as they lie.</summary>
    private static string InOrder(WriteTransaction transaction, string condition) => !transaction.IsPostgres ? ""
        : $"and lead_id in (select lead_id from leads where organization_id = @organizationId and {condition} order by lead_id for update)";
}
