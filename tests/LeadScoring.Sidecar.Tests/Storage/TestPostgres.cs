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
        await ExecuteAsync($"create database {name} template {await Template.Value}");
        return Of(name);
    }

    /// <summary>A new database without anything in it.</summary>
    internal static async Task<string> CreateEmptyAsync()
    {
        var name = $"leadscoring_{Guid.NewGuid():N}";
        await ExecuteAsync($"create database {name} template template0");
        return Of(name);
    }

    /// <summary>A new database without anything in it, owned by a user of its own who is no superuser, as a service should be.</summary>
    internal static async Task<string> CreatePlainAsync()
    {
        var name = $"leadscoring_{Guid.NewGuid():N}";
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        await ExecuteAsync($"create role {name} login password '{password}'");
        await ExecuteAsync($"create database {name} template template0 owner {name}");
        return new NpgsqlConnectionStringBuilder(Of(name)) { Username = name, Password = password }.ConnectionString;
    }

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
        var scripts = string.Join('\n', Migrator.Scripts("postgres").Select(s => s.Name + s.Sql));
        var name = "leadscoring_template_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(scripts)))[..16];
        await using (var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Server!) { Pooling = false }.ConnectionString))
        {
            await connection.OpenAsync();
            await using var known = new NpgsqlCommand("select count(*) from pg_database where datname = $1", connection) { Parameters = { new() { Value = name } } };
            if ((long)(await known.ExecuteScalarAsync())! == 1) return name;
        }

        var making = await CreateEmptyAsync();
        using (var database = Open(making)) await new Migrator(database, TimeProvider.System).MigrateAsync(CancellationToken.None);
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
