using System.Diagnostics;

namespace LeadScoring.Workflows.Tests.Servers;

internal sealed record ShellResult(int ExitCode, string Output, string Errors);

/// <summary>Runs a program to its end.</summary>
internal static class Shell
{
    public static async Task<ShellResult> RunAsync(string program, IEnumerable<string> arguments, TimeSpan limit)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var timeout = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} took longer than {limit}.");
        }

        return new ShellResult(process.ExitCode, await output, await errors);
    }
}
