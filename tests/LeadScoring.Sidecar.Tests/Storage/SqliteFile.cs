using Dapper;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>A database of SQLite in a folder of its own, with a table of notes.</summary>
public abstract class SqliteFile(string durability) : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("leadscoring-tests-").FullName;

    private protected Database Database { get; private set; } = null!;

    private protected string Log => Database.Setting + "-wal";

    public async Task InitializeAsync()
    {
        Database = Database.Open(Options.Create(new StorageOptions { Data = folder, Durability = durability }));
        await Database.PrepareAsync(CancellationToken.None);
        await Database.WriteAsync(t => t.ExecuteAsync("create table notes (id integer primary key, body blob); create table answers (note integer references notes (id) deferrable initially deferred)", null, default), default);
    }

    public Task DisposeAsync()
    {
        Database.Dispose();
        Directory.Delete(folder, recursive: true);
        return Task.CompletedTask;
    }

    private protected async Task<int> CountAsync()
    {
        await using var connection = await Database.OpenConnectionAsync(default);
        return await connection.ExecuteScalarAsync<int>("select count(*) from notes");
    }
}
