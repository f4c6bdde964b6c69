using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace LeadScoring.Benchmarks;

/// <summary>A PostgreSQL server of its own that writes to disk as one in production does, and can be restarted or crashed.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private readonly string folder = Path.Combine("/tmp", "leadscoring-faults-pg-" + Guid.NewGuid().ToString("N")[..8]);
    private readonly int port = SidecarProcess.FreePort();
    private readonly string password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private static string Bin { get; } = Directory.Exists("/usr/lib/postgresql")
        ? Directory.EnumerateDirectories("/usr/lib/postgresql").Select(d => Path.Combine(d, "bin")).LastOrDefault(d => File.Exists(Path.Combine(d, "initdb"))) ?? ""
        : "";

    internal string ConnectionString => $"Host=127.0.0.1;Port={port};Username=leadscoring;Password={password};Database=postgres";

    /// <summary>Where its files are: what makes this disk slow makes it slow.</summary>
    internal string Folder => folder;

    internal static async Task<PostgresServer> StartAsync()
    {
        if (Bin.Length == 0) throw new InvalidOperationException("There is no PostgreSQL server here (Debian: apt-get install postgresql).");
        var server = new PostgresServer();
        Directory.CreateDirectory(server.folder);
        await File.WriteAllTextAsync(Path.Combine(server.folder, "password"), server.password);
        if (Environment.UserName == "root") await Command.RunAsync("chown", "-R", "postgres", server.folder);
        await Command.RunAsync([.. As, Path.Combine(Bin, "initdb"), "-D", server.Data, "-U", "leadscoring", "-A", "scram-sha-256", $"--pwfile={Path.Combine(server.folder, "password")}", "-E", "UTF8", "--locale=C.UTF-8"]);
        await server.ControlAsync("start");
        return server;
    }

    /// <param name="mode">fast: connections are cut, data is written; immediate: as if the power went.</param>
    internal async Task RestartAsync(string mode)
    {
        await ControlAsync("stop", "-m", mode);
        await ControlAsync("start");
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await ControlAsync("stop", "-m", "immediate");
        }
        catch (InvalidOperationException)
        {
            // It is not running.
        }

        Directory.Delete(folder, recursive: true);
    }

    // The server refuses to run as root.
    private static string[] As => Environment.UserName == "root" ? ["runuser", "-u", "postgres", "--"] : [];

    private string Data => Path.Combine(folder, "data");

    private Task ControlAsync(string verb, params string[] more) => Command.RunAsync(
        [.. As, Path.Combine(Bin, "pg_ctl"), "-D", Data, "-w", "-t", "60", "-l", Path.Combine(folder, "log"), "-o", $"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c max_connections=200 -c shared_buffers=128MB", verb, .. more]);
}

/// <summary>A redis-server of its own that keeps nothing.</summary>
internal sealed class RedisProcess : IDisposable
{
    private readonly Process process;

    private RedisProcess(Process process, int port) => (this.process, Address) = (process, $"127.0.0.1:{port}");

    internal string Address { get; }

    internal static async Task<RedisProcess> StartAsync()
    {
        var port = SidecarProcess.FreePort();
        var start = new ProcessStartInfo("redis-server", ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", Path.GetTempPath(), "--loglevel", "warning", "--logfile", "/dev/null"]);
        var redis = new RedisProcess(Process.Start(start)!, port);
        for (var tries = 0; ; tries++)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync("127.0.0.1", port);
                return redis;
            }
            catch (SocketException) when (tries < 200)
            {
                await Task.Delay(25);
            }
        }
    }

    /// <summary>Connections stay open and nothing is answered.</summary>
    internal Task FreezeAsync() => Command.RunAsync("kill", "-STOP", $"{process.Id}");

    internal Task ThawAsync() => Command.RunAsync("kill", "-CONT", $"{process.Id}");

    public void Dispose()
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }
}

internal static class Command
{
    /// <summary>Runs a program to its end, two minutes at most; its output is not read, so that what it leaves running holds nothing up.</summary>
    internal static async Task RunAsync(params string[] words)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" >/dev/null 2>&1", "sh", .. words]) { WorkingDirectory = "/" })!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(limit.Token);
        if (process.ExitCode != 0) throw new InvalidOperationException($"{string.Join(' ', words.Take(6))} ended with {process.ExitCode}.");
    }
}
