using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace LeadScoring.Benchmarks;

/// <summary>The real program as its own process.</summary>
internal static class SidecarProcess
{
    internal static Process Launch((string Name, string Value)[] settings, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var arg in (string[])[Path.Combine(AppContext.BaseDirectory, "LeadScoring.Sidecar.dll"), .. args]) start.ArgumentList.Add(arg);
        start.Environment["OMP_WAIT_POLICY"] = "passive";
        foreach (var (name, value) in settings) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Makes the demo organization in a folder.</summary>
    internal static async Task MakeDemoAsync(string data, int leads, int active, string? database = null)
    {
        Report.Progress($"demo organization of {leads:N0} leads, {active:N0} of them open");
        using var demo = Launch([("LEADSCORING__DATABASE", database ?? "")], "demo", "--data", data, "--leads", $"{leads}", "--active", $"{active}");
        await demo.StandardOutput.ReadToEndAsync();
        await demo.WaitForExitAsync();
        if (demo.ExitCode != 0) throw new InvalidOperationException(await demo.StandardError.ReadToEndAsync());
    }

    /// <summary>Waits until the service answers that it is ready.</summary>
    internal static async Task WaitReadyAsync(HttpClient client, string url, Process service)
    {
        var clock = Stopwatch.StartNew();
        while (!await IsReadyAsync(client, url))
        {
            if (service.HasExited || clock.Elapsed > TimeSpan.FromMinutes(1)) throw new InvalidOperationException("The service did not get ready.");
            await Task.Delay(5);
        }
    }

    private static async Task<bool> IsReadyAsync(HttpClient client, string url)
    {
        try
        {
            using var response = await client.GetAsync(url + "/readyz");
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            // Not listening yet.
            return false;
        }
    }

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
