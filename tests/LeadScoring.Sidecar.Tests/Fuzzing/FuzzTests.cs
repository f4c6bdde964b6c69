using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Tests.Storage;
using LeadScoring.Sidecar.Tests.Training;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Fuzzing;

/// <summary>A small part of what the benchmark command fuzz does at length; the seeds are fixed.</summary>
[Trait("Category", "Slow")]
public sealed class FuzzTests
{
    private const int Requests = 3_000;
    private const int Files = 300;

    private static readonly string Root = RepositoryRoot();

    /// <summary>Over a real socket: what a server refuses before the program sees it counts too.</summary>
    [NativeXGBoostFact]
    public async Task Requests_OfEveryOperation_AreAnsweredAndNeverWith500()
    {
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));
        var postgres = TestPostgres.Server is null ? null : await TestPostgres.CreateAsync();
        try
        {
            var builder = SidecarApp.CreateBuilder(new Dictionary<string, string?>
            {
                ["LeadScoring:Data"] = data, ["LeadScoring:Database"] = postgres, ["LeadScoring:Durability"] = "normal", ["LeadScoring:Training:RunHere"] = "false", ["LeadScoring:Jobs:RunHere"] = "false", ["LeadScoring:Webhooks:DeliverHere"] = "false", ["LeadScoring:Sync:RunHere"] = "false",
            });
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            await using var app = builder.Build();
            await app.PrepareAsync(CancellationToken.None);
            app.MapSlices();
            await app.StartAsync();
            await SidecarFactory.WarmAsync(app.Services);
            using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
            await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync("acme", CancellationToken.None);
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await app.Services.GetRequiredService<ApiKeyStore>().CreateAsync("acme", "test", ApiScope.Admin, CancellationToken.None)).Reveal());
            var bundle = await SmallModel.BundleAsync();
            await PrepareAsync(client, bundle);

            var fuzzer = new OpenApiFuzzer(JsonElement.Parse(await File.ReadAllTextAsync(Path.Combine(Root, "sidecar", "openapi.json"))), Known, bundle, seed: 7);
            var run = new RequestFuzz(client, fuzzer, TimeSpan.FromSeconds(20));
            await run.RunAsync(0, Requests, 8);
            Assert.True(run.Faults.Count == 0, $"{run.Faults.Count} faults:\n{string.Join("\n", run.Faults.OrderBy(f => f.StartsWith('4')).Take(60))}");
            // Both kinds came through: a fuzzer whose requests are all refused at the door tests nothing behind it.
            Assert.True(run.Statuses.GetValueOrDefault(200) > Requests / 10 && run.Statuses.GetValueOrDefault(400) > Requests / 10, string.Join(", ", run.Statuses));
        }
        finally
        {
            if (postgres is not null) await TestPostgres.DropAsync(postgres);
            Directory.Delete(data, recursive: true);
        }
    }

    [NativeXGBoostFact]
    public async Task Bundles_WithFaults_AreRefusedOrScore() => Check(ReaderFuzz.OfBundles(await SmallModel.BundleAsync()));

    [Fact]
    public void XGBoostModels_WithFaults_AreRefusedOrScore() => Check(ReaderFuzz.OfXGBoost(RealFiles.Models(Path.Combine(Root, "tests", "fixtures"))));

    [Fact]
    public void Profiles_WithFaults_AreRefusedOrRead() => Check(ReaderFuzz.OfProfiles(RealFiles.Profiles(Path.Combine(Root, "sidecar", "profiles"))));

    [Fact]
    public void Csv_WithFaults_IsRefusedOrRead() => Check(ReaderFuzz.OfCsv(RealFiles.Csv(), Path.GetTempPath()));

    [Fact]
    public void EventLines_WithFaults_AreRefusedOrRead() => Check(ReaderFuzz.OfEventLines(RealFiles.EventLines()));

    private static void Check(ReaderFuzz fuzz)
    {
        fuzz.Run(7, 0, Files);
        Assert.True(fuzz.Faults.Count == 0, string.Join("\n", fuzz.Faults.Take(20)));
        Assert.True(fuzz.Taken > 0 && fuzz.Taken + fuzz.Refused == Files, $"{fuzz.Taken} taken, {fuzz.Refused} refused");
    }

    internal static readonly Dictionary<string, string[]> Known = new()
    {
        ["leadId"] = ["l1", "l2", "l3", "l4", "Köln/1", "a b"], ["version"] = ["1", "2"], ["a"] = ["1"], ["b"] = ["1", "2"], ["alias"] = ["challenger", "shadow"], ["name"] = ["retention", "hubspot"], ["connector"] = ["hubspot", "generic"],
    };

    private static async Task PrepareAsync(HttpClient client, byte[] bundle)
    {
        async Task SendAsync(string path, HttpContent? body)
        {
            using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), body);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        }

        await SendAsync("/v1/models/import", new ByteArrayContent(bundle) { Headers = { ContentType = new("application/zip") } });
        await SendAsync("/v1/models/1/promote", null);
        await SendAsync("/v1/leads/batch", Json(new { leads = Known["leadId"].Select(id => new { lead_id = id, attributes = new { budget = 250_000, property_type = "house" } }) }));
        await SendAsync("/v1/events", Json(new { events = Enumerable.Range(0, 20).Select(i => new { event_id = $"s{i}", lead_id = $"l{1 + (i % 4)}", type = "page_view", source = "website", occurred_at = 1_760_000_000_000 + i }) }));
        await SendAsync("/v1/score", Json(new { lead_id = "l1" }));
    }

    private static StringContent Json(object body) => new(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");

    private static string RepositoryRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "LeadScoring.N8n.sln"))) folder = Path.GetDirectoryName(folder.TrimEnd('/')) ?? throw new InvalidOperationException("Not in the repository.");
        return folder;
    }
}
