using System.CommandLine;
using System.Globalization;
using LeadScoring.Sidecar.Privacy;

namespace LeadScoring.Sidecar.Cli;

internal static class RetentionCommand
{
    internal static Command Create(Terminal terminal)
    {
        var command = new Command("retention", "Removes events, rows of the score ledger and of other tables that are older than the settings LEADSCORING__RETENTION__... keep, beside a running service.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var app = await CommonOptions.OpenAsync(parsed, cancellationToken);
            var retention = app.Services.GetRequiredService<Retention>();
            var (months, events, scores, rows) = (0, 0L, 0L, 0L);
            RetentionReport report;
            do
            {
                report = await retention.RunAsync(cancellationToken);
                (months, events, scores, rows) = (months + report.MonthsDropped, events + report.EventsRemoved, scores + report.ScoresRemoved, rows + report.RowsRemoved);
            }
            while (!report.IsDone && report is not { MonthsDropped: 0, EventsRemoved: 0, ScoresRemoved: 0, RowsRemoved: 0 });
            terminal.Line(string.Create(CultureInfo.InvariantCulture, $"Removed {events:N0} events, {months} months of events, {scores:N0} rows of the ledger and {rows:N0} of other tables."));
            if (report.IsDone) return 0;
            terminal.Error("Some of it is in use just now. Run the command again later.");
            return CommandLine.Failed;
        });
        return command;
    }
}
