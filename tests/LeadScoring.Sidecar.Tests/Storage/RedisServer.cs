using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>A test that needs redis-server: skipped at home where it is missing, failing in CI (environment variable CI is set).</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RedisFactAttribute : FactAttribute
{
    public RedisFactAttribute() => Skip = RedisServer.Program is not null || Environment.GetEnvironmentVariable("CI") is not null ? null : "redis-server is not installed (Debian package redis-server).";
}

/// <summary>A redis-server of one test's own, on this machine only, which keeps nothing on disk.</summary>
internal sealed class RedisServer : IDisposable
{
    private Process? process;

    internal static string? Program { get; } = ((string[])["/usr/bin/redis-server", "/usr/local/bin/redis-server"]).FirstOrDefault(File.Exists);

    internal int Port { get; } = FreePort();

    internal string Address => $"127.0.0.1:{Port}";

    internal static async Task<RedisServer> StartAsync()
    {
        var server = new RedisServer();
        await server.RunAsync();
        return server;
    }

    /// <summary>Starts it, or starts it again after <see cref="Stop"/>, empty.</summary>
    internal async Task RunAsync()
    {
        var start = new ProcessStartInfo(Program ?? throw new InvalidOperationException("redis-server is missing.")) { RedirectStandardOutput = true };
        foreach (var arg in (string[])["--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", Path.GetTempPath()]) start.ArgumentList.Add(arg);
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        for (var tries = 0; ; tries++)
        {
            try
            {
                Assert.StartsWith("+PONG", await SendAsync("PING"), StringComparison.Ordinal);
                return;
            }
            catch (SocketException) when (tries < 1_000)
            {
                await Task.Delay(10);
            }
        }
    }

    internal void Stop()
    {
        process!.Kill();
        process.WaitForExit();
        process.Dispose();
        process = null;
    }

    /// <summary>SIGSTOP: connections stay open and nothing is answered.</summary>
    internal void Freeze() => Signal("-STOP");

    internal void Thaw() => Signal("-CONT");

    /// <summary>A command past the client under test; the first line of the answer.</summary>
    internal async Task<string> SendAsync(string command)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\r\n"));
        using var reader = new StreamReader(stream);
        return await reader.ReadLineAsync() ?? "";
    }

    public void Dispose()
    {
        if (process is null) return;
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    private void Signal(string signal)
    {
        using var kill = Process.Start("kill", [signal, process!.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
