using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>A database for a real server, and how its trainings are watched from outside.</summary>
internal sealed class ServedTraining : IDisposable
{
    internal string Data { get; } = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));

    /// <summary>A database with an organization, its key and leads, and a champion when a bundle is given.</summary>
    internal async Task<string> PrepareAsync(int leads, byte[]? bundle)
    {
        await using var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", Data), new("LeadScoring:Durability", "normal")]).Build();
        await app.PrepareAsync(CancellationToken.None);
        await SidecarAppServices.Get<OrganizationStore>(app).EnsureAsync("acme", CancellationToken.None);
        await SmallModel.SeedAsync(app.Services, "acme", leads, 0);
        if (bundle is not null)
        {
            var model = new LeadScoring.Sidecar.Models.NewVersion(LeadScoring.Ml.Bundles.ModelBundle.Read(bundle), bundle);
            var models = SidecarAppServices.Get<LeadScoring.Sidecar.Models.ModelStore>(app);
            await SidecarAppServices.Get<LeadScoring.Sidecar.Storage.Database>(app).WriteAsync(async transaction =>
            {
                var version = await models.AddAsync(transaction, "acme", model, "imported", CancellationToken.None);
                await models.PromoteAsync(transaction, "acme", version, "test", CancellationToken.None);
            }, CancellationToken.None);
        }

        return (await SidecarAppServices.Get<ApiKeyStore>(app).CreateAsync("acme", "test", ApiScope.Admin, CancellationToken.None)).Reveal();
    }

    internal static async Task<string?> ScoredByAsync(HttpClient client)
    {
        using var response = await client.PostAsJsonAsync("/v1/score", new { lead_id = "x", lead = new { showing_requests = 1 }, save = false });
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return JsonElement.Parse(await response.Content.ReadAsStringAsync()).Text("scored_by");
    }

    internal static async Task<JsonElement> RunAsync(HttpClient client) => (await client.GetFromJsonAsync<JsonElement>("/v1/training-runs")).At("runs", 0);

    internal static async Task<JsonElement> FollowAsync(Func<Task<JsonElement>> read, HashSet<string> seen, TimeSpan longest, Func<Task>? meanwhile = null)
    {
        var clock = Stopwatch.StartNew();
        var (fraction, start) = (0.0, "");
        while (true)
        {
            var run = await read();
            seen.Add($"{run.Text("stage")} {run.GetProperty("fraction").GetDouble():0.00}");
            if (run.Text("status") is "succeeded" or "failed") return run;
            Assert.True(clock.Elapsed < longest, $"Not done after {longest}: {run}");
            if (run.GetProperty("fraction").GetDouble() is > 0 and var now)
            {
                // A run that is taken up again begins anew.
                var sameTry = run.Text("started_at") == start;
                Assert.True(!sameTry || now >= fraction, $"Progress fell from {fraction} to {now}.");
                (fraction, start) = (now, run.Text("started_at")!);
            }

            if (meanwhile is not null) await meanwhile();
            await Task.Delay(200);
        }
    }

    internal static async Task WaitAsync(string what, Func<Task<bool>> isSo, TimeSpan longest)
    {
        var clock = Stopwatch.StartNew();
        while (!await isSo())
        {
            Assert.True(clock.Elapsed < longest, $"Waited {longest.TotalSeconds} s in vain for {what}.");
            await Task.Delay(50);
        }
    }

    /// <summary>Training processes over this test's database, by the kernel's list: nobody's else are counted.</summary>
    internal int[] Processes() =>
    [
        .. from folder in Directory.GetDirectories("/proc")
           let name = Path.GetFileName(folder)
           where int.TryParse(name, out _)
           let command = CommandLineOf(folder)
           where command.Contains("train-run", StringComparison.Ordinal) && command.Contains(Data, StringComparison.Ordinal)
           select int.Parse(name, System.Globalization.CultureInfo.InvariantCulture),
    ];

    private static string CommandLineOf(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(Data)) Directory.Delete(Data, recursive: true);
    }
}

internal static class SidecarAppServices
{
    internal static T Get<T>(Microsoft.AspNetCore.Builder.WebApplication app) where T : notnull => (T)app.Services.GetService(typeof(T))!;
}
