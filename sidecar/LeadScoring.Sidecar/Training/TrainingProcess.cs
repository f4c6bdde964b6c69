using System.Diagnostics;
using System.Globalization;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Training;

/// <summary>Runs a training as a child process of the same program: a crash or out-of-memory there never takes scoring down.</summary>
/// <remarks>The child writes the model itself; its lines on standard output are progress. It ends when its standard input closes, so it never outlives its parent.</remarks>
internal sealed class TrainingProcess(Database database, TrainingRunStore runs, IOptions<StorageOptions> storage, IOptions<TrainingOptions> options, TimeProvider time)
{
    /// <summary>Name of the hidden command that the child runs.</summary>
    internal const string Command = "train-run";

    private const int MaxErrorLines = 20;
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(1);

    internal static string Line(TrainingProgress progress) => string.Create(CultureInfo.InvariantCulture, $"{progress.Fraction:0.0000} {progress.Stage}");

    internal async Task RunAsync(TrainingRun run, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.Value.Timeout);
        using var child = Process.Start(StartInfo(run)) ?? throw new InvalidOperationException("The training process did not start.");
        var errors = ReadErrorsAsync(child, timeout.Token);
        try
        {
            if (await FollowAsync(child, run, timeout.Token) is { } stopped)
            {
                child.Kill(entireProcessTree: true);
                // What was cancelled has its reason already.
                await runs.FailAsync(run, stopped, cancellationToken);
                return;
            }

            await child.WaitForExitAsync(timeout.Token);
            if (child.ExitCode != 0) await runs.FailAsync(run, Reason(child.ExitCode, await errors), cancellationToken);
        }
        catch (OperationCanceledException)
        {
            child.Kill(entireProcessTree: true);
            // On shutdown the run stays as it is: its heartbeat ends, and it is taken up again after the restart.
            if (!cancellationToken.IsCancellationRequested) await runs.FailAsync(run, $"Ended after {options.Value.Timeout}, the longest time allowed.", cancellationToken);
            else throw;
        }
    }

    /// <returns>Why it must not go on; null when it has ended by itself.</returns>
    private async Task<string?> FollowAsync(Process child, TrainingRun run, CancellationToken cancellationToken)
    {
        var progress = new TrainingProgress("Starting", 0);
        var reported = 0L;
        var line = child.StandardOutput.ReadLineAsync(cancellationToken).AsTask();
        while (true)
        {
            var tick = Task.Delay(ReportEvery, time, cancellationToken);
            // A sign of life even while the child is silent: a forest is one long round.
            if (await Task.WhenAny(line, tick) == line)
            {
                if (await line is not { } text) return null;
                if (text.IndexOf(' ') is var space and > 0 && double.TryParse(text[..space], CultureInfo.InvariantCulture, out var fraction)) progress = new TrainingProgress(text[(space + 1)..], fraction);
                line = child.StandardOutput.ReadLineAsync(cancellationToken).AsTask();
            }

            if (time.GetElapsedTime(reported) < ReportEvery) continue;
            reported = time.GetTimestamp();
            if (!await runs.ReportAsync(run, progress, cancellationToken)) return "Cancelled by hand.";
            if (TooMuchMemory(child) is { } reason) return reason;
        }
    }

    /// <summary>Native memory included, which no setting of the runtime bounds.</summary>
    private string? TooMuchMemory(Process child)
    {
        if (options.Value.MaxMemoryBytes == 0) return null;
        child.Refresh();
        if (child.HasExited || child.WorkingSet64 <= options.Value.MaxMemoryBytes) return null;
        return string.Create(CultureInfo.InvariantCulture, $"Ended at {child.WorkingSet64 / 1e6:N0} MB of memory; LEADSCORING__TRAINING__MAXMEMORYBYTES allows {options.Value.MaxMemoryBytes / 1e6:N0} MB.");
    }

    private static async Task<IReadOnlyList<string>> ReadErrorsAsync(Process child, CancellationToken cancellationToken)
    {
        var lines = new Queue<string>();
        while (await child.StandardError.ReadLineAsync(cancellationToken) is { } line)
        {
            lines.Enqueue(line);
            if (lines.Count > MaxErrorLines) lines.Dequeue();
        }

        return [.. lines];
    }

    private static string Reason(int exitCode, IReadOnlyList<string> errors) =>
        errors.FirstOrDefault(l => l.StartsWith("error: ", StringComparison.Ordinal)) is { } error ? error["error: ".Length..]
        : exitCode is 137 or 9 ? "The training process was killed, probably for want of memory."
        : $"The training process ended with code {exitCode}. {string.Join(" ", errors.TakeLast(3))}";

    private ProcessStartInfo StartInfo(TrainingRun run)
    {
        var program = Environment.ProcessPath is { } path && !Path.GetFileNameWithoutExtension(path).Equals("dotnet", StringComparison.OrdinalIgnoreCase) && Path.GetFileName(path).StartsWith("LeadScoring.Sidecar", StringComparison.Ordinal)
            ? (File: path, Arguments: Array.Empty<string>())
            : (File: Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", Arguments: [typeof(TrainingProcess).Assembly.Location]);
        string[] arguments =
        [
            .. program.Arguments, Command, "--organization", run.OrganizationId, "--run", run.RunId, "--data", Path.GetFullPath(storage.Value.Data),
        ];
        var nice = options.Value.Niceness > 0 && File.Exists("/usr/bin/nice");
        var info = new ProcessStartInfo(nice ? "/usr/bin/nice" : program.File)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        if (nice)
        {
            foreach (var part in (string[])["-n", options.Value.Niceness.ToString(CultureInfo.InvariantCulture), program.File]) info.ArgumentList.Add(part);
        }

        foreach (var argument in arguments) info.ArgumentList.Add(argument);
        // Not an argument: those are seen by everybody on the machine, and this may hold a password.
        info.Environment["LEADSCORING__DATABASE"] = database.Setting;
        // Threads of OpenMP that wait by spinning would take the cores from scoring.
        info.Environment["OMP_WAIT_POLICY"] = "passive";
        if (options.Value.Cores > 0)
        {
            var cores = options.Value.Cores.ToString(CultureInfo.InvariantCulture);
            (info.Environment["DOTNET_PROCESSOR_COUNT"], info.Environment["OMP_NUM_THREADS"]) = (cores, cores);
        }

        return info;
    }
}
