using System.CommandLine;
using System.Globalization;
using LeadScoring.Demo;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Training;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Cli;

/// <summary>A demo organization with a made-up funnel, a trained model and a key: the shortest way from nothing to a scored lead.</summary>
internal static class DemoCommand
{
    internal const string OrganizationId = "demo";

    internal static Command Create(Terminal terminal)
    {
        var leads = new Option<int>("--leads") { Description = "Historical leads with outcomes. Default: 100000.", DefaultValueFactory = _ => 100_000, HelpName = "N" };
        var active = new Option<int>("--active") { Description = "Active leads. Default: 10000.", DefaultValueFactory = _ => 10_000, HelpName = "N" };
        var rate = new Option<double>("--base-rate") { Description = "Share of leads that convert. Default: that of the default world; 0.05 makes a hard one.", DefaultValueFactory = _ => double.NaN, HelpName = "SHARE" };
        var noise = new Option<double>("--noise") { Description = "Irreducible noise of the world. Default: that of the default world.", DefaultValueFactory = _ => double.NaN, HelpName = "X" };
        var seed = new Option<int>("--seed") { Description = "Seed of the world. Default: 1.", DefaultValueFactory = _ => 1, HelpName = "N" };
        var url = new Option<string>("--url") { Description = "Address to print in the examples. Default: http://127.0.0.1:5080.", DefaultValueFactory = _ => "http://127.0.0.1:5080", HelpName = "URL" };
        var ifEmpty = new Option<bool>("--if-empty") { Description = "Do nothing where the demo organization has a model already." };
        var command = new Command("demo", "Makes the demo organization: leads, events, outcomes, a trained model and an API key.") { leads, active, rate, noise, seed, url, ifEmpty };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var services = app.Services;
            var keyFile = Path.Combine(services.GetRequiredService<IOptions<StorageOptions>>().Value.Data, "demo.key");
            if (!parsed.GetValue(ifEmpty) || await services.GetRequiredService<Models.ModelStore>().ChampionVersionAsync(OrganizationId, cancellationToken) is null)
            {
                // Said now rather than after the long part.
                if (!XGBoostLibrary.IsAvailable) throw new TrainingException(XGBoostLibrary.WhyUnavailable!);
                var organizations = services.GetRequiredService<OrganizationStore>();
                await organizations.EnsureAsync(OrganizationId, cancellationToken);
                // The world's present is the moment the organization was made: interrupted, the same command makes the same leads and events again, and they are stored once.
                var nowMs = await organizations.CreatedAtMsAsync(OrganizationId, cancellationToken);
                var settings = DemoWorldSettings.Default(nowMs) with { HistoricalLeads = parsed.GetValue(leads), ActiveLeads = parsed.GetValue(active), Seed = parsed.GetValue(seed) };
                if (parsed.GetValue(rate) is var r && !double.IsNaN(r)) settings = settings with { BaseRate = r };
                if (parsed.GetValue(noise) is var n && !double.IsNaN(n)) settings = settings with { Noise = n };
                settings.Validate();
                await MakeAsync(terminal, services, settings, cancellationToken);
            }

            if (!File.Exists(keyFile)) await WriteKeyAsync(services, keyFile, cancellationToken);
            PrintExample(terminal, parsed.GetValue(url)!, (await File.ReadAllTextAsync(keyFile, cancellationToken)).Trim(), keyFile);
            return 0;
        });
        return command;
    }

    private static async Task MakeAsync(Terminal terminal, IServiceProvider services, DemoWorldSettings settings, CancellationToken cancellationToken)
    {
        var world = new DemoWorld(settings);
        var seeding = new DemoSeeding(services.GetRequiredService<Database>(), services.GetRequiredService<LeadStore>(), services.GetRequiredService<Events.EventStore>(), services.GetRequiredService<Outcomes.OutcomeStore>());
        var historical = await terminal.ProgressAsync("Making the demo world", progress => Task.Run(() => seeding.RunAsync(OrganizationId, world, progress, cancellationToken), cancellationToken));
        var trained = await TrainCommand.RunAsync(terminal, services, OrganizationId, new TrainingSettings(), PromotionMode.Always, cancellationToken);
        await terminal.ProgressAsync("Scoring the active leads", async progress =>
        {
            var worker = services.GetRequiredService<Scoring.RescoreChangedLeads>();
            var done = 0;
            while (await worker.RunOnceAsync(cancellationToken) + await worker.RunBatchAsync(cancellationToken) is > 0 and var count)
            {
                done += count;
                progress.Report(new JobStep(Math.Min(1, done / (double)settings.ActiveLeads), string.Create(CultureInfo.InvariantCulture, $"{done:N0} leads")));
            }

            return done;
        });
        // Model and truth on the very same leads: those that the training has not seen.
        var test = trained.TestLeadIds.ToHashSet(StringComparer.Ordinal);
        PrintTargets(terminal, DemoTruth.PerfectScorer(historical.Where(l => test.Contains(l.LeadId))), trained.Manifest.Test!.Ensemble);
    }

    /// <summary>What the brief asks for, what a scorer that knows the truth reaches in this world, and what the model reaches.</summary>
    private static void PrintTargets(Terminal terminal, DemoFigures perfect, MetricSet model)
    {
        (string Name, double Target, double Perfect, double Model)[] rows =
        [
            ("ROC AUC", 0.85, perfect.Auc, model.RocAuc), ("precision of grade A", 0.80, perfect.PrecisionOfA, model.GradeAPrecision), ("recall of converted (best threshold)", 0.75, perfect.RecallAtBest, model.AtBestF1.Recall),
            ("F1 (best threshold)", 0.78, perfect.F1AtBest, model.AtBestF1.F1), ("Pearson(score, converted)", 0.6, perfect.Pearson, model.Pearson), ("std of scores", 15, perfect.ScoreDeviation, model.ScoreStd),
        ];
        terminal.Line();
        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"On the {perfect.Leads:N0} leads that the training has not seen:"));
        terminal.Table(["", "target", "perfect scorer", "model"], [.. rows.Select(r => (IReadOnlyList<string>)
            [r.Name, "> " + r.Target.ToString("0.##", CultureInfo.InvariantCulture), MetricTable.Text(r.Perfect), MetricTable.Text(r.Model) + (r.Model > r.Target ? "" : "  (missed)")])]);
        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"log loss: perfect {perfect.LogLoss:0.0000}, model {model.LogLoss:0.0000}; calibration error of the model {model.Ece:0.0000}"));
    }

    private static async Task WriteKeyAsync(IServiceProvider services, string path, CancellationToken cancellationToken)
    {
        var key = await services.GetRequiredService<ApiKeyStore>().CreateAsync(OrganizationId, "demo", ApiScope.Admin, cancellationToken);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using var stream = new FileStream(path, options);
        await using var writer = new StreamWriter(stream);
        await writer.WriteLineAsync(key.Reveal());
    }

    private static void PrintExample(Terminal terminal, string url, string key, string keyFile)
    {
        terminal.Line($$$"""

            URL      {{{url}}}
            API key  {{{key}}}   (also in {{{keyFile}}})

            Score a lead:

            curl -s {{{url}}}/v1/score -H "X-API-Key: {{{key}}}" -H "Content-Type: application/json" -d '{
              "lead_id": "hello-1", "include_factors": true,
              "lead": { "age": 38, "household_size": 4, "days_in_pipeline": 21, "days_since_last_visit": 1, "website_sessions": 9, "avg_pages_viewed": 7,
                        "properties_viewed_count": 14, "email_open_rate": 0.6, "showing_requests": 2, "call_count": 1, "calc_usage": 3 }
            }'

            """);
    }
}
