using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>A receipt as stored, and what has happened since.</summary>
internal sealed record StoredErasure
{
    public string ErasureId { get; init; } = "";
    public string Kind { get; init; } = "";
    public long ErasedAtMs { get; init; }
    public string Receipt { get; init; } = "";
    public long? ScrubbedAtMs { get; init; }
    public long? LiftedAtMs { get; init; }
    public string? LiftedBy { get; init; }
    public string? LiftReason { get; init; }
    public long Refused { get; init; }
    public long? LastRefusedMs { get; init; }
}

/// <summary>The erasures table.</summary>
internal sealed class ErasureStore(Database database)
{
    private const string Select = """
        select e.erasure_id as ErasureId, e.kind as Kind, e.erased_at_ms as ErasedAtMs, e.receipt as Receipt, e.scrubbed_at_ms as ScrubbedAtMs, e.lifted_at_ms as LiftedAtMs, e.lifted_by as LiftedBy,
            e.lift_reason as LiftReason,
            (select coalesce(sum(t.refused), 0) from tombstones t where t.organization_id = e.organization_id and t.erasure_id = e.erasure_id) as Refused,
            (select max(t.last_refused_ms) from tombstones t where t.organization_id = e.organization_id and t.erasure_id = e.erasure_id) as LastRefusedMs
        from erasures e where e.organization_id = @organizationId
        """;

    internal static Task<int> AddAsync(WriteTransaction transaction, string organizationId, ErasureReceipt receipt, SignedReceipt signed, CancellationToken cancellationToken)
    {
        const string Sql = "insert into erasures (organization_id, erasure_id, kind, erased_at_ms, receipt) values (@organizationId, @ErasureId, @Kind, @erasedAtMs, @json)";
        var row = new { organizationId, receipt.ErasureId, receipt.Kind, erasedAtMs = receipt.ErasedAt.ToUnixTimeMilliseconds(), json = JsonSerializer.Serialize(signed, SignedReceipt.Json) };
        return transaction.ExecuteAsync(Sql, row, cancellationToken);
    }

    /// <summary>The newest first.</summary>
    internal async Task<IReadOnlyList<StoredErasure>> ListAsync(string organizationId, string? before, int limit, CancellationToken cancellationToken)
    {
        const string Sql = $"{Select} and e.erasure_id < @before order by e.erasure_id desc limit @limit";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        // Ids begin with their moment; the tilde comes after all of them.
        return [.. await connection.QueryAsync<StoredErasure>(new CommandDefinition(Sql, new { organizationId, before = before ?? "~", limit }, cancellationToken: cancellationToken))];
    }

    internal async Task<StoredErasure?> GetAsync(string organizationId, string erasureId, CancellationToken cancellationToken)
    {
        const string Sql = $"{Select} and e.erasure_id = @erasureId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<StoredErasure>(new CommandDefinition(Sql, new { organizationId, erasureId }, cancellationToken: cancellationToken));
    }

    /// <returns>False when it was lifted before, or there is no such erasure.</returns>
    internal static async Task<bool> LiftAsync(WriteTransaction transaction, string organizationId, string erasureId, string by, string reason, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            update erasures set lifted_at_ms = @nowMs, lifted_by = @by, lift_reason = @reason where organization_id = @organizationId and erasure_id = @erasureId and lifted_at_ms is null
            """;
        return await transaction.ExecuteAsync(Sql, new { organizationId, erasureId, by, reason, nowMs }, cancellationToken) == 1;
    }

    /// <summary>Whether bytes of somebody may still be in files of the database.</summary>
    internal async Task<bool> IsAnyOpenAsync(CancellationToken cancellationToken)
    {
        const string Sql = "select 1 from erasures where scrubbed_at_ms is null limit 1";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long?>(new CommandDefinition(Sql, cancellationToken: cancellationToken)) is not null;
    }

    /// <summary>Those that were made by a moment are in no file any more.</summary>
    internal Task ScrubbedAsync(long throughMs, long nowMs, CancellationToken cancellationToken) => database.WriteAsync(
        transaction => transaction.ExecuteAsync("update erasures set scrubbed_at_ms = @nowMs where scrubbed_at_ms is null and erased_at_ms <= @throughMs", new { throughMs, nowMs }, cancellationToken), cancellationToken);

    /// <summary>Organizations that erased somebody since a moment, with the hashes of the leads.</summary>
    internal async Task<ILookup<string, string>> SinceAsync(long sinceMs, CancellationToken cancellationToken)
    {
        const string Sql = "select organization_id, hash from tombstones where created_at_ms >= @sinceMs and kind = 'lead'";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.QueryAsync<(string OrganizationId, byte[] Hash)>(new CommandDefinition(Sql, new { sinceMs }, cancellationToken: cancellationToken));
        return rows.ToLookup(r => r.OrganizationId, r => Convert.ToHexString(r.Hash), StringComparer.Ordinal);
    }

    /// <summary>Public keys of all organizations.</summary>
    internal async Task<IReadOnlyList<byte[]>> PublicKeysAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<byte[]>(new CommandDefinition("select public_key from privacy_keys", cancellationToken: cancellationToken))];
    }
}
