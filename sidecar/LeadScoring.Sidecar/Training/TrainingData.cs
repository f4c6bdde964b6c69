using System.Globalization;
using System.Text;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;

namespace LeadScoring.Sidecar.Training;

/// <summary>A training set and where its rows come from.</summary>
/// <param name="LeadIds">Lead of each row.</param>
/// <param name="Facts">People, sensitive attributes and which rows have had their whole horizon.</param>
/// <param name="Young">Leads whose non-conversion waits for its horizon, and those whose outcome waits with them; their labels mean nothing.</param>
/// <param name="Waiting">How many wait and why, and of how many leads events were removed, for people; null when there is nothing to say.</param>
internal sealed record LabeledSet(TrainingSet Set, IReadOnlyList<string> LeadIds, RowFacts Facts, TrainingSet Young, string? Waiting)
{
    /// <summary>What the outcomes owe to who was worked.</summary>
    internal required EffortCheck Effort { get; init; }
}

/// <summary>Builds the training set point-in-time: each lead as it was at its decision moment, strictly before its outcome.</summary>
/// <remarks>
/// The decision moment is the outcome's as_of where it was given. Else it is drawn, the same for a lead every time, uniformly between the lead's start and
/// its outcome: a fixed distance to the outcome would tell the model how the story ends. Attributes are as they are today: what was overwritten after the
/// outcome cannot be told from what was known before, so the leak linter looks at them.
/// </remarks>
internal sealed class TrainingData(LeadStore leads, EventStore events, OutcomeStore outcomes, AnonymousLeads anonymous, WorkedLeads work, TimeProvider time)
{
    private const int LandmarkSeed = 17;
    private const int YoungSeed = 41;
    private const long LongestHistoryMs = 3650 * ActivityState.DayMs;

    /// <summary>Builds it.</summary>
    /// <param name="organizationId">Whose leads.</param>
    /// <param name="profile">Their features.</param>
    /// <param name="progress">Told about each step; may be null.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <param name="correctForEffort">Rows of leads that were worked stand for those like them that were not; of the latter none has a weight. Where that cannot be estimated, all rows count alike.</param>
    internal async Task<LabeledSet> BuildAsync(
        string organizationId, FeatureProfile profile, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken, bool correctForEffort = false)
    {
        progress?.Report(new TrainingProgress("Reading outcomes", 0));
        var labels = new Dictionary<string, LabeledLead>(StringComparer.Ordinal);
        await foreach (var label in outcomes.ReadLabeledAsync(organizationId, cancellationToken)) labels[label.LeadId] = label;
        var withoutPerson = await anonymous.ReadAsync(organizationId, cancellationToken);
        var most = labels.Count + withoutPerson.Count;
        var extractor = new FeatureExtractor(profile);
        int width = profile.Features.Count, row = 0, shortened = 0;
        var values = new FeatureValue[(long)most * width];
        var y = new float[most];
        var ids = new string[most];
        var asOf = new long[most];
        var state = new MaturedLabel[most];
        var people = new string?[most];
        var contact = new long?[most];
        var isWhole = new bool[most];
        var recordedSinceMs = long.MaxValue;
        var sensitive = new Dictionary<string, string?[]>(StringComparer.Ordinal);
        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();

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

            if (own.Find(WorkedLeads.IsContact) is { OccurredAtMs: > 0 } made) recordedSinceMs = Math.Min(recordedSinceMs, made.OccurredAtMs);
            if (!labels.TryGetValue(lead.LeadId, out var label) || ProfilingConsent.IsRefused(lead.Snapshot)) continue;
            // What the lead did first is folded, and stored no more.
            isWhole[row] = lead.Snapshot.Activity.FirstOwnMs >= (own.Count > 0 ? own[0].OccurredAtMs : long.MaxValue);
            if (!isWhole[row]) shortened++;
            contact[row] = WorkedLeads.FirstContact(label, own);
            asOf[row] = DecisionMoment(label, lead.Snapshot, own);
            state[row] = LabelMaturity.Of(label.Converted, label.OccurredAtMs, label.IsFinal, label.Stage, asOf[row], profile, nowMs);
            y[row] = state[row] == MaturedLabel.Converted ? 1 : 0;
            var snapshot = lead.Snapshot;
            people[row] = PersonKey.Of(name => snapshot.Attribute(name).AsText());
            foreach (var name in SensitiveAttributes.Of(profile, snapshot.Attributes.Keys))
            {
                if (!sensitive.TryGetValue(name, out var column)) sensitive[name] = column = new string?[most];
                column[row] = snapshot.Attribute(name).AsText();
            }

            ids[row] = lead.LeadId;
            extractor.Extract(lead.Snapshot with { Activity = ActivityState.Replay(own, asOf[row]) }, asOf[row], values.AsSpan(row * width, width));
            row++;
            if (row % 20_000 == 0) progress?.Report(new TrainingProgress($"Replaying events, {row:N0} of {labels.Count:N0} leads", 0));
        }

