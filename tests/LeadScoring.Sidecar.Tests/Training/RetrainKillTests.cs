using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.Versioning;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Cli;
using Microsoft.Data.Sqlite;
using Xunit.Abstractions;
using static LeadScoring.Sidecar.Tests.Training.ServedTraining;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>
/// kill -9 in every stage of a retraining and of the promotion that ends it. The training process is started by way of a script that keeps its lines, so that the test sees each stage as it begins.
/// </summary>
[Trait("Category", "Server")]
[UnsupportedOSPlatform("windows")]
public sealed class RetrainKillTests(ITestOutputHelper output) : IDisposable
{
    // Fits one after the other, so that the fraction says which member is being fitted.
    private static readonly object Settings = new
    {
        gradient_boosting = new { rounds = 20, max_depth = 3 }, random_forest = new { rounds = 1, parallel_trees = 40, max_depth = 6 }, network = new { max_epochs = 6, hidden_layers = new[] { 16, 8 } }, folds = 2,
        parallelism = 1,
    };

    // Where a line says that a stage has begun. Of the fits, a third of the stretch each: boosting 0.35, forest 0.5, network 0.12, regression 0.03 of it.
    private static readonly (string Name, string Line, double From)[] Stages =
    [
        ("reading outcomes", "Reading outcomes", 0), ("reading events", "Replaying events", 0), ("leaks", "Looking for leaks", 0), ("boosting", "Fitting", 0), ("forest", "Fitting", Fit(0, 0.35)), ("network", "Fitting", Fit(0, 0.85)),
        ("second fit", "Fitting", Fit(1, 0)), ("third fit", "Fitting", Fit(2, 0)), ("calibration", "Calibrating", 0), ("forward test", "Forward in time: ", 0), ("learning curve", "Learning curve", 0),
        ("fairness", "Fairness", 0), ("gates", "Comparing", 0),
    ];

    private readonly ServedTraining served = new();

    private string Lines => Path.Combine(served.Data, "training-lines");

    public void Dispose() => served.Dispose();

    private static double Fit(int number, double member) => 0.4 * (0.02 + (0.94 * (number + member) / 3)) - 0.0005;

