using Dapper;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Storage;

public sealed class MigratorTests : IDisposable
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));

    private Database Open() => Database.Open(Options.Create(new StorageOptions { Data = folder }));

    [Fact]
    public async Task Migrate_Twice_AppliesEachScriptOnce()
    {
        using var database = Open();
        var migrator = new Migrator(database, TimeProvider.System);
        Assert.Equal(Migrator.Scripts("sqlite").Select(s => s.Name), await migrator.MigrateAsync(CancellationToken.None));
        Assert.Empty(await migrator.MigrateAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Migrate_FourAtOnce_ApplyEachScriptOnce()
    {
        var applied = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            using var database = Open();
            return await new Migrator(database, TimeProvider.System).MigrateAsync(CancellationToken.None);
        })));
        Assert.Equal(Migrator.Scripts("sqlite").Count, applied.Sum(a => a.Count));
    }

    /// <summary>A training process starts beside scoring, and must not keep it from writing.</summary>
    [Fact]
    public async Task Migrate_NothingToDo_NeedsNoWriter()
    {
        using (var database = Open()) await new Migrator(database, TimeProvider.System).MigrateAsync(CancellationToken.None);
        using var another = Open();
        await another.WriteAsync(
            async transaction =>
            {
                using var database = Database.Open(Options.Create(new StorageOptions { Data = folder, BusyTimeout = TimeSpan.FromMilliseconds(100) }));
                Assert.Empty(await new Migrator(database, TimeProvider.System).MigrateAsync(CancellationToken.None));
            },
            CancellationToken.None);
    }

    [Fact]
    public async Task Migrate_DatabaseOfANewerVersion_IsRefused()
    {
        using var database = Open();
        var migrator = new Migrator(database, TimeProvider.System);
        await migrator.MigrateAsync(CancellationToken.None);
        await database.WriteAsync(t => t.ExecuteAsync("insert into schema_migrations values ('9999_future.sql', 0)", null, CancellationToken.None), CancellationToken.None);
        var refused = await Assert.ThrowsAsync<StorageException>(() => migrator.MigrateAsync(CancellationToken.None));
        Assert.Contains("newer version", refused.Message);
        Assert.Contains("9999_future.sql", refused.Message);
    }

    [Fact]
    public async Task Open_Connection_HasWalFullSyncAndForeignKeys()
    {
        using var database = Open();
        await new Migrator(database, TimeProvider.System).MigrateAsync(CancellationToken.None);
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        Assert.Equal("wal", await connection.ExecuteScalarAsync<string>("pragma journal_mode"));
        Assert.Equal(2, await connection.ExecuteScalarAsync<int>("pragma synchronous"));
        Assert.Equal(1, await connection.ExecuteScalarAsync<int>("pragma foreign_keys"));
    }

    [Theory]
    [InlineData("mysql://localhost/x")]
    [InlineData("Host=localhost;Username=me")]
    [InlineData("postgres://me@localhost")]
    [InlineData("Host=localhost;Database=x;Colour=blue")]
    [InlineData("Host=localhost;Database=x;Port=many")]
    [InlineData("Data Source=:memory:")]
    public void Open_OtherDatabase_SaysWhatToGive(string setting) =>
        Assert.Contains("LEADSCORING__DATABASE", Assert.Throws<StorageException>(() => Database.Open(Options.Create(new StorageOptions { Data = folder, Database = setting }))).Message);

    /// <summary>Keys start with the organization everywhere: isolation now, sharding later.</summary>
    [Fact]
    public async Task Schema_EveryTable_HasAKeyThatStartsWithTheOrganization()
    {
        using var database = Open();
        await new Migrator(database, TimeProvider.System).MigrateAsync(CancellationToken.None);
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        var tables = await connection.QueryAsync<string>("select name from sqlite_master where type = 'table' and name not like 'sqlite_%' and name <> 'schema_migrations'");
        Assert.All(tables, table => Assert.Equal("organization_id", connection.ExecuteScalar<string>($"select name from pragma_table_info('{table}') where pk = 1")));
    }

    public void Dispose()
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }
}
