using System.Data.Common;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>A score, or why there is none: the lead is unknown and came without facts, or it would have too many attributes.</summary>
internal readonly record struct ScoreOutcome(ScoreAnswer? Answer, bool HasTooManyAttributes = false);

/// <summary>Scores some leads of one organization: stores inline facts, scores, stores the scores. What single, batch and stream share.</summary>
internal sealed class ScoreLeads(
    LeadStore leads, EventStore events, ScoreStore scores, ActiveModels models, LeadScorer scorer, Database database, IOptions<ScoringOptions> options, TimeProvider time)
{
    /// <summary>One outcome an item, in order. An item that is refused costs the others nothing.</summary>
    internal async Task<ScoreOutcome[]> RunAsync(string organizationId, IReadOnlyList<ScoreItem> items, CancellationToken cancellationToken)
    {
        var refused = await SaveAsync(organizationId, [.. items.Where(i => i.Save && i.IsInline)], cancellationToken);
        var stored = await StoredAsync(organizationId, items, cancellationToken);
        var active = await models.GetAsync(organizationId, cancellationToken);
        var nowMs = time.NowMs();
        var answers = new ScoreOutcome[items.Count];
        var writes = new Dictionary<string, ScoreWrite>(StringComparer.Ordinal);
        for (var i = 0; i < items.Count; i++)
        {
            var item = items[i];
            var lead = stored.GetValueOrDefault(item.LeadId);
            if (refused.Contains(item))
            {
                answers[i] = new ScoreOutcome(null, HasTooManyAttributes: true);
                continue;
            }

            // Facts that were to be stored and left no lead: its only events belong to another lead, or it was erased this moment.
            if (lead is null && (item.Save || !item.IsInline)) continue;
            if (item is { Type: ScoringType.Quick, IsInline: false } && lead is not null && IsFresh(lead, active, nowMs)
                && await scores.LatestAsync(organizationId, item.LeadId, cancellationToken) is { } latest)
            {
                answers[i] = new ScoreOutcome(Cached(lead, latest, active, nowMs, item.IncludeFactors));
                continue;
            }

            var overlay = item.IsInline && !item.Save;
            var snapshot = overlay ? await OverlayAsync(organizationId, lead, item, nowMs, cancellationToken) : lead!.Snapshot;
            var quick = item.Type == ScoringType.Quick;
            // A stored score always carries its factors; only a passing one may do without.
            var keep = !overlay && !quick;
            var result = scorer.Score(active, snapshot, nowMs, quick, withFactors: keep || item.IncludeFactors, lead?.Latest?.Grade, item.Overrides);
            if (keep) writes[item.LeadId] = LeadScorer.Write(active, lead!, result);
            answers[i] = new ScoreOutcome(ScoreAnswer.Of(item.LeadId, result, active, item.IncludeFactors, cached: false, item.IsInline ? item.Save : null));
        }

        if (writes.Count > 0) await WriteAsync(organizationId, active, [.. writes.Values], cancellationToken);
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
        var write = scorer.ScoreStored(active, lead, nowMs);
        await WriteAsync(organizationId, active, [write], cancellationToken);
        return ScoreAnswer.Of(leadId, write.Result, active, includeFactors, cached: false);
    }

    private async Task<Dictionary<string, StoredLead>> StoredAsync(string organizationId, IReadOnlyList<ScoreItem> items, CancellationToken cancellationToken)
    {
        try
        {
            return await leads.GetManyAsync(organizationId, [.. items.Select(i => i.LeadId)], cancellationToken);
        }
        catch (DbException e) when (items.All(i => i.IsInline && !i.Save) && StorageFaults.Of(e) == StorageFault.Unavailable)
        {
            // The database is away: what the request itself brings is scored all the same.
            return [];
        }
    }

    /// <summary>Stores inline facts in one transaction; the items of which nothing was stored, as their leads would have too many attributes.</summary>
    private async Task<IReadOnlySet<ScoreItem>> SaveAsync(string organizationId, IReadOnlyList<ScoreItem> items, CancellationToken cancellationToken)
    {
        var refused = new HashSet<ScoreItem>(ReferenceEqualityComparer.Instance);
        if (items.Count == 0) return refused;
        await database.WriteAsync(
            async transaction =>
            {
                refused.Clear();
                ScoreItem[] patched = [.. items.Where(i => i.Patch is not null)];
                var existing = await LeadStore.ExistingAsync(transaction, organizationId, items.Select(i => i.LeadId), cancellationToken);
                // A lead that is told of for the first time came into the pipeline now, as with PUT /v1/leads.
                var statuses = await leads.UpsertAsync(transaction, organizationId, [.. patched.Select(i => new LeadWrite(i.LeadId, i.Patch!, existing.Add(i.LeadId) ? time.NowMs() : null))], cancellationToken);
                refused.UnionWith(patched.Where((_, i) => statuses[i] == LeadWriteStatus.Rejected));
                await events.AppendAsync(transaction, organizationId, [.. items.Where(i => !refused.Contains(i)).SelectMany(i => i.Events.Select(e => new LeadEvent(i.LeadId, e)))], cancellationToken);
            },
            cancellationToken);
        return refused;
    }

    /// <summary>The stored lead with the inline facts on top, nothing stored. Events that are stored already do not count twice.</summary>
    private async Task<LeadSnapshot> OverlayAsync(string organizationId, StoredLead? lead, ScoreItem item, long nowMs, CancellationToken cancellationToken)
    {
        var attributes = new Dictionary<string, AttributeValue>(lead?.Snapshot.Attributes ?? new Dictionary<string, AttributeValue>(), StringComparer.Ordinal);
        foreach (var (name, json) in item.Patch ?? [])
            attributes[name] = json is null ? AttributeValue.Missing : AttributeValue.From(JsonElement.Parse(json));
        // As it would be stored: a new lead with attributes came into the pipeline now.
        var createdAtMs = lead is null && item.Patch is not null ? nowMs : lead?.Snapshot.CreatedAtMs;
        if (item.Events.Count == 0) return new LeadSnapshot(attributes, lead?.Snapshot.Activity ?? new ActivityState(), createdAtMs);
        var known = lead is null ? [] : await events.KnownIdsAsync(organizationId, [.. item.Events.Select(e => e.EventId)], cancellationToken);
        var activity = ActivityState.Replay(item.Events.Where(e => !known.Contains(e.EventId)), long.MaxValue);
        if (lead is not null) activity.Merge(lead.Snapshot.Activity);
        return new LeadSnapshot(attributes, activity, createdAtMs);
    }

    private async Task WriteAsync(string organizationId, ActiveModel active, IReadOnlyList<ScoreWrite> writes, CancellationToken cancellationToken)
    {
        if (!await scores.WriteAsync(organizationId, active, writes, cancellationToken)) models.Forget(organizationId);
    }

    private bool IsFresh(StoredLead lead, ActiveModel active, long nowMs) =>
        !lead.IsStale && lead.ScoredAtMs is { } at && nowMs - at < options.Value.ScoreTtl.TotalMilliseconds && lead.ModelVersion == active.Version;

    private ScoreAnswer Cached(StoredLead lead, StoredScore latest, ActiveModel active, long nowMs, bool includeFactors) =>
        ScoreAnswer.Of(lead.LeadId, scorer.Restore(active, lead.Snapshot, latest, lead.ScoredAtMs!.Value, nowMs), active, includeFactors, cached: true);
}