    private async Task<string> PrepareAsync()
    {
        var key = await served.PrepareAsync(600, await SmallModel.BundleAsync());
        var script = Path.Combine(served.Data, "train.sh");
        await File.WriteAllTextAsync(script, $"#!/bin/bash\nset -o pipefail\ndotnet \"$@\" | tee -a '{Lines}'\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return key;
    }

    private Task<(SidecarProcess Process, HttpClient Client)> ServeAsync(string key) => SidecarProcess.ServeAsync(served.Data, key, ("DOTNET_HOST_PATH", Path.Combine(served.Data, "train.sh")));

    private static async Task PostAsync(HttpClient client)
    {
        using var posted = await client.PostAsJsonAsync("/v1/training-runs", new { settings = Settings, promote = "always" });
        Assert.Equal(HttpStatusCode.Accepted, posted.StatusCode);
    }

    /// <summary>Waits until a process that began since has written the line of a stage.</summary>
    private async Task UntilAsync((string Name, string Line, double From) stage, long sinceByte)
    {
        var clock = Stopwatch.StartNew();
        while (!Seen(stage, sinceByte))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(3), $"{stage.Name} is not reached.");
            await Task.Delay(2);
        }
    }

    private bool Seen((string Name, string Line, double From) stage, long sinceByte)
    {
        if (!File.Exists(Lines)) return false;
        using var file = new FileStream(Lines, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = Math.Min(sinceByte, file.Length);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd().Split('\n').Any(line => line.IndexOf(' ') is var space and > 0 && line[(space + 1)..].StartsWith(stage.Line, StringComparison.Ordinal)
            && double.TryParse(line[..space], CultureInfo.InvariantCulture, out var fraction) && fraction >= stage.From);
    }

    private long Written() => File.Exists(Lines) ? new FileInfo(Lines).Length : 0;

    private async Task<T> WithDatabaseAsync<T>(Func<Database, Task<T>> use)
    {
        await using var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", served.Data), new("LeadScoring:Durability", "normal")]).Build();
        return await use(SidecarAppServices.Get<Database>(app));
    }

    /// <summary>One champion; no version without its bundle, card and run, no bundle, anchor or ended run without its version.</summary>
    /// <returns>The champion and the number of versions.</returns>
    private Task<(int Champion, int Versions)> AssertWholeAsync() => WithDatabaseAsync(async database =>
    {
        const string Broken = """
            select count(*) from (
                select m.version from models m left join model_bundles b on b.organization_id = m.organization_id and b.version = m.version
                    left join training_runs r on r.organization_id = m.organization_id and r.run_id = m.run_id and r.status = 'succeeded' and r.model_version = m.version
                    where b.version is null or (m.origin = 'trained' and (r.run_id is null or m.card is null or b.learned_from is null))
                union all select b.version from model_bundles b where not exists (select 1 from models m where m.organization_id = b.organization_id and m.version = b.version)
                union all select r.model_version from training_runs r where r.status = 'succeeded' and not exists (select 1 from models m where m.organization_id = r.organization_id and m.version = r.model_version)
                union all select p.version from promotions p where not exists (select 1 from models m where m.organization_id = p.organization_id and m.version = p.version))
            """;
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        Assert.Equal(0, await connection.ExecuteScalarAsync<int>(Broken));
        // The last promotion is that of the last run that succeeded, or the first.
        var champion = await connection.ExecuteScalarAsync<int>("select version from promotions where organization_id = 'acme' order by change desc limit 1");
        Assert.Equal(await connection.ExecuteScalarAsync<int>("select coalesce(max(model_version), 1) from training_runs where status = 'succeeded'"), champion);
        Assert.True(await connection.ExecuteScalarAsync<int>("select count(*) from training_runs where status = 'running'") <= 1);
        return (champion, await connection.ExecuteScalarAsync<int>("select count(*) from models"));
    });

    /// <summary>As if the heartbeat's time were over.</summary>
    private Task ForgetHeartbeatAsync() => WithDatabaseAsync(database => database.WriteAsync(t => t.ExecuteAsync("update training_runs set heartbeat_ms = 0 where status = 'running'", null, CancellationToken.None), CancellationToken.None));

    private Task WaitForNoProcessAsync() => WaitAsync("the training process to end", () => Task.FromResult(served.Processes().Length == 0), TimeSpan.FromSeconds(60));

    private void KillChild()
    {
        foreach (var id in served.Processes())
        {
            using var process = Process.GetProcessById(id);
            // The script ends with it, and says so.
            if (process.ProcessName == "dotnet") process.Kill();
        }
    }

    [NativeXGBoostFact]
    public async Task Kill_ServiceInEachStage_RunIsTakenUpAndEndsWithOneChampion()
    {
        var key = await PrepareAsync();
        var (process, client) = await ServeAsync(key);
        await PostAsync(client);
        var since = 0L;
        foreach (var stage in Stages)
        {
            await UntilAsync(stage, since);
            process.Kill();
            await WaitForNoProcessAsync();
            (since, var state) = (Written(), await AssertWholeAsync());
            output.WriteLine($"{stage.Name}: champion {state.Champion} of {state.Versions}");
            // The process may have been past its last look at whether its server lives: then the run is done, whole, and the next one is asked for.
            await ForgetHeartbeatAsync();
            process.Dispose();
            client.Dispose();
            (process, client) = await ServeAsync(key);
            Assert.Equal("ensemble", await ScoredByAsync(client));
            if ((await RunAsync(client)).Text("status") == "succeeded") await PostAsync(client);
        }

        await AssertEndsWellAsync(client);
        process.Dispose();
        client.Dispose();
    }

    [NativeXGBoostFact]
    public async Task Kill_TrainingProcessInEachStage_RunFailsAndTheNextEndsWithOneChampion()
    {
        var key = await PrepareAsync();
        var (process, client) = await ServeAsync(key);
        using (process)
        using (client)
        {
            foreach (var stage in Stages)
            {
                var since = Written();
                await PostAsync(client);
                await UntilAsync(stage, since);
                KillChild();
                await WaitAsync("the run to end", async () => (await RunAsync(client)).Text("status") is "failed" or "succeeded", TimeSpan.FromSeconds(60));
                var run = await RunAsync(client);
                var state = await AssertWholeAsync();
                output.WriteLine($"{stage.Name}: {run.Text("status")}, champion {state.Champion} of {state.Versions}");
                if (run.Text("status") == "failed") Assert.Contains("was killed", run.Text("reason"));
            }

            await PostAsync(client);
            await AssertEndsWellAsync(client);
        }
    }

    /// <summary>Inside the one transaction that registers and promotes: a trigger of the test's keeps it there for as long as it takes to be killed. What it had written by then is gone.</summary>
    [NativeXGBoostFact]
    public async Task Kill_InsideTheRegistration_LeavesNothingOfTheVersion()
    {
        var key = await PrepareAsync();
        foreach (var (name, when) in ((string, string)[])
            [
                ("writing the bundle", "before insert on model_bundles"), ("before the alias moves", "before insert on promotions"), ("after the alias has moved", "after insert on promotions"),
                ("the run's end", "before update on training_runs when new.status = 'succeeded'"),
            ])
        {
            await ExecuteAsync($"create trigger stuck {when} begin select count(*) from sqlite_master a, sqlite_master b, sqlite_master c, sqlite_master d, sqlite_master e, sqlite_master f; end");
            var (process, client) = await ServeAsync(key);
            using (process)
            using (client)
            {
                var since = Written();
                if ((await client.GetFromJsonAsync<JsonElement>("/v1/training-runs")).GetProperty("runs").GetArrayLength() == 0) await PostAsync(client);
                await UntilAsync(("gates", "Comparing", 0), since);
                await WaitUntilStuckAsync();
                KillChild();
                process.Kill();
            }

            await WaitForNoProcessAsync();
            await ExecuteAsync("drop trigger stuck");
            output.WriteLine(name);
            Assert.Equal((1, 1), await AssertWholeAsync());
            await ForgetHeartbeatAsync();
        }

        await AssertGoesOnAsync(key);
    }

    /// <summary>The version is there and nobody has been told: its process is killed before it can end, and the server before it can see it.</summary>
    [NativeXGBoostFact]
    public async Task Kill_RightAfterThePromotion_KeepsTheNewChampion()
    {
        var key = await PrepareAsync();
        var (process, client) = await ServeAsync(key);
        using (process)
        using (client)
        {
            await PostAsync(client);
            await UntilAsync(("gates", "Comparing", 0), 0);
            await WaitAsync("the version", async () => (await client.GetFromJsonAsync<JsonElement>("/v1/models")).Int("champion") == 2, TimeSpan.FromSeconds(60));
            process.Kill();
            KillChild();
        }

        await WaitForNoProcessAsync();
        Assert.Equal((2, 2), await AssertWholeAsync());
        var (last, again) = await ServeAsync(key);
        using (last)
        using (again)
        {
            Assert.Equal("succeeded", (await RunAsync(again)).Text("status"));
            await PostAsync(again);
            await AssertEndsWellAsync(again);
        }
    }

    private Task ExecuteAsync(string sql) => WithDatabaseAsync(database => database.WriteAsync(t => t.ExecuteAsync(sql, null, CancellationToken.None), CancellationToken.None));

    /// <summary>Whoever writes keeps all others from writing: for a second and a half only the transaction that is stuck does.</summary>
    private async Task WaitUntilStuckAsync()
    {
        var (clock, since) = (Stopwatch.StartNew(), TimeSpan.Zero);
        while (clock.Elapsed - since < TimeSpan.FromSeconds(1.5))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(2), "The registration is not reached.");
            if (!IsLocked()) since = clock.Elapsed;
            await Task.Delay(20);
        }
    }

    private bool IsLocked()
    {
        using var connection = new SqliteConnection($"Data Source={Directory.GetFiles(served.Data, "*.db").Single()};Pooling=False;Default Timeout=1");
        connection.Open();
        try
        {
            connection.Execute("begin immediate; rollback");
            return false;
        }
        catch (SqliteException e) when (e.SqliteErrorCode == 5)
        {
            return true;
        }
    }

    private async Task AssertGoesOnAsync(string key)
    {
        var (process, client) = await ServeAsync(key);
        using (process)
        using (client) await AssertEndsWellAsync(client);
    }

    private async Task AssertEndsWellAsync(HttpClient client)
    {
        var run = await FollowAsync(() => RunAsync(client), [], TimeSpan.FromMinutes(3));
        Assert.True(run.Text("status") == "succeeded", run.ToString());
        var state = await AssertWholeAsync();
        Assert.Equal((run.Int("model_version"), state.Versions), (state.Champion, run.Int("model_version")));
        var models = await client.GetFromJsonAsync<JsonElement>("/v1/models");
        Assert.Single(models.GetProperty("models").EnumerateArray(), m => m.GetProperty("is_champion").GetBoolean());
        Assert.Equal(state.Champion, models.Int("champion"));
    }
}