        // Extracted when the person was taken out; who worked them, and who they were, is not known.
        foreach (var lead in withoutPerson)
        {
            var label = labels[lead.AnonymousId] = lead.Label;
            (ids[row], asOf[row], isWhole[row]) = (lead.AnonymousId, lead.DecidedMs, true);
            state[row] = LabelMaturity.Of(label.Converted, label.OccurredAtMs, label.IsFinal, label.Stage, asOf[row], profile, nowMs);
            y[row] = state[row] == MaturedLabel.Converted ? 1 : 0;
            lead.Read(profile, values.AsSpan(row * width, width));
            row++;
        }

        var horizonMs = profile.HorizonDays * ActivityState.DayMs;
        int[] known = [.. Enumerable.Range(0, row).Where(r => state[r] != MaturedLabel.Waiting)];
        KnownOutcome Known(int r)
        {
            var label = labels[ids[r]];
            var knownAfterMs = LabelMaturity.KnownAfterMs(label.Converted, label.OccurredAtMs, label.IsFinal, label.Stage, asOf[r], profile);
            return new KnownOutcome(y[r] == 1, nowMs - asOf[r], knownAfterMs, StableHash.Unit(label.LeadId, YoungSeed));
        }

        var counts = YoungOutcomes.Count([.. known.Select(Known)], horizonMs);
        for (var i = 0; i < known.Length; i++)
        {
            if (!counts[i]) state[known[i]] = MaturedLabel.Waiting;
        }

        var leftOut = counts.Count(c => !c);
        int[] final = [.. Enumerable.Range(0, row).Where(r => state[r] != MaturedLabel.Waiting)];
        int[] young = [.. Enumerable.Range(0, row).Where(r => state[r] == MaturedLabel.Waiting)];
        var (effort, weights) = await work.ReadAsync(
            organizationId, [.. final.Select(r => new WorkedLeads.Lead(ids[r], labels[ids[r]].AsOfMs ?? contact[r], labels[ids[r]].OccurredAtMs, contact[r] is not null, isWhole[r], y[r]))], recordedSinceMs, cancellationToken);
        var matureUntilMs = nowMs - horizonMs;
        TrainingSet Rows(int[] rows, float[]? counts = null)
        {
            var chosen = new FeatureValue[(long)rows.Length * width];
            for (var r = 0; r < rows.Length; r++) values.AsSpan(rows[r] * width, width).CopyTo(chosen.AsSpan(r * width, width));
            return new TrainingSet(profile, chosen, Array.ConvertAll(rows, r => y[r]), Array.ConvertAll(rows, r => asOf[r]), counts);
        }

        return new LabeledSet(
            Rows(final, correctForEffort ? weights : null), Array.ConvertAll(final, r => ids[r]),
            new RowFacts
            {
                People = Array.ConvertAll(final, r => people[r]), Sensitive = sensitive.ToDictionary(p => p.Key, p => Array.ConvertAll(final, r => p.Value[r]), StringComparer.Ordinal), MatureUntilMs = matureUntilMs,
            },
            Rows(young), Notes(LabelMaturity.Message(young.Length - leftOut, final.Count(r => y[r] == 1 && asOf[r] > matureUntilMs), leftOut, profile), shortened, row))
        {
            Effort = effort,
        };
    }

    private static string? Notes(string? waiting, int shortened, int leads) => shortened == 0 ? waiting : string.Create(
        CultureInfo.InvariantCulture, $"{waiting} Of {shortened:N0} of {leads:N0} leads retention has removed events: their features are made of what is left. See LEADSCORING__RETENTION__EVENTSMONTHS.").TrimStart();

    internal static long DecisionMoment(LabeledLead label, LeadSnapshot lead, List<ActivityEvent> own)
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
