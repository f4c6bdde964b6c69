using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Events;

/// <summary>An event type that was received.</summary>
internal sealed record StoredEventType
{
    public string Type { get; init; } = "";
    public long Events { get; init; }
    public long BotEvents { get; init; }
    public long FirstReceivedAtMs { get; init; }
    public long LastReceivedAtMs { get; init; }
}

/// <summary>How many events of which type came in: counted with the events, so that nobody goes through them to tell.</summary>
internal sealed class EventTypeStore(Database database)
{
    // Writers that do not meet on one row; more would make reading dearer.
    private const int Parts = 8;

    /// <summary>Adds new events to the counts of their types.</summary>
    internal static async Task CountAsync(WriteTransaction transaction, string organizationId, IEnumerable<ActivityEvent> newEvents, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into event_types (organization_id, type, part, events, bot_events, first_received_at_ms, last_received_at_ms)
            values (@organizationId, @type, @part, @events, @botEvents, @nowMs, @nowMs)
            on conflict (organization_id, type, part) do update set events = event_types.events + excluded.events, bot_events = event_types.bot_events + excluded.bot_events,
                last_received_at_ms = excluded.last_received_at_ms
            """;
        using var upsert = transaction.Prepare(Sql, "organizationId", "type", "part", "events", "botEvents", "nowMs").Set(0, organizationId).Set(2, transaction.IsPostgres ? Environment.CurrentManagedThreadId % Parts : 0).Set(5, nowMs);
        // In one order, so that two writers that do meet wait for each other and never in a circle.
        foreach (var type in newEvents.GroupBy(e => e.Type).OrderBy(g => g.Key, StringComparer.Ordinal))
            await upsert.Set(1, type.Key).Set(3, type.LongCount()).Set(4, type.LongCount(e => BotSignature.Of(e) is not null)).ExecuteAsync(cancellationToken);
    }

    /// <summary>All types of an organization, the most frequent first.</summary>
    internal async Task<IReadOnlyList<StoredEventType>> ListAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = """
            select type as Type, cast(sum(events) as bigint) as Events, cast(sum(bot_events) as bigint) as BotEvents, min(first_received_at_ms) as FirstReceivedAtMs, max(last_received_at_ms) as LastReceivedAtMs
            from event_types where organization_id = @organizationId group by type order by sum(events) desc, type
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StoredEventType>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }
}
