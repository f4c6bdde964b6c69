using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Sidecar;
using LeadScoring.Sidecar.Tests.Sync;

namespace LeadScoring.Benchmarks;

/// <summary>The service beside a simulated HubSpot on this machine: reading a whole account, killed in the middle or not, and a stream of changes from webhook to written score.</summary>
internal static class ConnectorBenchmark
{
    private const string Organization = "bench";
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(25);

    private sealed record Samples(List<(TimeSpan At, double Megabytes)> Memory)
    {
        internal TimeSpan Cpu { get; set; }
    }

    internal static async Task BackfillAsync(BenchmarkOptions options)
    {
        var contacts = options.Quick ? 3_000 : 50_000;
        Report.Line($"{contacts:N0} contacts, three of ten with a deal; SQLite, durability full. Synced: leads, events and outcomes are all there; twice more: after changes meanwhile, the scores written. Memory: largest working set by tenths of the time.\n");
        string[] header = ["account", "synced, s", "contacts/s", "all written and synced twice more, s", "CPU, s", "requests", "most in 10 s", "searches in 1 s", "disturbed", "differences", "memory by tenths, MB"];
        // Each as soon as it is there.
        Report.Table(header, [await BackfillAsync(contacts, "HubSpot's limits, 3 % of answers 429 and 3 % 502, killed twice, written back", kills: 2, [])]);
        Report.Table(header, [await BackfillAsync(contacts, "no limits, no faults", kills: 0, [("REQUESTSPERSECOND", "100000"), ("OPTIONS__SEARCHESPERSECOND", "100000"), ("WRITEBACK", "false")])]);
        Report.Table(header, [await BackfillAsync(contacts, "no limits, no faults, written back", kills: 0, [("REQUESTSPERSECOND", "100000"), ("OPTIONS__SEARCHESPERSECOND", "100000")])]);
    }

    private static async Task<string[]> BackfillAsync(int contacts, string name, int kills, (string Name, string Value)[] settings)
    {
        Report.Progress($"backfill: {name}");
        var data = NewFolder();
        await using var hubspot = await HubSpotSimulator.StartAsync(TimeProvider.System);
        try
        {
            var world = new BackfillWorld(hubspot, TimeProvider.System, contacts, seed: 1);
            if (kills > 0) hubspot.Disturb(seed: 2, busy: 0.03, broken: 0.03);
            var (samples, random, clock, synced) = (new Samples([]), new Random(3), Stopwatch.StartNew(), TimeSpan.Zero);
            var key = await MakeKeyAsync(data);
            for (var run = 0; run <= kills; run++)
            {
                // Somewhere in its first half, and in what is left.
                var until = hubspot.Requests + (contacts / 300) + random.Next(contacts / 300);
                await ServeAsync(data, key, Of(hubspot, settings), async (client, service) =>
                {
                    await SyncAsync(client);
                    while (!IsCaughtUp(await StatusAsync(client)) && (run == kills || hubspot.Requests < until)) await LookAsync(client, service, clock, samples);
                    if (run < kills) return;
                    synced = clock.Elapsed;
                    world.Live(contacts / 100);
                    // Twice: a write in the middle of a sync hides a contact from the search for a while, and the next one finds it.
                    for (var syncs = 0; syncs < 2; syncs++)
                    {
                        await Task.Delay(hubspot.IndexLag);
                        while (await IsSyncingAsync(client) || await IsBusyAsync(client)) await LookAsync(client, service, clock, samples);
                        await SyncAsync(client);
                        do await LookAsync(client, service, clock, samples);
                        while (await IsSyncingAsync(client) || await IsBusyAsync(client));
                    }
                });
                if (run < kills) world.Live(contacts / 100);
            }

            var all = clock.Elapsed;
            await using var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", data)]).Build();
            var differences = await world.DifferencesAsync(app.Services, Organization, isWrittenBack: settings.All(s => s.Name != "WRITEBACK"));
            foreach (var difference in differences.Take(5)) Report.Line($"* {name}: {difference}");
            return
            [
                name, Report.Number(synced.TotalSeconds), Report.Number(contacts / synced.TotalSeconds), Report.Number(all.TotalSeconds), Report.Number(samples.Cpu.TotalSeconds), $"{hubspot.Requests:N0}",
                $"{hubspot.MostWithin(TimeSpan.FromSeconds(10)):N0}", $"{hubspot.MostWithin(TimeSpan.FromSeconds(1), "/search")}", $"{hubspot.Disturbed}", $"{differences.Count}", Tenths(samples.Memory),
            ];
        }
        finally
        {
            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        }
    }

