using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace LeadScoring.Benchmarks;

/// <summary>What a training does to scoring on the same machine: times of POST /v1/score at a fixed rate with and without one.</summary>
internal static class TrainingLoadBenchmark
{
    private const int ScoresPerSecond = 50;
    private const int Active = 2_000;

    private sealed record Sample(double Ms, string During, string Stage, double At);

    internal static async Task RunAsync(BenchmarkOptions options)
    {
        var (leads, seconds) = options.Quick ? (4_000, 10) : (30_000, 40);
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));
        try
        {
            await SidecarProcess.MakeDemoAsync(data, leads, Active);
            var url = $"http://127.0.0.1:{SidecarProcess.FreePort()}";
            using var service = SidecarProcess.Launch([], "serve", "--data", data, "--url", url);
            try
            {
                using var client = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(60) };
                client.DefaultRequestHeaders.Add("X-API-Key", (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim());
                await SidecarProcess.WaitReadyAsync(client, url, service);
                await StreamBenchmark.ScoredAsync(client);
                await MeasureAsync(client, await StreamBenchmark.LeadIdsAsync(client), leads, seconds);
            }
            finally
            {
                service.Kill();
                await service.WaitForExitAsync();
            }
        }
        finally
        {
            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        }
    }

    private static async Task MeasureAsync(HttpClient client, string[] ids, int leads, int seconds)
    {
        // Hot code is compiled anew after it was called often enough.
        await ScoreAsync(client, ids, 10, () => "", () => "");
        var samples = new List<Sample>();
        samples.AddRange(await ScoreAsync(client, ids, seconds, () => "no training", () => ""));
        using var posted = await client.PostAsync(new Uri("/v1/training-runs", UriKind.Relative), Json(new { promote = "never" }));
        posted.EnsureSuccessStatusCode();
        var stage = "queued";
        using var ended = new CancellationTokenSource();
        var watch = WatchAsync(client, s => stage = s, ended);
        var clock = Stopwatch.StartNew();
        samples.AddRange(await ScoreAsync(client, ids, 2 * seconds, () => stage.Length == 0 ? "" : "training", () => stage, ended.Token));
        var trained = clock.Elapsed.TotalSeconds;
        await ended.CancelAsync();
        await watch;
        samples.AddRange(await ScoreAsync(client, ids, seconds / 2, () => stage.Length == 0 ? "no training" : "", () => ""));
        Report.Line($"{ScoresPerSecond} full scores/s of {ids.Length:N0} stored open leads; a training with the default settings on {leads:N0} leads as a child at low priority, seen for {trained:0} s of it; SQLite.\n");
        var without = Times(samples, "no training");
        Report.Table(["", "scores", "p50 ms", "p99 ms", "largest ms", "p99 against none"],
            [.. ((string[])["no training", "training"]).Select(name => (Name: name, Ms: Times(samples, name))).Where(r => r.Ms.Length > 0)
                .Select(r => (string[])[r.Name, $"{r.Ms.Length:#,0}", Report.Number(At(r.Ms, 0.5)), Report.Number(At(r.Ms, 0.99)), Report.Number(r.Ms[^1]), $"{At(r.Ms, 0.99) / At(without, 0.99):0.00}"])]);
        ReportStages(samples);
    }

    /// <summary>Where in the training the slow ones are: a stall shows as one stage whose largest time is far above its median.</summary>
    private static void ReportStages(List<Sample> samples)
    {
        Report.Line("");
        Report.Table(["stage, as last seen", "scores", "p50 ms", "p99 ms", "largest ms", "after, s"],
            [.. samples.Where(s => s.During == "training").GroupBy(s => s.Stage).OrderBy(g => g.Min(s => s.At)).Select(g => (Stage: g.Key, Ms: (double[])[.. g.Select(s => s.Ms).Order()], Slowest: g.MaxBy(s => s.Ms)!))
                .Select(r => (string[])[r.Stage, $"{r.Ms.Length:#,0}", Report.Number(At(r.Ms, 0.5)), Report.Number(At(r.Ms, 0.99)), Report.Number(r.Ms[^1]), $"{r.Slowest.At:0.0}"])]);
    }

    private static double[] Times(List<Sample> samples, string during) => [.. samples.Where(s => s.During == during).Select(s => s.Ms).Order()];

    private static double At(double[] sorted, double q) => sorted[Math.Min(sorted.Length - 1, (int)(q * sorted.Length))];

    /// <summary>Keeps the stage of the newest run; empty once it has ended.</summary>
    private static async Task WatchAsync(HttpClient client, Action<string> keep, CancellationTokenSource ended)
    {
        while (!ended.IsCancellationRequested)
        {
            using var runs = JsonDocument.Parse(await client.GetStringAsync(new Uri("/v1/training-runs?limit=1", UriKind.Relative)));
            var run = runs.RootElement.GetProperty("runs")[0];
            if (run.GetProperty("status").GetString() is "succeeded" or "failed")
            {
                Report.Progress($"training ended: {run}");
                keep("");
                await ended.CancelAsync();
                return;
            }

            keep(run.GetProperty("stage").GetString()!);
            await Task.Delay(500);
        }
    }

    private static async Task<List<Sample>> ScoreAsync(HttpClient client, string[] ids, int seconds, Func<string> during, Func<string> stage, CancellationToken until = default)
    {
        var (samples, clock) = (new ConcurrentQueue<Sample>(), Stopwatch.StartNew());
        await StreamBenchmark.PacedAsync(clock, TimeSpan.FromSeconds(seconds), ScoresPerSecond, async (_, random) =>
        {
            if (until.IsCancellationRequested) return;
            var (since, name, at, seen) = (Stopwatch.GetTimestamp(), during(), clock.Elapsed.TotalSeconds, stage());
            using var answer = await client.PostAsync(new Uri("/v1/score", UriKind.Relative), Json(new { lead_id = ids[random.Next(ids.Length)] }), CancellationToken.None);
            answer.EnsureSuccessStatusCode();
            samples.Enqueue(new Sample(Stopwatch.GetElapsedTime(since).TotalMilliseconds, name, seen, at));
        });
        return [.. samples];
    }

    private static StringContent Json(object body) => new(JsonSerializer.Serialize(body), Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
}
