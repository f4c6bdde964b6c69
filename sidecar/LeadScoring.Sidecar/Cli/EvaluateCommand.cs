using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Imports;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Cli;

/// <summary>Trains on one part of a file and measures on the other: what the product is worth on your own data, before anything is installed.</summary>
internal static class EvaluateCommand
{
    internal static Command Create(Terminal terminal)
    {
        var data = new Option<string>("--data") { Description = "CSV file with a header line and a label column.", Required = true, HelpName = "FILE" };
        var label = new Option<string>("--label") { Description = "Column that says whether the lead converted.", Required = true, HelpName = "COLUMN" };
        var positive = new Option<string?>("--positive") { Description = "Value of the label column that means converted. Default: 1, true, yes, won, converted.", HelpName = "VALUE" };
        var profile = new Option<string?>("--profile") { Description = "Feature profile (YAML). Default: inferred from the training rows.", HelpName = "FILE" };
        var exclude = new Option<string?>("--exclude") { Description = "Columns that must not be features, separated by commas.", HelpName = "A,B" };
        var testRows = new Option<string?>("--test-rows") { Description = "File with zero-based numbers of the test rows, one a line. Default: a stratified 20 %.", HelpName = "FILE" };
        var time = new Option<string?>("--time-column") { Description = "Column with the moment that each row is as of (dates, or numbers in order of time): adds the test forward in time.", HelpName = "COLUMN" };
        var capacity = new Option<double?>("--capacity") { Description = "Leads that the team can work on: a share below 1, or a number a week (with --time-column). Default: 0.1.", HelpName = "N" };
        var seed = new Option<int>("--seed") { Description = "Seed of every random choice. Default: 42.", DefaultValueFactory = _ => 42, HelpName = "N" };
        var settings = new Option<string?>("--settings") { Description = "Training settings (JSON): what differs from the defaults, as in manifest.settings of a model.", HelpName = "FILE" };
        var tuning = CommonTuning.Mode();
        var budget = CommonTuning.Budget();
        var allowLeaks = new Option<bool>("--allow-leaks") { Description = "Keep features that alone nearly decide the outcome." };
        var json = new Option<string?>("--json") { Description = "File for all metrics as JSON.", HelpName = "FILE" };
        var predictions = new Option<string?>("--predictions") { Description = "File for the test rows' row,probability,score,grade,confidence as CSV.", HelpName = "FILE" };
        var command = new Command("evaluate", "Trains on a CSV file and measures on rows that the training has not seen. Stores nothing.")
        {
            data, label, positive, profile, exclude, testRows, time, capacity, seed, settings, tuning, budget, allowLeaks, json, predictions,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var table = LeadTable.Read(parsed.GetValue(data)!);
            var labels = table.Labels(parsed.GetValue(label)!, parsed.GetValue(positive));
            var how = CommonTuning.Apply(SettingsFile.Read(parsed.GetValue(settings)), parsed.GetValue(tuning), parsed.GetValue(budget)) with { Seed = parsed.GetValue(seed) };
            if (parsed.GetValue(allowLeaks)) how = how with { AllowLeaks = true };
            how.Validate();
            var (train, test) = Split(table, labels, parsed.GetValue(testRows), how);
            var moments = parsed.GetValue(time) is { } column ? table.Moments(column) : null;
            var evaluation = CapacityOption.Read(parsed.GetValue(capacity));
            string[] excluded = [parsed.GetValue(label)!, .. parsed.GetValue(time) is { } timeColumn ? [timeColumn] : Array.Empty<string>(), .. ProfileCommand.Columns(parsed.GetValue(exclude))];
            var set = Load(table, labels, moments, train, parsed.GetValue(profile), excluded);
            var facts = Facts(table, set, parsed.GetValue(testRows) is not null);
            var judged = await terminal.ProgressAsync($"Training on {train.Length:N0} rows, testing on {test.Length:N0}", progress =>
                Task.Run(() => TrainingJudge.Run(set, train, test, how, evaluation, facts, new TrainingSteps(progress), cancellationToken), cancellationToken));
            Print(terminal, judged);
            if (parsed.GetValue(json) is { } jsonPath) await File.WriteAllTextAsync(jsonPath, Json(judged, how), cancellationToken);
            if (parsed.GetValue(predictions) is { } csvPath) await WritePredictionsAsync(csvPath, judged.Result, cancellationToken);
            return 0;
        });
        return command;
    }

    private static (int[] Train, int[] Test) Split(LeadTable table, float[] labels, string? testRows, TrainingSettings settings)
    {
        int[] labeled = [.. Enumerable.Range(0, labels.Length).Where(r => !float.IsNaN(labels[r]))];
        if (testRows is null)
        {
            var (train, test) = StratifiedSplit.TrainTest(Array.ConvertAll(labeled, r => labels[r]), settings.TestShare, settings.Seed);
            return (Array.ConvertAll(train, i => labeled[i]), Array.ConvertAll(test, i => labeled[i]));
        }

        var listed = table.ReadRowList(testRows);
        if (Array.FindIndex(listed, r => float.IsNaN(labels[r])) is >= 0 and var at) throw new CsvException($"--test-rows: row {listed[at]} has no label.");
        var isTest = listed.ToHashSet();
        int[] rest = [.. labeled.Where(r => !isTest.Contains(r))];
        return rest.Length > 0 ? (rest, listed) : throw new CsvException("--test-rows lists every row that has a label: there are 0 rows to train on.");
    }

    private static RowFacts Facts(LeadTable table, TrainingSet set, bool splitGiven)
    {
        var at = table.Header.Select((name, i) => (name, i)).DistinctBy(h => h.name).ToDictionary(h => h.name, h => h.i, StringComparer.Ordinal);
        string?[] Column(int c) => [.. table.Rows.Select(cells => NumberText.IsMissingToken(cells[c]) ? null : cells[c].Trim())];
        string?[] people = [.. table.Rows.Select(cells => PersonKey.Of(name => at.TryGetValue(name, out var c) ? cells[c] : null))];
        return new RowFacts
        {
            People = people.All(p => p is null) ? null : people, KeepSides = splitGiven,
            Sensitive = SensitiveAttributes.Of(set.Profile, table.Header).ToDictionary(name => name, name => Column(at[name]), StringComparer.Ordinal),
        };
    }

    private static TrainingSet Load(LeadTable table, float[] labels, long[]? moments, int[] train, string? profilePath, string[] excluded)
    {
        FeatureProfile profile;
        if (profilePath is null) profile = FeatureProfile.Parse(table.Infer("inferred", train, labels, excluded).Yaml);
        else
        {
            if (!File.Exists(profilePath)) throw new CsvException($"--profile: there is no file {profilePath}.");
            profile = FeatureProfile.Parse(File.ReadAllText(profilePath));
            var columns = excluded.Select(c => table.Header[table.Require(c, "--exclude")]).ToHashSet(StringComparer.Ordinal);
            profile = profile.Without(profile.Features.Where(f => f.Sources.All(s => !s.IsActivity && columns.Contains(s.Name))).Select(f => f.Name).ToHashSet(StringComparer.Ordinal));
        }

        // Without a column of moments rows are as of now: a CSV row says what was known, not when.
        var nowMs = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        return new TrainingSet(profile, table.Extract(profile, r => moments?[r] ?? nowMs), Array.ConvertAll(labels, y => float.IsNaN(y) ? 0 : y), moments);
    }

    private static void Print(Terminal terminal, JudgedTraining judged)
    {
        var result = judged.Result;
        if (result.Tuning is { } found) CommonTuning.Print(terminal, found);
        MetricTable.Print(terminal, result.Test!);
        EvaluationReportText.Print(terminal, judged.Evaluation, judged.Fairness, judged.Anchor, result.Leaks);
        terminal.Line();
        terminal.Line($"Trained in {result.Duration.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s on {result.TrainRows.Length.ToString("N0", CultureInfo.InvariantCulture)} rows, {result.Model.Profile.Features.Count} features.");
    }

    private static string Json(JudgedTraining judged, TrainingSettings settings)
    {
        var result = judged.Result;
        return JsonSerializer.Serialize(new
        {
            TrainRows = result.TrainRows.Length, TestRows = result.TestRows.Length, Features = result.Model.Profile.Features.Select(f => new { f.Name, Kind = f.Kind.ToString().ToLowerInvariant(), Source = f.Sources[0].Text }),
            result.Leaks, result.Test, result.OutOfFold, result.Tuning, judged.Evaluation, judged.Fairness, judged.Anchor, Settings = settings, Seconds = Math.Round(result.Duration.TotalSeconds, 1),
        },
        new JsonSerializerOptions(BundleManifest.Json) { WriteIndented = true });
    }

    private static Task WritePredictionsAsync(string path, TrainingResult result, CancellationToken cancellationToken) => File.WriteAllLinesAsync(
        path,
        result.TestRows.Select((row, i) =>
        {
            var s = result.TestScores[i];
            return string.Create(CultureInfo.InvariantCulture, $"{row},{s.Probability:R},{s.Points:0.0},{GradeScale.Default.Of(s.Points)},{s.Confidence:0.0000}");
        }).Prepend("row,probability,score,grade,confidence"),
        cancellationToken);
}
