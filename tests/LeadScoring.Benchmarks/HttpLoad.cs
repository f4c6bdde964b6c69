using System.Diagnostics;
using System.Globalization;

namespace LeadScoring.Benchmarks;

/// <summary>What a stretch of load measured.</summary>
/// <param name="PerSecond">Requests answered a second, wall time.</param>
/// <param name="CpuMicroseconds">CPU time of the server's process per request.</param>
/// <param name="P50Ms">Half of the answers came within it.</param>
/// <param name="P99Ms">99 of 100 did.</param>
internal sealed record LoadResult(double PerSecond, double CpuMicroseconds, double P50Ms, double P99Ms);

/// <summary>Something to be asked over HTTP.</summary>
/// <param name="Server">The process that answers.</param>
/// <param name="Url">Where.</param>
/// <param name="Method">GET or POST.</param>
/// <param name="Headers">Sent with every request.</param>
/// <param name="Bodies">Sent in turn; empty for GET.</param>
/// <param name="Paths">Paths asked in turn, where there are no bodies.</param>
internal sealed record HttpTarget(Process Server, Uri Url, string Method, IReadOnlyDictionary<string, string> Headers, string[] Bodies, string[] Paths);

/// <summary>Drives a server with wrk for a bounded time.</summary>
internal static class HttpLoad
{
    private const string Wrk = "/usr/bin/wrk";

    // Requests are made beforehand, so that the client's own work is the same for all targets. With a pause, 64 connections come at a rate instead of as fast as they can.
    private const string Script = """
        local requests, at = {}, 0
        local pause = tonumber(os.getenv("LOAD_PAUSE_MS") or "0")
        init = function(args)
          math.randomseed(7)
          local headers = {}
          for line in io.lines(os.getenv("LOAD_HEADERS")) do local n, v = line:match("^(.-): (.*)$"); headers[n] = v end
          for line in io.lines(os.getenv("LOAD_LINES")) do
            local path, body = line:match("^(%S+) ?(.*)$")
            if body == "" then body = nil end
            if body then body = body:gsub("\1", "\n") end
            requests[#requests + 1] = wrk.format(os.getenv("LOAD_METHOD"), path, headers, body)
          end
        end
        request = function() at = at % #requests + 1; return requests[at] end
        if pause > 0 then delay = function() return math.random(0, 2 * pause) end end
        done = function(summary, latency)
          io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
            summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
        end
        """;

    // Hot code is compiled anew after it was called often enough.
    private const int WarmUpSeconds = 6;

    internal static bool IsAvailable => File.Exists(Wrk);

    /// <summary>Load that nobody measures.</summary>
    internal static Task WarmUpAsync(HttpTarget target) => RunAsync(target, 4, WarmUpSeconds);

    /// <param name="target">What is asked.</param>
    /// <param name="connections">Connections kept open, each with one request under way.</param>
    /// <param name="seconds">How long.</param>
    /// <param name="pauseMs">Mean pause of a connection between two requests; 0 for none.</param>
    internal static async Task<LoadResult> RunAsync(HttpTarget target, int connections, int seconds, int pauseMs = 0)
    {
        var folder = Directory.CreateTempSubdirectory("leadscoring-load-").FullName;
        try
        {
            var path = target.Url.PathAndQuery;
            await File.WriteAllTextAsync(Path.Combine(folder, "load.lua"), Script);
            await File.WriteAllLinesAsync(Path.Combine(folder, "headers"), target.Headers.Select(h => $"{h.Key}: {h.Value}"));
            await File.WriteAllLinesAsync(Path.Combine(folder, "lines"), target.Bodies.Length > 0 ? target.Bodies.Select(b => $"{path} {b.Replace('\n', '\u0001')}") : target.Paths);
            var before = Cpu(target.Server);
            var start = new ProcessStartInfo(Wrk) { RedirectStandardOutput = true };
            foreach (var arg in (string[])["-t1", $"-c{connections}", $"-d{seconds}s", "--timeout", "10s", "-s", Path.Combine(folder, "load.lua"), target.Url.GetLeftPart(UriPartial.Authority)]) start.ArgumentList.Add(arg);
            foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[("LOAD_METHOD", target.Method), ("LOAD_HEADERS", Path.Combine(folder, "headers")), ("LOAD_LINES", Path.Combine(folder, "lines")), ("LOAD_PAUSE_MS", pauseMs.ToString(CultureInfo.InvariantCulture))])
                start.Environment[name] = value;
            using var wrk = Process.Start(start)!;
            var output = await wrk.StandardOutput.ReadToEndAsync();
            await wrk.WaitForExitAsync();
            return Read(output, Cpu(target.Server) - before);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static LoadResult Read(string output, TimeSpan cpu)
    {
        var line = output.Split('\n').FirstOrDefault(l => l.StartsWith("RESULT ", StringComparison.Ordinal)) ?? throw new InvalidOperationException(output);
        double[] f = [.. line.Split(' ').Skip(1).Select(v => double.Parse(v, CultureInfo.InvariantCulture))];
        if (f[4] > 0 || f[0] == 0) throw new InvalidOperationException($"{f[4]:N0} of {f[0]:N0} requests failed.\n{output}");
        return new LoadResult(f[0] * 1e6 / f[1], cpu.TotalMicroseconds / f[0], f[2] / 1_000, f[3] / 1_000);
    }

    private static TimeSpan Cpu(Process process)
    {
        process.Refresh();
        return process.TotalProcessorTime;
    }
}
