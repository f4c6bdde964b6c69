using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>
/// Workers that take changed leads off the queue, up to 100 of one organization at a time, organization by organization, and do a batch of a rescoring run in between:
/// a change never waits for a whole run, nor one organization for another's queue.
/// When nothing is queued, leads whose score is old are put on the queue, a batch at a time, and bounds of grades that move are worked out anew.
/// </summary>
internal sealed class RescoreChangedLeads(
    StaleLeads stale, LeadsChanged changed, RescoringRunStore runs, RescoreBatch batches, ShadowScores shadow, GradePolicyStore policies, RegradeLeads regrade, IOptions<ScoringOptions> options, TimeProvider time,
    ILogger<RescoreChangedLeads> logger) : BackgroundService
{
    private const int BatchSize = 100;

    // What other replicas store is found when looking; what this process stores is told.
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);

    // A stream of events makes batches, not a transaction a lead.
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(15);
    private static readonly TimeSpan AgedCheckEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FailureWait = TimeSpan.FromSeconds(5);

    private volatile string lastQueue = "";
    private volatile string lastRun = "";

    // By the timer, not the clock: that may be set.
    private long agedCheckedAt;

    /// <summary>Scores one batch of the queue; the number of leads that were on it.</summary>
    internal async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        if (await stale.ClaimAsync(lastQueue, BatchSize, cancellationToken) is not { } claim) return 0;
        lastQueue = claim.OrganizationId;
        await batches.ScoreAsync(claim, cancellationToken);
        return claim.Leads.Count;
    }

    /// <summary>Does one batch of a rescoring run; the number of its leads, 0 when there is none to do.</summary>
    internal async Task<int> RunBatchAsync(CancellationToken cancellationToken)
    {
        if (await runs.TakeAsync(lastRun, cancellationToken) is not { } run) return 0;
        lastRun = run.OrganizationId;
        return await batches.AdvanceAsync(run, BatchSize, cancellationToken);
    }

    /// <summary>Queues a batch of leads whose score is old and moves the bounds that are due; the number of leads that were queued.</summary>
    internal async Task<int> LookAfterAgedAsync(CancellationToken cancellationToken)
    {
        var nowMs = time.NowMs();
        foreach (var organizationId in await policies.ListMovingAsync(nowMs - (long)options.Value.MoveGradeBoundsEvery.TotalMilliseconds, cancellationToken))
            await regrade.MoveBoundsAsync(organizationId, cancellationToken);
        return await stale.MarkAgedAsync(nowMs - (long)options.Value.RescoreAfter.TotalMilliseconds, BatchSize, nowMs, cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => options.Value.RescoreChangedLeads
        ? Task.WhenAll(Enumerable.Range(0, options.Value.RescoreWorkers).Select(_ => WorkAsync(stoppingToken)))
        : Task.CompletedTask;

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var next = changed.Next;
                var count = await RunOnceAsync(stoppingToken);
                if (await RunBatchAsync(stoppingToken) + await shadow.RunOnceAsync(stoppingToken) + count > 0) continue;
                if (await CheckAgedAsync(stoppingToken) > 0) continue;
                await next.WaitAsync(LookEvery, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (next.IsCompleted) await Task.Delay(Gather, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // A job must outlive a database that is away for a while.
                ScoringLog.RescoreFailed(logger, e.GetType().Name, e.StackTrace ?? "");
                await Task.Delay(FailureWait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Now and then, by one worker; at once again while there are more than a batch.</summary>
    private async Task<int> CheckAgedAsync(CancellationToken cancellationToken)
    {
        var before = Interlocked.Read(ref agedCheckedAt);
        if (before != 0 && time.GetElapsedTime(before) < AgedCheckEvery) return 0;
        if (Interlocked.CompareExchange(ref agedCheckedAt, time.GetTimestamp(), before) != before) return 0;
        var aged = await LookAfterAgedAsync(cancellationToken);
        if (aged == BatchSize) Interlocked.Exchange(ref agedCheckedAt, 0);
        return aged;
    }
}
