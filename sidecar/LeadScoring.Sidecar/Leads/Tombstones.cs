using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Leads;

/// <summary>Whom an organization has erased. All that would bring a person in asks here first, in its own transaction; what is refused is counted.</summary>
internal sealed class Tombstones(PrivacyKeyStore keys, TimeProvider time)
{
    internal const string Refusal = "The person was erased and is not taken in again. GET /v1/erasures shows when; POST /v1/erasures/{erasure_id}/lift allows it on purpose.";

    private static readonly Counter<long> Refused = Instruments.Meter.CreateCounter<long>("leadscoring.erased.refused", "{record}", "Leads, events and records of connectors that were refused because their person was erased");

    /// <summary>Hash of a trace, 32 bytes.</summary>
    internal static byte[] HashOf(PrivacyKeys keys, Trace trace) => HMACSHA256.HashData(keys.Hash, Encoding.UTF8.GetBytes($"{trace.Kind}\n{trace.Text}"));

    /// <summary>Those of the traces that are of somebody erased.</summary>
    internal async Task<HashSet<Trace>> FindAsync(WriteTransaction transaction, string organizationId, IEnumerable<Trace> traces, CancellationToken cancellationToken) =>
        await keys.FindAsync(transaction, organizationId, cancellationToken) is { } own
            ? [.. (await FindAsync(transaction, organizationId, [.. traces.Distinct().Select(t => (t, HashOf(own, t)))], cancellationToken)).Select(f => f.Trace)] : [];

    /// <summary>Those of the traces that are of somebody erased; each is counted as refused.</summary>
    internal async Task<HashSet<Trace>> RefuseAsync(WriteTransaction transaction, string organizationId, IEnumerable<Trace> traces, CancellationToken cancellationToken)
    {
        var found = await FindAsync(transaction, organizationId, traces, cancellationToken);
        await CountAsync(transaction, organizationId, found, cancellationToken);
        return found;
    }

    /// <summary>Counts something of somebody erased as refused.</summary>
    internal async Task CountAsync(WriteTransaction transaction, string organizationId, IReadOnlyCollection<Trace> refused, CancellationToken cancellationToken)
    {
        const string Sql = "update tombstones set refused = refused + 1, last_refused_ms = @nowMs where organization_id = @organizationId and hash = @hash";
        if (refused.Count == 0 || await keys.FindAsync(transaction, organizationId, cancellationToken) is not { } own) return;
        // In one order, for everybody.
        foreach (var hash in refused.Select(r => HashOf(own, r)).OrderBy(Convert.ToHexString, StringComparer.Ordinal)) await transaction.ExecuteAsync(Sql, new { organizationId, hash, nowMs = time.NowMs() }, cancellationToken);
        Refused.Add(refused.Count);
    }

    private static async Task<List<(Trace Trace, byte[] Hash)>> FindAsync(WriteTransaction transaction, string organizationId, (Trace Trace, byte[] Hash)[] hashed, CancellationToken cancellationToken)
    {
        if (transaction.IsPostgres)
        {
            const string Sql = "select hash from tombstones where organization_id = @organizationId and hash = any(@hashes)";
            var known = (await transaction.Connection.QueryAsync<byte[]>(transaction.Command(Sql, new { organizationId, hashes = Array.ConvertAll(hashed, h => h.Hash) }, cancellationToken))).Select(Convert.ToHexString).ToHashSet(StringComparer.Ordinal);
            return [.. hashed.Where(h => known.Contains(Convert.ToHexString(h.Hash)))];
        }

        var found = new List<(Trace, byte[])>();
        using var select = transaction.Prepare("select 1 from tombstones where organization_id = @organizationId and hash = @hash", "organizationId", "hash").Set(0, organizationId);
        foreach (var one in hashed)
        {
            await using var row = await select.Set(1, one.Hash).QueryAsync(cancellationToken);
            if (await row.ReadAsync(cancellationToken)) found.Add(one);
        }

        return found;
    }

    /// <summary>Sets them for an erasure, for which the organization has keys; what has one keeps it.</summary>
    internal async Task PutAsync(WriteTransaction transaction, string organizationId, string erasureId, IEnumerable<Trace> traces, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into tombstones (organization_id, hash, kind, erasure_id, created_at_ms, refused) values (@organizationId, @hash, @Kind, @erasureId, @nowMs, 0)
            on conflict (organization_id, hash) do nothing
            """;
        var own = await keys.FindAsync(transaction, organizationId, cancellationToken) ?? throw new InvalidOperationException("The organization has no keys yet.");
        foreach (var trace in traces.Distinct()) await transaction.ExecuteAsync(Sql, new { organizationId, hash = HashOf(own, trace), trace.Kind, erasureId, nowMs = time.NowMs() }, cancellationToken);
    }

    /// <summary>Lets the person of an erasure come in again.</summary>
    /// <returns>How many were lifted.</returns>
    internal static Task<int> LiftAsync(WriteTransaction transaction, string organizationId, string erasureId, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync("delete from tombstones where organization_id = @organizationId and erasure_id = @erasureId", new { organizationId, erasureId }, cancellationToken);

    /// <summary>Which of some leads were erased, with the erasure; nothing is counted.</summary>
    internal async Task<IReadOnlyList<(string LeadId, string ErasureId)>> ErasedAsync(WriteTransaction transaction, string organizationId, IReadOnlyCollection<string> leadIds, CancellationToken cancellationToken)
    {
        const string Sql = "select hash, erasure_id from tombstones where organization_id = @organizationId and kind = 'lead'";
        if (await keys.FindAsync(transaction, organizationId, cancellationToken) is not { } own) return [];
        var erased = (await transaction.Connection.QueryAsync<(byte[] Hash, string ErasureId)>(transaction.Command(Sql, new { organizationId }, cancellationToken))).ToDictionary(e => Convert.ToHexString(e.Hash), e => e.ErasureId, StringComparer.Ordinal);
        return erased.Count == 0 ? [] : [.. leadIds.Select(id => (id, erased.GetValueOrDefault(Convert.ToHexString(HashOf(own, Trace.Lead(id)))))).Where(e => e.Item2 is not null).Select(e => (e.id, e.Item2!))];
    }
}
