using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Sidecar.Tests.Cli;
using Xunit.Abstractions;
using static LeadScoring.Sidecar.Tests.Training.ServedTraining;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>Training in its own process, by the queue; and what survives kill -9.</summary>
[Trait("Category", "Server")]
public sealed class TrainingServerTests(ITestOutputHelper output) : IDisposable
{
    private readonly ServedTraining served = new();

    [NativeXGBoostFact]
    public async Task Queue_ChildProcess_TrainsPromotesAndScores()
    {
        var sidecar = new SidecarFactory();
        sidecar.Settings["LeadScoring:Training:RunHere"] = "true";
        await sidecar.InitializeAsync();
        try
        {
            var (organization, empty) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
            await SmallModel.SeedAsync(sidecar.Services, organization.Id, 3_000, 5);
            Assert.Equal(HttpStatusCode.Accepted, (await organization.PostAsync("/v1/training-runs", new { settings = SmallModel.SettingsJson })).Status);
            Assert.Equal(HttpStatusCode.Accepted, (await empty.PostAsync("/v1/training-runs", "{}")).Status);
            var seen = new HashSet<string>();
            var run = await FollowAsync(async () => (await organization.GetAsync("/v1/training-runs")).Body.At("runs", 0), seen, TimeSpan.FromMinutes(2));
            Assert.True(run.Text("status") == "succeeded", run.ToString());
            Assert.StartsWith("first model: ", run.Text("reason"), StringComparison.Ordinal);
            Assert.Equal((1, true, 1.0), (run.Int("model_version"), run.GetProperty("is_promoted").GetBoolean(), run.GetProperty("fraction").GetDouble()));
            Assert.True(seen.Count > 2, $"Progress was hardly seen: {string.Join("; ", seen)}");
            var answer = await organization.ScoreAsync(new { lead_id = "new", lead = new { showing_requests = 1 } });
            Assert.Equal(("ensemble", 1), (answer.Text("scored_by"), answer.Int("model_version")));
            Assert.Equal(HttpStatusCode.Accepted, (await organization.PostAsync("/v1/training-runs", new { settings = SmallModel.SettingsJson, promote = "never" })).Status);

            var failed = await FollowAsync(async () => (await empty.GetAsync("/v1/training-runs")).Body.At("runs", 0), [], TimeSpan.FromMinutes(2));
            Assert.Equal("failed", failed.Text("status"));
            Assert.Contains("at least 10 converted", failed.Text("reason"));
            Assert.Equal("rules", (await empty.ScoreAsync(new { lead_id = "a", lead = new { } })).Text("scored_by"));
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    [NativeXGBoostFact]
    public async Task Kill_DuringTraining_ChildDiesAndTheRunIsTakenUpAgain()
    {
        var key = await served.PrepareAsync(3_000, bundle: null);
        // Slow enough to be caught in the middle.
        var settings = new { gradient_boosting = new { rounds = 400 }, random_forest = new { rounds = 1, parallel_trees = 300 }, network = new { max_epochs = 40 }, folds = 5 };
        int child;
        var (first, client) = await SidecarProcess.ServeAsync(served.Data, key);
        using (first)
        using (client)
        {
            Assert.Equal("rules", await ScoredByAsync(client));
            using var posted = await client.PostAsJsonAsync("/v1/training-runs", new { settings });
            Assert.Equal(HttpStatusCode.Accepted, posted.StatusCode);
            await WaitAsync("training to be under way", async () => (await RunAsync(client)).GetProperty("fraction").GetDouble() > 0.01, TimeSpan.FromSeconds(120));
            child = Assert.Single(served.Processes());
            Assert.Equal("rules", await ScoredByAsync(client));
            first.Kill();
        }

        var clock = Stopwatch.StartNew();
        await WaitAsync("the training process to die with its server", () => Task.FromResult(served.Processes().Length == 0), TimeSpan.FromSeconds(15));
        output.WriteLine($"Training process {child} ended {clock.Elapsed.TotalSeconds:0.0} s after its server was killed.");

        var (second, again) = await SidecarProcess.ServeAsync(served.Data, key, ("LEADSCORING__TRAINING__HEARTBEATTIMEOUT", "00:00:10"));
        using (second)
        using (again)
        {
            Assert.Equal("rules", await ScoredByAsync(again));
            var stages = new HashSet<string>();
            var run = await FollowAsync(() => RunAsync(again), stages, TimeSpan.FromMinutes(4), async () => Assert.Contains(await ScoredByAsync(again), (string[])["rules", "ensemble"]));
            Assert.True(run.Text("status") == "succeeded", run.ToString());
            var models = await again.GetFromJsonAsync<JsonElement>("/v1/models");
            Assert.Equal(1, models.Int("champion"));
            Assert.Single(models.GetProperty("models").EnumerateArray());
            Assert.Single((await again.GetFromJsonAsync<JsonElement>("/v1/training-runs")).GetProperty("runs").EnumerateArray());
            await WaitAsync("scoring by the ensemble", async () => await ScoredByAsync(again) == "ensemble", TimeSpan.FromSeconds(5));
            output.WriteLine($"Taken up and done {clock.Elapsed.TotalSeconds:0} s after the kill.");
        }
    }

    [NativeXGBoostFact]
    public async Task CancelThenKill_WithAChampion_LeaveExactlyOneAndTheNextRunContinues()
    {
        var key = await served.PrepareAsync(1_500, await SmallModel.BundleAsync());
        // The first would take many minutes: it ends because it is told to. The second is slow enough to be caught in the middle.
        var endless = new { gradient_boosting = new { rounds = 100_000 }, random_forest = new { rounds = 1, parallel_trees = 150 }, network = new { max_epochs = 20 }, folds = 3 };
        var settings = new { gradient_boosting = new { rounds = 200 }, random_forest = new { rounds = 1, parallel_trees = 150 }, network = new { max_epochs = 20 }, folds = 3 };
        var (first, client) = await SidecarProcess.ServeAsync(served.Data, key);
        using (first)
        using (client)
        {
            using var cancelled = await client.PostAsJsonAsync("/v1/training-runs", new { settings = endless });
            await WaitAsync("training to be under way", async () => (await RunAsync(client)).GetProperty("fraction").GetDouble() > 0.008, TimeSpan.FromSeconds(120));
            Assert.Single(served.Processes());
            using var answer = await client.PostAsync($"/v1/training-runs/{(await RunAsync(client)).Text("run_id")}/cancel", null);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            await WaitAsync("the training process to end", () => Task.FromResult(served.Processes().Length == 0), TimeSpan.FromSeconds(60));
            Assert.Equal("cancelled", (await RunAsync(client)).Text("status"));

            using var posted = await client.PostAsJsonAsync("/v1/training-runs", new { settings });
            Assert.Equal(HttpStatusCode.Accepted, posted.StatusCode);
            await WaitAsync("training to be under way again", async () => (await RunAsync(client)).GetProperty("fraction").GetDouble() > 0.01, TimeSpan.FromSeconds(120));
            first.Kill();
        }

        await WaitAsync("the training process to die with its server", () => Task.FromResult(served.Processes().Length == 0), TimeSpan.FromSeconds(60));
        var (second, again) = await SidecarProcess.ServeAsync(served.Data, key, ("LEADSCORING__TRAINING__HEARTBEATTIMEOUT", "00:00:10"));
        using (second)
        using (again)
        {
            var models = await again.GetFromJsonAsync<JsonElement>("/v1/models");
            Assert.Equal((1, 1), (models.Int("champion"), models.GetProperty("models").GetArrayLength()));
            var run = await FollowAsync(() => RunAsync(again), [], TimeSpan.FromMinutes(4));
            Assert.True(run.Text("status") == "succeeded", run.ToString());
            models = await again.GetFromJsonAsync<JsonElement>("/v1/models");
            Assert.Equal((run.GetProperty("is_promoted").GetBoolean() ? 2 : 1, 2), (models.Int("champion"), models.GetProperty("models").GetArrayLength()));
            Assert.Single(models.GetProperty("models").EnumerateArray(), m => m.GetProperty("is_champion").GetBoolean());
        }
    }

    [NativeXGBoostFact]
    public async Task Queue_MoreMemoryThanAllowed_EndsTheRunAndSaysTheBound()
    {
        var sidecar = new SidecarFactory();
        sidecar.Settings["LeadScoring:Training:RunHere"] = "true";
        sidecar.Settings["LeadScoring:Training:MaxMemoryBytes"] = "1000000";
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            // Long enough to be looked at, whatever else the machine does.
            await SmallModel.SeedAsync(sidecar.Services, organization.Id, 1_500, 0);
            await organization.PostAsync("/v1/training-runs", "{}");
            var run = await FollowAsync(async () => (await organization.GetAsync("/v1/training-runs")).Body.At("runs", 0), [], TimeSpan.FromMinutes(2));
            Assert.Equal("failed", run.Text("status"));
            Assert.Contains("LEADSCORING__TRAINING__MAXMEMORYBYTES allows 1 MB", run.Text("reason"));
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    [NativeXGBoostFact]
    public async Task Restart_WithModel_IsReadyWithinFiveSeconds()
    {
        var key = await served.PrepareAsync(200, await SmallModel.BundleAsync());
        var best = TimeSpan.MaxValue;
        // The best of some: a machine that is busy with other tests says nothing about the start.
        for (var i = 0; i < 4 && best >= TimeSpan.FromSeconds(5); i++) best = await StartAsync(key) is var ready && ready < best ? ready : best;
        Assert.True(best < TimeSpan.FromSeconds(5), $"Ready only after {best.TotalSeconds:0.00} s.");
    }

    private async Task<TimeSpan> StartAsync(string key)
    {
        var clock = Stopwatch.StartNew();
        var (process, client) = await SidecarProcess.ServeAsync(served.Data, key);
        using (process)
        using (client)
        {
            var listening = clock.Elapsed;
            await WaitAsync("/readyz", async () =>
            {
                using var response = await client.GetAsync("/readyz");
                return response.StatusCode == HttpStatusCode.OK;
            }, TimeSpan.FromSeconds(30));
            var ready = clock.Elapsed;
            clock.Restart();
            Assert.Equal("ensemble", await ScoredByAsync(client));
            output.WriteLine($"Listening after {listening.TotalSeconds:0.00} s, ready after {ready.TotalSeconds:0.00} s, first score in {clock.Elapsed.TotalMilliseconds:0} ms.");
            return ready;
        }
    }

    public void Dispose() => served.Dispose();
}
