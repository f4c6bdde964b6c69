using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using LeadScoring.Demo;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Benchmarks;

/// <summary>The real service over loopback beside an endpoint that does nothing but read the same body and answer as many bytes.</summary>
internal static class HttpBenchmark
{
    private const int Kinds = 500;
    private const int StoredLeads = 200;
    private const int BatchLeads = 1_000;
    private const int RowsOfXGBoost = 128;
    private static readonly int[] Connections = [1, 8, 64];

    /// <param name="Name">For the table.</param>
    /// <param name="Target">What is asked.</param>
    /// <param name="Leads">Leads a request.</param>
    private sealed record Case(string Name, HttpTarget Target, int Leads = 1);

    internal static async Task RunAsync(BenchmarkOptions options)
    {
        if (!HttpLoad.IsAvailable) throw new InvalidOperationException("wrk is missing: apt-get install wrk.");
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));
        var processes = new List<Process>();
        try
        {
            await SidecarProcess.MakeDemoAsync(data, options.Quick ? 3_000 : 20_000, 1_000);
            var key = (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim();
            await MeasureAsync(options, data, key, processes);
        }
        finally
        {
            foreach (var process in processes)
            {
                process.Kill();
                await process.WaitForExitAsync();
                process.Dispose();
            }

            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        }
    }

    private static async Task MeasureAsync(BenchmarkOptions options, string data, string key, List<Process> processes)
    {
        // Nothing but what is measured: no rescoring, no learning in the background. One explained alone is the same service with groups of one.
        (string, string)[] quiet = [("LEADSCORING__SCORING__RESCORECHANGEDLEADS", "false"), ("LEADSCORING__JOBS__RUNHERE", "false")];
        var service = await ServeAsync(data, quiet, processes);
        var alone = await ServeAsync(data, [.. quiet, ("LEADSCORING__SCORING__EXPLAINTOGETHER", "1")], processes);
        using var client = new HttpClient { BaseAddress = service.Url, DefaultRequestHeaders = { { "X-API-Key", key } } };
        var stored = await StoreAsync(client);
        var (inline, factors) = (Inline(false), Inline(true));
        string[] quick = [.. stored.Select(id => JsonSerializer.Serialize(new { lead_id = id, scoring_type = "quick" }))];
        var size = await SizeAsync(client, "/v1/score", inline[0]);
        var factorsSize = await SizeAsync(client, "/v1/score", factors[0]);
        var empty = await EmptyAsync([size, factorsSize], processes);
        var json = new Dictionary<string, string> { ["X-API-Key"] = key, ["Content-Type"] = "application/json" };
        HttpTarget Score((Process Process, Uri Url) at, string[] bodies) => new(at.Process, new Uri(at.Url, "/v1/score"), "POST", json, bodies, []);
        HttpTarget Nothing(int bytes, string[] bodies) => new(empty.Process, new Uri(empty.Url, "/" + bytes.ToString(CultureInfo.InvariantCulture)), "POST", json, bodies, []);
        var cases = new List<(Case Case, Case Empty)>
        {
            (new("inline, no factors", Score(service, inline)), new("empty, same bytes", Nothing(size, inline))),
            (new("stored, from memory (quick)", Score(service, quick)), new("empty, same bytes", Nothing(size, quick))),
        };
        if (await RedisAsync(data, quiet, processes) is { } shared) cases.Add((new("stored, through Redis (quick)", Score(shared, quick)), new("empty, same bytes", Nothing(size, quick))));
        cases.Add((new("inline with factors", Score(service, factors)), new("with factors, one by one", Score(alone, factors))));
        Report.Line($"{Kinds} different leads in turn, bodies of about {inline[0].Length} bytes, answers of {size} bytes ({factorsSize} with factors).\n");
        var seconds = options.Quick ? 2 : 5;
        var rounds = options.Quick ? 1 : 3;
        var saturation = await CompareAsync(cases, seconds, rounds);
        await HalfLoadAsync(cases[0], saturation, seconds);
        await BatchAsync(service, json, seconds, rounds);
        await AgainstXGBoostAsync(client, options);
    }

    /// <summary>Each case beside what it is held against, in turn; the saturation of the first case at 64 connections.</summary>
    private static async Task<double> CompareAsync(List<(Case Case, Case Empty)> cases, int seconds, int rounds)
    {
        var (rows, saturation) = (new List<string[]>(), 0.0);
        foreach (var (measured, against) in cases)
        {
            await HttpLoad.WarmUpAsync(measured.Target);
            await HttpLoad.WarmUpAsync(against.Target);
            foreach (var connections in Connections)
            {
                var (own, others) = (new List<LoadResult>(), new List<LoadResult>());
                for (var round = 0; round < rounds; round++)
                {
                    others.Add(await HttpLoad.RunAsync(against.Target, connections, seconds));
                    own.Add(await HttpLoad.RunAsync(measured.Target, connections, seconds));
                }

                rows.Add(Row(measured.Name, connections, own, others));
                rows.Add(Row(against.Name, connections, others, null));
                Report.Progress(string.Join(" | ", rows[^2]));
                if (connections == Connections[^1] && saturation == 0) saturation = Median(own, r => r.PerSecond);
            }
        }

        Report.Table(["", "connections", "requests/s", "CPU us of the server a request", "p50 ms", "p99 ms", "requests/s, of the one below", "CPU, of the one below"], rows);
        return saturation;
    }

    private static string[] Row(string name, int connections, List<LoadResult> own, List<LoadResult>? others) =>
    [
        name, $"{connections}", Report.Number(Median(own, r => r.PerSecond)), Report.Number(Median(own, r => r.CpuMicroseconds)), Report.Number(Median(own, r => r.P50Ms)), Report.Number(Median(own, r => r.P99Ms)),
        others is null ? "" : Report.Number(Statistics.Median([.. own.Zip(others, (a, b) => a.PerSecond / b.PerSecond)])),
        others is null ? "" : Report.Number(Statistics.Median([.. own.Zip(others, (a, b) => a.CpuMicroseconds / b.CpuMicroseconds)])),
    ];

    private static double Median(List<LoadResult> results, Func<LoadResult, double> value) => Statistics.Median([.. results.Select(value)]);

    private static async Task HalfLoadAsync((Case Case, Case Empty) pair, double saturation, int seconds)
    {
        // Each of 64 connections pauses so long that together they come at half the rate.
        var pause = Math.Max(1, (int)Math.Round(64 / (saturation / 2) * 1_000));
        List<LoadResult> own = [], others = [];
        for (var round = 0; round < 3; round++)
        {
            others.Add(await HttpLoad.RunAsync(pair.Empty.Target, 64, seconds, pause));
            own.Add(await HttpLoad.RunAsync(pair.Case.Target, 64, seconds, pause));
        }

        Report.Line($"At half of the load that saturates it (64 connections with pauses of {pause} ms in the mean):\n");
        Report.Table(["", "requests/s", "p50 ms", "p99 ms", "p99, of the empty one"],
        [
            [pair.Case.Name, Report.Number(Median(own, r => r.PerSecond)), Report.Number(Median(own, r => r.P50Ms)), Report.Number(Median(own, r => r.P99Ms)), Report.Number(Statistics.Median([.. own.Zip(others, (a, b) => a.P99Ms / b.P99Ms)]))],
            [pair.Empty.Name, Report.Number(Median(others, r => r.PerSecond)), Report.Number(Median(others, r => r.P50Ms)), Report.Number(Median(others, r => r.P99Ms)), ""],
        ]);
    }

    private static async Task BatchAsync((Process Process, Uri Url) service, Dictionary<string, string> json, int seconds, int rounds)
    {
        var items = Inline(false);
        string[] leads = [.. Enumerable.Range(0, BatchLeads).Select(i => items[i % items.Length])];
        var lines = new Dictionary<string, string>(json) { ["Content-Type"] = "application/x-ndjson" };
        var url = new Uri(service.Url, "/v1/score/batch");
        var rows = new List<string[]>();
        foreach (var (name, headers, body) in ((string, Dictionary<string, string>, string)[])[("JSON", json, $"[{string.Join(',', leads)}]"), ("NDJSON", lines, string.Join('\n', leads))])
        {
            var target = new HttpTarget(service.Process, url, "POST", headers, [body], []);
            await HttpLoad.WarmUpAsync(target);
            foreach (var connections in (int[])[1, 2, 4])
            {
                var own = new List<LoadResult>();
                for (var round = 0; round < rounds; round++) own.Add(await HttpLoad.RunAsync(target, connections, seconds));
                rows.Add([$"{name}, {BatchLeads:N0} leads a request", $"{connections}", Report.Number(Median(own, r => r.PerSecond) * BatchLeads), Report.Number(Median(own, r => r.CpuMicroseconds) / BatchLeads), Report.Number(Median(own, r => r.P50Ms))]);
                Report.Progress(string.Join(" | ", rows[^1]));
            }
        }

        Report.Table(["batch, nothing stored", "connections", "leads/s", "CPU us a lead", "p50 ms of a request"], rows);
    }

    /// <summary>XGBoost's own contributions of the two tree members for such leads: what "with factors" is held against.</summary>
    private static async Task AgainstXGBoostAsync(HttpClient client, BenchmarkOptions options)
    {
        var bytes = await client.GetByteArrayAsync(new Uri("/v1/models/1/bundle", UriKind.Relative));
        var model = ModelBundle.Read(bytes).Model;
        using var archive = new ZipArchive(new MemoryStream(bytes));
        using XGBoostModel boosting = Load(archive, "gradient_boosting.json"), forest = Load(archive, "random_forest.json");
        var extractor = new FeatureExtractor(model.Profile);
        var columns = model.Preprocessor.TreeColumns.Count;
        var (world, dense, next) = (new DemoWorld(DemoRows.DefaultWorld), new float[model.Preprocessor.DenseColumns.Count], 0);
        var rows = new float[RowsOfXGBoost][];
        for (var i = 0; i < rows.Length; i++)
        {
            var lead = world.HistoricalLead(i);
            rows[i] = new float[columns];
            model.Preprocessor.Encode(extractor.Extract(new LeadSnapshot(lead.Attributes, ActivityState.Replay(lead.Events, lead.DecisionMs), lead.CreatedAtMs), lead.DecisionMs), rows[i], dense);
        }

        var timing = RoundRobin.Measure([new("XGBoost pred_contribs, both members", 1, () =>
        {
            var row = rows[next++ % rows.Length];
            boosting.PredictContributions(row);
            forest.PredictContributions(row);
        })], options.Quick ? 3 : 9)[0];
        Report.Line($"XGBoost's own contributions of both tree members, one row: {timing.Text} us of CPU.\n");
    }

    private static XGBoostModel Load(ZipArchive archive, string part)
    {
        using var stream = archive.GetEntry(part)!.Open();
        using var buffer = new MemoryStream();
        stream.CopyTo(buffer);
        return XGBoostModel.Load(buffer.ToArray());
    }

    /// <summary>Requests of leads whose facts come along: 28 attributes, as a workflow sends them.</summary>
    private static string[] Inline(bool withFactors)
    {
        var random = new Random(5);
        int N(int below) => random.Next(below);
        return
        [
            .. Enumerable.Range(0, Kinds).Select(i => JsonSerializer.Serialize(new
            {
                lead_id = $"inline-{i}", save = false, include_factors = withFactors,
                lead = new
                {
                    age = 20 + N(60), household_size = 1 + N(6), employment = ((string[])["employed", "self_employed", "retired"])[N(3)], days_in_pipeline = N(200), days_since_last_visit = N(60),
                    website_sessions = N(30), avg_pages_viewed = N(12), cumulative_duration = N(9_000), properties_viewed_count = N(40), saved_searches = N(5), email_open_rate = N(100) / 100.0, click_rate = N(100) / 100.0,
                    forms_completed = N(4), chat_count = N(4), call_count = N(5), showing_requests = N(4), calc_usage = N(6), school_searches = N(4), area_research = N(5), alert_subscriptions = N(3), virtual_tours = N(5),
                    weekend_activity = N(100) / 100.0, evening_activity = N(100) / 100.0, activity_trend = N(100) / 50.0, frequency = N(40) / 10.0, source = "portal", city = "Springfield", time_zone = "America/Chicago",
                },
            })),
        ];
    }

    /// <summary>Leads with attributes, events and a score that is good for an hour; their ids.</summary>
    private static async Task<string[]> StoreAsync(HttpClient client)
    {
        var page = JsonElement.Parse(await client.GetStringAsync(new Uri($"/v1/leads?limit={StoredLeads}", UriKind.Relative)));
        string[] ids = [.. page.GetProperty("leads").EnumerateArray().Select(l => l.GetProperty("lead_id").GetString()!)];
        using var content = Json(JsonSerializer.Serialize(ids.Select(id => new { lead_id = id })));
        using var answer = await client.PostAsync(new Uri("/v1/score/batch", UriKind.Relative), content);
        answer.EnsureSuccessStatusCode();
        return ids;
    }

    private static async Task<int> SizeAsync(HttpClient client, string path, string body)
    {
        using var content = Json(body);
        using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), content);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadAsByteArrayAsync()).Length;
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));

    private static async Task<(Process Process, Uri Url)> ServeAsync(string data, (string, string)[] settings, List<Process> processes)
    {
        var url = $"http://127.0.0.1:{SidecarProcess.FreePort()}";
        var process = SidecarProcess.Launch(settings, "serve", "--data", data, "--url", url);
        processes.Add(process);
        using var client = new HttpClient();
        await SidecarProcess.WaitReadyAsync(client, url, process);
        return (process, new Uri(url));
    }

    /// <summary>The service over a Redis of its own, without scores in memory so that each is asked of it; null where there is no redis-server.</summary>
    private static async Task<(Process Process, Uri Url)?> RedisAsync(string data, (string, string)[] settings, List<Process> processes)
    {
        const string Program = "/usr/bin/redis-server";
        if (!File.Exists(Program)) return null;
        var port = SidecarProcess.FreePort();
        processes.Add(Process.Start(new ProcessStartInfo(Program, ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]) { RedirectStandardOutput = true })!);
        return await ServeAsync(data, [.. settings, ("LEADSCORING__REDIS", $"127.0.0.1:{port}"), ("LEADSCORING__SCORING__SCORECACHESIZE", "0")], processes);
    }

    private static async Task<(Process Process, Uri Url)> EmptyAsync(int[] sizes, List<Process> processes)
    {
        var url = $"http://127.0.0.1:{SidecarProcess.FreePort()}";
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (var arg in (string[])[typeof(HttpBenchmark).Assembly.Location, EmptyServer.Command, url, .. sizes.Select(s => $"{s}")]) start.ArgumentList.Add(arg);
        var process = Process.Start(start)!;
        processes.Add(process);
        await process.StandardOutput.ReadLineAsync();
        return (process, new Uri(url));
    }
}
