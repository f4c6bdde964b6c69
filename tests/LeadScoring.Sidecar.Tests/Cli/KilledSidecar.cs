using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>A database and folder that outlive the processes over them: SQLite, or PostgreSQL when a server of it is named.</summary>
internal sealed class KilledSidecar : IAsyncDisposable
{
    private readonly string data = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));

    internal string Data => data;
    private readonly string? postgres;

    private KilledSidecar(string? postgres) => this.postgres = postgres;

    internal string Key { get; private set; } = "";

    internal static async Task<KilledSidecar> CreateAsync()
    {
        var sidecar = new KilledSidecar(TestPostgres.Server is not null ? await TestPostgres.CreateAsync() : null);
        await using var app = await sidecar.ServicesAsync();
        await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync("acme", CancellationToken.None);
        sidecar.Key = (await app.Services.GetRequiredService<ApiKeyStore>().CreateAsync("acme", "test", ApiScope.Admin, CancellationToken.None)).Reveal();
        return sidecar;
    }

    /// <summary>The services over the same database, in this process; dispose them.</summary>
    internal async Task<WebApplication> ServicesAsync()
    {
        var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", data), new("LeadScoring:Database", postgres)]).Build();
        await app.PrepareAsync(CancellationToken.None);
        return app;
    }

    /// <summary>The database, past the processes; dispose it.</summary>
    internal Database Open() => Database.Open(Options.Create(new StorageOptions { Data = data, Database = postgres, Durability = "normal" }));

    internal Task<(SidecarProcess Process, HttpClient Client)> ServeAsync(params (string Name, string Value)[] environment) =>
        SidecarProcess.ServeAsync(data, Key, [.. environment, ("LEADSCORING__DATABASE", Patient(postgres))]);

    /// <summary>A process that starts beside many others may wait longer for its first connection than a service should.</summary>
    private static string Patient(string? postgres) => postgres is null ? "" : new NpgsqlConnectionStringBuilder(postgres) { Timeout = 60 }.ConnectionString;

    public async ValueTask DisposeAsync()
    {
        if (postgres is not null) await TestPostgres.DropAsync(postgres);
        Directory.Delete(data, recursive: true);
    }
}
