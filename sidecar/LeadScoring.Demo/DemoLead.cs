using LeadScoring.Ml.Features;

namespace LeadScoring.Demo;

/// <summary>One lead of the demo world: what a CRM and a website would know, and what nobody knows. Immutable.</summary>
public sealed class DemoLead
{
    /// <summary>Identity, unique in the world.</summary>
    public required string LeadId { get; init; }

    /// <summary>When the lead first became known, Unix milliseconds.</summary>
    public required long CreatedAtMs { get; init; }

    /// <summary>
    /// When the lead is scored and handed to sales, Unix milliseconds. Drawn without regard to intent, so it says nothing of the outcome.
    /// Features for training are to be taken as of this moment.
    /// </summary>
    public required long DecisionMs { get; init; }

    /// <summary>Attributes by the names that the real-estate profile reads, and a few for people. Unknown ones are absent.</summary>
    public required IReadOnlyDictionary<string, AttributeValue> Attributes { get; init; }

    /// <summary>Events as they arrive, in order of arrival: some late, some twice, some (historical leads only) after the decision.</summary>
    public required IReadOnlyList<DemoDelivery> Deliveries { get; init; }

    /// <summary>What became of the lead; null while it is open.</summary>
    public required DemoOutcome? Outcome { get; init; }

    /// <summary>
    /// Probability of conversion within the horizon, given everything that can be observed up to <see cref="DecisionMs"/>:
    /// no scorer can know more from the data (see <see cref="DemoWorld"/>).
    /// </summary>
    public required double TrueProbability { get; init; }

    /// <summary>The delivered events in order of arrival, repeated ones included.</summary>
    public IEnumerable<ActivityEvent> Events => Deliveries.Select(d => d.Event);
}

/// <summary>One arrival of an event.</summary>
/// <param name="Event">The event.</param>
/// <param name="ReceivedAtMs">When it arrived, Unix milliseconds.</param>
public readonly record struct DemoDelivery(ActivityEvent Event, long ReceivedAtMs);

/// <summary>What became of a lead.</summary>
/// <param name="Converted">Whether it converted within the horizon.</param>
/// <param name="OccurredAtMs">The moment of conversion, or of being closed as lost: after the decision, within the horizon.</param>
/// <param name="Revenue">Commission in dollars; null when lost.</param>
public sealed record DemoOutcome(bool Converted, long OccurredAtMs, double? Revenue);
