using System.CommandLine;
using System.Globalization;
using CsvHelper;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Explanation;
using LeadScoring.Sidecar.Imports;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;

namespace LeadScoring.Sidecar.Cli;

internal static class ScoreCommand
{
    internal static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "CSV file with leads; its columns are the attributes that the profile reads." };
        var output = new Option<string>("--out") { Description = "File for the result: all columns, and score, grade, probability, confidence, needs_review, scored_by, next_best_action, top_reasons.", Required = true, HelpName = "FILE" };
        var organization = CommonOptions.ExistingOrganization();
        var model = new Option<string?>("--model") { Description = "Model bundle to score with. Default: the organization's champion, rules when it has none.", HelpName = "ZIP" };
        var command = new Command("score", "Scores the leads of a CSV file. Stores nothing.") { file, output, organization, model };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var active = parsed.GetValue(model) is { } path
                ? FromBundle(path)
                : await app.Services.GetRequiredService<ActiveModels>().GetAsync(await CommonOptions.ResolveAsync(parsed, organization, app.Services, cancellationToken), cancellationToken);
            var scorer = app.Services.GetRequiredService<LeadScorer>();
            var target = parsed.GetValue(output)!;
            // Beside the target and then moved: a half-written file never stands under its name.
            var partial = target + ".partial";
            long rows;
            try
            {
                rows = await terminal.ProgressAsync($"Scoring {Path.GetFileName(parsed.GetValue(file)!)}", progress =>
                    Task.Run(() => Score(parsed.GetValue(file)!, partial, active, scorer, progress, cancellationToken), cancellationToken));
                File.Move(partial, target, overwrite: true);
            }
            finally
            {
                // Nothing is left of a file that was not finished; the folder may not even be there.
                if (File.Exists(partial)) File.Delete(partial);
            }

            terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{rows:N0} leads scored by {(active.Version is { } v ? $"model {v}" : active.Bundle is null ? $"rules ({active.WhyRules})" : "the given model")}, written to {target}."));
            return 0;
        });
        return command;
    }

    private static ActiveModel FromBundle(string path)
    {
        if (!File.Exists(path)) throw new CsvException($"--model: there is no file {path}.");
        var bundle = ModelBundle.Read(File.ReadAllBytes(path));
        return new ActiveModel(null, bundle, new Explainer(bundle.Model), bundle.Model.Profile, null);
    }

    private static long Score(string file, string target, ActiveModel active, LeadScorer scorer, IProgress<JobStep> progress, CancellationToken cancellationToken)
    {
        using var table = CsvTable.Open(file);
        using var writer = new CsvWriter(new StreamWriter(target), CultureInfo.InvariantCulture);
        foreach (var name in (string[])[.. table.Header, "score", "grade", "conversion_probability", "confidence", "needs_review", "scored_by", "next_best_action", "top_reasons"]) writer.WriteField(SpreadsheetCell.Harmless(name));
        writer.NextRecord();
        var nowMs = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var rows = 0L;
        foreach (var row in table.Rows())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (row.Fault is not null) throw new CsvException($"Line {row.Line}: {row.Fault}");
            var result = scorer.Score(active, LeadTable.Snapshot(table.Header, row.Cells), nowMs, quick: false, withFactors: true);
            Write(writer, row.Cells, result, active);
            if (++rows % 1_000 == 0) progress.Report(new JobStep(table.Share, string.Create(CultureInfo.InvariantCulture, $"{rows:N0} leads")));
        }

        return rows;
    }

    private static void Write(CsvWriter writer, string[] cells, ScoreResult result, ActiveModel active)
    {
        foreach (var cell in cells) writer.WriteField(SpreadsheetCell.Harmless(cell));
        writer.WriteField(result.Score.Points.ToString("0.0", CultureInfo.InvariantCulture));
        writer.WriteField(result.Grade.ToString());
        writer.WriteField(result.Score.Probability.ToString("0.######", CultureInfo.InvariantCulture));
        writer.WriteField(result.Score.Confidence.ToString("0.####", CultureInfo.InvariantCulture));
        writer.WriteField(result.NeedsReview ? "true" : "false");
        writer.WriteField(ScoreStore.Name(result.ScoredBy));
        writer.WriteField(SpreadsheetCell.Harmless(result.Recommendation.Action));
        writer.WriteField(SpreadsheetCell.Harmless(string.Join("; ", (result.Factors ?? []).Take(3).Select(f => string.Create(CultureInfo.InvariantCulture, $"{active.Profile.Features[active.Profile.IndexOf(f.Feature)].Label} {f.Points:+0.0;-0.0}")))));
        writer.NextRecord();
    }
}
