using System.CommandLine;
using System.Globalization;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;

namespace LeadScoring.Sidecar.Cli;

internal static class ProfileCommand
{
    internal static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "CSV export with a header line." };
        var label = new Option<string?>("--label") { Description = "Column that says whether the lead converted; it is left out of the features and used to find leaks.", HelpName = "COLUMN" };
        var positive = new Option<string?>("--positive") { Description = "Value of the label column that means converted. Default: 1, true, yes, won, converted.", HelpName = "VALUE" };
        var exclude = new Option<string?>("--exclude") { Description = "Columns to leave out, separated by commas.", HelpName = "A,B" };
        var output = new Option<string?>("--out") { Description = "File to write the profile to. Default: standard output.", HelpName = "FILE" };
        var name = new Option<string?>("--name") { Description = "Name of the profile. Default: the file's.", HelpName = "NAME" };
        var infer = new Command("infer", "Reads an export and writes a first, commented feature profile.") { file, label, positive, exclude, output, name };
        infer.SetAction((parsed, _) =>
        {
            var path = parsed.GetValue(file)!;
            var table = LeadTable.Read(path);
            var labels = parsed.GetValue(label) is { } column ? table.Labels(column, parsed.GetValue(positive)) : null;
            int[] rows = [.. Enumerable.Range(0, table.Rows.Count).Where(r => labels is null || !float.IsNaN(labels[r]))];
            string[] excluded = [.. Columns(parsed.GetValue(exclude)), .. parsed.GetValue(label) is { } l ? [l] : Array.Empty<string>()];
            var profile = table.Infer(parsed.GetValue(name) ?? Path.GetFileNameWithoutExtension(path), rows, labels, excluded);
            var leaks = labels is null ? [] : Leaks(table, profile, rows, labels);
            var yaml = WithLeaks(profile.Yaml, leaks);
            if (parsed.GetValue(output) is not { } target)
            {
                terminal.Line(yaml);
                return Task.FromResult(0);
            }

            File.WriteAllText(target, yaml);
            terminal.Table(["column", "taken for", "empty", "distinct"], [.. profile.Columns.Select(c => (IReadOnlyList<string>)
                [c.Name, $"{c.Role.ToString().ToLowerInvariant()}: {c.Reason}", c.MissingShare.ToString("P0", CultureInfo.InvariantCulture), c.Distinct.ToString(CultureInfo.InvariantCulture)])]);
            foreach (var leak in leaks) terminal.Line($"warning: {leak.Message}");
            terminal.Line($"Written to {target}. Read it, then use it with evaluate --profile, or PUT it to /v1/profile.");
            return Task.FromResult(0);
        });
        return new Command("profile", "Feature profiles.") { infer };
    }

    internal static string[] Columns(string? list) => (list ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static IReadOnlyList<LeakFinding> Leaks(LeadTable table, InferredProfile inferred, int[] rows, float[] labels)
    {
        var profile = FeatureProfile.Parse(inferred.Yaml);
        // A row without a label is none of the rows looked at; its place needs some value all the same.
        var set = new TrainingSet(profile, table.Extract(profile, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()), Array.ConvertAll(labels, y => float.IsNaN(y) ? 0 : y));
        return LeakLinter.Find(set, rows, new TrainingSettings());
    }

    private static string WithLeaks(string yaml, IReadOnlyList<LeakFinding> leaks) => leaks.Count == 0 ? yaml
        : string.Concat(leaks.Select(l => $"# {(l.LeftOut ? "LEAK, training leaves it out" : "suspicious")}: {l.Message.ReplaceLineEndings(" ")}\n")) + yaml;
}
