using System.Net.Http.Headers;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Tests.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests;

/// <summary>The whole service in this process, over a database of its own: SQLite, or PostgreSQL when <see cref="TestPostgres"/> says so. One per test class.</summary>
public sealed class SidecarFactory : IAsyncLifetime
{
    private WebApplication? app;
    private int organizations;
    private string? postgres;

    internal string Data { get; } = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));

    /// <summary>Settings of a test that needs others than the default; set before the first use.</summary>
    internal Dictionary<string, string?> Settings { get; } = [];

    /// <summary>Services of a test that needs others; set before the first use.</summary>
    internal Action<IServiceCollection> Configure { get; init; } = _ => { };

    internal IServiceProvider Services => app!.Services;

    internal T Get<T>() where T : notnull => Services.GetRequiredService<T>();

    public async Task InitializeAsync()
    {
        // "normal": tests kill processes, never the machine. No workers: a test says itself when changed leads are scored and queued trainings run.
        Dictionary<string, string?> settings = new()
        {
            ["LeadScoring:Data"] = Data, ["LeadScoring:Durability"] = "normal", ["LeadScoring:Scoring:RescoreChangedLeads"] = "false", ["LeadScoring:Training:RunHere"] = "false",
            ["LeadScoring:Jobs:RunHere"] = "false", ["LeadScoring:Webhooks:DeliverHere"] = "false", ["LeadScoring:Sync:RunHere"] = "false",
        };
        Directory.CreateDirectory(Data);
        if (TestPostgres.Server is not null && !Settings.ContainsKey("LeadScoring:Database")) settings["LeadScoring:Database"] = postgres = await TestPostgres.CreateAsync();
        foreach (var (name, value) in Settings) settings[name] = value;
        var builder = SidecarApp.CreateBuilder(settings);
        builder.WebHost.UseTestServer();
        Configure(builder.Services);
        app = builder.Build();
        await app.PrepareAsync(CancellationToken.None);
        app.MapSlices();
        await app.StartAsync();
        await WarmAsync(app.Services);
    }

    /// <summary>The warm-up scores a few stored leads: it must not do that in the middle of a test.</summary>
    internal static async Task WarmAsync(IServiceProvider services)
    {
        var warmUp = services.GetRequiredService<WarmUp>();
        for (var waits = 0; warmUp.WhyNotReady is not null; waits++)
        {
            Assert.True(waits < 3_000, "The warm-up does not end.");
            await Task.Delay(10);
        }
    }

    public async Task DisposeAsync()
    {
        await app!.DisposeAsync();
        if (postgres is not null) await TestPostgres.DropAsync(postgres);
        Directory.Delete(Data, recursive: true);
    }

    internal HttpClient Anonymous() => app!.GetTestClient();

    internal HttpClient With(ApiKey key)
    {
        var client = Anonymous();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key.Reveal());
        return client;
    }

    /// <summary>A new organization that no other test knows.</summary>
    internal async Task<TestOrganization> NewOrganizationAsync(ApiScope scope = ApiScope.Admin)
    {
        var id = $"org-{Interlocked.Increment(ref organizations)}";
        await Get<OrganizationStore>().EnsureAsync(id, CancellationToken.None);
        var key = await Get<ApiKeyStore>().CreateAsync(id, "test", scope, CancellationToken.None);
        return new TestOrganization(this, id, key);
    }
}
