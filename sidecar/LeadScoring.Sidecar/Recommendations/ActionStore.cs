using System.Data.Common;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Recommendations;

/// <summary>What became of an action that was sent in.</summary>
public enum ActionStatus
{
    /// <summary>New.</summary>
    Recorded,

    /// <summary>Its result was not known before.</summary>
    Updated,

    /// <summary>Recorded already.</summary>
    Unchanged,

    /// <summary>Not stored.</summary>
    Rejected,
}

/// <summary>The actions_taken table. An action and the events that it is are stored in one transaction.</summary>
internal sealed class ActionStore(Database database, EventStore events, TimeProvider time)
{
    private const string Columns = "record_id, lead_id, action_id, channel, taken_at_ms, result, result_at_ms";

    /// <summary>One status per action; null when there is no such lead. <see cref="ActionStatus.Rejected"/>: its id stands for another action, or with another result.</summary>
    internal Task<ActionStatus[]?> WriteAsync(string organizationId, string leadId, IReadOnlyList<ActionTaken> actions, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                // Ids are the organization's, not the lead's.
                await transaction.LockAsync($"actions {organizationId}", cancellationToken);
                var known = await LeadStore.ExistingAsync(transaction, organizationId, [leadId], cancellationToken);
                return known.Count == 0 ? null : await WriteAsync(transaction, organizationId, actions, cancellationToken);
            },
            cancellationToken);

    private async Task<ActionStatus[]> WriteAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<ActionTaken> actions, CancellationToken cancellationToken)
    {
        const string Select = $"select {Columns} from actions_taken where organization_id = @organizationId and record_id = @recordId";
        const string Upsert = """
            insert into actions_taken (organization_id, record_id, lead_id, action_id, channel, taken_at_ms, result, result_at_ms, recorded_at_ms)
            values (@organizationId, @recordId, @leadId, @actionId, @channel, @takenAtMs, @result, @resultAtMs, @nowMs)
            on conflict (organization_id, record_id) do update set result = excluded.result, result_at_ms = excluded.result_at_ms
            """;
        using var select = transaction.Prepare(Select, "organizationId", "recordId").Set(0, organizationId);
        using var upsert = transaction.Prepare(Upsert, "organizationId", "recordId", "leadId", "actionId", "channel", "takenAtMs", "result", "resultAtMs", "nowMs").Set(0, organizationId).Set(8, time.NowMs());
        var statuses = new ActionStatus[actions.Count];
        for (var i = 0; i < actions.Count; i++)
        {
            var action = actions[i];
            statuses[i] = Compare(await ReadAsync(select.Set(1, action.RecordId), cancellationToken), action);
            if (statuses[i] is not (ActionStatus.Recorded or ActionStatus.Updated)) continue;
            await upsert.Set(1, action.RecordId).Set(2, action.LeadId).Set(3, action.ActionId).Set(4, action.Channel).Set(5, action.TakenAtMs)
                .Set(6, action.Result is { } result ? Name(result) : null).Set(7, action.ResultAtMs).ExecuteAsync(cancellationToken);
        }

        await events.AppendAsync(transaction, organizationId, [.. actions.Where((_, i) => statuses[i] is ActionStatus.Recorded or ActionStatus.Updated).SelectMany(ActionEvents.Of)], cancellationToken);
        return statuses;
    }

    internal async Task<IReadOnlyList<ActionTaken>> ListAsync(string organizationId, string leadId, int limit, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from actions_taken where organization_id = @organizationId and lead_id = @leadId order by taken_at_ms desc, record_id limit @limit";
        var list = new List<ActionTaken>();
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(Sql, new { organizationId, leadId, limit }, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken)) list.Add(Read(rows));
        return list;
    }

    /// <summary>All of an organization, lead by lead, each lead's in the order of time.</summary>
    internal async IAsyncEnumerable<ActionTaken> ReadAllAsync(string organizationId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from actions_taken where organization_id = @organizationId order by lead_id, taken_at_ms, record_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken)) yield return Read(rows);
    }

    internal static string Name(ActionResult result) => JsonNamingPolicy.SnakeCaseLower.ConvertName(result.ToString());

    private static ActionStatus Compare(ActionTaken? known, ActionTaken action)
    {
        if (known is null) return ActionStatus.Recorded;
        if ((known.LeadId, known.ActionId, known.Channel, known.TakenAtMs) != (action.LeadId, action.ActionId, action.Channel, action.TakenAtMs)) return ActionStatus.Rejected;
        if (action.Result is null || action.Result == known.Result) return ActionStatus.Unchanged;
        // Events that were folded cannot be taken back, so a result stands.
        return known.Result is null ? ActionStatus.Updated : ActionStatus.Rejected;
    }

    private static async Task<ActionTaken?> ReadAsync(PreparedStatement select, CancellationToken cancellationToken)
    {
        await using var row = await select.QueryAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? Read(row) : null;
    }

    private static ActionTaken Read(DbDataReader row) => new(
        row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt64(4),
        row.IsDBNull(5) ? null : Enum.Parse<ActionResult>(row.GetString(5).Replace("_", "", StringComparison.Ordinal), ignoreCase: true), row.IsDBNull(6) ? null : row.GetInt64(6));
}
