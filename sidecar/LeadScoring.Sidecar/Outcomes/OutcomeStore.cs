using System.Runtime.CompilerServices;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Outcomes;

/// <summary>What became of an <see cref="OutcomeWrite"/>.</summary>
public enum OutcomeStatus
{
    /// <summary>New.</summary>
    Recorded,

    /// <summary>Replaces what the same source said before.</summary>
    Updated,

    /// <summary>The source had said exactly this.</summary>
    Unchanged,

    /// <summary>Taken back; the history keeps it.</summary>
    Reversed,

    /// <summary>Not stored.</summary>
    Rejected,
}

/// <summary>A label for training.</summary>
internal sealed record LabeledLead(string LeadId, bool Converted, long OccurredAtMs, long? AsOfMs, double? Revenue, string? Stage = null, bool? IsFinal = null);

/// <summary>Outcomes by kind.</summary>
/// <param name="New">Changes recorded since a moment, taken back ones included.</param>
internal readonly record struct OutcomeCounts(long Converted, long NotConverted, long New);

/// <summary>The outcomes table, and the history of its changes.</summary>
internal sealed class OutcomeStore(Database database, LeadStore leads, TimeProvider time)
{
    internal Task<IReadOnlyList<OutcomeStatus>> WriteAsync(string organizationId, IReadOnlyList<OutcomeWrite> writes, CancellationToken cancellationToken) =>
        database.WriteAsync(transaction => WriteAsync(transaction, organizationId, writes, cancellationToken), cancellationToken);

