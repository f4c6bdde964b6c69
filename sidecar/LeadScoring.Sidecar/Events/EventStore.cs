using System.Diagnostics.Metrics;
using System.Data.Common;
using System.Runtime.CompilerServices;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Events;

/// <summary>The events table. An event is stored once, and folded into its lead's activity in the same transaction.</summary>
internal sealed class EventStore(Database database, Tombstones tombstones, LeadsChanged changed, TimeProvider time)
{
    /// <summary>Events per transaction: past this the cost per event falls little, and readers of the queue wait longer.</summary>
    internal const int BatchSize = 5_000;

    private const int IdsPerQuery = 500;
    private static readonly Counter<long> Taken = Instruments.Meter.CreateCounter<long>("leadscoring.events", "{event}", "Events of requests, by result: stored, duplicate");

    /// <summary>Stores and folds events, in transactions of <see cref="BatchSize"/>. True per event when it was new, false when its id was known or its lead was erased.</summary>
    /// <param name="erased">Receives the ids of leads that were erased: nothing of them is stored.</param>
    internal async Task<bool[]> AppendAsync(string organizationId, IReadOnlyList<LeadEvent> events, CancellationToken cancellationToken, ISet<string>? erased = null)
    {
        var isNew = new bool[events.Count];
        for (var from = 0; from < events.Count; from += BatchSize)
        {
            var batch = events.Skip(from).Take(BatchSize).ToArray();
            (await database.WriteAsync(transaction => AppendAsync(transaction, organizationId, batch, cancellationToken, erased), cancellationToken)).CopyTo(isNew, from);
            changed.Tell();
        }

        if (Taken.Enabled)
        {
            var added = isNew.Count(n => n);
            Taken.Add(added, new KeyValuePair<string, object?>("result", "stored"));
            Taken.Add(isNew.Length - added, new KeyValuePair<string, object?>("result", "duplicate"));
        }

        return isNew;
    }

