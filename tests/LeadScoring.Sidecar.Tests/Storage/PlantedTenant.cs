using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>
/// An organization with a row in every table that has a column organization_id, whatever its other columns are: whoever reads one of them without the condition that belongs to it shows a canary, or breaks. Nobody but the test reads these rows.
/// </summary>
internal sealed class PlantedTenant
{
    internal const string Canary = "canary-secret";
    internal const string CanaryNumber = "777001";

    private readonly Database database;

    private PlantedTenant(Database database, string organizationId) => (this.database, OrganizationId) = (database, organizationId);

    internal string OrganizationId { get; }

    internal List<string> Tables { get; } = [];

    /// <summary>By column: what stands in the planted rows. One value a column, so that rows of several tables belong together.</summary>
    internal Dictionary<string, string> Values { get; } = [];

    /// <summary>By column: of the same form, and in no row.</summary>
    internal IReadOnlyDictionary<string, string> Nowhere => Values.ToDictionary(v => v.Key, v => v.Value == CanaryNumber ? "777002" : v.Value.Replace("elsewhere", "nowhere00", StringComparison.Ordinal));

    private sealed record Column
    {
        public string Table { get; init; } = "";
        public string Name { get; init; } = "";
        public string Type { get; init; } = "";
    }

    internal static async Task<PlantedTenant> PlantAsync(Database database, string organizationId)
    {
        var tenant = new PlantedTenant(database, organizationId) { Values = { ["connector"] = "elsewhere" } };
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        // Not as organizations are made: it would have a profile and a chain of its own already.
        await connection.ExecuteAsync("insert into organizations (organization_id, name, created_at_ms) values (@organizationId, @name, 1)", new { organizationId, name = Canary });
        foreach (var table in await ColumnsAsync(database, connection))
        {
            if (table.Key == "organizations") continue;
            var columns = table.ToList();
            var values = new DynamicParameters();
            foreach (var c in columns) values.Add(c.Name, c.Name == "organization_id" ? organizationId : tenant.Value(c));
            await connection.ExecuteAsync($"insert into {table.Key} ({string.Join(", ", columns.Select(c => c.Name))}) values ({string.Join(", ", columns.Select(c => "@" + c.Name))})", values);
            tenant.Tables.Add(table.Key);
        }

        return tenant;
    }

    /// <summary>Tables that belong to organizations.</summary>
    internal static async Task<IReadOnlyList<string>> TenantTablesAsync(Database database)
    {
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        return [.. (await ColumnsAsync(database, connection)).Select(t => t.Key)];
    }

    private static async Task<IEnumerable<IGrouping<string, Column>>> ColumnsAsync(Database database, DbConnection connection)
    {
        const string Sqlite = """
            select m.name as "Table", c.name as Name, lower(c.type) as Type from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' order by m.name, c.cid
            """;
        // Parts of a table are reached through it.
        const string Postgres = """
            select c.table_name as "Table", c.column_name as Name, c.data_type as Type from information_schema.columns c join pg_class t on t.relname = c.table_name and t.relnamespace = current_schema()::regnamespace
            where c.table_schema = current_schema() and t.relkind in ('r', 'p') and not t.relispartition order by c.table_name, c.ordinal_position
            """;
        var all = await connection.QueryAsync<Column>(database.IsPostgres ? Postgres : Sqlite);
        return all.GroupBy(c => c.Table).Where(t => t.Any(c => c.Name == "organization_id")).ToList();
    }

    private object Value(Column column)
    {
        var (name, type) = (column.Name, column.Type);
        if (type is "blob" or "bytea") return Encoding.UTF8.GetBytes($"{Canary}-{column.Table}");
        if (type.StartsWith("double", StringComparison.Ordinal) || type == "real") return 0.777001;
        if (type == "smallint" || name.StartsWith("is_", StringComparison.Ordinal)) return 1;
        if (type.Contains("int", StringComparison.Ordinal))
        {
            Values.TryAdd(name, CanaryNumber);
            return long.Parse(CanaryNumber, CultureInfo.InvariantCulture);
        }

        // Also what a query for due, open or running rows would find.
        if (name is "status" or "state") return name == "status" ? "pending" : "running";
        if (name.EndsWith("_id", StringComparison.Ordinal) || name is "connector" or "idempotency_key")
        {
            Values.TryAdd(name, $"elsewhere-{name}");
            return Values[name];
        }

        return $"{Canary}-{column.Table}-{name}";
    }

    /// <summary>All rows of the organization, in one hash: the same before and after means that nobody has touched them.</summary>
    internal async Task<string> FingerprintAsync()
    {
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var table in Tables)
        {
            var rows = (await connection.QueryAsync($"select * from {table} where organization_id = @OrganizationId", new { OrganizationId })).Select(r => string.Join('|', ((IDictionary<string, object?>)r).Values.Select(Text))).Order(StringComparer.Ordinal);
            foreach (var row in rows) hash.AppendData(Encoding.UTF8.GetBytes($"{table}|{row}\n"));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Text(object? value) => value is byte[] bytes ? Convert.ToHexStringLower(bytes) : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}
