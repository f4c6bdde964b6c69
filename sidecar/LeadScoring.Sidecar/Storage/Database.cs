using System.Data;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Storage;

/// <summary>The one place that knows which database this is. Reads are concurrent, writes come one at a time.</summary>
/// <remarks>
/// SQLite has one writer. Queueing for it here, in order and without polling, is what keeps SQLITE_BUSY away inside the process;
/// the busy timeout covers other processes (a CLI import beside the server).
/// </remarks>
internal sealed class Database : IDisposable
{
    private readonly string connectionString;
    private readonly string pragmas;
    private readonly SemaphoreSlim writer = new(1, 1);
    private SqliteConnection? writeConnection;

    public Database(IOptions<StorageOptions> options)
    {
        Path = ResolvePath(options.Value);
        connectionString = new SqliteConnectionStringBuilder { DataSource = Path, ForeignKeys = true, Pooling = true }.ConnectionString;
        pragmas = $"pragma busy_timeout={(int)options.Value.BusyTimeout.TotalMilliseconds}; pragma synchronous={options.Value.Durability}; pragma cache_size=-32000; pragma temp_store=memory;";
    }

    /// <summary>File of the embedded database.</summary>
    internal string Path { get; }

    /// <summary>A connection for reading; dispose it. It sees the last committed state and never waits for a writer.</summary>
    internal async ValueTask<DbConnection> OpenConnectionAsync(CancellationToken cancellationToken)
    {
        var connection = new SqliteConnection(connectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            using var command = connection.CreateCommand();
            command.CommandText = pragmas;
            command.ExecuteNonQuery();
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs <paramref name="work"/> in a write transaction: committed when it returns, rolled back when it throws.</summary>
    internal async Task<T> WriteAsync<T>(Func<WriteTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        await writer.WaitAsync(cancellationToken);
        try
        {
            // Kept open: its page cache and prepared statements are what make small transactions cheap.
            writeConnection ??= (SqliteConnection)await OpenConnectionAsync(cancellationToken);
            using var transaction = writeConnection.BeginTransaction(IsolationLevel.Serializable, deferred: false);
            var write = new WriteTransaction(writeConnection, transaction);
            var result = await work(write);
            await WriteMark.ApplyAsync(write);
            transaction.Commit();
            return result;
        }
        catch (DbException)
        {
            // A connection that failed is not trusted with the next write.
            writeConnection?.Dispose();
            writeConnection = null;
            throw;
        }
        finally
        {
            writer.Release();
        }
    }

    internal Task WriteAsync(Func<WriteTransaction, Task> work, CancellationToken cancellationToken) =>
        WriteAsync(async transaction =>
        {
            await work(transaction);
            return 0;
        }, cancellationToken);

    public void Dispose()
    {
        writeConnection?.Dispose();
        writer.Dispose();
        using var pool = new SqliteConnection(connectionString);
        SqliteConnection.ClearPool(pool);
    }

    private static string ResolvePath(StorageOptions options)
    {
        var setting = options.Database;
        if (string.IsNullOrWhiteSpace(setting)) setting = System.IO.Path.Combine(options.Data, "leadscoring.db");
        if (setting.Contains("://", StringComparison.Ordinal) || setting.Contains("Host=", StringComparison.OrdinalIgnoreCase))
            throw new StorageException("LEADSCORING__DATABASE: this version stores in SQLite only. Give a file path such as ./data/leadscoring.db.");
        var path = setting.Contains('=') ? new SqliteConnectionStringBuilder(setting).DataSource : setting;
        if (path.Length == 0 || path == ":memory:") throw new StorageException("LEADSCORING__DATABASE: give a file path; a database in memory would forget acknowledged data.");
        path = System.IO.Path.GetFullPath(path);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        return path;
    }
}

/// <summary>The database cannot be used as configured; the message says what to do.</summary>
internal sealed class StorageException(string message) : Exception(message);
