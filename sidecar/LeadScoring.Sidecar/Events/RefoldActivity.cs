using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Events;

/// <summary>
/// Folds the stored events of leads anew whose activity an earlier version folded by other rules, so that live scores and training see the same.
/// Runs at the start, before anything folds; a batch a transaction, so that it goes on where it was.
/// </summary>
internal sealed class RefoldActivity(EventStore events, LeadStore leads, Database database, TimeProvider time)
{
    private const int BatchLeads = 200;

    /// <returns>How many leads.</returns>
    internal async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        for (var done = 0; ;)
        {
            var (organizationId, leadIds) = await leads.FoldedBeforeAsync(ActivityState.FoldVersion, BatchLeads, cancellationToken);
            if (leadIds.Count == 0) return done;
            var states = leadIds.ToDictionary(id => id, _ => new ActivityState(), StringComparer.Ordinal);
            await foreach (var (leadId, e) in events.ReadForLeadsAsync(organizationId, leadIds, cancellationToken)) states[leadId].Fold(e);
            await database.WriteAsync(transaction => LeadStore.SetActivityAsync(transaction, organizationId, states, ActivityState.FoldVersion, time.NowMs(), cancellationToken), cancellationToken);
            done += leadIds.Count;
        }
    }
}