    internal static async Task WriteBackAsync(BenchmarkOptions options)
    {
        const int PerSecond = 50;
        var seconds = options.Seconds ?? (options.Quick ? 10 : 60);
        var data = NewFolder();
        await using var hubspot = await HubSpotSimulator.StartAsync(TimeProvider.System);
        try
        {
            var stream = new ChangeStream(hubspot, TimeProvider.System);
            stream.Fill(PerSecond * seconds);
            var (samples, clock) = (new Samples([]), Stopwatch.StartNew());
            await ServeAsync(data, await MakeKeyAsync(data), [.. Of(hubspot, []), ("LEADSCORING__SYNC__WRITEBACKDELTA", "1"), ("LEADSCORING__CONNECTORS__HUBSPOT__WEBHOOKSECRET", HubSpotSimulator.ClientSecret)], async (client, service) =>
            {
                await SyncAsync(client);
                while (!IsCaughtUp(await StatusAsync(client)) || await IsBusyAsync(client)) await LookAsync(client, service, clock, samples);
                var (before, cpu) = (hubspot.Requests, samples.Cpu);
                var delays = await stream.RunAsync(client, new Uri(client.BaseAddress!, "/v1/inbound/hubspot"), PerSecond, TimeSpan.FromSeconds(seconds));
                await LookAsync(client, service, clock, samples);
                string At(double share) => Report.Number(delays[Math.Min(delays.Length - 1, (int)(share * delays.Length))]);
                Report.Line($"{PerSecond} changes a second for {seconds} s, a webhook each, one in five a new contact, else a first open; every one moves the score; {PerSecond * seconds:N0} contacts before; rules score; HubSpot's limits; SQLite, durability full.\n");
                Report.Table(
                    ["changes", "written within 30 s", "change to score in the CRM, p50 s", "p95 s", "largest s", "requests to the CRM", "most in 10 s", "CPU of the service, s"],
                    [[$"{delays.Length:N0}", $"{delays.Count(double.IsFinite):N0}", At(0.5), At(0.95), At(1), $"{hubspot.Requests - before:N0}", $"{hubspot.MostWithin(TimeSpan.FromSeconds(10))}", Report.Number((samples.Cpu - cpu).TotalSeconds)]]);
            });
        }
        finally
        {
            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        }
    }

    private static string NewFolder() => Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));

    private static (string, string)[] Of(HubSpotSimulator hubspot, (string Name, string Value)[] settings) =>
    [
        .. ((string Name, string Value)[])[("ORGANIZATION", Organization), ("BASEURL", hubspot.Url.AbsoluteUri), ("TOKEN", HubSpotSimulator.Token), .. settings],
    ];

    private static async Task<string> MakeKeyAsync(string data)
    {
        using var keys = SidecarProcess.Launch([], "keys", "create", "--organization", Organization, "--scopes", "admin", "--data", data);
        var output = await keys.StandardOutput.ReadToEndAsync();
        await keys.WaitForExitAsync();
        return keys.ExitCode == 0 ? output.Trim() : throw new InvalidOperationException(await keys.StandardError.ReadToEndAsync());
    }

    /// <summary>Serves, does something, and kills it without warning.</summary>
    private static async Task ServeAsync(string data, string key, (string Name, string Value)[] settings, Func<HttpClient, Process, Task> use)
    {
        var url = $"http://127.0.0.1:{SidecarProcess.FreePort()}";
        (string, string)[] environment = [("LEADSCORING__JOBS__SCHEDULES", "sync=off"), .. settings.Select(s => (s.Name.StartsWith("LEADSCORING", StringComparison.Ordinal) ? s.Name : "LEADSCORING__CONNECTORS__HUBSPOT__" + s.Name, s.Value))];
        using var service = SidecarProcess.Launch(environment, "serve", "--data", data, "--url", url);
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(30) };
            client.DefaultRequestHeaders.Add("X-API-Key", key);
            await SidecarProcess.WaitReadyAsync(client, url, service);
            await use(client, service);
        }
        finally
        {
            service.Kill();
            await service.WaitForExitAsync();
        }
    }

    private static async Task SyncAsync(HttpClient client)
    {
        using var answer = await client.PostAsync(new Uri("/v1/connectors/hubspot/sync", UriKind.Relative), null);
        answer.EnsureSuccessStatusCode();
    }

    private static async Task<JsonElement> StatusAsync(HttpClient client) => (await client.GetFromJsonAsync<JsonElement>(new Uri("/v1/connectors", UriKind.Relative))).GetProperty("connectors")[0];

    private static bool IsCaughtUp(JsonElement status) => status.GetProperty("streams").EnumerateArray().Count(s => s.GetProperty("is_caught_up").GetBoolean()) == 3;

    private static async Task<bool> IsSyncingAsync(HttpClient client) => (await client.GetFromJsonAsync<JsonElement>(new Uri("/v1/jobs", UriKind.Relative))).GetProperty("jobs").EnumerateArray()
        .Single(j => j.GetProperty("name").GetString() == "sync").GetProperty("is_running").GetBoolean();

    private static async Task<bool> IsBusyAsync(HttpClient client) =>
        (await client.GetFromJsonAsync<JsonElement>(new Uri("/v1/rescoring", UriKind.Relative))).GetProperty("queued").GetInt64() + (await StatusAsync(client)).GetProperty("pending_writes").GetInt64() > 0;

    private static async Task LookAsync(HttpClient client, Process service, Stopwatch clock, Samples samples)
    {
        if (clock.Elapsed > Longest) throw new InvalidOperationException($"Not done within {Longest}: {(await StatusAsync(client)).GetRawText()}");
        service.Refresh();
        samples.Memory.Add((clock.Elapsed, service.WorkingSet64 / 1e6));
        samples.Cpu = service.TotalProcessorTime;
        await Task.Delay(200);
    }

    private static string Tenths(List<(TimeSpan At, double Megabytes)> memory)
    {
        var step = memory[^1].At / 10;
        return string.Join(" ", Enumerable.Range(0, 10).Select(i => memory.Where(m => m.At >= i * step && m.At <= (i + 1) * step).Select(m => m.Megabytes).DefaultIfEmpty().Max()).Select(m => m.ToString("0", CultureInfo.InvariantCulture)));
    }
}
