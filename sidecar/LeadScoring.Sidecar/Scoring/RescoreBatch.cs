using System.Data.Common;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Scores a batch of stored leads and writes it in one transaction. A lead that cannot be scored costs the others of its batch nothing.</summary>
internal sealed class RescoreBatch(LeadStore leads, StaleLeads stale, ScoreStore scores, ActiveModels models, LeadScorer scorer, RescoringRunStore runs, Database database, TimeProvider time, ILogger<RescoreBatch> logger)
{
    private const int LongestReason = 300;

    /// <summary>Leads of the queue.</summary>
    internal async Task ScoreAsync(LeadClaim claim, CancellationToken cancellationToken)
    {
        try
        {
            await ScoreAsync(claim, claim.Leads, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The next process need not wait until the claim has run out.
            await stale.ReleaseAsync(claim, CancellationToken.None);
            throw;
        }
    }

    /// <summary>The next leads of a run, and how far it is by then; how many leads.</summary>
    internal async Task<int> AdvanceAsync(RescoringRun run, int limit, CancellationToken cancellationToken)
    {
        var next = await runs.NextLeadsAsync(run, limit, cancellationToken);
        if (next.Count == 0)
        {
            await runs.EndAsync(run.OrganizationId, run.RunId, RescoringStatus.Succeeded, cancellationToken);
            return 0;
        }

        try
        {
            var active = await models.GetAsync(run.OrganizationId, cancellationToken);
            var writes = await ScoreStoredAsync(run.OrganizationId, active, next, cancellationToken);
            if (await scores.WriteRunAsync(run, next[^1], next.Count, active, writes, time.NowMs(), cancellationToken)) return next.Count;
            models.Forget(run.OrganizationId);
            await runs.ReleaseAsync(run, cancellationToken);
        }
        catch (RescoringLostException)
        {
            // Cancelled, begun anew or taken by another: whoever has it goes on from what is stored.
        }
        catch (Exception e) when (!IsOutage(e))
        {
            // The queue finds out which of them it was and sets that one aside; the run goes on.
            ScoringLog.LeadsFailed(logger, next.Count, e.GetType().Name, e.StackTrace ?? "");
            var left = new RescoringProgress(next[^1], next.Count, 0, new Dictionary<string, int>());
            await database.WriteAsync(
                async transaction =>
                {
                    await StaleLeads.MarkAsync(transaction, run.OrganizationId, next, time.NowMs(), cancellationToken);
                    await RescoringRunStore.AdvanceAsync(transaction, run, left, time.NowMs(), cancellationToken);
                },
                cancellationToken);
        }

        return next.Count;
    }

    private async Task ScoreAsync(LeadClaim claim, IReadOnlyList<ClaimedLead> part, CancellationToken cancellationToken)
    {
        try
        {
            var active = await models.GetAsync(claim.OrganizationId, cancellationToken);
            var writes = await ScoreStoredAsync(claim.OrganizationId, active, [.. part.Select(l => l.LeadId)], cancellationToken);
            if (!await scores.WriteClaimedAsync(claim, active, writes, cancellationToken)) models.Forget(claim.OrganizationId);
        }
        catch (Exception e) when (!IsOutage(e))
        {
            if (part.Count == 1)
            {
                ScoringLog.LeadsFailed(logger, 1, e.GetType().Name, e.StackTrace ?? "");
                await stale.FailAsync(claim, part[0], Reason(e), cancellationToken);
                return;
            }

            // Halves: a batch with one bad lead takes a dozen writes more, not a hundred.
            await ScoreAsync(claim, [.. part.Take(part.Count / 2)], cancellationToken);
            await ScoreAsync(claim, [.. part.Skip(part.Count / 2)], cancellationToken);
        }
    }

    private async Task<ScoreWrite[]> ScoreStoredAsync(string organizationId, ActiveModel active, IReadOnlyList<string> leadIds, CancellationToken cancellationToken)
    {
        var stored = await leads.GetManyAsync(organizationId, leadIds, cancellationToken);
        StoredLead[] refused = [.. stored.Values.Where(l => ProfilingConsent.IsRefused(l.Snapshot))];
        if (refused.Length > 0) await TakeScoresAsync(organizationId, refused, cancellationToken);
        return scorer.ScoreStored(active, [.. stored.Values.Except(refused)], time.NowMs());
    }

    /// <summary>Who objects to being scored has no score, also none from before, and waits for none. Whoever changed meanwhile is looked at again.</summary>
    private Task TakeScoresAsync(string organizationId, StoredLead[] refused, CancellationToken cancellationToken)
    {
        const string Lead = """
            update leads set is_stale = 0, stale_since_ms = null, score = null, grade = null, probability = null, confidence = null, model_version = null, scored_by = null, scored_at_ms = null, scored_revision = null,
                scored_with = null, exclusion = null
            where organization_id = @organizationId and lead_id = @LeadId and revision = @Revision
            """;
        const string Ledger = "delete from scores where organization_id = @organizationId and lead_id = @LeadId";
        const string Claim = "delete from rescoring_claims where organization_id = @organizationId and lead_id = @LeadId";
        return database.WriteAsync(async transaction =>
        {
            await LeadStore.LockAsync(transaction, organizationId, refused.Select(l => l.LeadId), cancellationToken);
            foreach (var lead in refused)
            {
                transaction.Touch(organizationId, lead.LeadId);
                var values = new { organizationId, lead.LeadId, lead.Revision };
                if (await transaction.ExecuteAsync(Lead, values, cancellationToken) == 0) continue;
                await transaction.ExecuteAsync(Ledger, values, cancellationToken);
                await transaction.ExecuteAsync(Claim, values, cancellationToken);
            }
        }, cancellationToken);
    }

    private static bool IsOutage(Exception e) => e is OperationCanceledException || (e is DbException db && StorageFaults.Of(db) == StorageFault.Unavailable);

    private static string Reason(Exception e)
    {
        var reason = $"{e.GetType().Name}: {e.Message}";
        return reason.Length <= LongestReason ? reason : reason[..LongestReason];
    }
}

internal static partial class ScoringLog
{
    [LoggerMessage(30, LogLevel.Error, "Rescoring failed and will be tried again: {Failure} {Stack}")]
    internal static partial void RescoreFailed(ILogger logger, string failure, string stack);

    [LoggerMessage(31, LogLevel.Error, "The warm-up failed, the first scores will be slow: {Failure} {Stack}")]
    internal static partial void WarmUpFailed(ILogger logger, string failure, string stack);

    [LoggerMessage(32, LogLevel.Warning, "{Leads} leads could not be scored together: {Failure} {Stack}")]
    internal static partial void LeadsFailed(ILogger logger, int leads, string failure, string stack);
}
