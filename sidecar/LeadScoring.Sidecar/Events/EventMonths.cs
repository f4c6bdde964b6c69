using System.Globalization;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Npgsql;

namespace LeadScoring.Sidecar.Events;

/// <summary>
/// The months of the events table on PostgreSQL: events_202611 holds what occurred in November 2026 (UTC), events_early all before the first month, events_default what has no month of its own.
/// Months are made ahead of time and dropped whole. Neither waits for readers for long: the next run does it.
/// </summary>
internal sealed class EventMonths(Database database, TimeProvider time)
{
    /// <summary>Months made ahead of the running one.</summary>
    internal const int Ahead = 2;

    private const string Early = "events_early";
    private const int RowsPerDelete = 5_000;

    // While a lock on the table is waited for, everybody behind it waits too.
    private const string ShortWait = "set local lock_timeout = '2s'";

    /// <summary>Makes the running month and those ahead, where they are missing. Safe to run by any number of replicas.</summary>
    internal async Task EnsureAsync(CancellationToken cancellationToken)
    {
        if (!database.IsPostgres) return;
        var month = MonthOf(time.NowMs());
        (string Name, string From, string To)[] wanted =
        [
            (Early, "minvalue", Ms(month)),
            .. Enumerable.Range(0, Ahead + 1).Select(i => (NameOf(month.AddMonths(i)), Ms(month.AddMonths(i)), Ms(month.AddMonths(i + 1)))),
        ];
        var known = await NamesAsync(cancellationToken);
        foreach (var (name, from, to) in wanted.Where(w => !known.Contains(w.Name)))
        {
            // The names are made here, of digits.
            var sql = $"""
                create table if not exists {name} partition of events for values from ({from}) to ({to});
                alter index {name}_organization_id_lead_id_occurred_at_ms_idx rename to ix_events_lead{name["events".Length..]};
                create index ix_{name}_occurred on {name} using brin (occurred_at_ms);
                """;
            await TryAsync(async transaction =>
            {
                if ((await NamesAsync(transaction, cancellationToken)).Contains(name)) return 0;
                return await transaction.ExecuteAsync(sql, null, cancellationToken);
            }, cancellationToken);
        }
    }

    /// <summary>Drops the months that end by the moment.</summary>
    /// <returns>How many, and whether none is left.</returns>
    internal async Task<(int Dropped, bool IsDone)> DropAsync(long cutoffMs, CancellationToken cancellationToken)
    {
        var old = (await NamesAsync(cancellationToken)).Where(n => StartOf(n) is { } start && start.AddMonths(1).ToUnixTimeMilliseconds() <= cutoffMs).Order(StringComparer.Ordinal).ToArray();
        var dropped = 0;
        foreach (var name in old) dropped += await TryAsync(async transaction =>
        {
            await transaction.ExecuteAsync($"drop table if exists {name}", null, cancellationToken);
            return 1;
        }, cancellationToken) ?? 0;
        return (dropped, dropped == old.Length);
    }

    /// <summary>Removes older rows from the tables that are no month.</summary>
    /// <returns>How many, at most a batch of each; fewer than that many: all are gone.</returns>
    internal async Task<(int Removed, bool IsDone)> DeleteAsync(long cutoffMs, CancellationToken cancellationToken)
    {
        var (removed, isDone) = (0, true);
        foreach (var table in (await NamesAsync(cancellationToken)).Where(n => StartOf(n) is null).Order(StringComparer.Ordinal))
        {
            var sql = $"delete from {table} where ctid = any(array(select ctid from {table} where occurred_at_ms < @cutoffMs limit {RowsPerDelete}))";
            var rows = await database.WriteAsync(transaction => transaction.ExecuteAsync(sql, new { cutoffMs }, cancellationToken), cancellationToken);
            removed += rows;
            isDone &= rows < RowsPerDelete;
        }

        return (removed, isDone);
    }

    /// <summary>Tables of the months and beside them.</summary>
    internal async Task<HashSet<string>> NamesAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<string>(new CommandDefinition(NamesSql, cancellationToken: cancellationToken))];
    }

    internal static string NameOf(DateTimeOffset month) => string.Create(CultureInfo.InvariantCulture, $"events_{month:yyyyMM}");

    private const string NamesSql = "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'events'::regclass";

    private static async Task<HashSet<string>> NamesAsync(WriteTransaction transaction, CancellationToken cancellationToken) =>
        [.. await transaction.Connection.QueryAsync<string>(transaction.Command(NamesSql, null, cancellationToken))];

    /// <summary>One at a time over all replicas; null when it cannot be now. A month in which events without one were stored before keeps them there, as does one of the early table.</summary>
    private async Task<int?> TryAsync(Func<WriteTransaction, Task<int>> work, CancellationToken cancellationToken)
    {
        try
        {
            return await database.WriteAsync(async transaction =>
            {
                await transaction.ExecuteAsync(ShortWait, null, cancellationToken);
                await transaction.LockAsync("event-months", cancellationToken);
                return await work(transaction);
            }, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.CheckViolation or PostgresErrorCodes.InvalidObjectDefinition)
        {
            return null;
        }
    }

    private static DateTimeOffset? StartOf(string name) =>
        DateTimeOffset.TryParseExact(name, "'events_'yyyyMM", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var start) ? start : null;

    private static DateTimeOffset MonthOf(long ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms) is var at ? new(at.Year, at.Month, 1, 0, 0, 0, TimeSpan.Zero) : default;

    private static string Ms(DateTimeOffset month) => month.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
}
