using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Outcomes;

/// <summary>Reads and writes outcomes of many leads: statements with arrays on PostgreSQL, prepared ones on SQLite.</summary>
internal static class OutcomeRows
{
    private const int LeadsPerQuery = 500;

    private const string Into = "insert into outcomes (organization_id, lead_id, source, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final, recorded_at_ms)";

    private const string OnConflict = """
        on conflict (organization_id, lead_id, source) do update
        set converted = excluded.converted, occurred_at_ms = excluded.occurred_at_ms, as_of_ms = excluded.as_of_ms,
            revenue = excluded.revenue, stage = excluded.stage, is_final = excluded.is_final, recorded_at_ms = excluded.recorded_at_ms
        """;

    private const string IntoHistory = """
        insert into outcome_history (organization_id, lead_id, source, change, reversed, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final, recorded_at_ms)
        """;

    /// <summary>What every source says of the leads now.</summary>
    internal static async Task<Dictionary<(string LeadId, string Source), OutcomeWrite>> ReadAsync(
        WriteTransaction transaction, string organizationId, IReadOnlyCollection<string> leadIds, CancellationToken cancellationToken)
    {
        var sql = $"""
            select lead_id, source, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final from outcomes
            where organization_id = @organizationId and lead_id {(transaction.IsPostgres ? "= any(@ids)" : "in @ids")}
            """;
        var standing = new Dictionary<(string, string), OutcomeWrite>();
        foreach (var ids in leadIds.Chunk(LeadsPerQuery))
        {
            await using var row = await transaction.Connection.ExecuteReaderAsync(transaction.Command(sql, new { organizationId, ids }, cancellationToken));
            while (await row.ReadAsync(cancellationToken))
            {
                var (leadId, source) = (row.GetString(0), row.GetString(1));
                standing[(leadId, source)] = new OutcomeWrite(
                    leadId, source, row.GetInt64(2) != 0, row.GetInt64(3), row.IsDBNull(4) ? null : row.GetInt64(4), row.IsDBNull(5) ? null : row.GetDouble(5),
                    row.IsDBNull(6) ? null : row.GetString(6), IsFinal: row.IsDBNull(7) ? null : row.GetInt64(7) != 0);
            }
        }

        return standing;
    }

