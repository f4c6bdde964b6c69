using System.Security.Cryptography;
using System.Text;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>
/// The PostgreSQL server that LEADSCORING_TEST_POSTGRES names (a connection string whose user may make databases). With it every <see cref="SidecarFactory"/>
/// has a database of its own there, without it a file of SQLite: the same tests run over both, test.sh runs them twice.
/// </summary>
internal static class TestPostgres
{
    private static readonly Lazy<Task<string>> Template = new(MakeTemplateAsync);

    internal static string? Server { get; } = Environment.GetEnvironmentVariable("LEADSCORING_TEST_POSTGRES") is { Length: > 0 } server ? server : null;

    /// <summary>A new database with the schema applied; its connection string.</summary>
    internal static async Task<string> CreateAsync()
    {
        var name = $"leadscoring_{Guid.NewGuid():N}";
        await ExecuteAsync($"create database {name} template {await Template.Value} owner {User}");
        return AsUser(name);
    }

    /// <summary>A new database without anything in it.</summary>
    internal static async Task<string> CreateEmptyAsync()
    {
        var name = $"leadscoring_{Guid.NewGuid():N}";
        await ExecuteAsync($"create database {name} template template0");
        return Of(name);
    }

    /// <summary>Who owns the databases of the tests: no superuser, as a service should be, or row-level security would not hold for it.</summary>
    private const string User = "leadscoring_tests";

    private static string AsUser(string name) => new NpgsqlConnectionStringBuilder(Of(name)) { Username = User, Password = Password }.ConnectionString;

    // The same for every run over the server.
    private static string Password => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("tests " + new NpgsqlConnectionStringBuilder(Server!).Password)))[..32];

    private static Task EnsureUserAsync() => ExecuteAsync($"do $$ begin create role {User} login password '{Password}'; exception when duplicate_object or unique_violation then alter role {User} password '{Password}'; end $$");

    internal static Task DropAsync(string connectionString) => ExecuteAsync($"drop database {new NpgsqlConnectionStringBuilder(connectionString).Database} with (force)");

    internal static Database Open(string connectionString) => Database.Open(Options.Create(new StorageOptions { Database = connectionString }));

    /// <summary>Connection string of a database on the server.</summary>
    internal static string Of(string name) => new NpgsqlConnectionStringBuilder(Server!) { Database = name, MaxPoolSize = 10 }.ConnectionString;

    internal static async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Server!) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Kept between runs: its name says which scripts it was made with, and it gets that name when it is whole.</summary>
    private static async Task<string> MakeTemplateAsync()
    {
        await EnsureUserAsync();
        var scripts = string.Join('\n', Migrator.Scripts("postgres").Select(s => s.Name + s.Sql));
        var name = "leadscoring_template_of_user_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(scripts)))[..16];
        await using (var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Server!) { Pooling = false }.ConnectionString))
        {
            await connection.OpenAsync();
            await using var known = new NpgsqlCommand("select count(*) from pg_database where datname = $1", connection) { Parameters = { new() { Value = name } } };
            if ((long)(await known.ExecuteScalarAsync())! == 1) return name;
        }

        var making = await CreateEmptyAsync();
        await ExecuteAsync($"alter database {new NpgsqlConnectionStringBuilder(making).Database} owner to {User}");
        using (var database = Open(AsUser(new NpgsqlConnectionStringBuilder(making).Database!))) await new Migrator(database, TimeProvider.System).MigrateAsync(CancellationToken.None);
        NpgsqlConnection.ClearAllPools();
        await ExecuteAsync($"alter database {new NpgsqlConnectionStringBuilder(making).Database} rename to {name}");
        return name;
    }
}

/// <summary>A test about PostgreSQL: skipped in the run over SQLite. That there is the other run is test.sh's to see to.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() =>
        Skip = TestPostgres.Server is null ? "LEADSCORING_TEST_POSTGRES names no PostgreSQL server." : null;
}

/// <summary>A test about the file of SQLite: skipped in the run over PostgreSQL.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SqliteFactAttribute : FactAttribute
{
    public SqliteFactAttribute() => Skip = TestPostgres.Server is null ? null : "About SQLite.";
}
