using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>What a run removed.</summary>
/// <param name="MonthsDropped">Tables of events that were dropped whole (PostgreSQL).</param>
/// <param name="EventsRemoved">Events that were removed one by one.</param>
/// <param name="ScoresRemoved">Rows of the ledger.</param>
/// <param name="RowsRemoved">Rows of the tables that <see cref="RetentionOptions.TableMonths"/> names.</param>
/// <param name="IsDone">Whether nothing older is left; otherwise another run goes on from here.</param>
internal sealed record RetentionReport(int MonthsDropped, int EventsRemoved, int ScoresRemoved, int RowsRemoved, bool IsDone);

/// <summary>
/// Removes events, rows of the ledger and of other tables that are older than <see cref="RetentionOptions"/> keeps, and makes the months of events to come. To be run daily, by any replica, any number at once.
/// What leads have folded, their scores and the ids of their events stay: a score does not change, and an event that is sent again is not counted again.
/// </summary>
internal sealed class Retention(Database database, EventMonths months, RetentionWalk walk, IOptions<RetentionOptions> options, TimeProvider time)
{
    /// <summary>Transactions of one run, so that it ends within a minute or so; each is short, so that writers get in between.</summary>
    internal const int MostSteps = 500;

    /// <summary>Leads per transaction where events are removed: some have thousands.</summary>
    internal const int LeadsOfEvents = 50;

    /// <summary>Leads per transaction where rows of the ledger are removed.</summary>
    internal const int LeadsOfScores = 200;

    internal async Task<RetentionReport> RunAsync(CancellationToken cancellationToken)
    {
        await months.EnsureAsync(cancellationToken);
        var (dropped, events, scores, rows, isDone, steps) = (0, 0, 0, 0, true, MostSteps);
        if (CutoffMs(options.Value.EventsMonths) is { } eventsMs)
        {
            if (database.IsPostgres)
            {
                (dropped, isDone) = await months.DropAsync(eventsMs, cancellationToken);
                var left = false;
                for (; steps > 0 && !left; steps--)
                {
                    (var removed, left) = await months.DeleteAsync(eventsMs, cancellationToken);
                    events += removed;
                }

                isDone &= left;
            }
            else
            {
                (events, isDone, steps) = await walk.RunAsync(
                    "events", eventsMs, LeadsOfEvents, steps, (t, id, leads) => EventStore.RemoveAsync(t, id, leads, eventsMs, cancellationToken), cancellationToken);
            }
        }

        if (CutoffMs(options.Value.LedgerMonths) is { } ledgerMs)
        {
            (scores, var scoresDone, steps) = await walk.RunAsync(
                "scores", ledgerMs, LeadsOfScores, steps, (t, id, leads) => ScoreStore.RemoveAsync(t, id, leads, ledgerMs, cancellationToken), cancellationToken);
            isDone &= scoresDone;
        }

        foreach (var (table, keepMonths) in AgedTable.Parse(options.Value.TableMonths))
        {
            var (cutoffMs, sql) = (CutoffMs(keepMonths)!.Value, table.Sql(database.AnyOf("ids")));
            var (removed, tableDone, left) = await walk.RunAsync(
                table.Name, cutoffMs, LeadsOfScores, steps, (t, organizationId, ids) => t.ExecuteAsync(sql, table.OfLeads ? new { organizationId, ids, cutoffMs } : new { organizationId, cutoffMs }, cancellationToken), cancellationToken);
            (rows, steps, isDone) = (rows + removed, left, isDone && tableDone);
        }

        return new RetentionReport(dropped, events, scores, rows, isDone);
    }

    /// <summary>Start of the oldest month that is kept, Unix ms; null when all are.</summary>
    private long? CutoffMs(int keepMonths)
    {
        if (keepMonths == 0) return null;
        var now = DateTimeOffset.FromUnixTimeMilliseconds(time.NowMs());
        return new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(-keepMonths).ToUnixTimeMilliseconds();
    }
}

/// <summary>
/// Retention as a job. It looks at all organizations at a time, so the first one of a run leaves little for the others; and none of them is told how much the others had.
/// </summary>
internal sealed class RetentionJob(Retention retention) : IOrganizationJob
{
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken) =>
        (await retention.RunAsync(cancellationToken)).IsDone ? "Nothing older than the settings keep is left." : "Something older than the settings keep is left; the next run goes on.";
}
