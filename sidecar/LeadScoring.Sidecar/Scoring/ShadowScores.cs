using System.Data.Common;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Experiments;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Scores leads of a shadow experiment by both models, of the same facts at the same moment, after their answer was given. Nothing of it is shown, graded or told.</summary>
internal sealed class ShadowScores(ExperimentLeads waiting, LeadStore leads, ActiveModels models, LeadScorer scorer, TimeProvider time, ILogger<ShadowScores> logger)
{
    private const int BatchSize = 100;

    private volatile string last = "";

    /// <summary>Does one batch; the number of leads that waited.</summary>
    internal async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        if (await waiting.WaitingAsync(last, BatchSize, cancellationToken) is not { } batch) return 0;
        last = batch.OrganizationId;
        var active = await models.GetAsync(batch.OrganizationId, cancellationToken);
        // Seen a moment later, or not usable: leads that were not asked in time count nowhere.
        var stored = active is { Challenger: { } challenger, Trial: { } trial } && trial.ExperimentId == batch.ExperimentId
            ? Score(active, challenger, [.. (await leads.GetManyAsync(batch.OrganizationId, batch.LeadIds, cancellationToken)).Values])
            : [];
        await waiting.SetShadowAsync(batch, stored, cancellationToken);
        return batch.LeadIds.Count;
    }

    private List<ShadowScore> Score(ActiveModel champion, ActiveModel challenger, StoredLead[] batch)
    {
        try
        {
            ScoreInput[] inputs = [.. batch.Select(l => new ScoreInput(l.Snapshot, time.NowMs(), Quick: false, WithFactors: false))];
            var (own, other) = (scorer.Score(champion, inputs), scorer.Score(challenger, inputs));
            return [.. batch.Select((l, i) => new ShadowScore(l.LeadId, own[i].Score.Probability, other[i].Score.Probability))];
        }
        catch (Exception e) when (e is not DbException)
        {
            // One lead that cannot be scored costs the others nothing.
            ScoringLog.LeadsFailed(logger, batch.Length, e.GetType().Name, e.StackTrace ?? "");
            return batch.Length == 1 ? [] : [.. batch.SelectMany(l => Score(champion, challenger, [l]))];
        }
    }
}
