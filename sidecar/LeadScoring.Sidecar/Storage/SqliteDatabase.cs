using System.Data;
using System.Data.Common;
using Dapper;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace LeadScoring.Sidecar.Storage;

/// <summary>The embedded database. Reads are concurrent, writes come one at a time; those that wait for each other share a commit.</summary>
/// <remarks>
/// SQLite has one writer. Queueing for it here, in order and without polling, is what keeps SQLITE_BUSY away inside the process;
/// the busy timeout covers other processes (a CLI import beside the server). A durable commit waits for the disk, which costs far more than
/// most writes: so the first write of a transaction lets those that wait for the writer go before its commit, and all are answered when it is done.
/// </remarks>
internal sealed class SqliteDatabase : Database
{
    private const int Busy = 5, Locked = 6, Corrupt = 11, NoDatabase = 26;
    private const int ScrubWaitSeconds = 2;

    // A few tenths of a second.
    private const long CheckedBytes = 64_000_000;

    // SQLite's own default. The log is copied into the file beside the writers, not by whoever commits at that moment; a log of LogPages is what makes them wait for it.
    private const int CopiedPages = 1_000, LogPages = 4_000, AtMostPages = 16_000;

    private static readonly TimeSpan LongestCopy = TimeSpan.FromSeconds(10);

    private readonly string connectionString;
    private readonly string pragmas;
    private readonly SemaphoreSlim writer = new(1, 1);
    // Taken before the writer where both are needed.
    private readonly SemaphoreSlim copier = new(1, 1);
    private SqliteConnection? writeConnection;
    private SharedCommit? shared;

    internal SqliteDatabase(StorageOptions options)
    {
        Setting = ResolvePath(options);
        connectionString = new SqliteConnectionStringBuilder { DataSource = Setting, ForeignKeys = true, Pooling = true }.ConnectionString;
        // Deleted and changed rows are overwritten with zeros: a page that is written anyway costs nothing more.
        pragmas = $"pragma secure_delete=on; pragma busy_timeout={(int)options.BusyTimeout.TotalMilliseconds}; pragma synchronous={options.Durability}; pragma cache_size=-32000; pragma temp_store=memory; pragma wal_autocheckpoint={AtMostPages};";
    }

    internal override string Dialect => "sqlite";

    internal override bool IsPostgres => false;

    /// <summary>File of the database.</summary>
    internal override string Setting { get; }

    internal override async ValueTask<DbConnection> OpenConnectionAsync(CancellationToken cancellationToken)
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

    internal override async Task<T> WriteAsync<T>(Func<WriteTransaction, Task<T>> work, CancellationToken cancellationToken)
    {
        await writer.WaitAsync(cancellationToken);
        var isHeld = true;
        try
        {
            // Kept open: its page cache and prepared statements are what make small transactions cheap.
            writeConnection ??= (SqliteConnection)await OpenConnectionAsync(cancellationToken);
            var isFirst = shared is null;
            var commit = shared ??= new SharedCommit(writeConnection);
            commit.Join();
            return await RunAsync(new WriteTransaction(writeConnection, commit.Transaction, isPostgres: false), work, async () =>
            {
                commit.Keep();
                if (commit.IsOld) Commit();
                isHeld = false;
                writer.Release();
                if (isFirst) await CommitAfterOthersAsync(commit);
                await commit.Ended;
            });
        }
        catch (Exception e) when (isHeld)
        {
            Undo(e);
            throw;
        }
        finally
        {
            if (isHeld) writer.Release();
        }
    }

    /// <summary>The writer is handed on in order: all that wait for it now have written when it comes back.</summary>
    private async Task CommitAfterOthersAsync(SharedCommit commit)
    {
        await writer.WaitAsync(CancellationToken.None);
        try
        {
            if (shared == commit) Commit();
        }
        finally
        {
            writer.Release();
        }
    }

    private void Commit()
    {
        var commit = shared!;
        shared = null;
        if (!commit.TryCommit()) DropConnection();
        else if (WrittenPages(isAnew: false) > CopiedPages && copier.Wait(0))
        {
            _ = WrittenPages(isAnew: true);
            _ = Task.Run(CopyLogAsync);
        }
    }

    /// <summary>Pages that the writer has put into the log since the count began anew.</summary>
    private int WrittenPages(bool isAnew)
    {
        _ = raw.sqlite3_db_status(writeConnection!.Handle, raw.SQLITE_DBSTATUS_CACHE_WRITE, out var pages, out _, isAnew ? 1 : 0);
        return pages;
    }

    /// <summary>Copies the log into the file; who commits meanwhile does not wait for it. The copier is held and let go here.</summary>
    /// <remarks>
    /// The log begins anew only with the first write after all of it was copied, which under a steady stream of writes never comes by itself.
    /// So a log that has become long has its rest, which is short by now, copied while the writers wait.
    /// </remarks>
    private async Task CopyLogAsync()
    {
        try
        {
            await using var connection = await OpenConnectionAsync(CancellationToken.None);
            if (Copy(connection) <= LogPages) return;
            await writer.WaitAsync();
            try
            {
                if (shared is not null) Commit();
                _ = Copy(connection);
            }
            finally
            {
                writer.Release();
            }
        }
        catch (SqliteException)
        {
            // Nothing is lost: the log holds it all, and the next commits try again.
        }
        finally
        {
            copier.Release();
        }
    }

