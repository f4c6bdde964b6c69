using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using LeadScoring.Ml.Features;

namespace LeadScoring.Benchmarks;

/// <summary>Two replicas over PostgreSQL and Redis under steady load, while one thing after another fails: the share of scoring requests answered rightly, and acknowledged writes that are gone.</summary>
internal static class FaultBenchmark
{
    private const string Organization = "demo";
    private const int ScoresPerSecond = 20;
    private const int EventsPerSecond = 10;
    private const int Leads = 1_500;
    private const double Bar = 0.999;

    // Of the leads, those that events come for; the others are only scored.
    private const int Busy = 300;

    /// <summary>An answer that comes later is none.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    // How long after its end a fault is still blamed.
    private static readonly TimeSpan After = TimeSpan.FromSeconds(10);

    private static readonly Dictionary<string, object> Inline = new() { ["age"] = 38, ["household_size"] = 4, ["days_in_pipeline"] = 21, ["days_since_last_visit"] = 1, ["website_sessions"] = 9, ["email_open_rate"] = 0.6, ["showing_requests"] = 2, ["call_count"] = 1, ["calc_usage"] = 3 };

    private sealed record Window(string Name, long FromMs, long ToMs);

    internal static async Task RunAsync(BenchmarkOptions options)
    {
        var minutes = options.Quick ? 2 : options.Minutes;
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-faults-" + Guid.NewGuid().ToString("N"));
        await using var postgres = await PostgresServer.StartAsync();
        using var redis = await RedisProcess.StartAsync();
        try
        {
            await SidecarProcess.MakeDemoAsync(data, 3_000, Leads, postgres.ConnectionString);
            var key = (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim();
            using var world = new World(data, key, postgres, redis);
            await world.StartAsync(0);
            await world.StartAsync(1);
            using var admin = new HttpClient { BaseAddress = new Uri(world.Urls[0]), Timeout = TimeSpan.FromMinutes(1), DefaultRequestHeaders = { { "X-API-Key", key } } };
            await StreamBenchmark.ScoredAsync(admin);
            var ids = await StreamBenchmark.LeadIdsAsync(admin);
            // A second version to promote: of the same leads, with another seed.
            await world.TrainAsync(7);
            await world.TrainingEndsAsync();
            Report.Progress("two replicas, two versions; the schedule begins");
            var (told, windows) = (new Told(), new List<Window>());
            using var client = new FaultClient(world.Urls, key);
            var end = TimeSpan.FromMinutes(minutes);
            var schedule = ScheduleAsync(world, minutes / 20.0, told, windows);
            bool IsOver() => schedule.IsFaulted || (schedule.IsCompleted && told.Clock.Elapsed >= end);
            await Task.WhenAll(
                schedule,
                StreamBenchmark.PacedAsync(told.Clock, IsOver, ScoresPerSecond, (n, random) => ScoreAsync(client, ids, n, random, told)),
                EventsAsync(client, ids, IsOver, told));
            await world.TrainingEndsAsync();
            await JudgeAsync(data, postgres.ConnectionString, told, windows);
        }
        finally
        {
            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        }
    }

    private static async Task ScoreAsync(FaultClient client, string[] ids, int n, Random random, Told told)
    {
        var isInline = n % 4 == 3;
        var id = isInline ? $"inline-{n}" : ids[random.Next(ids.Length)];
        var call = await client.PostAsync("/v1/score", isInline ? new { lead_id = id, lead = Inline, save = false } : new { lead_id = id });
        told.Scores.Enqueue(new Told.Score(id, isInline, call));
    }

    /// <summary>One at a time for each lead, as what happens to a person does.</summary>
    private static async Task EventsAsync(FaultClient client, string[] ids, Func<bool> isOver, Told told)
    {
        string[] types = ["page_view", "email_open", "phone_call", "form_submit"];
        var last = new Dictionary<string, Task>();
        await StreamBenchmark.PacedAsync(told.Clock, isOver, EventsPerSecond, (n, random) =>
        {
            var lead = ids[random.Next(Busy)];
            if (last.TryGetValue(lead, out var before) && !before.IsCompleted) return Task.CompletedTask;
            return last[lead] = SendAsync(lead, $"fault-{n}", types[random.Next(types.Length)]);
        });

        async Task SendAsync(string lead, string id, string type)
        {
            var now = TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
            var call = await client.PostAsync("/v1/events", new { event_id = id, lead_id = lead, type, source = "website", occurred_at = now });
            told.Events.Enqueue(new Told.Event(id, lead, call));
        }
    }

    private static async Task ScheduleAsync(World world, double scale, Told told, List<Window> windows)
    {
        (double AtMinute, string Name, Func<Task> Fault)[] faults =
        [
            (1, "a replica killed (-9), restarted after 10 s", () => world.KillAsync(0, TimeSpan.FromSeconds(10))),
            (3, "PostgreSQL restarted", () => world.Postgres.RestartAsync("fast")),
            (4.5, "Redis frozen for 20 s", () => world.FreezeRedisAsync(TimeSpan.FromSeconds(20))),
            (6, "another model promoted", () => world.PostAsync("/v1/models/2/promote", null)),
            (7, "a training", async () => { await world.TrainAsync(11); await world.TrainingEndsAsync(); }),
            (10, "the disk slow for 45 s", () => world.SlowDiskAsync(TimeSpan.FromSeconds(45))),
            (11.5, "the other replica killed (-9)", () => world.KillAsync(1, TimeSpan.FromSeconds(10))),
            (13, "PostgreSQL crashed (immediate) and restarted", () => world.Postgres.RestartAsync("immediate")),
            (14.5, "the model before promoted while Redis is frozen", () => Task.WhenAll(world.FreezeRedisAsync(TimeSpan.FromSeconds(15)), world.PostAsync("/v1/models/rollback", null))),
            (16, "a replica killed while a training runs", async () => { await world.TrainAsync(13); await world.KillAsync(0, TimeSpan.FromSeconds(10)); await world.TrainingEndsAsync(); }),
            (18.5, "PostgreSQL restarted while the disk is slow", () => Task.WhenAll(world.SlowDiskAsync(TimeSpan.FromSeconds(15)), world.Postgres.RestartAsync("fast"))),
        ];
        foreach (var (minute, name, fault) in faults)
        {
            var due = TimeSpan.FromMinutes(minute * scale);
            if (due > told.Clock.Elapsed) await Task.Delay(due - told.Clock.Elapsed);
            var from = FaultClient.NowMs;
            await fault();
            windows.Add(new Window(name, from, FaultClient.NowMs));
            Report.Progress($"{told.Clock.Elapsed.TotalMinutes:0.0} min: {name}, {(windows[^1].ToMs - from) / 1000.0:0.0} s; so far {told.Scores.Count:N0} scores, {told.Scores.Count(s => s.Call.Body is null)} unanswered, {told.Events.Count:N0} events");
        }
    }

    private static async Task JudgeAsync(string data, string database, Told told, List<Window> windows)
    {
        var inline = Inline.ToDictionary(p => p.Key, p => AttributeValue.From(Convert.ToDouble(p.Value, CultureInfo.InvariantCulture)), StringComparer.Ordinal);
        var check = await AnswerCheck.ReadAsync(data, database, Organization, told);
        var judged = told.Scores.Select(s => (Score: s, Fault: check.Fault(s, inline) ?? (s.Call.EndedMs - s.Call.BeganMs > Limit.TotalMilliseconds ? "later than 30 s" : null))).ToArray();
        string[] Row(string name, (Told.Score Score, string? Fault)[] all)
        {
            double[] ms = [.. all.Where(j => j.Score.Call.Body is not null).Select(j => (double)(j.Score.Call.EndedMs - j.Score.Call.BeganMs)).Order()];
            string At(double q) => ms.Length == 0 ? "-" : Report.Number(ms[Math.Min(ms.Length - 1, (int)(q * ms.Length))]);
            return [name, $"{all.Length:N0}", $"{all.Count(j => j.Fault is not null)}", all.Length == 0 ? "-" : $"{100.0 * all.Count(j => j.Fault is null) / all.Length:0.000}", $"{all.Count(j => j.Score.Call.Tries > 1)}", At(0.5), At(0.99), At(1)];
        }

        bool Within((Told.Score Score, string? Fault) j, Window w) => j.Score.Call.BeganMs >= w.FromMs - 1_000 && j.Score.Call.BeganMs <= w.ToMs + After.TotalMilliseconds;
        var rows = windows.Select(w => Row($"{w.Name} ({(w.ToMs - w.FromMs) / 1000.0:0} s)", [.. judged.Where(j => Within(j, w))])).ToList();
        rows.Add(Row("nothing", [.. judged.Where(j => !windows.Exists(w => Within(j, w)))]));
        rows.Add(Row("all", judged));
        Report.Line($"{told.Clock.Elapsed.TotalMinutes:0} minutes, {ScoresPerSecond} scores/s and {EventsPerSecond} events/s over two replicas, PostgreSQL and Redis. Disk slow: two writers with a sync after every 4 MB on PostgreSQL's disk (no cgroup limit).\n");
        Report.Table(["fault", "scoring requests", "not answered rightly", "right, %", "took several tries", "p50 ms", "p99 ms", "largest ms"], rows);
        var (lostEvents, lostScores) = (check.LostEvents(told), check.LostScores(told));
        Report.Line($"Events: {told.Events.Count:N0} sent, {told.Events.Count(e => e.Call.Body is not null):N0} acknowledged, {lostEvents.Length} of these lost. Stored scores: {told.Scores.Count(s => !s.IsInline && s.Call.Body is not null):N0} acknowledged, {lostScores.Length} leads with an older one.\n");
        foreach (var group in judged.Where(j => j.Fault is not null).GroupBy(j => j.Fault!.Length > 60 ? j.Fault[..25] : j.Fault!).Take(10)) Report.Line($"* {group.Count()}: {group.First().Fault} ({group.First().Score.LeadId})");
        var share = judged.Count(j => j.Fault is null) / (double)judged.Length;
        if (share < Bar || lostEvents.Length + lostScores.Length > 0) throw new InvalidOperationException($"{share:P3} of the scoring requests were answered rightly; {lostEvents.Length + lostScores.Length} acknowledged writes are lost.");
    }

    /// <summary>The service as it stands in production, and what can be done to it.</summary>
    private sealed class World(string data, string key, PostgresServer postgres, RedisProcess redis) : IDisposable
    {
        private readonly Process?[] replicas = new Process?[2];

        internal string[] Urls { get; } = [$"http://127.0.0.1:{SidecarProcess.FreePort()}", $"http://127.0.0.1:{SidecarProcess.FreePort()}"];

        internal PostgresServer Postgres => postgres;

        internal async Task StartAsync(int replica)
        {
            // No scheduled jobs: what they promote or move would be one more thing to know when answers are judged.
            (string, string)[] settings = [("LEADSCORING__DATABASE", postgres.ConnectionString), ("LEADSCORING__REDIS", redis.Address), ("LEADSCORING__KEYFILE", Path.Combine(data, "secrets.key")), ("LEADSCORING__JOBS__RUNHERE", "false")];
            var process = SidecarProcess.Launch(settings, "serve", "--data", Path.Combine(data, $"replica{replica}"), "--url", Urls[replica]);
            process.OutputDataReceived += (_, _) => { };
            process.ErrorDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            replicas[replica] = process;
            using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
            await SidecarProcess.WaitReadyAsync(client, Urls[replica], process);
        }

        internal async Task KillAsync(int replica, TimeSpan away)
        {
            replicas[replica]!.Kill();
            await replicas[replica]!.WaitForExitAsync();
            replicas[replica]!.Dispose();
            replicas[replica] = null;
            await Task.Delay(away);
            await StartAsync(replica);
        }

        internal async Task FreezeRedisAsync(TimeSpan time)
        {
            await redis.FreezeAsync();
            await Task.Delay(time);
            await redis.ThawAsync();
        }

        internal async Task SlowDiskAsync(TimeSpan time)
        {
            var until = Stopwatch.StartNew();
            await Task.WhenAll(Enumerable.Range(0, 2).Select(n => Task.Run(() =>
            {
                var path = Path.Combine(Path.GetDirectoryName(postgres.Folder)!, $"leadscoring-slow-{Environment.ProcessId}-{n}");
                using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
                var block = new byte[4_000_000];
                for (var i = 0; until.Elapsed < time; i++)
                {
                    if (i % 50 == 0) file.Position = 0;
                    file.Write(block);
                    file.Flush(flushToDisk: true);
                }
            })));
        }

        internal Task TrainAsync(int seed) => PostAsync("/v1/training-runs", new { promote = "never", settings = new { seed, folds = 3, gradient_boosting = new { rounds = 40, max_depth = 3 }, random_forest = new { rounds = 1, parallel_trees = 40, max_depth = 6 }, network = new { max_epochs = 10, hidden_layers = new[] { 16, 8 } } } });

        internal async Task TrainingEndsAsync()
        {
            var clock = Stopwatch.StartNew();
            while (clock.Elapsed < TimeSpan.FromMinutes(10))
            {
                await Task.Delay(1_000);
                using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(10), DefaultRequestHeaders = { { "X-API-Key", key } } };
                try
                {
                    using var runs = JsonDocument.Parse(await client.GetStringAsync(new Uri(Urls[1] + "/v1/training-runs?limit=1")));
                    var newest = runs.RootElement.GetProperty("runs").EnumerateArray().FirstOrDefault();
                    if (newest.ValueKind == JsonValueKind.Undefined || newest.GetProperty("status").GetString() is "succeeded" or "failed" or "cancelled") return;
                }
                catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
                {
                    // It is its turn to be away.
                }
            }

            throw new InvalidOperationException("The training did not end within ten minutes.");
        }

        internal async Task PostAsync(string path, object? body)
        {
            using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(30), DefaultRequestHeaders = { { "X-API-Key", key } } };
            using var content = body is null ? null : new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
            using var answer = await client.PostAsync(new Uri(Urls[1] + path), content);
            if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"{path}: {await answer.Content.ReadAsStringAsync()}");
        }

        public void Dispose()
        {
            foreach (var process in replicas.OfType<Process>())
            {
                if (!process.HasExited) process.Kill();
                process.WaitForExit();
                process.Dispose();
            }
        }
    }
}