    /// <summary>One status per write. <see cref="OutcomeStatus.Rejected"/> means that there is no such lead.</summary>
    internal async Task<IReadOnlyList<OutcomeStatus>> WriteAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<OutcomeWrite> writes, CancellationToken cancellationToken)
    {
        const string Select = """
            select converted, occurred_at_ms, as_of_ms, revenue, stage, is_final from outcomes
            where organization_id = @organizationId and lead_id = @leadId and source = @source
            """;
        const string Upsert = """
            insert into outcomes (organization_id, lead_id, source, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final, recorded_at_ms)
            values (@organizationId, @leadId, @source, @converted, @occurredAtMs, @asOfMs, @revenue, @stage, @isFinal, @nowMs)
            on conflict (organization_id, lead_id, source) do update
            set converted = excluded.converted, occurred_at_ms = excluded.occurred_at_ms, as_of_ms = excluded.as_of_ms,
                revenue = excluded.revenue, stage = excluded.stage, is_final = excluded.is_final, recorded_at_ms = excluded.recorded_at_ms
            """;
        const string Delete = "delete from outcomes where organization_id = @organizationId and lead_id = @leadId and source = @source";
        const string History = """
            insert into outcome_history (organization_id, lead_id, source, change, reversed, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final, recorded_at_ms)
            select @organizationId, @leadId, @source, coalesce(max(change), 0) + 1, @reversed, @converted, @occurredAtMs, @asOfMs, @revenue, @stage, @isFinal, @nowMs
            from outcome_history where organization_id = @organizationId and lead_id = @leadId and source = @source
            """;
        using var select = transaction.Prepare(Select, "organizationId", "leadId", "source").Set(0, organizationId);
        using var upsert = transaction.Prepare(Upsert, "organizationId", "leadId", "source", "converted", "occurredAtMs", "asOfMs", "revenue", "stage", "nowMs", "isFinal").Set(0, organizationId);
        using var delete = transaction.Prepare(Delete, "organizationId", "leadId", "source").Set(0, organizationId);
        using var history = transaction.Prepare(History, "organizationId", "leadId", "source", "converted", "occurredAtMs", "asOfMs", "revenue", "stage", "nowMs", "isFinal", "reversed").Set(0, organizationId);
        var existing = await LeadStore.ExistingAsync(transaction, organizationId, writes.Select(w => w.LeadId), cancellationToken);
        var statuses = new OutcomeStatus[writes.Count];
        for (var i = 0; i < writes.Count; i++)
        {
            var write = writes[i];
            var before = await ReadAsync(select.Set(1, write.LeadId).Set(2, write.Source), write, cancellationToken);
            statuses[i] = !existing.Contains(write.LeadId) ? OutcomeStatus.Rejected
                : write.Reversed ? before is null ? OutcomeStatus.Unchanged : OutcomeStatus.Reversed
                : before is null ? OutcomeStatus.Recorded
                : before == write ? OutcomeStatus.Unchanged
                : OutcomeStatus.Updated;
            if (statuses[i] is OutcomeStatus.Rejected or OutcomeStatus.Unchanged) continue;
            if (write.Reversed) await delete.Set(1, write.LeadId).Set(2, write.Source).ExecuteAsync(cancellationToken);
            else await Bind(upsert, write).ExecuteAsync(cancellationToken);
            // What is taken back goes into the history as it was.
            await Bind(history, write.Reversed ? before! : write).Set(10, write.Reversed ? 1 : 0).ExecuteAsync(cancellationToken);
        }

        // A lead is closed while any source stands by an outcome.
        using var any = transaction.Prepare("select 1 from outcomes where organization_id = @organizationId and lead_id = @leadId limit 1", "organizationId", "leadId").Set(0, organizationId);
        var closed = new List<(string, bool)>();
        foreach (var leadId in Enumerable.Range(0, writes.Count).Where(i => statuses[i] is OutcomeStatus.Recorded or OutcomeStatus.Reversed).Select(i => writes[i].LeadId).Distinct(StringComparer.Ordinal))
            closed.Add((leadId, await ExistsAsync(any.Set(1, leadId), cancellationToken)));
        await leads.SetClosedAsync(transaction, organizationId, closed, cancellationToken);
        return statuses;
    }

    /// <summary>One label per lead, in the order of lead ids. Where sources disagree, the latest moment counts; at the same moment, a conversion.</summary>
    internal async IAsyncEnumerable<LabeledLead> ReadLabeledAsync(string organizationId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Sql = """
            select lead_id, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final
            from (select lead_id, converted, occurred_at_ms, as_of_ms, revenue, stage, is_final,
                         row_number() over (partition by lead_id order by occurred_at_ms desc, converted desc, source) as rank
                  from outcomes where organization_id = @organizationId) as ranked
            where rank = 1
            order by lead_id
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken))
        {
            yield return new LabeledLead(
                rows.GetString(0), rows.GetInt64(1) != 0, rows.GetInt64(2), rows.IsDBNull(3) ? null : rows.GetInt64(3), rows.IsDBNull(4) ? null : rows.GetDouble(4),
                rows.IsDBNull(5) ? null : rows.GetString(5), rows.IsDBNull(6) ? null : rows.GetInt64(6) != 0);
        }
    }

    /// <summary>Leads with an outcome, and what was recorded after a moment.</summary>
    internal async Task<OutcomeCounts> CountAsync(string organizationId, long sinceMs, CancellationToken cancellationToken)
    {
        const string Leads = "select count(distinct lead_id) from outcomes where organization_id = @organizationId and converted = @converted";
        const string New = "select count(*) from outcome_history where organization_id = @organizationId and recorded_at_ms > @sinceMs";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        Task<long> CountAsync(string sql, int converted) => connection.ExecuteScalarAsync<long>(new CommandDefinition(sql, new { organizationId, converted, sinceMs }, cancellationToken: cancellationToken));
        return new OutcomeCounts(await CountAsync(Leads, 1), await CountAsync(Leads, 0), await CountAsync(New, 0));
    }

    private PreparedStatement Bind(PreparedStatement statement, OutcomeWrite write) => statement
        .Set(1, write.LeadId).Set(2, write.Source).Set(3, write.Converted ? 1 : 0).Set(4, write.OccurredAtMs)
        .Set(5, write.AsOfMs).Set(6, write.Revenue).Set(7, write.Stage).Set(8, time.NowMs()).Set(9, write.IsFinal is { } final ? final ? 1 : 0 : null);

    private static async Task<bool> ExistsAsync(PreparedStatement select, CancellationToken cancellationToken)
    {
        await using var row = await select.QueryAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken);
    }

    private static async Task<OutcomeWrite?> ReadAsync(PreparedStatement select, OutcomeWrite key, CancellationToken cancellationToken)
    {
        await using var row = await select.QueryAsync(cancellationToken);
        return !await row.ReadAsync(cancellationToken) ? null : new OutcomeWrite(
            key.LeadId, key.Source, row.GetInt64(0) != 0, row.GetInt64(1), row.IsDBNull(2) ? null : row.GetInt64(2),
            row.IsDBNull(3) ? null : row.GetDouble(3), row.IsDBNull(4) ? null : row.GetString(4), IsFinal: row.IsDBNull(5) ? null : row.GetInt64(5) != 0);
    }
}
