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

    /// <summary>One status per write; a later write sees the earlier one. <see cref="OutcomeStatus.Rejected"/> means that there is no such lead.</summary>
    internal async Task<IReadOnlyList<OutcomeStatus>> WriteAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<OutcomeWrite> writes, CancellationToken cancellationToken)
    {
        var existing = await LeadStore.ExistingAsync(transaction, organizationId, writes.Select(w => w.LeadId), cancellationToken);
        var standing = await OutcomeRows.ReadAsync(transaction, organizationId, existing, cancellationToken);
        var statuses = new OutcomeStatus[writes.Count];
        var changed = new Dictionary<(string LeadId, string Source), OutcomeWrite?>();
        var history = new List<OutcomeWrite>();
        for (var i = 0; i < writes.Count; i++)
        {
            var (write, key) = (writes[i], (writes[i].LeadId, writes[i].Source));
            var before = standing.GetValueOrDefault(key);
            statuses[i] = !existing.Contains(write.LeadId) ? OutcomeStatus.Rejected
                : write.Reversed ? before is null ? OutcomeStatus.Unchanged : OutcomeStatus.Reversed
                : before is null ? OutcomeStatus.Recorded
                : before == write ? OutcomeStatus.Unchanged
                : OutcomeStatus.Updated;
            if (statuses[i] is OutcomeStatus.Rejected or OutcomeStatus.Unchanged) continue;
            if (write.Reversed) standing.Remove(key);
            else standing[key] = write;
            changed[key] = write.Reversed ? null : write;
            // What is taken back goes into the history as it was.
            history.Add(write.Reversed ? before! with { Reversed = true } : write);
        }

        if (history.Count == 0) return statuses;
        await OutcomeRows.WriteAsync(transaction, organizationId, changed, history, time.NowMs(), cancellationToken);
        // A lead is closed while any source stands by an outcome.
        var stand = standing.Keys.Select(k => k.LeadId).ToHashSet(StringComparer.Ordinal);
        var moved = Enumerable.Range(0, writes.Count).Where(i => statuses[i] is OutcomeStatus.Recorded or OutcomeStatus.Reversed).Select(i => writes[i].LeadId).Distinct(StringComparer.Ordinal);
        await leads.SetClosedAsync(transaction, organizationId, [.. moved.Select(id => (id, stand.Contains(id)))], cancellationToken);
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

    /// <summary>The label of one lead, by the same rule; null without an outcome.</summary>
    internal static async Task<LabeledLead?> FindLabelAsync(WriteTransaction transaction, string organizationId, string leadId, CancellationToken cancellationToken) =>
        (await OutcomeRows.ReadAsync(transaction, organizationId, [leadId], cancellationToken)).Values
            .OrderByDescending(o => o.OccurredAtMs).ThenByDescending(o => o.Converted).ThenBy(o => o.Source, StringComparer.Ordinal)
            .Select(o => new LabeledLead(leadId, o.Converted, o.OccurredAtMs, o.AsOfMs, o.Revenue, o.Stage, o.IsFinal)).FirstOrDefault();

    /// <summary>Leads with an outcome, and what was recorded after a moment.</summary>
    internal async Task<OutcomeCounts> CountAsync(string organizationId, long sinceMs, CancellationToken cancellationToken)
    {
        const string Leads = "select count(distinct lead_id) from outcomes where organization_id = @organizationId and converted = @converted";
        const string New = "select count(*) from outcome_history where organization_id = @organizationId and recorded_at_ms > @sinceMs";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        Task<long> CountAsync(string sql, int converted) => connection.ExecuteScalarAsync<long>(new CommandDefinition(sql, new { organizationId, converted, sinceMs }, cancellationToken: cancellationToken));
        return new OutcomeCounts(await CountAsync(Leads, 1), await CountAsync(Leads, 0), await CountAsync(New, 0));
    }
}
