using System.Diagnostics;
using System.Text.RegularExpressions;

namespace LeadScoring.Benchmarks;

/// <summary>What the dashboard's pages take, over loopback, with many leads and outcomes.</summary>
internal static partial class PagesBenchmark
{
    private const int Requests = 21;
    private const double LongestMs = 200;

    private static readonly string[] Paths =
    [
        "", "/leads", "/leads?q=maria", "/leads/{lead}", "/review", "/business", "/business?handler=Figures", "/experiments", "/model", "/model?handler=Figures", "/training", "/drift", "/fairness", "/fairness?handler=Figures", "/connectors", "/import",
        "/settings", "/settings?tab=weights", "/settings?tab=gates", "/settings?tab=schedule", "/settings?tab=keys", "/settings?tab=webhooks", "/settings?tab=profile",
    ];

    internal static async Task RunAsync(BenchmarkOptions options)
    {
        var (outcomes, active) = options.Quick ? (5_000, 1_000) : (100_000, 10_000);
        var data = Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));
        try
        {
            await SidecarProcess.MakeDemoAsync(data, outcomes, active);
            var url = $"http://127.0.0.1:{SidecarProcess.FreePort()}";
            using var service = SidecarProcess.Launch([], "serve", "--data", data, "--url", url);
            try
            {
                using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = true }) { Timeout = TimeSpan.FromMinutes(5) };
                await SidecarProcess.WaitReadyAsync(client, url, service);
                await SignInAsync(client, url, (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim());
                var lead = FirstLead.Match(await client.GetStringAsync(url + "/dashboard/leads")).Groups[1].Value;
                Report.Line($"{active:N0} open leads, {outcomes:N0} outcomes, SQLite; {Requests} requests each after the first, one after the other, wall times over loopback.\n");
                var rows = new List<string[]>();
                foreach (var path in Paths) rows.Add(await MeasureAsync(client, url + "/dashboard" + path.Replace("{lead}", lead, StringComparison.Ordinal), path));
                Report.Table(["page", "first, ms", "median, ms", "max, ms", $"median below {LongestMs:0} ms"], rows);
            }
            finally
            {
                service.Kill(entireProcessTree: true);
                await service.WaitForExitAsync();
            }
        }
        finally
        {
            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
        }
    }

    private static async Task<string[]> MeasureAsync(HttpClient client, string url, string path)
    {
        var first = await TimeAsync(client, url);
        var times = new double[Requests];
        for (var i = 0; i < times.Length; i++) times[i] = await TimeAsync(client, url);
        var median = Statistics.Median(times);
        return [path.Length == 0 ? "/" : path, first.ToString("#,##0"), median.ToString("0.0"), times.Max().ToString("0.0"), median < LongestMs ? "yes" : "no"];
    }

    private static async Task<double> TimeAsync(HttpClient client, string url)
    {
        var at = Stopwatch.GetTimestamp();
        using var response = await client.GetAsync(url);
        await response.Content.ReadAsByteArrayAsync();
        response.EnsureSuccessStatusCode();
        if (response.RequestMessage!.RequestUri!.AbsolutePath.EndsWith("/login", StringComparison.Ordinal)) throw new InvalidOperationException($"{url} asked for a sign-in.");
        return Stopwatch.GetElapsedTime(at).TotalMilliseconds;
    }

    private static async Task SignInAsync(HttpClient client, string url, string key)
    {
        var token = Token.Match(await client.GetStringAsync(url + "/dashboard/login")).Groups[1].Value;
        using var response = await client.PostAsync(url + "/dashboard/login", new FormUrlEncodedContent([new("key", key), new("__RequestVerificationToken", token)]));
        response.EnsureSuccessStatusCode();
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\" type=\"hidden\" value=\"([^\"]+)\"")]
    private static partial Regex Token { get; }

    [GeneratedRegex("href=\"/dashboard/leads/([^\"?]+)\"")]
    private static partial Regex FirstLead { get; }
}
