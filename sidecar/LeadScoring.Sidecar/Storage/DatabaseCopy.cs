using System.Data.Common;
using Dapper;
using LeadScoring.Ml.Bundles;

namespace LeadScoring.Sidecar.Storage;

/// <summary>A whole database as one file and back; how, only the kind of database knows.</summary>
internal abstract class DatabaseCopy
{
    internal abstract string Kind { get; }

    /// <summary>Writes the database as it is at one moment, while others go on writing, and says what it holds.</summary>
    internal abstract Task<BackupManifest> WriteAsync(string path, CancellationToken cancellationToken);

    /// <summary>Makes a database from the file in a place of its own, looks whether it is what the manifest says, and removes it again.</summary>
    /// <returns>What could not be checked; null when all was.</returns>
    internal abstract Task<string?> VerifyAsync(string path, BackupManifest manifest, string scratch, CancellationToken cancellationToken);

    /// <summary>Whether there is room for a restored database.</summary>
    /// <exception cref="StorageException">Something is there already.</exception>
    internal abstract Task RequireEmptyAsync(CancellationToken cancellationToken);

    /// <summary>Puts the database where the settings say, wholly or not at all.</summary>
    internal abstract Task RestoreAsync(string path, BackupManifest manifest, CancellationToken cancellationToken);

    internal static DatabaseCopy Of(StorageOptions options, Database database) => database.IsPostgres ? new PostgresCopy(options) : new SqliteCopy(database.Setting);

    /// <summary>Migrations, rows of each table, and bundles that can be read, all seen by one connection.</summary>
    protected static async Task<(string[] Schema, Dictionary<string, long> Rows, int Models)> CountAsync(DbConnection connection, DbTransaction? transaction, string tables, CancellationToken cancellationToken)
    {
        CommandDefinition Command(string sql) => new(sql, transaction: transaction, commandTimeout: 0, cancellationToken: cancellationToken);
        string[] names = [.. await connection.QueryAsync<string>(Command(tables))];
        if (!names.Contains("schema_migrations")) throw new StorageException("The database holds nothing of this program yet: there is nothing to back up.");
        var rows = new Dictionary<string, long>(StringComparer.Ordinal);
        // Names come from the database's own list, not from a caller.
        foreach (var name in names.Order(StringComparer.Ordinal)) rows[name] = await connection.ExecuteScalarAsync<long>(Command($"select count(*) from \"{name}\""));
        string[] schema = [.. (await connection.QueryAsync<string>(Command("select name from schema_migrations"))).Order(StringComparer.Ordinal)];
        return (schema, rows, rows.ContainsKey("model_bundles") ? await ReadableAsync(connection, transaction, cancellationToken) : 0);
    }

    /// <exception cref="StorageException">The restored database is not the one that was backed up.</exception>
    protected static void RequireSame(BackupManifest manifest, (string[] Schema, Dictionary<string, long> Rows, int Models) found)
    {
        if (!manifest.Schema.SequenceEqual(found.Schema)) throw new StorageException("The restored database has another schema than its manifest says: the backup cannot be used.");
        var wrong = manifest.Rows.Keys.Union(found.Rows.Keys).FirstOrDefault(t => manifest.Rows.GetValueOrDefault(t, -1) != found.Rows.GetValueOrDefault(t, -1));
        if (wrong is not null) throw new StorageException($"The restored table {wrong} has {found.Rows.GetValueOrDefault(wrong, 0):N0} rows, its manifest says {manifest.Rows.GetValueOrDefault(wrong, 0):N0}: the backup cannot be used.");
        if (found.Models < manifest.ReadableModels) throw new StorageException($"Of the restored models {found.Models} can be read, of those that were backed up {manifest.ReadableModels} could: the backup cannot be used.");
    }

    private static async Task<int> ReadableAsync(DbConnection connection, DbTransaction? transaction, CancellationToken cancellationToken)
    {
        var keys = (await connection.QueryAsync<(string OrganizationId, int Version)>(new CommandDefinition("select organization_id, version from model_bundles", transaction: transaction, cancellationToken: cancellationToken))).AsList();
        var readable = 0;
        foreach (var (organizationId, version) in keys)
        {
            var bundle = await connection.ExecuteScalarAsync<byte[]>(new CommandDefinition("select bundle from model_bundles where organization_id = @organizationId and version = @version", new { organizationId, version }, transaction, cancellationToken: cancellationToken));
            try
            {
                ModelBundle.Read(bundle!);
                readable++;
            }
            catch (BundleException)
            {
                // Made by an earlier version, or damaged before: told by the number.
            }
        }

        return readable;
    }
}
