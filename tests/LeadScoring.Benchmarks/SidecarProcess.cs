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

    internal static async Task<bool> IsReadyAsync(HttpClient client, string url)
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
