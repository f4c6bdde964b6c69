using System.Diagnostics;
using System.Text.Json;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;
using LeadScoring.Sidecar.Tests.Fuzzing;
using Npgsql;

namespace LeadScoring.Benchmarks;

/// <summary>The fuzzing of the tests at full length: requests over HTTP against the real program, and broken files for every reader. Fails when there is a fault.</summary>
internal static class FuzzBenchmark
{
    private const int Seed = 20_261;
    private const int Requests = 100_000;
    private const int Files = 50_000;
    private const int AtOnce = 8;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    internal static async Task RunAsync(BenchmarkOptions options)
    {
        if (options.Readers)
        {
            await ReadersAsync(options.Quick ? Files / 50 : Files);
            return;
        }

        await RequestsAsync("SQLite", null, options.Quick ? Requests / 20 : Requests);
        if (options.Postgres is not { } server) return;
        var name = "leadscoring_fuzz_" + Guid.NewGuid().ToString("N");
        await ExecuteAsync(server, $"create database {name}");
        try
        {
            await RequestsAsync("PostgreSQL", new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString, options.Quick ? Requests / 20 : Requests);
        }
        finally
        {
            await ExecuteAsync(server, $"drop database {name} with (force)");
        }
    }

    private static async Task RequestsAsync(string databaseName, string? database, int requests)
    {
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-fuzz-" + Guid.NewGuid().ToString("N"));
        try
        {
            await SidecarProcess.MakeDemoAsync(data, 2_000, 500, database);
            var url = $"http://127.0.0.1:{SidecarProcess.FreePort()}";
            (string, string)[] quiet = [("LEADSCORING__TRAINING__RUNHERE", "false"), ("LEADSCORING__JOBS__RUNHERE", "false"), ("LEADSCORING__WEBHOOKS__DELIVERHERE", "false"), ("LEADSCORING__SYNC__RUNHERE", "false"), ("LEADSCORING__DATABASE", database ?? "")];
            using var service = SidecarProcess.Launch(quiet, "serve", "--data", data, "--url", url);
            var (output, error) = (service.StandardOutput.ReadToEndAsync(), service.StandardError.ReadToEndAsync());
            try
            {
                using var client = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromMinutes(2) };
                client.DefaultRequestHeaders.Add("X-API-Key", (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim());
                await SidecarProcess.WaitReadyAsync(client, url, service);
                await StreamBenchmark.ScoredAsync(client);
                await MeasureAsync(databaseName, client, service, requests);
            }
            finally
            {
                if (!service.HasExited) service.Kill();
                await service.WaitForExitAsync();
                await File.WriteAllTextAsync(Path.Combine(Path.GetTempPath(), $"leadscoring-fuzz-{databaseName}.log"), await output + await error);
            }
        }
        finally
        {
            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        }
    }

