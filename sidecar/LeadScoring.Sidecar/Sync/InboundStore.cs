using System.Text.Json;
using Dapper;
using LeadScoring.Connectors;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>A notice that is to be worked off.</summary>
internal sealed record InboundRow
{
    public string EventId { get; init; } = "";
    public string Kind { get; init; } = "";
    public string RecordId { get; init; } = "";
    public string? Payload { get; init; }
    public int Attempts { get; init; }
}

/// <summary>What webhooks told: known by its id for a while, so that one that is sent again is not done again.</summary>
internal sealed class InboundStore(Database database, TimeProvider time)
{
    // Activity of people who are not known yet is looked at again after a while.
    private const long WaitMs = 60_000;
    private const long LongestWaitMs = 3_600_000;

    /// <summary>Erases what was told of the person, worked off or not.</summary>
    internal static async Task<int> EraseAsync(WriteTransaction transaction, ErasedPerson person, CancellationToken cancellationToken)
    {
        const string OfRecord = "delete from connector_inbound where organization_id = @OrganizationId and connector = @connector and record_id = @recordId";
        const string Waiting = "select connector, event_id, payload from connector_inbound where organization_id = @OrganizationId and payload is not null";
        const string OfEvent = "delete from connector_inbound where organization_id = @OrganizationId and connector = @connector and event_id = @eventId";
        var rows = 0;
        foreach (var (connector, recordId) in person.Records) rows += await transaction.ExecuteAsync(OfRecord, new { person.OrganizationId, connector, recordId }, cancellationToken);
        if (!person.Traces.Any(t => t.IsEmail)) return rows;
        // Activity that is known by its address alone.
        foreach (var (connector, eventId, payload) in (await transaction.Connection.QueryAsync<(string, string, string)>(transaction.Command(Waiting, new { person.OrganizationId }, cancellationToken))).AsList())
        {
            if (JsonSerializer.Deserialize<ActivityRecord>(payload)!.Email is { } email && person.Traces.Contains(Trace.EmailHash(LeadLinkStore.HashOf(email))))
                rows += await transaction.ExecuteAsync(OfEvent, new { person.OrganizationId, connector, eventId }, cancellationToken);
        }

        return rows;
    }

    /// <returns>How many were new.</returns>
    internal Task<int> AddAsync(ConnectorAccount account, IReadOnlyList<InboundChange> changes, CancellationToken cancellationToken) => database.WriteAsync(
        transaction => InsertAsync(transaction, account, changes.Select(c => (c.EventId, NameOf(c.Kind), c.RecordId, c.Activity is { } a ? JsonSerializer.Serialize(a) : null)), 0, cancellationToken), cancellationToken);

    /// <summary>Keeps activity until its person is known.</summary>
    internal Task<int> WaitAsync(WriteTransaction transaction, ConnectorAccount account, IEnumerable<ActivityRecord> activity, CancellationToken cancellationToken) => InsertAsync(
        transaction, account, activity.Select(a => ("activity-" + a.Id, NameOf(InboundKind.Activity), a.ContactId ?? "", (string?)JsonSerializer.Serialize(a))), WaitMs, cancellationToken);

