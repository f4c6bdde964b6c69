using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>
/// Takes changed leads off the queue, up to 100 at a time, and scores them. The queue is a flag on the lead: nothing is lost when this dies.
/// When the queue is empty, leads whose score is old are put on it, a batch at a time so that a change never waits for them, and bounds of grades that move are worked out anew.
/// </summary>
internal sealed class RescoreChangedLeads(
    StaleLeads stale, LeadStore leads, ScoreStore scores, ActiveModels models, LeadScorer scorer, GradePolicyStore policies, RegradeLeads regrade, IOptions<ScoringOptions> options, TimeProvider time,
    ILogger<RescoreChangedLeads> logger) : BackgroundService
{
    private const int BatchSize = 100;
    private static readonly TimeSpan IdleWait = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AgedCheckEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FailureWait = TimeSpan.FromSeconds(5);

    private long nextAgedCheckMs;

    /// <summary>Scores one batch; the number of leads that were on it.</summary>
    internal async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var batch = await stale.ListAsync(BatchSize, cancellationToken);
        foreach (var group in batch.GroupBy(l => l.OrganizationId))
        {
            var stored = await leads.GetManyAsync(group.Key, [.. group.Select(l => l.LeadId)], cancellationToken);
            var active = await models.GetAsync(group.Key, cancellationToken);
            var nowMs = time.NowMs();
            var isCurrent = await scores.WriteAsync(group.Key, active.Champion, scorer.ScoreStored(active, [.. stored.Values], nowMs), cancellationToken);
            if (!isCurrent) models.Forget(group.Key);
        }

        return batch.Count;
    }

    /// <summary>Queues a batch of leads whose score is old and moves the bounds that are due; the number of leads that were queued.</summary>
    internal async Task<int> LookAfterAgedAsync(CancellationToken cancellationToken)
    {
        var nowMs = time.NowMs();
        foreach (var organizationId in await policies.ListMovingAsync(nowMs - (long)options.Value.MoveGradeBoundsEvery.TotalMilliseconds, cancellationToken))
            await regrade.MoveBoundsAsync(organizationId, cancellationToken);
        var aged = await stale.MarkAgedAsync(nowMs - (long)options.Value.RescoreAfter.TotalMilliseconds, BatchSize, nowMs, cancellationToken);
        if (aged < BatchSize) nextAgedCheckMs = nowMs + (long)AgedCheckEvery.TotalMilliseconds;
        return aged;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.RescoreChangedLeads) return;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var count = await RunOnceAsync(stoppingToken);
                if (count == 0 && time.NowMs() >= nextAgedCheckMs) count = await LookAfterAgedAsync(stoppingToken);
                if (count < BatchSize) await Task.Delay(IdleWait, time, stoppingToken);
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
}

internal static partial class ScoringLog
{
    [LoggerMessage(30, LogLevel.Error, "Rescoring failed and will be tried again: {Failure} {Stack}")]
    internal static partial void RescoreFailed(ILogger logger, string failure, string stack);

    [LoggerMessage(31, LogLevel.Error, "The warm-up failed, the first scores will be slow: {Failure} {Stack}")]
    internal static partial void WarmUpFailed(ILogger logger, string failure, string stack);
}
