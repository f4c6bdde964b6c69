using System.Data.Common;
using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>A score, or why there is none: the lead is unknown and came without facts, or it would have too many attributes, its person was erased, or objects to being scored.</summary>
internal readonly record struct ScoreOutcome(ScoreAnswer? Answer, bool HasTooManyAttributes = false, bool IsErased = false, bool IsRefused = false)
{
    /// <summary>What a person is told who asks for the score of somebody who objects to it.</summary>
    internal static ProblemException Refused() => new(ProblemKind.Conflict, $"The person objects to being scored (attribute {ProfilingConsent.Objection}, or {ProfilingConsent.Consent}). What was sent is kept; no score is made, and nothing is learned from the lead.");
}

/// <summary>Scores some leads of one organization: stores inline facts, scores, stores the scores. What single, batch and stream share.</summary>
internal sealed class ScoreLeads(
    LeadStore leads, LeadCache cache, EventStore events, ScoreStore scores, ScoreCache cachedScores, ActiveModels models, LeadScorer scorer, ScoreTogether together, Database database,
    IOptions<ScoringOptions> options, TimeProvider time)
{
    private static readonly Counter<long> Answered = Instruments.Meter.CreateCounter<long>("leadscoring.scores", "{lead}", "Scores that requests were given, by how they were made: new, stored");
    private static readonly KeyValuePair<string, object?> New = new("made", "new"), Stored = new("made", "stored");
    private static readonly ActivityState NoActivity = new();
    private static readonly Dictionary<string, AttributeValue> NoAttributes = [];

    /// <summary>One outcome an item, in order. An item that is refused costs the others nothing.</summary>
    internal async Task<ScoreOutcome[]> RunAsync(string organizationId, IReadOnlyList<ScoreItem> items, CancellationToken cancellationToken)
    {
        var refused = await SaveAsync(organizationId, items, cancellationToken);
        var stored = await ReadAsync(organizationId, items, cancellationToken);
        var active = await models.GetAsync(organizationId, cancellationToken);
        if (!active.IsSplit) return await RunAsync(organizationId, active, items, stored, refused, cancellationToken);
        var outcomes = new ScoreOutcome[items.Count];
        foreach (var arm in Enumerable.Range(0, items.Count).GroupBy(i => active.For(items[i].LeadId, stored[i]), ReferenceEqualityComparer.Instance))
        {
            int[] own = [.. arm];
            var part = await RunAsync(organizationId, (ActiveModel)arm.Key!, Array.ConvertAll(own, i => items[i]), Array.ConvertAll(own, i => stored[i]), refused, cancellationToken);
            for (var i = 0; i < own.Length; i++) outcomes[own[i]] = part[i];
        }

        return outcomes;
    }

    private async Task<ScoreOutcome[]> RunAsync(
        string organizationId, ActiveModel active, IReadOnlyList<ScoreItem> items, StoredLead?[] stored, IReadOnlyDictionary<ScoreItem, ScoreOutcome>? refused, CancellationToken cancellationToken)
    {
        var nowMs = time.NowMs();
        var outcomes = new ScoreOutcome[items.Count];
        var inputs = new List<ScoreInput>(items.Count);
        var asked = new List<int>(items.Count);
        for (var i = 0; i < outcomes.Length; i++)
        {
            var (item, lead) = (items[i], stored[i]);
            if (refused?.TryGetValue(item, out var refusal) == true) outcomes[i] = refusal;
            // Facts that were to be stored and left no lead: its only events belong to another lead, or it was erased this moment.
            else if (lead is null && (item.Save || !item.IsInline)) continue;
            else if (lead is not null && !IsOverlay(item) && ProfilingConsent.IsRefused(lead.Snapshot)) outcomes[i] = new ScoreOutcome(null, IsRefused: true);
            else if (item is { Type: ScoringType.Quick, IsInline: false } && lead is not null && await CachedAsync(organizationId, lead, active, nowMs, item.IncludeFactors, cancellationToken) is { } answer)
            {
                outcomes[i] = new ScoreOutcome(answer);
                Answered.Add(1, Stored);
            }
            else
            {
                var snapshot = IsOverlay(item) ? await OverlayAsync(organizationId, lead, item, nowMs, cancellationToken) : lead!.Snapshot;
                if (ProfilingConsent.IsRefused(snapshot))
                {
                    outcomes[i] = new ScoreOutcome(null, IsRefused: true);
                    continue;
                }

                inputs.Add(new ScoreInput(snapshot, nowMs, item.Type == ScoringType.Quick, WithFactors: Keeps(item) || item.IncludeFactors, lead?.Latest?.Grade, item.Overrides, lead?.SliceBy(active.Sampling)));
                asked.Add(i);
            }
        }

        if (asked.Count == 0) return outcomes;
        Answered.Add(asked.Count, New);
        var results = await ScoreAsync(active, inputs);
        for (var i = 0; i < results.Length; i++)
        {
            var item = items[asked[i]];
            outcomes[asked[i]] = new ScoreOutcome(ScoreAnswer.Of(item.LeadId, results[i], active, item.IncludeFactors, cached: false, item.IsInline ? item.Save : null));
        }

        await KeepAsync(organizationId, active, items, stored, asked, results, cancellationToken);
        return outcomes;
    }

    // A stored score always carries its factors; only a passing one may do without.
    private static bool Keeps(ScoreItem item) => !IsOverlay(item) && item.Type != ScoringType.Quick;

    private static bool IsOverlay(ScoreItem item) => item is { IsInline: true, Save: false };

    private async ValueTask<ScoreResult[]> ScoreAsync(ActiveModel active, List<ScoreInput> inputs) =>
        // A batch is together already.
        inputs is [{ WithFactors: true, Quick: false }] && active.Bundle is not null ? [await together.ScoreAsync(active, inputs[0])] : scorer.Score(active, CollectionsMarshal.AsSpan(inputs));

    /// <summary>The stored leads of the items. What passes by is looked up in memory; what is kept is scored from what the database holds now.</summary>
    private async ValueTask<StoredLead?[]> ReadAsync(string organizationId, IReadOnlyList<ScoreItem> items, CancellationToken cancellationToken)
    {
        try
        {
            var stored = LookUpAsync(organizationId, items, cancellationToken);
            return stored.IsCompleted || !items.All(IsOverlay) ? await stored : await database.HearAsync(stored.AsTask(), cancellationToken);
        }
        catch (Exception e) when (StorageFaults.IsAway(e) && items.All(IsOverlay))
        {
            // The database is away, or does not answer: what the request itself brings is scored all the same.
            return new StoredLead?[items.Count];
        }
    }

    private async ValueTask<StoredLead?[]> LookUpAsync(string organizationId, IReadOnlyList<ScoreItem> items, CancellationToken cancellationToken)
    {
        if (items is [var only] && !Keeps(only))
        {
            var lead = await cache.GetAsync(organizationId, only.LeadId, cancellationToken);
            // That a lead is unknown may have changed in another process a moment ago: nobody is told so from memory.
            return [lead is null && !only.IsInline ? await leads.GetAsync(organizationId, only.LeadId, cancellationToken) : lead];
        }

        string[] passing = [.. items.Where(IsOverlay).Select(i => i.LeadId)];
        string[] others = [.. items.Where(i => !IsOverlay(i)).Select(i => i.LeadId)];
        var remembered = passing.Length == 0 ? [] : await cache.GetManyAsync(organizationId, passing, cancellationToken);
        var read = others.Length == 0 ? null : await leads.GetManyAsync(organizationId, others, cancellationToken);
        var next = 0;
        return [.. items.Select(i => IsOverlay(i) ? remembered[next++] : read!.GetValueOrDefault(i.LeadId))];
    }

    private async Task KeepAsync(
        string organizationId, ActiveModel active, IReadOnlyList<ScoreItem> items, StoredLead?[] stored, List<int> asked, ScoreResult[] results, CancellationToken cancellationToken)
    {
        // A lead that was named twice keeps its last score.
        Dictionary<string, (StoredLead Lead, ScoreResult Result)>? kept = null;
        for (var i = 0; i < results.Length; i++)
        {
            var item = items[asked[i]];
            if (Keeps(item)) (kept ??= new(StringComparer.Ordinal))[item.LeadId] = (stored[asked[i]]!, results[i]);
        }

        if (kept is null) return;
        await WriteAsync(organizationId, active, LeadScorer.Write(active, [.. kept.Values.Select(k => k.Lead)], [.. kept.Values.Select(k => k.Result)]), cancellationToken);
    }

    /// <summary>The lead's score as it stands: stored while fresh, else computed anew and stored.</summary>
    /// <exception cref="ProblemException">Unknown lead.</exception>
    internal async Task<ScoreAnswer> GetAsync(string organizationId, string leadId, bool includeFactors, CancellationToken cancellationToken)
    {
        var lead = await cache.GetAsync(organizationId, leadId, cancellationToken);
        var active = await models.GetAsync(organizationId, cancellationToken);
        var nowMs = time.NowMs();
        if (lead is not null && ProfilingConsent.IsRefused(lead.Snapshot)) throw ScoreOutcome.Refused();
        if (lead is not null && await CachedAsync(organizationId, lead, active.For(leadId, lead), nowMs, includeFactors, cancellationToken) is { } answer) return answer;
        // What is stored again is made from what the database holds now.
        lead = await leads.GetAsync(organizationId, leadId, cancellationToken) ?? throw GetLead.Unknown();
        if (ProfilingConsent.IsRefused(lead.Snapshot)) throw ScoreOutcome.Refused();
        active = active.For(leadId, lead);
        var result = (await ScoreAsync(active, [new ScoreInput(lead.Snapshot, nowMs, Quick: false, WithFactors: true, lead.Latest?.Grade, Slice: lead.SliceBy(active.Sampling))]))[0];
        var write = LeadScorer.Write(active, [lead], [result])[0];
        await WriteAsync(organizationId, active, [write], cancellationToken);
        return ScoreAnswer.Of(leadId, write.Result, active, includeFactors, cached: false);
    }

    /// <summary>Stores inline facts in one transaction; the items of which nothing was stored, as their leads would have too many attributes or their person was erased.</summary>
    private async ValueTask<IReadOnlyDictionary<ScoreItem, ScoreOutcome>?> SaveAsync(string organizationId, IReadOnlyList<ScoreItem> all, CancellationToken cancellationToken)
    {
        ScoreItem[] items = [.. all.Where(i => i.Save && i.IsInline)];
        if (items.Length == 0) return null;
        var refused = new Dictionary<ScoreItem, ScoreOutcome>(ReferenceEqualityComparer.Instance);
        await database.WriteAsync(
            async transaction =>
            {
                refused.Clear();
                var erased = new HashSet<string>(StringComparer.Ordinal);
                ScoreItem[] patched = [.. items.Where(i => i.Patch is not null)];
                var existing = await LeadStore.ExistingAsync(transaction, organizationId, items.Select(i => i.LeadId), cancellationToken);
                // A lead that is told of for the first time came into the pipeline now, as with PUT /v1/leads.
                var statuses = await leads.UpsertAsync(transaction, organizationId, [.. patched.Select(i => new LeadWrite(i.LeadId, LeadAttributes.Format(i.Attributes), existing.Add(i.LeadId) ? time.NowMs() : null))], cancellationToken, erased);
                foreach (var item in patched.Where((_, i) => statuses[i] == LeadWriteStatus.Rejected)) refused[item] = new ScoreOutcome(null, HasTooManyAttributes: true);
                await events.AppendAsync(transaction, organizationId, [.. items.Where(i => !refused.ContainsKey(i)).SelectMany(i => i.Events.Select(e => new LeadEvent(i.LeadId, e)))], cancellationToken, erased);
                foreach (var item in items.Where(i => erased.Contains(i.LeadId))) refused[item] = new ScoreOutcome(null, IsErased: true);
            },
            cancellationToken);
        return refused;
    }

    /// <summary>The stored lead with the inline facts on top, nothing stored. Events that are stored already do not count twice.</summary>
    private async Task<LeadSnapshot> OverlayAsync(string organizationId, StoredLead? lead, ScoreItem item, long nowMs, CancellationToken cancellationToken)
    {
        var attributes = item.Patch ?? NoAttributes;
        if (lead is not null)
        {
            // Of ordinal comparison like the store's own, which extraction is quickest with.
            attributes = new Dictionary<string, AttributeValue>(lead.Snapshot.Attributes, StringComparer.Ordinal);
            foreach (var (name, value) in item.Patch ?? NoAttributes) attributes[name] = value;
        }

        // As it would be stored: a new lead with attributes came into the pipeline now.
        var createdAtMs = lead is null && item.Patch is not null ? nowMs : lead?.Snapshot.CreatedAtMs;
        if (item.Events.Count == 0) return new LeadSnapshot(attributes, lead?.Snapshot.Activity ?? NoActivity, createdAtMs);
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

    /// <summary>The stored score while it is fresh, with recommendations as of now; else null.</summary>
    private async ValueTask<ScoreAnswer?> CachedAsync(string organizationId, StoredLead lead, ActiveModel active, long nowMs, bool includeFactors, CancellationToken cancellationToken) =>
        IsFresh(lead, active, nowMs) && await cachedScores.GetAsync(organizationId, lead, active, cancellationToken) is { } latest
            ? ScoreAnswer.Of(lead.LeadId, scorer.Restore(active, lead, latest, nowMs), active, includeFactors, cached: true)
            : null;
}