    internal async Task<IReadOnlyList<InboundRow>> DueAsync(ConnectorAccount account, int limit, CancellationToken cancellationToken)
    {
        const string Sql = """
            select event_id as EventId, kind as Kind, record_id as RecordId, payload as Payload, attempts as Attempts from connector_inbound
            where organization_id = @OrganizationId and connector = @Name and status = 'pending' and next_attempt_ms <= @nowMs order by next_attempt_ms, received_at_ms, event_id limit @limit
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<InboundRow>(new CommandDefinition(Sql, new { account.OrganizationId, account.Name, limit, nowMs = time.NowMs() }, cancellationToken: cancellationToken))];
    }

    /// <summary>They are done; only their ids are kept.</summary>
    internal static async Task DoneAsync(WriteTransaction transaction, ConnectorAccount account, IEnumerable<string> eventIds, CancellationToken cancellationToken)
    {
        const string Sql = "update connector_inbound set status = 'done', payload = null where organization_id = @organizationId and connector = @connector and event_id = @eventId";
        using var done = transaction.Prepare(Sql, "organizationId", "connector", "eventId").Set(0, account.OrganizationId).Set(1, account.Name);
        foreach (var eventId in eventIds.Order(StringComparer.Ordinal)) await done.Set(2, eventId).ExecuteAsync(cancellationToken);
    }

    /// <summary>They are looked at again later, each time after twice as long.</summary>
    internal async Task LaterAsync(WriteTransaction transaction, ConnectorAccount account, IEnumerable<InboundRow> rows, CancellationToken cancellationToken)
    {
        const string Sql = """
            update connector_inbound set attempts = attempts + 1, next_attempt_ms = @nextMs where organization_id = @organizationId and connector = @connector and event_id = @eventId and status = 'pending'
            """;
        using var later = transaction.Prepare(Sql, "organizationId", "connector", "eventId", "nextMs").Set(0, account.OrganizationId).Set(1, account.Name);
        foreach (var row in rows.OrderBy(r => r.EventId, StringComparer.Ordinal))
            await later.Set(2, row.EventId).Set(3, time.NowMs() + Math.Min(LongestWaitMs, WaitMs << Math.Min(row.Attempts, 10))).ExecuteAsync(cancellationToken);
    }

    /// <summary>Activity that waits for one of these contacts, or for anybody by address, is due.</summary>
    internal Task WakeAsync(WriteTransaction transaction, ConnectorAccount account, CancellationToken cancellationToken)
    {
        const string Sql = "update connector_inbound set next_attempt_ms = @nowMs where organization_id = @OrganizationId and connector = @Name and status = 'pending' and kind = 'activity' and next_attempt_ms > @nowMs";
        return transaction.ExecuteAsync(Sql, new { account.OrganizationId, account.Name, nowMs = time.NowMs() }, cancellationToken);
    }

    internal async Task<long> WaitingAsync(ConnectorAccount account, CancellationToken cancellationToken)
    {
        const string Sql = "select count(*) from connector_inbound where organization_id = @OrganizationId and connector = @Name and status = 'pending'";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long>(new CommandDefinition(Sql, new { account.OrganizationId, account.Name }, cancellationToken: cancellationToken));
    }

    internal Task<int> PurgeAsync(string organizationId, TimeSpan keep, CancellationToken cancellationToken)
    {
        const string Sql = "delete from connector_inbound where organization_id = @organizationId and received_at_ms < @beforeMs";
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { organizationId, beforeMs = time.NowMs() - (long)keep.TotalMilliseconds }, cancellationToken), cancellationToken);
    }

    internal static string NameOf(InboundKind kind) => JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());

    private async Task<int> InsertAsync(
        WriteTransaction transaction, ConnectorAccount account, IEnumerable<(string EventId, string Kind, string RecordId, string? Payload)> rows, long waitMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into connector_inbound (organization_id, connector, event_id, kind, record_id, payload, status, attempts, next_attempt_ms, received_at_ms)
            values (@organizationId, @connector, @eventId, @kind, @recordId, @payload, 'pending', 0, @nextMs, @nowMs)
            on conflict (organization_id, connector, event_id) do nothing
            """;
        var nowMs = time.NowMs();
        using var insert = transaction.Prepare(Sql, "organizationId", "connector", "eventId", "kind", "recordId", "payload", "nextMs", "nowMs")
            .Set(0, account.OrganizationId).Set(1, account.Name).Set(6, nowMs + waitMs).Set(7, nowMs);
        var added = 0;
        foreach (var row in rows.OrderBy(r => r.EventId, StringComparer.Ordinal))
            added += await insert.Set(2, row.EventId).Set(3, row.Kind).Set(4, row.RecordId).Set(5, row.Payload).ExecuteAsync(cancellationToken);
        return added;
    }
}
