using System.Collections.Concurrent;
using System.Data;
using System.Data.Common;
using System.Net.Sockets;
using LeadScoring.Sidecar.Api;
using Npgsql;

namespace LeadScoring.Sidecar.Storage;

/// <summary>PostgreSQL, shared by any number of replicas. Many write at once; what must not be done by two at a time is locked by row or by name.</summary>
internal sealed class PostgresDatabase : Database
{
    /// <summary>Oldest server that is supported; developed on 15.</summary>
    private const int OldestMajor = 14;

    // A write that lost a deadlock or a race is run again; more often means that something else is wrong.
    private const int Attempts = 5;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    // Whose rows a connection sees, by the number of its process on the server. None: everybody's.
    private readonly ConcurrentDictionary<int, string> tenants = new();
    private readonly bool isWalled;
    private readonly NpgsqlDataSource source;
    private readonly string folder;
    private readonly string where;
    private readonly NpgsqlConnectionStringBuilder builder;

    internal PostgresDatabase(StorageOptions options)
    {
        builder = PostgresSetting.Read(options);
        where = builder.Host!.StartsWith('/') ? $"the socket in {builder.Host}" : $"{builder.Host}:{builder.Port}";
        Setting = options.Database!;
        folder = options.Data;
        isWalled = PostgresSetting.IsWalled(options, builder);
        var making = new NpgsqlDataSourceBuilder(builder.ConnectionString);
        // A new process of the server may have the number of one that is gone: it has said nothing yet.
        making.UsePhysicalConnectionInitializer(c => tenants.TryRemove(c.ProcessID, out _), c =>
        {
            tenants.TryRemove(c.ProcessID, out _);
            return Task.CompletedTask;
        });
        source = making.Build();
    }

    internal override string Dialect => "postgres";

    internal override bool IsPostgres => true;

    internal override string Setting { get; }

    internal override async ValueTask<DbConnection> OpenConnectionAsync(CancellationToken cancellationToken) => await OpenAsync(cancellationToken);

    /// <summary>A connection that sees the rows of the organization whose request is answered, else all. It costs a round trip when it was another's before.</summary>
    private async ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = await source.OpenConnectionAsync(cancellationToken);
        var tenant = Caller.Current?.OrganizationId ?? "";
        if (!isWalled || tenants.GetValueOrDefault(connection.ProcessID, "") == tenant) return connection;
        try
        {
            // Not known while it is said: should it fail in between, the next one says it again.
            tenants[connection.ProcessID] = "?";
            await using var say = new NpgsqlCommand("select set_config('leadscoring.organization', $1, false)", connection) { Parameters = { new NpgsqlParameter<string> { TypedValue = tenant } } };
            await say.ExecuteNonQueryAsync(cancellationToken);
            tenants[connection.ProcessID] = tenant;
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    internal override async Task<T> WriteAsync<T>(Func<WriteTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await OpenAsync(cancellationToken);
                await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken);
                return await RunAsync(new WriteTransaction(connection, transaction, isPostgres: true), work, () => transaction.CommitAsync(cancellationToken));
            }
            catch (PostgresException e) when (attempt < Attempts && e.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected)
            {
                await Task.Delay(Pause * attempt, CancellationToken.None);
            }
        }
    }

    /// <remarks>
    /// Vacuum makes the space of deleted rows free for others, and renews the statistics, which hold samples of values. What PostgreSQL cannot do beside those who use it is to overwrite that space, or its
    /// write-ahead log: see privacy.md.
    /// </remarks>
    internal override async Task<bool> ScrubAsync(long? atOnceBytes, CancellationToken cancellationToken)
    {
        // Tables have no limit by size here; whoever is in a hurry leaves it to the nightly run.
        if (atOnceBytes is not null) return false;
        const string Tables = "select quote_ident(c.relname) from pg_class c where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace and c.relname not like 'qrtz_%' order by 1";
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using (var unlimited = new NpgsqlCommand("set statement_timeout = 0", connection)) await unlimited.ExecuteNonQueryAsync(cancellationToken);
        try
        {
            var tables = new List<string>();
            await using (var select = new NpgsqlCommand(Tables, connection))
            await using (var rows = await select.ExecuteReaderAsync(cancellationToken))
            {
                while (await rows.ReadAsync(cancellationToken)) tables.Add(rows.GetString(0));
            }

            foreach (var table in tables)
            {
                await using var vacuum = new NpgsqlCommand($"vacuum (analyze) {table}", connection) { CommandTimeout = 0 };
                await vacuum.ExecuteNonQueryAsync(cancellationToken);
            }
        }
        finally
        {
            await using var reset = new NpgsqlCommand("reset statement_timeout", connection);
            await reset.ExecuteNonQueryAsync(CancellationToken.None);
        }

        return true;
    }

    internal override async Task PrepareAsync(CancellationToken cancellationToken)
    {
        // The embedded database makes it by being there; uploads and the like need it too.
        Directory.CreateDirectory(folder);
        try
        {
            await using var connection = await source.OpenConnectionAsync(cancellationToken);
            if (connection.PostgreSqlVersion.Major < OldestMajor)
                throw new StorageException($"LEADSCORING__DATABASE: the server at {where} is PostgreSQL {connection.PostgreSqlVersion}. {OldestMajor} or newer is needed.");
        }
        catch (NpgsqlException e)
        {
            throw new StorageException($"LEADSCORING__DATABASE: {Explain(e)}", e);
        }
    }

    public override void Dispose() => source.Dispose();

    /// <summary>What is wrong, where, and what to do. The server's own words hold names, never a password.</summary>
    private string Explain(NpgsqlException e) => e switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } => $"PostgreSQL at {where} refuses the password of user {builder.Username}. Check user and password; in a URL, special characters are written as %40 and the like.",
        PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification } p => $"PostgreSQL at {where} does not let user {builder.Username} in: {p.MessageText}. Check the user, and the server's pg_hba.conf.",
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } => $"PostgreSQL at {where} has no database {builder.Database}. Make it: create database \"{builder.Database}\" owner \"{builder.Username}\".",
        PostgresException { SqlState: PostgresErrorCodes.TooManyConnections } => $"PostgreSQL at {where} has no connection left. Raise max_connections there, or lower Maximum Pool Size ({builder.MaxPoolSize}) here.",
        PostgresException { SqlState: PostgresErrorCodes.CannotConnectNow } => $"PostgreSQL at {where} is starting up or shutting down. Try again in some seconds.",
        PostgresException p => $"PostgreSQL at {where} answers: {p.MessageText} ({p.SqlState}).",
        { InnerException: SocketException s } => $"PostgreSQL at {where} cannot be reached ({s.SocketErrorCode}). Check host and port, that the server runs, and that it listens on this network.",
        { InnerException: TimeoutException } => $"PostgreSQL at {where} does not answer within {builder.Timeout} s. Check host and port, and firewalls between.",
        _ => $"PostgreSQL at {where} cannot be used: {e.Message}",
    };
}
