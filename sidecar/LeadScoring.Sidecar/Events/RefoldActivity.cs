using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Events;

/// <summary>
/// Folds the stored events of leads anew whose activity an earlier version folded by other rules, so that live scores and training see the same.
/// Runs at the start, before anything folds; a batch a transaction, so that it goes on where it was.
/// A lead of which retention removed events keeps what it has: folded anew it would lose them.
/// </summary>
internal sealed partial class RefoldActivity(EventStore events, LeadStore leads, Database database, TimeProvider time, ILogger<RefoldActivity> log)
{
    private const int BatchLeads = 200;

    /// <returns>How many leads.</returns>
    internal async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        for (int done = 0, kept = 0; ;)
        {
            var (organizationId, leadIds) = await leads.FoldedBeforeAsync(ActivityState.FoldVersion, BatchLeads, cancellationToken);
            if (leadIds.Count == 0)
            {
                if (kept > 0) KeptOld(log, kept);
                return done;
            }

            var states = leadIds.ToDictionary(id => id, _ => new ActivityState(), StringComparer.Ordinal);
            await foreach (var (leadId, e) in events.ReadForLeadsAsync(organizationId, leadIds, cancellationToken)) states[leadId].Fold(e);
            foreach (var lead in (await leads.GetManyAsync(organizationId, leadIds, cancellationToken)).Values)
            {
                if (Folded(lead.Snapshot.Activity) <= Folded(states[lead.LeadId])) continue;
                states[lead.LeadId] = lead.Snapshot.Activity;
                kept++;
            }

            await database.WriteAsync(transaction => LeadStore.SetActivityAsync(transaction, organizationId, states, ActivityState.FoldVersion, time.NowMs(), cancellationToken), cancellationToken);
            done += leadIds.Count;
        }
    }

    private static int Folded(ActivityState state) => state.Events + state.BotEvents + state.BurstEvents;

    [LoggerMessage(1, LogLevel.Warning, "{Leads} leads keep their activity as an earlier version folded it: retention has removed some of their events.")]
    private static partial void KeptOld(ILogger logger, int leads);
}
