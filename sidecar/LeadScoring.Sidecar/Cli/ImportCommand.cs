using System.CommandLine;
using System.Globalization;
using LeadScoring.Sidecar.Imports;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Cli;

internal static class ImportCommand
{
    internal static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "CSV file: comma, semicolon, tab or pipe; UTF-8, UTF-16 or Windows-1252. All found by itself." };
        var kind = new Option<string>("--kind") { Description = "What a row is: leads, events or outcomes.", Required = true };
        kind.AcceptOnlyFromAmong("leads", "events", "outcomes");
        var organization = CommonOptions.Organization();
        var dryRun = new Option<bool>("--dry-run") { Description = "Only look: rows, columns, faults, duplicates. Stores nothing." };
        var strict = new Option<bool>("--strict") { Description = "Store nothing when any row is bad. Default: bad rows are skipped and reported." };
        var again = new Option<bool>("--again") { Description = "Import a file once more that was imported to its end before." };
        var idColumn = new Option<string?>("--id-column") { Description = "Column with the lead id. Default: lead_id, id, contact_id and the like.", HelpName = "COLUMN" };
        var label = new Option<string?>("--label") { Description = "Leads: column that says whether the lead converted. It is stored as outcome, not as attribute.", HelpName = "COLUMN" };
        var positive = new Option<string?>("--positive") { Description = "Value of the label column that means converted. Default: 1, true, yes, won, converted.", HelpName = "VALUE" };
        var command = new Command("import", "Imports leads, events or outcomes from a CSV file. Interrupted, the same command goes on where it was.")
        {
            file, kind, organization, dryRun, strict, again, idColumn, label, positive,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var organizationId = parsed.GetValue(organization)!;
            if (!parsed.GetValue(dryRun)) await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync(organizationId, cancellationToken);
            var path = parsed.GetValue(file)!;
            var mapping = new ImportMapping(Enum.Parse<ImportKind>(parsed.GetValue(kind)!, ignoreCase: true), parsed.GetValue(idColumn), parsed.GetValue(label), parsed.GetValue(positive));
            var request = new ImportRequest(organizationId, path, mapping, parsed.GetValue(dryRun), parsed.GetValue(strict), parsed.GetValue(again));
            var report = await terminal.ProgressAsync($"Importing {Path.GetFileName(path)}", progress =>
                app.Services.GetRequiredService<CsvImport>().RunAsync(request, new StepProgress(progress), cancellationToken));
            Print(terminal, report);
            return report.Status == ImportStatus.Refused ? CommandLine.Failed : 0;
        });
        return command;
    }

    private static void Print(Terminal terminal, ImportReport report)
    {
        terminal.Line(report.Status switch
        {
            ImportStatus.DryRun => "Dry run: nothing was stored.",
            ImportStatus.DoneBefore => "This very file was imported to its end before; nothing was done. Use --again to import it once more.",
            ImportStatus.Refused => "Refused because of bad rows (--strict): nothing was stored.",
            _ when report.ResumedAtRow > 0 => string.Create(CultureInfo.InvariantCulture, $"Done. An interrupted import went on at row {report.ResumedAtRow:N0}."),
            _ => "Done.",
        });
        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{report.Rows:N0} rows ({report.Encoding}, delimiter {report.Delimiter}): {report.Created:N0} created, {report.Updated:N0} updated, "
            + $"{report.Unchanged:N0} unchanged, {report.Duplicates:N0} duplicates, {report.Outcomes:N0} outcomes, {report.Rejected:N0} rejected."));
        foreach (var fault in report.Faults) terminal.Line($"  line {fault.Line}: {fault.Reason}");
        if (report.Rejected > report.Faults.Count) terminal.Line($"  and {report.Rejected - report.Faults.Count} more");
        if (report.Columns is not { } columns) return;
        terminal.Line();
        terminal.Table(["column", "kind", "missing", "distinct", "becomes"], [.. columns.Select(c => (IReadOnlyList<string>)
            [c.Name, c.Kind, c.Missing.ToString(CultureInfo.InvariantCulture), c.Distinct >= 1_000 ? "1000+" : c.Distinct.ToString(CultureInfo.InvariantCulture), c.Role])]);
    }

    private sealed class StepProgress(IProgress<JobStep> progress) : IProgress<ImportStep>
    {
        public void Report(ImportStep step) => progress.Report(new JobStep(step.Share, string.Create(CultureInfo.InvariantCulture, $"{step.Rows:N0} rows")));
    }
}
