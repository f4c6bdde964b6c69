using System.Runtime.CompilerServices;
using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Audit;

/// <summary>Which entries are wanted.</summary>
/// <param name="Kind">One kind, or all that begin with it when it ends with a dot.</param>
/// <param name="Actor">Exactly this one.</param>
/// <param name="SinceMs">At this moment or later.</param>
/// <param name="UntilMs">Before this moment.</param>
internal sealed record AuditFilter(string? Kind = null, string? Actor = null, long? SinceMs = null, long? UntilMs = null);

/// <summary>Reads chains.</summary>
internal sealed class AuditReader(Database database)
{
    // lead_id comes from the reference, as long as there is one.
    private const string Select = $"""
        select {AuditEntry.Columns}, (select l.lead_id from audit_leads l where l.organization_id = a.organization_id and 'lead ' || l.lead_ref = a.subject) as LeadId
        from audit_log a where a.organization_id = @organizationId
        """;

    /// <summary>Entries before a sequence number, the newest first.</summary>
    internal async Task<IReadOnlyList<AuditEntry>> ListAsync(string organizationId, AuditFilter filter, long? before, int limit, CancellationToken cancellationToken)
    {
        var sql = $"{Select} {Conditions(filter)} {(before is null ? "" : "and a.sequence < @before")} order by a.sequence desc limit @limit";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<AuditEntry>(new CommandDefinition(sql, Values(organizationId, filter, before, limit), cancellationToken: cancellationToken))];
    }

    /// <summary>All of them in order, from one consistent moment.</summary>
    internal async IAsyncEnumerable<AuditEntry> ReadAsync(string organizationId, AuditFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var command = new CommandDefinition($"{Select} {Conditions(filter)} order by a.sequence", Values(organizationId, filter, null, 0), cancellationToken: cancellationToken);
        await using var rows = await connection.ExecuteReaderAsync(command);
        var parse = rows.GetRowParser<AuditEntry>();
        while (await rows.ReadAsync(cancellationToken)) yield return parse(rows);
    }

    internal async Task<AuditMark?> HeadAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {AuditMark.Columns} from audit_heads where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<AuditMark?>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
    }

    internal async Task<AuditMark?> LastAnchorAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {AuditMark.Columns} from audit_anchors where organization_id = @organizationId order by sequence desc limit 1";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<AuditMark?>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
    }

    private static string Conditions(AuditFilter f) =>
        $"""
        {(f.Kind is null ? "" : f.Kind.EndsWith('.') ? "and a.kind >= @Kind and a.kind < @kindEnd" : "and a.kind = @Kind")}
        {(f.Actor is null ? "" : "and a.actor = @Actor")} {(f.SinceMs is null ? "" : "and a.at_ms >= @SinceMs")} {(f.UntilMs is null ? "" : "and a.at_ms < @UntilMs")}
        """;

    private static object Values(string organizationId, AuditFilter f, long? before, int limit) =>
        // A slash follows the dot.
        new { organizationId, f.Kind, kindEnd = f.Kind is { Length: > 0 } kind ? kind[..^1] + "/" : null, f.Actor, f.SinceMs, f.UntilMs, before, limit };
}
