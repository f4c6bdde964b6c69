using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Audit;

/// <summary>Removes the old end of a chain. The last row that goes is kept as a sealed mark, from which the rest goes on, and the chain itself says that it was cut.</summary>
internal sealed class CutChain(AuditLog log, SecretBox box, VerifyChain verify, Database database, TimeProvider time)
{
    /// <returns>How many rows went.</returns>
    /// <exception cref="StorageException">The chain is broken: cutting it would hide where.</exception>
    internal async Task<long> RunAsync(string organizationId, long beforeMs, CancellationToken cancellationToken)
    {
        const string Last = "select sequence as Sequence, hash as Hash from audit_log where organization_id = @organizationId and sequence < @head and at_ms < @beforeMs order by sequence desc limit 1";
        const string Younger = "select min(sequence) from audit_log where organization_id = @organizationId and at_ms >= @beforeMs";
        const string Anchor = "insert into audit_anchors (organization_id, sequence, hash, seal, cut_at_ms) values (@organizationId, @Sequence, @Hash, @Seal, @nowMs)";
        const string Delete = "delete from audit_log where organization_id = @organizationId and sequence <= @Sequence";
        if (await verify.RunAsync(organizationId, null, cancellationToken) is { IsWhole: false } broken)
            throw new StorageException($"The audit chain of {organizationId} is broken at row {broken.Faults[0].Sequence}, and cutting it would hide that. Export it first, and find out.");
        return await database.WriteAsync(
            async transaction =>
            {
                await AuditLog.LockAsync(transaction, organizationId, cancellationToken);
                if (await AuditLog.HeadAsync(transaction, organizationId, cancellationToken) is not { } head) return 0;
                // Clocks may have gone back: nothing that is young goes, whatever stands after it.
                var younger = await transaction.Connection.ExecuteScalarAsync<long?>(transaction.Command(Younger, new { organizationId, beforeMs }, cancellationToken)) ?? head.Sequence;
                var last = await transaction.Connection.QuerySingleOrDefaultAsync<AuditMark?>(transaction.Command(Last, new { organizationId, head = Math.Min(younger, head.Sequence), beforeMs }, cancellationToken));
                if (last is null) return 0;
                var mark = AuditMark.Sealed(box, AuditLog.AnchorPlace, organizationId, last.Sequence, last.Hash);
                await transaction.ExecuteAsync(Anchor, new { organizationId, mark.Sequence, mark.Hash, mark.Seal, nowMs = time.GetUtcNow().ToUnixTimeMilliseconds() }, cancellationToken);
                var rows = await transaction.ExecuteAsync(Delete, new { organizationId, mark.Sequence }, cancellationToken);
                log.Append(transaction, organizationId, AuditKind.ChainCut, null, new { up_to = last.Sequence, hash = Convert.ToHexStringLower(last.Hash), rows });
                return (long)rows;
            },
            cancellationToken);
    }
}
