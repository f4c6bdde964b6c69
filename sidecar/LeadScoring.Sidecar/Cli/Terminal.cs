using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace LeadScoring.Sidecar.Cli;

/// <summary>How far a long job is.</summary>
/// <param name="Share">0 to 1.</param>
/// <param name="Note">What is being done, such as "12,000 rows".</param>
internal readonly record struct JobStep(double Share, string Note);

/// <summary>What a person or a log sees of a command: progress bars on a terminal, plain lines otherwise.</summary>
internal sealed class Terminal(IAnsiConsole console, TextWriter output, TextWriter error, bool isInteractive)
{
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(5);

    internal static Terminal ForProcess() =>
        new(AnsiConsole.Console, Console.Out, Console.Error, !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive);

    /// <summary>No colours, no bars: for tests, and wherever the text is kept.</summary>
    internal static Terminal Plain(TextWriter output, TextWriter error) =>
        new(AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(output) }), output, error, isInteractive: false);

    internal TextWriter Output => output;

    internal TextWriter ErrorOutput => error;

    internal void Line(string text = "") => output.WriteLine(text);

    internal void Error(string text) => error.WriteLine("error: " + text);

    /// <summary>Columns aligned with spaces: can be read by people and cut by scripts.</summary>
    internal void Table(IReadOnlyList<string> header, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        int[] widths = [.. header.Select((name, i) => Math.Max(name.Length, rows.Count == 0 ? 0 : rows.Max(r => r[i].Length)))];
        foreach (var row in rows.Prepend(header)) Line(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
    }

    /// <summary>Runs a long job and shows how far it is.</summary>
    internal async Task<T> ProgressAsync<T>(string title, Func<IProgress<JobStep>, Task<T>> job)
    {
        if (!isInteractive)
        {
            Line(title);
            return await job(new PlainProgress(this));
        }

        return await console.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async context =>
            {
                var bar = context.AddTask(Markup.Escape(title), maxValue: 1);
                var result = await job(new BarProgress(bar, title));
                bar.Value = 1;
                return result;
            });
    }

    private sealed class BarProgress(ProgressTask bar, string title) : IProgress<JobStep>
    {
        public void Report(JobStep step)
        {
            bar.Value = Math.Clamp(step.Share, 0, 1);
            bar.Description = Markup.Escape(step.Note.Length == 0 ? title : $"{title}: {step.Note}");
        }
    }

    private sealed class PlainProgress(Terminal terminal) : IProgress<JobStep>
    {
        private readonly Stopwatch since = Stopwatch.StartNew();

        public void Report(JobStep step)
        {
            lock (since)
            {
                // A log wants to know that it lives, not each per cent.
                if (since.Elapsed < PlainInterval) return;
                since.Restart();
                terminal.Line(string.Create(CultureInfo.InvariantCulture, $"  {step.Share:P0} {step.Note}"));
            }
        }
    }
}
