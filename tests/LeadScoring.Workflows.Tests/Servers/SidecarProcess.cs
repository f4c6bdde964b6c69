using System.Diagnostics;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>The real sidecar, as a process of its own on a free port, with a data folder of its own.</summary>
internal sealed class SidecarProcess : ISidecar
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "LeadScoring.Sidecar.dll");

    private readonly Process process;
    private readonly string data;

    private SidecarProcess(Process process, string data, Uri url, string apiKey, string organizationId)
    {
        (this.process, this.data) = (process, data);
        (Url, ApiKey, OrganizationId) = (url, apiKey, organizationId);
    }

    public Uri Url { get; }

    public string ApiKey { get; }

    public string OrganizationId { get; }

    /// <summary>A small demo world and the ensemble trained on it: what a newcomer has after the first start. Two sidecars that know nothing of each other.</summary>
    public static async Task<(SidecarProcess First, SidecarProcess Second)> StartTwoWithDemoModelAsync()
    {
        if (!XGBoostLibrary.IsAvailable) throw Missing.Part(XGBoostLibrary.WhyUnavailable!);
        var data = Directory.CreateTempSubdirectory("leadscoring-sidecar-").FullName;
        var made = await Shell.RunAsync("dotnet", [Program, "demo", "--leads", "3000", "--active", "20", "--data", data], TimeSpan.FromMinutes(5));
        if (made.ExitCode != 0) throw new InvalidOperationException($"demo: {made.Errors}{made.Output}");
        // Before either of them runs: a database in use cannot be copied.
        var copy = Directory.CreateTempSubdirectory("leadscoring-sidecar-").FullName;
        foreach (var file in Directory.EnumerateFiles(data)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        var first = await StartAsync(data);
        try
        {
            return (first, await StartAsync(copy));
        }
        catch
        {
            await first.DisposeAsync();
            throw;
        }
    }

    private static async Task<SidecarProcess> StartAsync(string data)
    {
        var apiKey = (await File.ReadAllTextAsync(Path.Combine(data, "demo.key"))).Trim();
        var url = new Uri($"http://127.0.0.1:{Ports.Free()}");
        var start = new ProcessStartInfo("dotnet", [Program, "serve", "--url", url.OriginalString, "--data", data]);
        // n8n is on this machine too.
        start.Environment["LEADSCORING__WEBHOOKS__ALLOWEDPRIVATEHOSTS"] = "127.0.0.1";
        // A delivery that was refused comes again while the test looks on.
        start.Environment["LEADSCORING__WEBHOOKS__FIRSTRETRY"] = "00:00:00.5";
        var process = Process.Start(start)!;
        var sidecar = new SidecarProcess(process, data, url, apiKey, "demo");
        try
        {
            await sidecar.WaitUntilReadyAsync(TimeSpan.FromMinutes(1));
            return sidecar;
        }
        catch
        {
            await sidecar.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        Directory.Delete(data, recursive: true);
    }

    private async Task WaitUntilReadyAsync(TimeSpan limit)
    {
        using var client = new HttpClient { BaseAddress = Url };
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < limit && !process.HasExited)
        {
            try
            {
                using var answer = await client.GetAsync(new Uri("/readyz", UriKind.Relative));
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // not listening yet
            }

            await Task.Delay(100);
        }

        throw new InvalidOperationException(process.HasExited ? $"The sidecar ended with {process.ExitCode}." : $"The sidecar was not ready in {limit}.");
    }
}
