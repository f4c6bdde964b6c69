using System.Text;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;

namespace LeadScoring.Sidecar.Training;

/// <summary>A training set and where its rows come from.</summary>
/// <param name="LeadIds">Lead of each row.</param>
internal sealed record LabeledSet(TrainingSet Set, IReadOnlyList<string> LeadIds);

/// <summary>Builds the training set point-in-time: each lead as it was at its decision moment, strictly before its outcome.</summary>
/// <remarks>
/// The decision moment is the outcome's as_of where it was given. Else it is drawn, the same for a lead every time, uniformly between the lead's start and
/// its outcome: a fixed distance to the outcome would tell the model how the story ends. Attributes are as they are today: what was overwritten after the
/// outcome cannot be told from what was known before, so the leak linter looks at them.
/// </remarks>
internal sealed class TrainingData(LeadStore leads, EventStore events, OutcomeStore outcomes)
{
    private const int LandmarkSeed = 17;
    private const long LongestHistoryMs = 3650 * ActivityState.DayMs;

    internal async Task<LabeledSet> BuildAsync(string organizationId, FeatureProfile profile, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        progress?.Report(new TrainingProgress("Reading outcomes", 0));
        var labels = new Dictionary<string, LabeledLead>(StringComparer.Ordinal);
        await foreach (var label in outcomes.ReadLabeledAsync(organizationId, cancellationToken)) labels[label.LeadId] = label;
        var extractor = new FeatureExtractor(profile);
        int width = profile.Features.Count, row = 0;
        var values = new FeatureValue[(long)labels.Count * width];
        var y = new float[labels.Count];
        var ids = new string[labels.Count];
        var asOf = new long[labels.Count];

        progress?.Report(new TrainingProgress("Replaying events", 0));
        await using var eventsByLead = GroupByLead(events.ReadAllAsync(organizationId, cancellationToken)).GetAsyncEnumerator(cancellationToken);
        var hasEvents = await eventsByLead.MoveNextAsync();
        // Both streams come in the database's own order of lead ids, so one walk joins them.
        await foreach (var lead in leads.StreamAllAsync(organizationId, cancellationToken))
        {
            // Events of a lead that was erased between the two reads have no lead to join.
            while (hasEvents && Precedes(eventsByLead.Current.LeadId, lead.LeadId)) hasEvents = await eventsByLead.MoveNextAsync();
            List<ActivityEvent> own = [];
            if (hasEvents && eventsByLead.Current.LeadId == lead.LeadId)
            {
                own = eventsByLead.Current.Events;
                hasEvents = await eventsByLead.MoveNextAsync();
            }

            if (!labels.TryGetValue(lead.LeadId, out var label)) continue;
            asOf[row] = DecisionMoment(label, lead.Snapshot, own);
            y[row] = label.Converted && label.OccurredAtMs <= asOf[row] + (profile.HorizonDays * ActivityState.DayMs) ? 1 : 0;
            ids[row] = lead.LeadId;
            extractor.Extract(lead.Snapshot with { Activity = ActivityState.Replay(own, asOf[row]) }, asOf[row], values.AsSpan(row * width, width));
            row++;
            if (row % 20_000 == 0) progress?.Report(new TrainingProgress($"Replaying events, {row:N0} of {labels.Count:N0} leads", 0));
        }

        if (row < labels.Count) (values, y, ids, asOf) = (values[..(row * width)], y[..row], ids[..row], asOf[..row]);
        return new LabeledSet(new TrainingSet(profile, values, y, asOf), ids);
    }

    private static long DecisionMoment(LabeledLead label, LeadSnapshot lead, List<ActivityEvent> own)
    {
        var last = label.OccurredAtMs - 1;
        if (label.AsOfMs is { } given) return Math.Min(given, last);
        var created = lead.Attribute("created_at").TryGetMoment(out var at) ? at : long.MaxValue;
        var start = Math.Min(created, own.Count > 0 ? own[0].OccurredAtMs : long.MaxValue);
        if (start >= last) return last;
        start = Math.Max(start, last - LongestHistoryMs);
        return start + (long)((last - start) * StableHash.Unit(label.LeadId, LandmarkSeed));
    }

    /// <summary>The database's order of ids: that of their UTF-8 bytes.</summary>
    private static bool Precedes(string one, string other) =>
        one != other && Encoding.UTF8.GetBytes(one).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(other)) < 0;

    private static async IAsyncEnumerable<(string LeadId, List<ActivityEvent> Events)> GroupByLead(IAsyncEnumerable<LeadEvent> stream)
    {
        string? leadId = null;
        List<ActivityEvent> group = [];
        await foreach (var e in stream)
        {
            if (e.LeadId != leadId)
            {
                if (leadId is not null) yield return (leadId, group);
                (leadId, group) = (e.LeadId, []);
            }

            group.Add(e.Event);
        }

        if (leadId is not null) yield return (leadId, group);
    }
}
