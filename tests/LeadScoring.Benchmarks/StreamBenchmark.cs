using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace LeadScoring.Benchmarks;

/// <summary>A stream of events beside scoring: how long after its acknowledgement an event shows in the lead's score, and whether memory and times stay as they are.</summary>
internal static class StreamBenchmark
{
    private const int EventsPerSecond = 500;
    private const int EventsPerRequest = 10;
    private const int ScoresPerSecond = 200;
    private const int WatchedPerSecond = 5;
    private const int Leads = 10_000;

    // A lead that is not scored by then counts as that late.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private sealed record Sample(TimeSpan At, double Ms);

    /// <summary>What clients have seen; all of them write.</summary>
    private sealed class Seen
    {
        internal ConcurrentQueue<Sample> Events { get; } = new();
        internal ConcurrentQueue<Sample> Scores { get; } = new();
        internal ConcurrentQueue<Sample> Delays { get; } = new();
        internal ConcurrentQueue<(TimeSpan At, double Megabytes)> Memory { get; } = new();
        internal ConcurrentQueue<string> Errors { get; } = new();
    }

    internal static async Task RunAsync(BenchmarkOptions options)
    {
        var seconds = options.Seconds ?? (options.Quick ? 20 : 120);
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));
        try
        {
            await SidecarProcess.MakeDemoAsync(data, options.Quick ? 3_000 : 20_000, Leads);
            var url = $"http://127.0.0.1:{SidecarProcess.FreePort()}";
            using var service = SidecarProcess.Launch([], "serve", "--data", data, "--url", url);
            try
            {
                using var client = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(30) };
                client.DefaultRequestHeaders.Add("X-API-Key", (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim());
                await SidecarProcess.WaitReadyAsync(client, url, service);
                await ScoredAsync(client);
                await MeasureAsync(client, service, await LeadIdsAsync(client), seconds);
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

    /// <summary>The demo's leads wait for their first score: the stream begins when they have one.</summary>
    internal static async Task ScoredAsync(HttpClient client)
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < TimeSpan.FromMinutes(5))
        {
            using var queue = JsonDocument.Parse(await client.GetStringAsync(new Uri("/v1/rescoring", UriKind.Relative)));
            if (queue.RootElement.GetProperty("queued").GetInt64() == 0) return;
            await Task.Delay(500);
        }

        throw new InvalidOperationException("The queue did not empty within five minutes.");
    }

    internal static async Task<string[]> LeadIdsAsync(HttpClient client)
    {
        var ids = new List<string>();
        string? cursor = null;
        do
        {
            using var page = JsonDocument.Parse(await client.GetStringAsync(new Uri($"/v1/leads?limit=200{(cursor is null ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}", UriKind.Relative)));
            ids.AddRange(page.RootElement.GetProperty("leads").EnumerateArray().Select(l => l.GetProperty("lead_id").GetString()!));
            cursor = page.RootElement.TryGetProperty("next_cursor", out var next) ? next.GetString() : null;
        }
        while (cursor is not null && ids.Count < Leads);
        return [.. ids];
    }

    private static async Task MeasureAsync(HttpClient client, Process service, string[] leads, int seconds)
    {
        var (seen, clock) = (new Seen(), Stopwatch.StartNew());
        var end = TimeSpan.FromSeconds(seconds);
        var cpu = service.TotalProcessorTime;
        await Task.WhenAll(
            PacedAsync(clock, end, EventsPerSecond / EventsPerRequest, (n, random) => SendEventsAsync(client, leads, seen, clock, n, random)),
            PacedAsync(clock, end, ScoresPerSecond, (n, random) => ScoreAsync(client, leads[random.Next(leads.Length)], seen, clock)),
            PacedAsync(clock, end, 1, (_, _) =>
            {
                service.Refresh();
                seen.Memory.Enqueue((clock.Elapsed, service.WorkingSet64 / 1e6));
                return Task.CompletedTask;
            }));
        service.Refresh();
        var used = (service.TotalProcessorTime - cpu).TotalSeconds / clock.Elapsed.TotalSeconds;
        Report.Line($"{EventsPerSecond} events/s in requests of {EventsPerRequest}, over {leads.Length:N0} open leads of a demo organization, beside {ScoresPerSecond} scores/s of stored leads (full, stored again); SQLite; {seconds} s; {used:0.00} cores used. {seen.Errors.Count} errors.\n");
        foreach (var error in seen.Errors.Distinct().Take(5)) Report.Line($"* {error}");
        var step = Math.Max(10, seconds / 10);
        Report.Table(["from, s", "events acknowledged", "event to score visible, p50 ms", "p95 ms", "largest ms", "score request p50 ms", "p99 ms", "memory, MB"],
            [.. Enumerable.Range(0, (seconds + step - 1) / step).Select(i => Row(seen, i * step, (i + 1) * step, $"{i * step}")), Row(seen, 0, int.MaxValue, "all")]);
    }

    private static string[] Row(Seen seen, int from, int to, string name)
    {
        double[] In(IEnumerable<Sample> samples) => [.. samples.Where(s => s.At.TotalSeconds >= from && s.At.TotalSeconds < to).Select(s => s.Ms).Order()];
        string At(double[] sorted, double q) => sorted.Length == 0 ? "-" : Report.Number(sorted[Math.Min(sorted.Length - 1, (int)(q * sorted.Length))]);
        double[] delays = In(seen.Delays), scores = In(seen.Scores);
        var memory = seen.Memory.Where(m => m.At.TotalSeconds >= from && m.At.TotalSeconds < to).Select(m => m.Megabytes).DefaultIfEmpty().Max();
        return [name, $"{In(seen.Events).Sum():#,0}", At(delays, 0.5), At(delays, 0.95), At(delays, 1), At(scores, 0.5), At(scores, 0.99), Report.Number(memory)];
    }

    /// <summary>Begins so many a second, whether the ones before have ended or not; waits for all at the end.</summary>
    internal static Task PacedAsync(Stopwatch clock, TimeSpan end, int perSecond, Func<int, Random, Task> begin) => PacedAsync(clock, () => clock.Elapsed >= end, perSecond, begin);

    internal static async Task PacedAsync(Stopwatch clock, Func<bool> isOver, int perSecond, Func<int, Random, Task> begin)
    {
        var (random, open) = (new Random(perSecond), new List<Task>());
        for (var n = 0; !isOver(); n++)
        {
            var due = TimeSpan.FromSeconds((double)n / perSecond);
            if (due > clock.Elapsed) await Task.Delay(due - clock.Elapsed);
            open.Add(begin(n, random));
            open.RemoveAll(t => t.IsCompletedSuccessfully);
        }

        await Task.WhenAll(open);
    }

    private static async Task SendEventsAsync(HttpClient client, string[] leads, Seen seen, Stopwatch clock, int n, Random random)
    {
        string[] chosen = [.. Enumerable.Range(0, EventsPerRequest).Select(_ => leads[random.Next(leads.Length)])];
        var now = TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
        var body = JsonSerializer.Serialize(new { events = chosen.Select((lead, i) => new { event_id = $"stream-{n}-{i}", lead_id = lead, type = "page_view", source = "website", occurred_at = now, properties = new { n } }) });
        if (!await TrySendAsync(client, "/v1/events", body, seen)) return;
        seen.Events.Enqueue(new Sample(clock.Elapsed, EventsPerRequest));
        if (n % (EventsPerSecond / EventsPerRequest / WatchedPerSecond) == 0) await WatchAsync(client, chosen[0], seen, clock);
    }

    /// <summary>From the acknowledgement until the lead no longer waits for a score.</summary>
    private static async Task WatchAsync(HttpClient client, string lead, Seen seen, Stopwatch clock)
    {
        var since = clock.Elapsed;
        while (clock.Elapsed - since < LongestWait)
        {
            using var answer = JsonDocument.Parse(await client.GetStringAsync(new Uri($"/v1/leads/{lead}", UriKind.Relative)));
            if (!answer.RootElement.GetProperty("is_stale").GetBoolean()) break;
            await Task.Delay(10);
        }

        seen.Delays.Enqueue(new Sample(since, (clock.Elapsed - since).TotalMilliseconds));
    }

    private static async Task ScoreAsync(HttpClient client, string lead, Seen seen, Stopwatch clock)
    {
        var since = clock.Elapsed;
        if (await TrySendAsync(client, "/v1/score", JsonSerializer.Serialize(new { lead_id = lead }), seen)) seen.Scores.Enqueue(new Sample(since, (clock.Elapsed - since).TotalMilliseconds));
    }

    private static async Task<bool> TrySendAsync(HttpClient client, string path, string body, Seen seen)
    {
        try
        {
            using var content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
            using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), content);
            if (answer.IsSuccessStatusCode) return true;
            seen.Errors.Enqueue($"{path}: {(int)answer.StatusCode}");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            seen.Errors.Enqueue($"{path}: {e.GetType().Name}");
        }

        return false;
    }
}
