using System.Diagnostics;
using System.Text;

namespace LeadScoring.Benchmarks;

/// <summary>From process start to ready, and what the first requests take.</summary>
internal static class StartupBenchmark
{
    private const int Requests = 2_000;
    private const int Settled = 1_000;

    private const string Body = """
        {"lead_id": "hello-1", "save": false, "include_factors": true,
         "lead": {"age": 38, "household_size": 4, "website_sessions": 9, "avg_pages_viewed": 7, "showing_requests": 2, "call_count": 1, "calc_usage": 3}}
        """;

    private sealed record Start(double ReadyWall, double ReadyCpu, double[] RequestMs, double CpuPerRequest, double Megabytes);

    internal static async Task RunAsync(BenchmarkOptions options)
    {
        var leads = options.Quick ? 1_000 : 5_000;
        var starts = options.Quick ? 2 : 5;
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));
        try
        {
            await SidecarProcess.MakeDemoAsync(data, leads, 500);
            using var client = new HttpClient();
            client.DefaultRequestHeaders.Add("X-API-Key", (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim());
            // The first start warms up this client and the disk cache, and is not counted.
            await StartAsync(client, data);
            var all = new List<Start>();
            for (var i = 0; i < starts; i++) all.Add(await StartAsync(client, data));
            Print(all, leads);
        }
        finally
        {
            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        }
    }

    private static void Print(List<Start> all, int leads)
    {
        Report.Line($"Demo organization of {leads:N0} leads with a trained model; {all.Count} starts, wall times on a machine that does other things too.\n");
        Report.Table(["", "median", "min", "max"],
        [
            Row("process start to /readyz, wall s", s => s.ReadyWall, "0.00"), Row("process start to /readyz, CPU s", s => s.ReadyCpu, "0.00"), Row("1st score request, ms", s => s.RequestMs[0], "0.0"),
            Row("2nd score request, ms", s => s.RequestMs[1], "0.0"), Row("10th score request, ms", s => s.RequestMs[9], "0.0"), Row("requests 101 to 200, median, ms", s => Statistics.Median(s.RequestMs[100..200]), "0.0"),
            Row("requests 1,001 to 2,000, median, ms", s => Statistics.Median(s.RequestMs[Settled..]), "0.00"), Row("CPU of the service per request, 1,001 to 2,000, ms", s => s.CpuPerRequest, "0.00"),
            Row("resident memory after 2,000 requests, MB", s => s.Megabytes, "0"),
        ]);

        string[] Row(string name, Func<Start, double> value, string format)
        {
            double[] values = [.. all.Select(value)];
            return [name, Statistics.Median(values).ToString(format), values.Min().ToString(format), values.Max().ToString(format)];
        }
    }

    private static async Task<Start> StartAsync(HttpClient client, string data)
    {
        var url = $"http://127.0.0.1:{SidecarProcess.FreePort()}";
        var clock = Stopwatch.StartNew();
        using var service = SidecarProcess.Launch([], "serve", "--data", data, "--url", url);
        try
        {
            await SidecarProcess.WaitReadyAsync(client, url, service);
            var (wall, cpu) = (clock.Elapsed.TotalSeconds, Cpu(service).TotalSeconds);
            var times = new double[Requests];
            var cpuBefore = TimeSpan.Zero;
            for (var i = 0; i < Requests; i++)
            {
                if (i == Settled) cpuBefore = Cpu(service);
                times[i] = await ScoreAsync(client, url);
            }

            return new Start(wall, cpu, times, (Cpu(service) - cpuBefore).TotalMilliseconds / (Requests - Settled), service.WorkingSet64 / 1048576.0);
        }
        finally
        {
            service.Kill();
            await service.WaitForExitAsync();
        }
    }

    private static TimeSpan Cpu(Process process)
    {
        process.Refresh();
        return process.TotalProcessorTime;
    }

    private static async Task<double> ScoreAsync(HttpClient client, string url)
    {
        using var content = new StringContent(Body, Encoding.UTF8, "application/json");
        var start = Stopwatch.GetTimestamp();
        using var response = await client.PostAsync(url + "/v1/score", content);
        await response.Content.ReadAsByteArrayAsync();
        var time = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        response.EnsureSuccessStatusCode();
        return time;
    }
}