    /// <summary>Pages in the log, copied or not.</summary>
    private static int Copy(DbConnection connection) => connection.QuerySingle<(int Busy, int Log, int Copied)>("pragma wal_checkpoint(passive)").Log;

    /// <summary>Takes back what failed, and nothing else. Where SQLite cannot go back to that point, all fail together.</summary>
    private void Undo(Exception e)
    {
        if (shared?.TryUndo(e) == true) return;
        shared = null;
        if (e is DbException) DropConnection();
    }

    // A connection that failed is not trusted with the next write.
    private void DropConnection()
    {
        writeConnection?.Dispose();
        writeConnection = null;
    }

    /// <remarks>
    /// Deleted rows are overwritten where they stand. Pages that were split before may hold a second copy in their gaps, and the log holds pages as they were:
    /// rebuilding the file and emptying the log end both. Neither is possible while somebody reads from before.
    /// </remarks>
    internal override async Task<bool> ScrubAsync(long? atOnceBytes, CancellationToken cancellationToken)
    {
        await copier.WaitAsync(cancellationToken);
        try
        {
            await writer.WaitAsync(cancellationToken);
            try
            {
                return await ScrubAloneAsync(atOnceBytes, cancellationToken);
            }
            finally
            {
                writer.Release();
            }
        }
        finally
        {
            copier.Release();
        }
    }

    private async Task<bool> ScrubAloneAsync(long? atOnceBytes, CancellationToken cancellationToken)
    {
        if (shared is not null) Commit();
        var connection = writeConnection ??= (SqliteConnection)await OpenConnectionAsync(cancellationToken);
        var isWhole = atOnceBytes is null || new FileInfo(Setting).Length <= atOnceBytes;
        await connection.ExecuteAsync(new CommandDefinition("pragma temp_store=file; pragma busy_timeout=1000;", cancellationToken: cancellationToken));
        try
        {
            // Who reads from before is waited for by the command's own limit. Others in this process wait meanwhile, so it is short.
            if (isWhole) await connection.ExecuteAsync(new CommandDefinition("vacuum", commandTimeout: ScrubWaitSeconds, cancellationToken: cancellationToken));
            var (busy, _, _) = await connection.QuerySingleAsync<(int Busy, int Log, int Checkpointed)>(new CommandDefinition("pragma wal_checkpoint(truncate)", commandTimeout: ScrubWaitSeconds, cancellationToken: cancellationToken));
            return isWhole && busy == 0;
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Busy or Locked)
        {
            return false;
        }
        finally
        {
            await connection.ExecuteAsync(new CommandDefinition(pragmas, cancellationToken: CancellationToken.None));
        }
    }

    internal override async Task PrepareAsync(CancellationToken cancellationToken)
    {
        try
        {
            // WAL: readers do not wait for the writer. Stored in the file, and cannot be set inside a transaction.
            await using var connection = await OpenConnectionAsync(cancellationToken);
            await connection.ExecuteAsync(new CommandDefinition("pragma journal_mode=wal", cancellationToken: cancellationToken));
            // A small file is looked through as a whole; what a large one has is found by whoever reads it, and by every backup.
            if (new FileInfo(Setting).Length <= CheckedBytes && await connection.ExecuteScalarAsync<string>(new CommandDefinition("pragma quick_check(1)", cancellationToken: cancellationToken)) is var found && found != "ok")
                throw Damaged(Setting, null, found);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is Corrupt or NoDatabase)
        {
            throw Damaged(Setting, e);
        }
    }

    internal static StorageException Damaged(string file, Exception? inner, string? found = null) => new(
        $"The database file {file} is damaged ({found?.ReplaceLineEndings(" ") ?? inner?.Message}). Nothing was changed. Stop the service, move the file and those that begin like it away, and restore the last backup: restore --from FILE.", inner);

    public override void Dispose()
    {
        // At the end the last connection copies what is left.
        _ = copier.Wait(LongestCopy);
        writeConnection?.Dispose();
        writer.Dispose();
        using var pool = new SqliteConnection(connectionString);
        SqliteConnection.ClearPool(pool);
    }

    private static string ResolvePath(StorageOptions options)
    {
        var setting = options.Database;
        if (string.IsNullOrWhiteSpace(setting)) setting = Path.Combine(options.Data, "leadscoring.db");
        if (setting.Contains("://", StringComparison.Ordinal))
            throw new StorageException("LEADSCORING__DATABASE: an address of this kind is not known. Give a file path such as ./data/leadscoring.db, or postgres://user:password@host/database.");
        string path;
        try
        {
            path = setting.Contains('=') ? new SqliteConnectionStringBuilder(setting).DataSource : setting;
        }
        catch (ArgumentException)
        {
            throw new StorageException("LEADSCORING__DATABASE: not a connection string of SQLite or PostgreSQL. Give a file path such as ./data/leadscoring.db, or Host=...;Database=...;Username=...;Password=....");
        }

        if (path.Length == 0 || path == ":memory:") throw new StorageException("LEADSCORING__DATABASE: give a file path; a database in memory would forget acknowledged data.");
        path = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }
}
