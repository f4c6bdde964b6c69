using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>The real program as its own process, to be killed without warning.</summary>
internal sealed class SidecarProcess : IDisposable
{
    private readonly Process process;

    private SidecarProcess(Process process) => this.process = process;

    internal static SidecarProcess Start(string data, params string[] args) => Start(data, [], args);

    private static SidecarProcess Start(string data, (string Name, string Value)[] environment, string[] args)
    {
        // A write past the limit of files fails instead of ending the process, as on a full disk.
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var arg in (string[])["-c", "trap '' XFSZ; exec dotnet \"$@\"", "sh", Path.Combine(AppContext.BaseDirectory, "LeadScoring.Sidecar.dll"), .. args, "--data", data]) start.ArgumentList.Add(arg);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        var process = Process.Start(start)!;
        return new SidecarProcess(process);
    }

    /// <summary>Runs a command to its end and gives its output.</summary>
    internal static async Task<string> RunAsync(string data, params string[] args)
    {
        var (code, output, error) = await RunAsync(data, [], args);
        Assert.True(code == 0, output + error);
        return output;
    }

    internal static async Task<(int Code, string Output, string Error)> RunAsync(string data, (string Name, string Value)[] environment, string[] args)
    {
        using var sidecar = Start(data, environment, args);
        var output = sidecar.process.StandardOutput.ReadToEndAsync();
        var error = sidecar.process.StandardError.ReadToEndAsync();
        await sidecar.process.WaitForExitAsync();
        return (sidecar.process.ExitCode, await output, await error);
    }

    internal static async Task<(SidecarProcess Process, HttpClient Client)> ServeAsync(string data, string key, params (string Name, string Value)[] environment)
    {
        var port = FreePort();
        var sidecar = Start(data, environment, ["serve", "--url", $"http://127.0.0.1:{port}"]);
        try
        {
            await sidecar.ListensAsync();
        }
        catch
        {
            sidecar.Dispose();
            throw;
        }

        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) } };
        return (sidecar, client);
    }

    /// <summary>Reads what it says until it listens: what waits to be done at the start may say so first.</summary>
    private async Task ListensAsync()
    {
        var said = new List<string>();
        while (await process.StandardOutput.ReadLineAsync() is { } line && said.Count < 100)
        {
            said.Add(line);
            if (line.StartsWith("Listening", StringComparison.Ordinal)) return;
        }

        Assert.Fail(said is [] ? await process.StandardError.ReadToEndAsync() : string.Join('\n', said));
    }

    internal bool HasExited => process.HasExited;

    /// <summary>Bytes of memory that the process holds now.</summary>
    internal long WorkingSet
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    /// <summary>SIGKILL: nothing is flushed, nothing is said good-bye to.</summary>
    internal void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>SIGTERM: asks it to end. Null if it has not ended by then, else its exit code.</summary>
    internal async Task<int?> TerminateAsync(TimeSpan longest)
    {
        // What it says meanwhile must not stand in its way.
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        using var kill = Process.Start("kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        using var limit = new CancellationTokenSource(longest);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            return null;
        }

        return process.ExitCode;
    }

    /// <summary>The largest file that the process may write to from now on, in bytes; null for any: 0 is what a full disk is.</summary>
    internal async Task LimitFilesAsync(long? bytes)
    {
        using var prlimit = Process.Start("prlimit", ["--pid", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), $"--fsize={bytes?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "unlimited"}:unlimited"]);
        await prlimit.WaitForExitAsync();
        Assert.Equal(0, prlimit.ExitCode);
    }

    public void Dispose()
    {
        if (!process.HasExited) Kill();
        process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
