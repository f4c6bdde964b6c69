using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Scoring;

namespace LeadScoring.Sidecar.Recommendations;

/// <summary>Counts what became of each action. Add all outcomes, then all recommendations, then all actions taken. Not thread-safe.</summary>
internal sealed class CatalogueRecord
{
    private readonly Dictionary<string, LabeledLead> outcomes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<RecommendedAction>> byLead = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tally> tallies = new(StringComparer.Ordinal);

    internal IEnumerable<string> ActionIds => tallies.Keys;

    internal void Add(LabeledLead outcome) => outcomes[outcome.LeadId] = outcome;

    /// <summary>Each lead's must come in the order of time.</summary>
    internal void Add(RecommendedAction recommended)
    {
        if (!byLead.TryGetValue(recommended.LeadId, out var list)) byLead[recommended.LeadId] = list = [];
        list.Add(recommended);
        var tally = Of(recommended.ActionId);
        tally.Recommended++;
        tally.RecommendedFrom.TryAdd(recommended.LeadId, recommended.AtMs);
    }

    /// <summary>Each lead's must come in the order of time.</summary>
    internal void Add(ActionTaken taken)
    {
        var tally = Of(taken.ActionId);
        tally.Taken++;
        tally.TakenFrom.TryAdd(taken.LeadId, taken.TakenAtMs);
        if (byLead.GetValueOrDefault(taken.LeadId)?.LastOrDefault(r => r.AtMs <= taken.TakenAtMs)?.ActionId == taken.ActionId) tally.AsRecommended++;
        if (taken.Result is null) return;
        tally.WithResult++;
        if (ActionTaken.IsResponse(taken.Result)) tally.Answered++;
    }

    internal GetCatalogue.Entry Entry(ActionDefinition action, bool inCatalogue)
    {
        var tally = Of(action.Id);
        return new GetCatalogue.Entry(
            action.Id, action.Text, action.Channel, action.Grades, action.CoolDownDays, inCatalogue, tally.Recommended, tally.RecommendedFrom.Count, tally.Taken, tally.AsRecommended,
            ShareOf.From(tally.Answered, tally.WithResult), Conversions(tally.TakenFrom), Conversions(tally.RecommendedFrom.Where(r => !tally.TakenFrom.ContainsKey(r.Key))));
    }

    /// <summary>Only an outcome from after the moment can have come of it.</summary>
    private ShareOf Conversions(IEnumerable<KeyValuePair<string, long>> since)
    {
        int converted = 0, decided = 0;
        foreach (var (leadId, atMs) in since)
        {
            if (!outcomes.TryGetValue(leadId, out var outcome) || outcome.OccurredAtMs < atMs) continue;
            decided++;
            if (outcome.Converted) converted++;
        }

        return ShareOf.From(converted, decided);
    }

    private Tally Of(string actionId) => tallies.TryGetValue(actionId, out var tally) ? tally : tallies[actionId] = new Tally();

    private sealed class Tally
    {
        internal int Recommended;
        internal int Taken;
        internal int AsRecommended;
        internal int WithResult;
        internal int Answered;

        internal Dictionary<string, long> RecommendedFrom { get; } = new(StringComparer.Ordinal);

        internal Dictionary<string, long> TakenFrom { get; } = new(StringComparer.Ordinal);
    }
}
