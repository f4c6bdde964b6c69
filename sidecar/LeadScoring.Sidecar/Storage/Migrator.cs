using System.Reflection;
using Dapper;

namespace LeadScoring.Sidecar.Storage;

/// <summary>Brings the schema up to this program's version with the numbered scripts in Storage/Migrations, a folder per database with the same names.</summary>
internal sealed class Migrator(Database database, TimeProvider time)
{
    internal sealed record Script(string Name, string Sql);

    private readonly IReadOnlyList<Script> scripts = Scripts(database.Dialect);

    /// <summary>Embedded scripts in order: the resource name ends in 0001_base.sql.</summary>
    internal static IReadOnlyList<Script> Scripts(string dialect)
    {
        var folder = $".Storage.Migrations.{dialect}.";
        return
        [
            .. from resource in typeof(Migrator).Assembly.GetManifestResourceNames()
               let at = resource.IndexOf(folder, StringComparison.Ordinal)
               where at >= 0
               let name = resource[(at + folder.Length)..]
               orderby name
               select new Script(name, Read(resource)),
        ];
    }

    /// <returns>Names of the scripts that were applied now.</returns>
    /// <exception cref="StorageException">The database was made by a newer version.</exception>
    internal async Task<IReadOnlyList<string>> MigrateAsync(CancellationToken cancellationToken)
    {
        await database.PrepareAsync(cancellationToken);
        // A training process starts beside scoring: where nothing is to be done it must not wait for the writer, nor be one.
        if (await IsUpToDateAsync(cancellationToken)) return [];
        var applied = new List<string>();
        foreach (var script in scripts)
        {
            // The check is inside the write transaction: processes that start together apply each script once.
            var isNew = await database.WriteAsync(async transaction =>
            {
                await transaction.LockAsync("schema", cancellationToken);
                var known = await AppliedAsync(transaction, cancellationToken);
                RefuseNewer(known);
                if (known.Contains(script.Name)) return false;
                await transaction.ExecuteAsync(script.Sql, null, cancellationToken);
                const string Sql = "insert into schema_migrations (name, applied_at_ms) values (@Name, @atMs)";
                await transaction.ExecuteAsync(Sql, new { script.Name, atMs = time.GetUtcNow().ToUnixTimeMilliseconds() }, cancellationToken);
                return true;
            }, cancellationToken);
            if (isNew) applied.Add(script.Name);
        }

        return applied;
    }

    private async Task<bool> IsUpToDateAsync(CancellationToken cancellationToken)
    {
        var hasTable = database.IsPostgres ? "select count(*) from pg_tables where schemaname = current_schema() and tablename = 'schema_migrations'" : "select count(*) from sqlite_master where type = 'table' and name = 'schema_migrations'";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await connection.ExecuteScalarAsync<long>(new CommandDefinition(hasTable, cancellationToken: cancellationToken)) == 0) return false;
        var known = (await connection.QueryAsync<string>(new CommandDefinition("select name from schema_migrations", cancellationToken: cancellationToken))).ToHashSet(StringComparer.Ordinal);
        RefuseNewer(known);
        return scripts.All(s => known.Contains(s.Name));
    }

    private static async Task<HashSet<string>> AppliedAsync(WriteTransaction transaction, CancellationToken cancellationToken)
    {
        const string Sql = """
            create table if not exists schema_migrations (name text not null primary key, applied_at_ms bigint not null);
            select name from schema_migrations;
            """;
        return [.. await transaction.Connection.QueryAsync<string>(transaction.Command(Sql, null, cancellationToken))];
    }

    private void RefuseNewer(IEnumerable<string> applied)
    {
        var unknown = applied.Except(scripts.Select(s => s.Name)).Order(StringComparer.Ordinal).ToArray();
        if (unknown.Length > 0)
            throw new StorageException($"The database was made by a newer version (it has {string.Join(", ", unknown)}). Run that version, or restore a backup from before the upgrade.");
    }

    private static string Read(string resource)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!);
        return reader.ReadToEnd();
    }
}
