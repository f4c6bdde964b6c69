using Dapper;
using Microsoft.Data.Sqlite;

namespace LeadScoring.Sidecar.Storage;

/// <summary>The file of SQLite, copied by SQLite's own online backup: one consistent moment, whoever writes meanwhile.</summary>
internal sealed class SqliteCopy(string file) : DatabaseCopy
{
    private const string Tables = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'";

    internal override string Kind => "sqlite";

    internal override async Task<BackupManifest> WriteAsync(string path, CancellationToken cancellationToken)
    {
        if (!File.Exists(file)) throw new StorageException($"There is no database {file}. Name its folder with --data, or the file with --database.");
        await BackupFile.CreatePrivate(path).DisposeAsync();
        try
        {
            await using (var source = Open(file, SqliteOpenMode.ReadWrite))
            await using (var copy = Open(path, SqliteOpenMode.ReadWrite))
            {
                await source.OpenAsync(cancellationToken);
                await copy.OpenAsync(cancellationToken);
                await source.ExecuteAsync("pragma busy_timeout=30000");
                source.BackupDatabase(copy);
                // All in the one file: no log beside it.
                await copy.ExecuteAsync("pragma journal_mode=delete");
            }

            var (schema, rows, models) = await CheckAsync(path, cancellationToken);
            return new BackupManifest { Database = Kind, Server = $"SQLite {SQLitePCL.raw.sqlite3_libversion().utf8_to_string()}", Schema = schema, Rows = rows, ReadableModels = models };
        }
        catch (SqliteException e) when (e.SqliteErrorCode is 11 or 26)
        {
            throw SqliteDatabase.Damaged(file, e);
        }
    }

    internal override async Task<string?> VerifyAsync(string path, BackupManifest manifest, string scratch, CancellationToken cancellationToken)
    {
        RequireSame(manifest, await CheckAsync(path, cancellationToken));
        return null;
    }

    internal override Task RequireEmptyAsync(CancellationToken cancellationToken)
    {
        foreach (var there in (string[])[file, file + "-wal", file + "-journal"])
        {
            if (File.Exists(there)) throw new StorageException($"{there} is there already. Nothing is overwritten: stop the service, move that file and those that begin like it away, and restore again; or name another folder with --data.");
        }

        return Task.CompletedTask;
    }

    internal override async Task RestoreAsync(string path, BackupManifest manifest, CancellationToken cancellationToken)
    {
        // Checked already, and in the same folder: what is left is a name.
        RequireSame(manifest, await CheckAsync(path, cancellationToken));
        await RequireEmptyAsync(cancellationToken);
        File.Move(path, file, overwrite: false);
    }

    private static async Task<(string[], Dictionary<string, long>, int)> CheckAsync(string path, CancellationToken cancellationToken)
    {
        await using var connection = Open(path, SqliteOpenMode.ReadWrite);
        await connection.OpenAsync(cancellationToken);
        // Without a journal of its own nothing is written beside it.
        if (await connection.ExecuteScalarAsync<string>("pragma integrity_check(1)") is var found && found != "ok") throw new StorageException($"The copy of the database is damaged ({found}). So is the database itself, if the disk is well: restore an older backup.");
        return await CountAsync(connection, null, Tables, cancellationToken);
    }

    private static SqliteConnection Open(string path, SqliteOpenMode mode) => new(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ConnectionString);
}
