using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Scores some leads of one organization: stores inline facts, scores, stores the scores. What single, batch and stream share.</summary>
internal sealed class ScoreLeads(
    LeadStore leads, EventStore events, ScoreStore scores, ActiveModels models, LeadScorer scorer, Database database, IOptions<ScoringOptions> options, TimeProvider time)
{
    /// <summary>One answer an item, in order; null where the lead is unknown and came without facts.</summary>
    internal async Task<ScoreAnswer?[]> RunAsync(string organizationId, IReadOnlyList<ScoreItem> items, CancellationToken cancellationToken)
    {
        await SaveAsync(organizationId, [.. items.Where(i => i.Save && i.IsInline)], cancellationToken);
        var stored = await leads.GetManyAsync(organizationId, [.. items.Select(i => i.LeadId)], cancellationToken);
        var active = await models.GetAsync(organizationId, cancellationToken);
        var nowMs = time.NowMs();
        var answers = new ScoreAnswer?[items.Count];
        var writes = new Dictionary<string, ScoreWrite>(StringComparer.Ordinal);
        for (var i = 0; i < items.Count; i++)
        {
            var item = items[i];
            var lead = stored.GetValueOrDefault(item.LeadId);
            if (lead is null && !item.IsInline) continue;
            if (item is { Type: ScoringType.Quick, IsInline: false } && lead is not null && IsFresh(lead, active, nowMs)
                && await scores.LatestAsync(organizationId, item.LeadId, cancellationToken) is { } latest)
            {
                answers[i] = Cached(lead, latest, active, nowMs, item.IncludeFactors);
                continue;
            }

            var overlay = item.IsInline && !item.Save;
            var snapshot = overlay ? await OverlayAsync(organizationId, lead, item, cancellationToken) : lead!.Snapshot;
            var quick = item.Type == ScoringType.Quick;
            // A stored score always carries its factors; only a passing one may do without.
            var keep = !overlay && !quick;
            var result = scorer.Score(active, snapshot, nowMs, quick, withFactors: keep || item.IncludeFactors);
            if (keep) writes[item.LeadId] = new ScoreWrite(item.LeadId, lead!.Revision, result);
            answers[i] = ScoreAnswer.Of(item.LeadId, result, active, snapshot, nowMs, item.IncludeFactors, cached: false, item.IsInline ? item.Save : null);
        }

        if (writes.Count > 0) await scores.WriteAsync(organizationId, [.. writes.Values], cancellationToken);
        return answers;
    }

    /// <summary>The lead's score as it stands: stored while fresh, else computed anew and stored.</summary>
    /// <exception cref="ProblemException">Unknown lead.</exception>
    internal async Task<ScoreAnswer> GetAsync(string organizationId, string leadId, bool includeFactors, CancellationToken cancellationToken)
    {
        var lead = await leads.GetAsync(organizationId, leadId, cancellationToken) ?? throw GetLead.Unknown();
        var active = await models.GetAsync(organizationId, cancellationToken);
        var nowMs = time.NowMs();
        if (IsFresh(lead, active, nowMs) && await scores.LatestAsync(organizationId, leadId, cancellationToken) is { } latest)
            return Cached(lead, latest, active, nowMs, includeFactors);
        var result = scorer.Score(active, lead.Snapshot, nowMs, quick: false, withFactors: true);
        await scores.WriteAsync(organizationId, [new ScoreWrite(leadId, lead.Revision, result)], cancellationToken);
        return ScoreAnswer.Of(leadId, result, active, lead.Snapshot, nowMs, includeFactors, cached: false);
    }

    private async Task SaveAsync(string organizationId, IReadOnlyList<ScoreItem> items, CancellationToken cancellationToken)
    {
        if (items.Count == 0) return;
        await database.WriteAsync(
            transaction =>
            {
                LeadWrite[] patches = [.. items.Where(i => i.Patch is not null).Select(i => new LeadWrite(i.LeadId, i.Patch!))];
                var statuses = leads.Upsert(transaction, organizationId, patches);
                var refused = statuses.ToList().IndexOf(LeadWriteStatus.Rejected);
                if (refused >= 0) throw ProblemException.Invalid("/lead", $"Lead {refused} of this request would have more than {LeadAttributes.MaxCount} attributes. Nothing was stored.");
                events.Append(transaction, organizationId, [.. items.SelectMany(i => i.Events.Select(e => new LeadEvent(i.LeadId, e)))]);
                return Task.CompletedTask;
            },
            cancellationToken);
    }

    /// <summary>The stored lead with the inline facts on top, nothing stored. Events that are stored already do not count twice.</summary>
    private async Task<LeadSnapshot> OverlayAsync(string organizationId, StoredLead? lead, ScoreItem item, CancellationToken cancellationToken)
    {
        var attributes = new Dictionary<string, AttributeValue>(lead?.Snapshot.Attributes ?? new Dictionary<string, AttributeValue>(), StringComparer.Ordinal);
        foreach (var (name, json) in item.Patch ?? [])
            attributes[name] = json is null ? AttributeValue.Missing : AttributeValue.From(JsonElement.Parse(json));
        if (item.Events.Count == 0) return new LeadSnapshot(attributes, lead?.Snapshot.Activity ?? new ActivityState(), lead?.Snapshot.CreatedAtMs);
        var known = lead is null ? [] : await events.KnownIdsAsync(organizationId, [.. item.Events.Select(e => e.EventId)], cancellationToken);
        var activity = ActivityState.Replay(item.Events.Where(e => !known.Contains(e.EventId)), long.MaxValue);
        if (lead is not null) activity.Merge(lead.Snapshot.Activity);
        return new LeadSnapshot(attributes, activity, lead?.Snapshot.CreatedAtMs);
    }

    private bool IsFresh(StoredLead lead, ActiveModel active, long nowMs) =>
        !lead.IsStale && lead.ScoredAtMs is { } at && nowMs - at < options.Value.ScoreTtl.TotalMilliseconds && lead.ModelVersion == active.Version;

    private ScoreAnswer Cached(StoredLead lead, StoredScore latest, ActiveModel active, long nowMs, bool includeFactors) =>
        ScoreAnswer.Of(lead.LeadId, scorer.Restore(active, lead.Snapshot, latest, lead.ScoredAtMs!.Value, nowMs), active, lead.Snapshot, nowMs, includeFactors, cached: true);
}
