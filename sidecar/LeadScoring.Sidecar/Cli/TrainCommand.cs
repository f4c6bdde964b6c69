using System.CommandLine;
using System.Globalization;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Cli;

internal static class TrainCommand
{
    internal static Command Create(Terminal terminal)
    {
        var organization = CommonOptions.ExistingOrganization();
        var settings = new Option<string?>("--settings") { Description = "Training settings (JSON): what differs from the defaults.", HelpName = "FILE" };
        var tuning = CommonTuning.Mode();
        var budget = CommonTuning.Budget();
        var promote = new Option<PromotionMode>("--promote") { Description = "auto: champion if the gates pass. always, never.", DefaultValueFactory = _ => PromotionMode.Auto };
        var capacity = new Option<double?>("--capacity") { Description = "Leads that the team can work on: a share below 1, or a number a week. Default: 0.1.", HelpName = "N" };
        var external = new Option<string?>("--external") { Description = "Zip with members that were trained elsewhere on what export-matrix wrote: export.json, profile.yml, gradient_boosting.json and, if trained too, random_forest.json.", HelpName = "FILE" };
        var command = new Command("train", "Trains a model on all stored outcomes and adds it to the registry.") { organization, settings, tuning, budget, promote, capacity, external };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var how = CommonTuning.Apply(SettingsFile.Read(parsed.GetValue(settings)), parsed.GetValue(tuning), parsed.GetValue(budget));
            how.Validate();
            var evaluation = CapacityOption.Read(parsed.GetValue(capacity));
            evaluation.Validate();
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var members = parsed.GetValue(external) is { } file ? await File.ReadAllBytesAsync(file, cancellationToken) : null;
            var trained = await RunAsync(terminal, app.Services, await CommonOptions.ResolveAsync(parsed, organization, app.Services, cancellationToken), how, parsed.GetValue(promote), cancellationToken, evaluation, members);
            if (trained.Manifest.Tuning is { } found) CommonTuning.Print(terminal, found);
            MetricTable.Print(terminal, trained.Manifest.Test!);
            EvaluationReportText.Print(terminal, trained.Manifest.Evaluation!, trained.Manifest.Fairness!, trained.Manifest.Anchor!, trained.Manifest.Leaks);
            return 0;
        });
        return command;
    }

    /// <summary>A whole training in this process, with its row in the history.</summary>
    internal static async Task<TrainedVersion> RunAsync(
        Terminal terminal, IServiceProvider services, string organizationId, TrainingSettings settings, PromotionMode promote, CancellationToken cancellationToken, EvaluationSettings? evaluation = null, byte[]? externalMembers = null)
    {
        var runs = services.GetRequiredService<TrainingRunStore>();
        var run = await runs.CreateAsync(organizationId, settings, evaluation ?? new EvaluationSettings(), promote, externalMembers, isRunning: true, cancellationToken);
        using var beating = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var latest = new TrainingProgress("Starting", 0);
        var heart = BeatAsync(runs, run, () => latest, beating.Token);
        try
        {
            var trained = await terminal.ProgressAsync("Training", progress => Task.Run(
                () => services.GetRequiredService<TrainModel>().RunAsync(run, new Both(new TrainingSteps(progress), p => latest = p), cancellationToken), cancellationToken));
            terminal.Line(string.Create(CultureInfo.InvariantCulture,
                $"Model {trained.Version} {(trained.IsPromoted ? "is the champion" : "was kept, not promoted")}: {trained.Reason}. {trained.Manifest.TrainRows:N0} leads, {trained.Manifest.TrainingSeconds:0} s."));
            return trained;
        }
        catch (Exception e)
        {
            await runs.FailAsync(run, e is OperationCanceledException ? "Stopped by hand." : e.Message, CancellationToken.None);
            throw;
        }
        finally
        {
            await beating.CancelAsync();
            await heart.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task BeatAsync(TrainingRunStore runs, TrainingRun run, Func<TrainingProgress> latest, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(5), cancellationToken);
            await runs.ReportAsync(run, latest(), cancellationToken);
        }
    }

    private sealed class Both(IProgress<TrainingProgress> first, Action<TrainingProgress> second) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            first.Report(value);
            second(value);
        }
    }
}

/// <summary>What a server's training process runs: one queued run, progress as lines on standard output. Ends when standard input closes.</summary>
internal static class TrainRunCommand
{
    internal static Command Create(Terminal terminal)
    {
        var organization = CommonOptions.Organization(required: true);
        var runId = new Option<string>("--run") { Description = "The run.", Required = true };
        var command = new Command(TrainingProcess.Command, "Trains one queued run; started by the server.") { organization, runId };
        command.Hidden = true;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            using var orphaned = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            _ = WatchParentAsync(orphaned);
            var run = await app.Services.GetRequiredService<TrainingRunStore>().GetAsync(parsed.GetValue(organization)!, parsed.GetValue(runId)!, cancellationToken);
            await app.Services.GetRequiredService<TrainModel>().RunAsync(run, new Lines(terminal), orphaned.Token);
            return 0;
        });
        return command;
    }

    private static async Task WatchParentAsync(CancellationTokenSource orphaned)
    {
        var buffer = new byte[16];
        await using var input = Console.OpenStandardInput();
        while (await input.ReadAsync(buffer) > 0)
        {
        }

        await orphaned.CancelAsync();
    }

    private sealed class Lines(Terminal terminal) : IProgress<TrainingProgress>
    {
        private readonly Lock gate = new();

        public void Report(TrainingProgress value)
        {
            lock (gate)
            {
                terminal.Line(TrainingProcess.Line(value));
                terminal.Output.Flush();
            }
        }
    }
}