    private static async Task MeasureAsync(string databaseName, HttpClient client, Process service, int requests)
    {
        string[] leads = [.. (await StreamBenchmark.LeadIdsAsync(client)).Take(50), "l1", "l2"];
        var bundle = await client.GetByteArrayAsync(new Uri("/v1/models/1/bundle", UriKind.Relative));
        var known = new Dictionary<string, string[]> { ["leadId"] = leads, ["version"] = ["1", "2"], ["a"] = ["1"], ["b"] = ["1", "2"], ["alias"] = ["challenger", "shadow"], ["name"] = ["retention", "hubspot"], ["connector"] = ["hubspot", "generic"] };
        var fuzzer = new OpenApiFuzzer(JsonElement.Parse(await client.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative))), known, bundle, Seed);
        var run = new RequestFuzz(client, fuzzer, Longest);
        var (clock, memory) = (Stopwatch.StartNew(), new List<double>());
        const int Parts = 20;
        for (var part = 0; part < Parts && !service.HasExited; part++)
        {
            await run.RunAsync(part * requests / Parts, requests / Parts, AtOnce);
            service.Refresh();
            memory.Add(service.WorkingSet64 / 1e6);
            Report.Progress($"{databaseName}: {(part + 1) * requests / Parts:N0} requests, {clock.Elapsed.TotalSeconds:0} s, {memory[^1]:0} MB, {run.Faults.Count} faults");
        }

        Report.Line($"{databaseName}: {requests:N0} requests of {fuzzer.Operations} operations in {clock.Elapsed.TotalSeconds:0} s, {AtOnce} at once. {run.Faults.Count} faults (an answer of 500 or above, none within {Longest.TotalSeconds:0} s, a refusal that is no problem document or names no place).");
        Report.Line($"Answers: {string.Join(", ", run.Statuses.Select(s => $"{s.Key}: {s.Value:N0}"))}; {run.RefusedByServer:N0} of them by the server itself, as the target was none. Slowest {run.Slowest.TotalSeconds:0.0} s: {run.SlowestRequest}");
        Report.Line($"Memory of the process, MB, after each twentieth: {string.Join(" ", memory.Select(m => $"{m:0}"))}.\n");
        foreach (var fault in run.Faults.Take(60)) Report.Line($"* {fault}");
        if (service.HasExited) throw new InvalidOperationException("The process ended.");
        if (run.Faults.Count > 0) throw new InvalidOperationException($"{run.Faults.Count} faults.");
        // The garbage collector takes what the machine has: flat means that the second half needs no more than the first did.
        var (first, second) = (memory.Take(Parts / 2).Max(), memory.Skip(Parts / 2).Max());
        if (second > first * 1.25 && second - first > 150) throw new InvalidOperationException($"Memory grew from {first:0} to {second:0} MB.");
    }

    private static async Task ReadersAsync(int files)
    {
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-fuzz-" + Guid.NewGuid().ToString("N"));
        try
        {
            await SidecarProcess.MakeDemoAsync(data, 2_000, 100);
            var bundle = await BundleAsync(data);
            var root = Root();
            // A bundle of the usual size takes a tenth of a second to break, pack and read: there are fewer of those.
            (ReaderFuzz Reader, int Files)[] readers =
            [
                (ReaderFuzz.OfBundles(SmallBundle()), files), (ReaderFuzz.OfBundles(bundle), files / 50), (ReaderFuzz.OfXGBoost(RealFiles.Models(Path.Combine(root, "tests", "fixtures"))), files),
                (ReaderFuzz.OfProfiles(RealFiles.Profiles(Path.Combine(root, "sidecar", "profiles"))), files), (ReaderFuzz.OfCsv(RealFiles.Csv(), data), files), (ReaderFuzz.OfEventLines(RealFiles.EventLines()), files),
            ];
            var rows = new List<string[]>();
            foreach (var (reader, count) in readers)
            {
                var clock = Stopwatch.StartNew();
                for (var part = 0; part < 10; part++)
                {
                    reader.Run(Seed, part * count / 10, count / 10);
                    Report.Progress($"{reader.Name}: {(part + 1) * count / 10:N0} files, {clock.Elapsed.TotalSeconds:0} s, {reader.Faults.Count} faults");
                }

                using var self = Process.GetCurrentProcess();
                rows.Add([reader.Name, $"{count:N0}", $"{reader.Taken:N0}", $"{reader.Refused:N0}", $"{reader.Faults.Count}", $"{reader.Slowest.TotalMilliseconds:0}", $"{reader.LargestBytes / 1e6:0}", $"{self.WorkingSet64 / 1e6:0}"]);
            }

            Report.Table(["reader", "files", "read and used", "refused", "faults", "slowest, ms", "most allocated for one, MB", "memory afterwards, MB"], [.. rows]);
            foreach (var fault in readers.SelectMany(r => r.Reader.Faults).Take(60)) Report.Line($"* {fault}");
            if (readers.Any(r => r.Reader.Faults.Count > 0)) throw new InvalidOperationException("There are faults.");
        }
        finally
        {
            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        }
    }

    private static byte[] SmallBundle()
    {
        var settings = new TrainingSettings
        {
            GradientBoosting = XGBoostParameters.GradientBoosting with { Rounds = 15, MaxDepth = 3 }, RandomForest = XGBoostParameters.RandomForest with { ParallelTrees = 15, MaxDepth = 5 },
            Network = new NetworkParameters { MaxEpochs = 6, HiddenLayers = [16, 8] }, Folds = 3,
        };
        var set = DemoRows.Make(DemoRows.DefaultWorld, 2_000, keepSnapshots: false).Set;
        return ModelBundle.Write(set, EnsembleTrainer.Train(set, [.. Enumerable.Range(0, 1_500)], [.. Enumerable.Range(1_500, 500)], settings, null, CancellationToken.None), settings, 1_790_000_000_000);
    }

    private static async Task<byte[]> BundleAsync(string data)
    {
        await using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(data, "leadscoring.db")};Mode=ReadOnly;Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "select bundle from model_bundles order by version desc limit 1";
        return (byte[])(await command.ExecuteScalarAsync())!;
    }

    private static async Task ExecuteAsync(string server, string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The repository that this was built from.</summary>
    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "LeadScoring.N8n.sln"))) folder = Path.GetDirectoryName(folder.TrimEnd('/')) ?? throw new InvalidOperationException("Run it from the repository.");
        return folder;
    }
}
