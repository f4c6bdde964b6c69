using System.CommandLine;
using System.Globalization;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Cli;

internal static class AuditCommand
{
    internal static Command Create(Terminal terminal) => new("audit", "Verifies, exports and shortens the audit log.") { Verify(terminal), Export(terminal), Cut(terminal) };

    private static Command Verify(Terminal terminal)
    {
        var organization = CommonOptions.Organization();
        organization.DefaultValueFactory = _ => "";
        organization.Description = "Organization whose chain is looked at. Default: every one.";
        var known = new Option<string?>("--known") { Description = "A row that was written down before, as NUMBER:HASH of an earlier verification; it must still be there. With --organization.", HelpName = "ROW" };
        var command = new Command("verify", "Looks at every row of the chain. Exit code 1 when one was changed, removed, inserted or moved.") { organization, known };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var asked = parsed.GetValue(organization)!;
            var row = Row(parsed.GetValue(known));
            if (row is not null && asked.Length == 0) throw new ArgumentException("--known: name the organization with --organization.");
            var broken = 0;
            foreach (var id in asked.Length > 0 ? [asked] : await app.Services.GetRequiredService<OrganizationStore>().ListAsync(cancellationToken))
            {
                var verdict = await app.Services.GetRequiredService<VerifyChain>().RunAsync(id, row, cancellationToken);
                terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{id}: {(verdict.IsWhole ? "whole" : "BROKEN")}, {verdict.Rows:N0} rows, {verdict.First} to {verdict.Last}, newest {verdict.Last}:{verdict.Head}"));
                foreach (var fault in verdict.Faults) terminal.Error(string.Create(CultureInfo.InvariantCulture, $"{id}, row {fault.Sequence}: {fault.Detail}"));
                if (!verdict.IsWhole) broken++;
            }

            return broken == 0 ? 0 : CommandLine.Failed;
        });
        return command;
    }

    private static (long Sequence, string Hash)? Row(string? text)
    {
        if (text is null) return null;
        var parts = text.Split(':');
        return parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) && parts[1].Length == 64
            ? (sequence, parts[1]) : throw new ArgumentException("--known: give the number and the hash of a row as verify shows them, such as 12:9f86...");
    }

    private static Command Export(Terminal terminal)
    {
        var organization = CommonOptions.Organization(required: true);
        var output = new Option<string?>("--output") { Description = "File to write. Default: the terminal.", HelpName = "FILE" };
        var command = new Command("export", "Writes the chain as NDJSON, a row a line in order, with the hashes that prove it.") { organization, output };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var id = parsed.GetValue(organization)!;
            await app.Services.GetRequiredService<AuditLog>().AppendAsync(app.Services.GetRequiredService<Database>(), id, AuditKind.Exported, "audit log", null, cancellationToken);
            using var buffer = new MemoryStream();
            await using Stream target = parsed.GetValue(output) is { } path ? File.Create(path) : buffer;
            var rows = await ListAudit.ExportAsync(app.Services.GetRequiredService<AuditReader>(), id, new AuditFilter(), target, cancellationToken);
            if (parsed.GetValue(output) is { } written) terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{rows:N0} rows in {written}."));
            else terminal.Output.Write(System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
            return 0;
        });
        return command;
    }

    private static Command Cut(Terminal terminal)
    {
        var organization = CommonOptions.Organization(required: true);
        var before = new Option<string>("--before") { Description = "Rows before this moment go, such as 2024-01-01.", Required = true, HelpName = "MOMENT" };
        var command = new Command("cut", "Removes the old end of the chain. What is left still proves itself, and says that it was cut. Export it first.") { organization, before };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (!DateText.TryParse(parsed.GetValue(before), out var beforeMs)) throw new ArgumentException("--before: not a moment. Write it as 2024-01-01 or 2024-01-01T00:00:00Z.");
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var rows = await app.Services.GetRequiredService<CutChain>().RunAsync(parsed.GetValue(organization)!, beforeMs, cancellationToken);
            terminal.Line(string.Create(CultureInfo.InvariantCulture, $"Removed {rows:N0} rows from before {MomentConverter.Text(Moment.Of(beforeMs))}."));
            return 0;
        });
        return command;
    }
}
