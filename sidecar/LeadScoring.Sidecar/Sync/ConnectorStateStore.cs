using Dapper;
using LeadScoring.Connectors;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>How far a walk is.</summary>
internal sealed record StreamState
{
    public string Connector { get; init; } = "";
    public string Stream { get; init; } = "";
    public string Position { get; init; } = "";
    public bool IsCaughtUp { get; init; }
    public long Records { get; init; }
    public long UpdatedAtMs { get; init; }
}

/// <summary>How an account fares.</summary>
internal sealed record ConnectorStatusRow
{
    public string Connector { get; init; } = "";
    public long? LastSyncMs { get; init; }
    public long? LastFailureMs { get; init; }
    public string? LastFailure { get; init; }
    public string? Advice { get; init; }
    public int BudgetDay { get; init; }
    public long BudgetUsed { get; init; }
}

/// <summary>Cursors and health of accounts.</summary>
internal sealed class ConnectorStateStore(Database database, TimeProvider time)
{
    private const string StreamColumns = "connector as Connector, stream as Stream, position as Position, is_caught_up as IsCaughtUp, records as Records, updated_at_ms as UpdatedAtMs";

    private const string StatusColumns = """
        connector as Connector, last_sync_ms as LastSyncMs, last_failure_ms as LastFailureMs, last_failure as LastFailure, advice as Advice, budget_day as BudgetDay, budget_used as BudgetUsed
        """;

    internal async Task<IReadOnlyList<StreamState>> StreamsAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {StreamColumns} from connector_cursors where organization_id = @organizationId order by connector, stream";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StreamState>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }

    internal async Task<IReadOnlyDictionary<string, ConnectorStatusRow>> StatusAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {StatusColumns} from connector_status where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<ConnectorStatusRow>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))).ToDictionary(r => r.Connector, StringComparer.Ordinal);
    }

    /// <summary>Moves a cursor on in the transaction of the page that it follows.</summary>
    /// <returns>False when it stands elsewhere by now: another run is at it, and this page must not be stored.</returns>
    internal async Task<bool> AdvanceAsync(WriteTransaction transaction, ConnectorAccount account, string stream, string? from, string to, bool isCaughtUp, int records, CancellationToken cancellationToken)
    {
        const string First = """
            insert into connector_cursors (organization_id, connector, stream, position, is_caught_up, records, updated_at_ms) values (@OrganizationId, @Name, @stream, @to, @isCaughtUp, @records, @nowMs)
            on conflict (organization_id, connector, stream) do nothing
            """;
        // Once caught up, always: later walks are short.
        const string Next = """
            update connector_cursors set position = @to, is_caught_up = case when is_caught_up = 1 then is_caught_up else @isCaughtUp end, records = records + @records, updated_at_ms = @nowMs
            where organization_id = @OrganizationId and connector = @Name and stream = @stream and position = @from
            """;
        var values = new { account.OrganizationId, account.Name, stream, from, to, isCaughtUp = isCaughtUp ? (short)1 : (short)0, records, nowMs = time.NowMs() };
        return await transaction.ExecuteAsync(from is null ? First : Next, values, cancellationToken) == 1;
    }

    internal Task SucceededAsync(ConnectorAccount account, BudgetStatus budget, CancellationToken cancellationToken) => WriteAsync(
        account, "last_sync_ms = @nowMs, last_failure = null, advice = null", new { account.OrganizationId, account.Name, nowMs = time.NowMs(), day = Today, used = budget.UsedToday }, cancellationToken);

    internal Task FailedAsync(ConnectorAccount account, ConnectorException failure, BudgetStatus? budget, CancellationToken cancellationToken) => WriteAsync(
        account, "last_failure_ms = @nowMs, last_failure = @message, advice = @advice",
        new { account.OrganizationId, account.Name, nowMs = time.NowMs(), day = Today, used = budget?.UsedToday ?? 0, message = failure.Message, advice = failure.Advice }, cancellationToken);

    private int Today => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime).DayNumber;

    private Task WriteAsync(ConnectorAccount account, string set, object values, CancellationToken cancellationToken)
    {
        const string Make = """
            insert into connector_status (organization_id, connector, budget_day, budget_used) values (@OrganizationId, @Name, @day, @used) on conflict (organization_id, connector) do nothing
            """;
        var update = $"""
            update connector_status set {set}, budget_used = case when budget_day = @day and budget_used > @used then budget_used else @used end, budget_day = @day
            where organization_id = @OrganizationId and connector = @Name
            """;
        return database.WriteAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync(Make, values, cancellationToken);
                await transaction.ExecuteAsync(update, values, cancellationToken);
            },
            cancellationToken);
    }
}