    /// <summary>The same inside a transaction that the caller holds.</summary>
    internal async Task<bool[]> AppendAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<LeadEvent> events, CancellationToken cancellationToken, ISet<string>? erased = null)
    {
        if (events.Count == 0) return [];
        var refused = await tombstones.RefuseAsync(transaction, organizationId, events.Select(e => Trace.Lead(e.LeadId)), cancellationToken);
        if (refused.Count == 0) return await StoreAsync(transaction, organizationId, events, cancellationToken);
        erased?.UnionWith(refused.Select(r => r.Text));
        int[] kept = [.. Enumerable.Range(0, events.Count).Where(i => !refused.Contains(Trace.Lead(events[i].LeadId)))];
        var isNew = new bool[events.Count];
        if (kept.Length == 0) return isNew;
        var stored = await StoreAsync(transaction, organizationId, [.. kept.Select(i => events[i])], cancellationToken);
        for (var i = 0; i < kept.Length; i++) isNew[kept[i]] = stored[i];
        return isNew;
    }

    private async Task<bool[]> StoreAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<LeadEvent> events, CancellationToken cancellationToken)
    {
        // Leads first and events in one order, for everybody: the same events sent twice at once wait for each other, and never in a circle.
        var locked = await LeadFold.LockAsync(transaction, organizationId, events.Select(e => e.LeadId), cancellationToken);
        var order = new int[events.Count];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        // Of an id that comes twice the first counts.
        Array.Sort(order, (a, b) => string.CompareOrdinal(events[a].Event.EventId, events[b].Event.EventId) is var c and not 0 ? c : a.CompareTo(b));
        var isNew = transaction.IsPostgres
            ? await InsertManyAsync(transaction, organizationId, events, order, cancellationToken)
            : await InsertEachAsync(transaction, organizationId, events, order, cancellationToken);
        var newEvents = new Dictionary<string, List<ActivityEvent>>(StringComparer.Ordinal);
        for (var i = 0; i < events.Count; i++)
        {
            if (!isNew[i]) continue;
            var (leadId, e) = events[i];
            if (!newEvents.TryGetValue(leadId, out var list)) newEvents[leadId] = list = [];
            list.Add(e);
        }

        if (newEvents.Count == 0) return isNew;
        await LeadFold.WriteAsync(transaction, organizationId, newEvents, locked, time.NowMs(), cancellationToken);
        await EventTypeStore.CountAsync(transaction, organizationId, newEvents.Values.SelectMany(e => e), time.NowMs(), cancellationToken);
        return isNew;
    }

    private async Task<bool[]> InsertEachAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<LeadEvent> events, int[] order, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into events (organization_id, event_id, lead_id, type, source, occurred_at_ms, received_at_ms, properties)
            select @organizationId, @eventId, @leadId, @type, @source, @occurredAtMs, @receivedAtMs, @properties
            where not exists (select 1 from event_ids where organization_id = @organizationId and id_hash = @idHash)
            on conflict (organization_id, event_id) do nothing
            """;
        using var insert = transaction.Prepare(Sql, "organizationId", "eventId", "leadId", "type", "source", "occurredAtMs", "receivedAtMs", "properties", "idHash")
            .Set(0, organizationId).Set(6, time.NowMs());
        var isNew = new bool[events.Count];
        foreach (var i in order)
        {
            var (leadId, e) = events[i];
            insert.Set(1, e.EventId).Set(2, leadId).Set(3, e.Type).Set(4, e.Source).Set(5, e.OccurredAtMs).Set(7, EventProperties.ToJson(e.Properties)).Set(8, EventIds.Hash(e.EventId));
            isNew[i] = await insert.ExecuteAsync(cancellationToken) == 1;
        }

        return isNew;
    }

    private async Task<bool[]> InsertManyAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<LeadEvent> events, int[] order, CancellationToken cancellationToken)
    {
        // The id decides, over all months at once; only what is new by it goes into its month.
        const string Sql = """
            with n as materialized (
                select * from unnest(@hashes, @ids, @leadIds, @types, @sources, @occurredAtMs, @properties) as n (id_hash, event_id, lead_id, type, source, occurred_at_ms, properties)),
            fresh as (insert into event_ids (organization_id, id_hash) select @organizationId, id_hash from n on conflict (organization_id, id_hash) do nothing returning id_hash)
            insert into events (organization_id, event_id, lead_id, type, source, occurred_at_ms, received_at_ms, properties)
            select @organizationId, n.event_id, n.lead_id, n.type, n.source, n.occurred_at_ms, @nowMs, n.properties from n join fresh on fresh.id_hash = n.id_hash
            returning event_id
            """;
        // In order, so the first of an id comes first.
        int[] first = [.. order.Where((i, at) => at == 0 || events[order[at - 1]].Event.EventId != events[i].Event.EventId)];
        T[] Of<T>(Func<LeadEvent, T> part) => Array.ConvertAll(first, i => part(events[i]));
        var parameters = new
        {
            organizationId, nowMs = time.NowMs(), hashes = Of(e => EventIds.Hash(e.Event.EventId)), ids = Of(e => e.Event.EventId), leadIds = Of(e => e.LeadId), types = Of(e => e.Event.Type),
            sources = Of(e => e.Event.Source), occurredAtMs = Of(e => e.Event.OccurredAtMs), properties = Of(e => EventProperties.ToJson(e.Event.Properties)),
        };
        var inserted = (await transaction.Connection.QueryAsync<string>(transaction.Command(Sql, parameters, cancellationToken))).ToHashSet(StringComparer.Ordinal);
        var isNew = new bool[events.Count];
        foreach (var i in first) isNew[i] = inserted.Contains(events[i].Event.EventId);
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

    /// <summary>The events of one lead by moment, as the transaction sees them.</summary>
    internal static async Task<List<ActivityEvent>> ReadAsync(WriteTransaction transaction, string organizationId, string leadId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from events where organization_id = @organizationId and lead_id = @leadId order by occurred_at_ms, event_id";
        await using var rows = await transaction.Connection.ExecuteReaderAsync(transaction.Command(Sql, new { organizationId, leadId }, cancellationToken));
        var events = new List<ActivityEvent>();
        while (await rows.ReadAsync(cancellationToken)) events.Add(Read(rows).Event);
        return events;
    }

    /// <summary>Those of the ids that were folded, their events stored still or removed by retention.</summary>
    internal async Task<HashSet<string>> KnownIdsAsync(string organizationId, IReadOnlyCollection<string> eventIds, CancellationToken cancellationToken)
    {
        var byId = $"select event_id from events where organization_id = @organizationId and event_id {database.AnyOf("ids")}";
        var byHash = $"select id_hash from event_ids where organization_id = @organizationId and id_hash {database.AnyOf("hashes")}";
        var known = new HashSet<string>(StringComparer.Ordinal);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        foreach (var ids in eventIds.Distinct(StringComparer.Ordinal).Chunk(IdsPerQuery))
        {
            var hashes = Array.ConvertAll(ids, EventIds.Hash);
            var found = (await connection.QueryAsync<byte[]>(new CommandDefinition(byHash, new { organizationId, hashes }, cancellationToken: cancellationToken))).Select(Convert.ToHexString).ToHashSet(StringComparer.Ordinal);
            known.UnionWith(ids.Where((_, i) => found.Contains(Convert.ToHexString(hashes[i]))));
            if (!database.IsPostgres) known.UnionWith(await connection.QueryAsync<string>(new CommandDefinition(byId, new { organizationId, ids }, cancellationToken: cancellationToken)));
        }

        return known;
    }

    /// <summary>Removes events of some leads that occurred before a moment, where they are in one table (SQLite). Their ids stay known, and what the leads folded stays as it is.</summary>
    internal static async Task<int> RemoveAsync(WriteTransaction transaction, string organizationId, string[] ids, long cutoffMs, CancellationToken cancellationToken)
    {
        const string Sql = "delete from events where organization_id = @organizationId and lead_id in @ids and occurred_at_ms < @cutoffMs returning event_id";
        var removed = (await transaction.Connection.QueryAsync<string>(transaction.Command(Sql, new { organizationId, ids, cutoffMs }, cancellationToken))).AsList();
        using var insert = transaction.Prepare("insert into event_ids (organization_id, id_hash) values (@organizationId, @idHash) on conflict do nothing", "organizationId", "idHash").Set(0, organizationId);
        foreach (var id in removed) await insert.Set(1, EventIds.Hash(id)).ExecuteAsync(cancellationToken);
        return removed.Count;
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
