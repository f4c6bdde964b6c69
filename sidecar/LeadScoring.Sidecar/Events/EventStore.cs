using System.Data.Common;
using System.Runtime.CompilerServices;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Events;

/// <summary>The events table. An event is stored once, and folded into its lead's activity in the same transaction.</summary>
internal sealed class EventStore(Database database, LeadStore leads, LeadsChanged changed, TimeProvider time)
{
    /// <summary>Events per transaction: past this the cost per event falls little, and readers of the queue wait longer.</summary>
    internal const int BatchSize = 5_000;

    private const int IdsPerQuery = 500;

    /// <summary>Stores and folds events, in transactions of <see cref="BatchSize"/>. True per event when it was new, false when its id was known.</summary>
    internal async Task<bool[]> AppendAsync(string organizationId, IReadOnlyList<LeadEvent> events, CancellationToken cancellationToken)
    {
        var isNew = new bool[events.Count];
        for (var from = 0; from < events.Count; from += BatchSize)
        {
            var batch = events.Skip(from).Take(BatchSize).ToArray();
            (await database.WriteAsync(transaction => AppendAsync(transaction, organizationId, batch, cancellationToken), cancellationToken)).CopyTo(isNew, from);
            changed.Tell();
        }

        return isNew;
    }

    /// <summary>The same inside a transaction that the caller holds.</summary>
    internal async Task<bool[]> AppendAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<LeadEvent> events, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into events (organization_id, event_id, lead_id, type, source, occurred_at_ms, received_at_ms, properties)
            values (@organizationId, @eventId, @leadId, @type, @source, @occurredAtMs, @receivedAtMs, @properties)
            on conflict (organization_id, event_id) do nothing
            """;
        // Leads first and events in one order, for everybody: the same events sent twice at once wait for each other, and never in a circle.
        await LeadStore.LockAsync(transaction, organizationId, events.Select(e => e.LeadId).Distinct(StringComparer.Ordinal), cancellationToken);
        using var insert = transaction.Prepare(Sql, "organizationId", "eventId", "leadId", "type", "source", "occurredAtMs", "receivedAtMs", "properties")
            .Set(0, organizationId).Set(6, time.NowMs());
        var isNew = new bool[events.Count];
        var newEvents = new Dictionary<string, List<ActivityEvent>>(StringComparer.Ordinal);
        foreach (var i in Enumerable.Range(0, events.Count).OrderBy(i => events[i].Event.EventId, StringComparer.Ordinal))
        {
            var (leadId, e) = events[i];
            insert.Set(1, e.EventId).Set(2, leadId).Set(3, e.Type).Set(4, e.Source).Set(5, e.OccurredAtMs).Set(7, EventProperties.ToJson(e.Properties));
            isNew[i] = await insert.ExecuteAsync(cancellationToken) == 1;
            if (!isNew[i]) continue;
            if (!newEvents.TryGetValue(leadId, out var list)) newEvents[leadId] = list = [];
            list.Add(e);
        }

        await leads.FoldAsync(transaction, organizationId, newEvents, cancellationToken);
        await EventTypeStore.CountAsync(transaction, organizationId, newEvents.Values.SelectMany(e => e), time.NowMs(), cancellationToken);
        return isNew;
    }

    /// <summary>All events, lead by lead in the order of lead ids, each lead's by moment; from one consistent moment.</summary>
    internal async IAsyncEnumerable<LeadEvent> ReadAllAsync(string organizationId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from events where organization_id = @organizationId order by lead_id, occurred_at_ms, event_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken)) yield return Read(rows);
    }

    /// <summary>The events of some leads, lead by lead, each lead's by moment.</summary>
    internal async IAsyncEnumerable<LeadEvent> ReadForLeadsAsync(
        string organizationId, IReadOnlyCollection<string> leadIds, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var sql = $"select {Columns} from events where organization_id = @organizationId and lead_id {database.AnyOf("ids")} order by lead_id, occurred_at_ms, event_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        foreach (var ids in leadIds.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Chunk(IdsPerQuery))
        {
            await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(sql, new { organizationId, ids }, cancellationToken: cancellationToken));
            while (await rows.ReadAsync(cancellationToken)) yield return Read(rows);
        }
    }

    /// <summary>Those of the ids that are stored.</summary>
    internal async Task<HashSet<string>> KnownIdsAsync(string organizationId, IReadOnlyCollection<string> eventIds, CancellationToken cancellationToken)
    {
        var sql = $"select event_id from events where organization_id = @organizationId and event_id {database.AnyOf("ids")}";
        var known = new HashSet<string>(StringComparer.Ordinal);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        foreach (var ids in eventIds.Chunk(IdsPerQuery))
            known.UnionWith(await connection.QueryAsync<string>(new CommandDefinition(sql, new { organizationId, ids }, cancellationToken: cancellationToken)));
        return known;
    }

    internal async Task<long> CountAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select count(*) from events where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
    }

    private const string Columns = "lead_id, event_id, type, source, occurred_at_ms, properties";

    private static LeadEvent Read(DbDataReader row) => new(
        row.GetString(0),
        new ActivityEvent(row.GetString(1), row.GetString(2), row.GetString(3), row.GetInt64(4), EventProperties.FromJson(row.IsDBNull(5) ? null : row.GetString(5))));
}
