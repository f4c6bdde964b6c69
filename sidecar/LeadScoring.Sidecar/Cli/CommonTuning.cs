using System.CommandLine;
using System.Globalization;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Imports;

namespace LeadScoring.Sidecar.Cli;

/// <summary>What the commands that train have in common about the search for better settings.</summary>
internal static class CommonTuning
{
    internal static Option<TuningMode?> Mode() => new("--tuning")
    {
        Description = "spec: the members as in the settings (default). auto: searches for better ones on the training rows and keeps them if they are.", HelpName = "auto|spec",
    };

    internal static Option<string?> Budget() => new("--tuning-budget") { Description = "What the search of --tuning auto may cost, hours:minutes:seconds. Default: 00:10:00.", HelpName = "TIME" };

    /// <exception cref="CsvException">The budget is no time.</exception>
    internal static TrainingSettings Apply(TrainingSettings settings, TuningMode? mode, string? budget)
    {
        if (mode is { } chosen) settings = settings with { Tuning = chosen };
        if (budget is null) return settings;
        return TimeSpan.TryParseExact(budget, ["c", @"h\:mm\:ss", @"hh\:mm\:ss"], CultureInfo.InvariantCulture, out var time)
            ? settings with { TuningBudget = time }
            : throw new CsvException($"--tuning-budget: '{budget}' is no time such as 00:05:00.");
    }

    internal static void Print(Terminal terminal, TuningReport report)
    {
        terminal.Line(string.Create(CultureInfo.InvariantCulture,
            $"Tuning: {(report.IsTuned ? "the tuned members" : "the members as given")} are taken. Log loss out-of-fold {report.SpecLogLoss:0.0000} as given, {report.TunedLogLoss:0.0000} tuned, {report.Trials} of {report.PlannedTrials} trials."));
        if (report.StoppedEarly is { } why) terminal.Line(why);
    }
}