    /// <param name="transaction">The one that holds the leads.</param>
    /// <param name="organizationId">Whose leads.</param>
    /// <param name="changed">What stands now; null where nothing does any more.</param>
    /// <param name="history">Every change, in order.</param>
    /// <param name="nowMs">When, Unix ms.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal static Task WriteAsync(
        WriteTransaction transaction, string organizationId, Dictionary<(string LeadId, string Source), OutcomeWrite?> changed, List<OutcomeWrite> history, long nowMs, CancellationToken cancellationToken)
    {
        OutcomeWrite[] kept = [.. changed.Values.OfType<OutcomeWrite>()];
        (string LeadId, string Source)[] gone = [.. changed.Where(c => c.Value is null).Select(c => c.Key)];
        return transaction.IsPostgres
            ? WriteManyAsync(transaction, organizationId, kept, gone, history, nowMs, cancellationToken)
            : WriteEachAsync(transaction, organizationId, kept, gone, history, nowMs, cancellationToken);
    }

    private static async Task WriteManyAsync(
        WriteTransaction transaction, string organizationId, OutcomeWrite[] kept, (string LeadId, string Source)[] gone, List<OutcomeWrite> history, long nowMs, CancellationToken cancellationToken)
    {
        const string Delete = """
            delete from outcomes as o using unnest(@leadIds, @sources) as n (lead_id, source)
            where o.organization_id = @organizationId and o.lead_id = n.lead_id and o.source = n.source
            """;
        const string Upsert = $"""
            {Into}
            select @organizationId, n.lead_id, n.source, n.converted, n.occurred_at_ms, n.as_of_ms, n.revenue, n.stage, n.is_final, @nowMs
            from unnest(@leadIds, @sources, @converted, @occurredAtMs, @asOfMs, @revenues, @stages, @finals) as n (lead_id, source, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final)
            {OnConflict}
            """;
        const string History = $"""
            {IntoHistory}
            select @organizationId, n.lead_id, n.source,
                coalesce((select max(h.change) from outcome_history as h where h.organization_id = @organizationId and h.lead_id = n.lead_id and h.source = n.source), 0)
                    + row_number() over (partition by n.lead_id, n.source order by n.number),
                n.reversed, n.converted, n.occurred_at_ms, n.as_of_ms, n.revenue, n.stage, n.is_final, @nowMs
            from unnest(@leadIds, @sources, @converted, @occurredAtMs, @asOfMs, @revenues, @stages, @finals, @reversed) with ordinality
                as n (lead_id, source, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final, reversed, number)
            """;
        object Parameters(IReadOnlyCollection<OutcomeWrite> rows)
        {
            T[] Of<T>(Func<OutcomeWrite, T> part) => [.. rows.Select(part)];
            return new
            {
                organizationId, nowMs, leadIds = Of(r => r.LeadId), sources = Of(r => r.Source), converted = Of(r => Truth(r.Converted)), occurredAtMs = Of(r => r.OccurredAtMs), asOfMs = Of(r => r.AsOfMs),
                revenues = Of(r => r.Revenue), stages = Of(r => r.Stage), finals = Of(r => r.IsFinal is { } final ? Truth(final) : (short?)null), reversed = Of(r => Truth(r.Reversed)),
            };
        }

        if (gone.Length > 0)
            await transaction.ExecuteAsync(Delete, new { organizationId, leadIds = Array.ConvertAll(gone, g => g.LeadId), sources = Array.ConvertAll(gone, g => g.Source) }, cancellationToken);
        if (kept.Length > 0) await transaction.ExecuteAsync(Upsert, Parameters(kept), cancellationToken);
        await transaction.ExecuteAsync(History, Parameters(history), cancellationToken);
    }

    private static async Task WriteEachAsync(
        WriteTransaction transaction, string organizationId, OutcomeWrite[] kept, (string LeadId, string Source)[] gone, List<OutcomeWrite> history, long nowMs, CancellationToken cancellationToken)
    {
        const string Delete = "delete from outcomes where organization_id = @organizationId and lead_id = @leadId and source = @source";
        const string Upsert = $"{Into} values (@organizationId, @leadId, @source, @converted, @occurredAtMs, @asOfMs, @revenue, @stage, @isFinal, @nowMs) {OnConflict}";
        const string History = $"""
            {IntoHistory}
            select @organizationId, @leadId, @source, coalesce(max(change), 0) + 1, @reversed, @converted, @occurredAtMs, @asOfMs, @revenue, @stage, @isFinal, @nowMs
            from outcome_history where organization_id = @organizationId and lead_id = @leadId and source = @source
            """;
        string[] names = ["organizationId", "leadId", "source", "converted", "occurredAtMs", "asOfMs", "revenue", "stage", "isFinal", "nowMs"];
        using var delete = transaction.Prepare(Delete, "organizationId", "leadId", "source").Set(0, organizationId);
        using var upsert = transaction.Prepare(Upsert, names).Set(0, organizationId).Set(9, nowMs);
        using var append = transaction.Prepare(History, [.. names, "reversed"]).Set(0, organizationId).Set(9, nowMs);
        foreach (var (leadId, source) in gone) await delete.Set(1, leadId).Set(2, source).ExecuteAsync(cancellationToken);
        foreach (var row in kept) await Bind(upsert, row).ExecuteAsync(cancellationToken);
        foreach (var row in history) await Bind(append, row).Set(10, Truth(row.Reversed)).ExecuteAsync(cancellationToken);
    }

    private static PreparedStatement Bind(PreparedStatement statement, OutcomeWrite row) => statement
        .Set(1, row.LeadId).Set(2, row.Source).Set(3, Truth(row.Converted)).Set(4, row.OccurredAtMs).Set(5, row.AsOfMs).Set(6, row.Revenue).Set(7, row.Stage)
        .Set(8, row.IsFinal is { } final ? Truth(final) : null);

    private static short Truth(bool value) => value ? (short)1 : (short)0;
}
