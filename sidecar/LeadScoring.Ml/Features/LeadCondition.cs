namespace LeadScoring.Ml.Features;

/// <summary>A test on a lead: on one of its attributes, on an event having happened, or on a feature. Used where a decision is the organization's and not the model's.</summary>
public sealed class LeadCondition
{
    /// <summary>Attribute that is looked at; null when it is another part.</summary>
    public string? Attribute { get; init; }

    /// <summary>Attribute's values, any of them, ordinal ignore-case; "true" and "false" also mean what truth values are written as (yes, 1, on).</summary>
    public IReadOnlyList<string>? Is { get; init; }

    /// <summary>Endings of the attribute's text, any of them, ordinal ignore-case: "@rival.com".</summary>
    public IReadOnlyList<string>? EndsWith { get; init; }

    /// <summary>Event type that must have happened; null when it is another part.</summary>
    public string? Event { get; init; }

    /// <summary>Test on a feature; null when it is another part.</summary>
    public FeatureCondition? Feature { get; init; }

    /// <summary>Whether the lead satisfies the condition; what is unknown never does.</summary>
    /// <param name="profile">Gives the feature's position.</param>
    /// <param name="lead">The lead.</param>
    /// <param name="values">Its feature values, in the profile's order.</param>
    public bool Holds(FeatureProfile profile, in LeadSnapshot lead, ReadOnlySpan<FeatureValue> values)
    {
        if (Event is not null) return lead.Activity.Tally(Event).Count > 0;
        if (Feature is not null) return profile.IndexOf(Feature.Feature) is >= 0 and var at && Feature.Holds(values[at]);
        var value = lead.Attribute(Attribute!);
        if (value.AsText() is not { Length: > 0 } text) return false;
        text = text.Trim();
        return (Is is not null && Is.Any(i => Same(i, text, value))) || (EndsWith is not null && EndsWith.Any(e => text.EndsWith(e, StringComparison.OrdinalIgnoreCase)));
    }

    private static bool Same(string wanted, string text, AttributeValue value) =>
        text.Equals(wanted, StringComparison.OrdinalIgnoreCase)
        || (wanted.Equals("true", StringComparison.OrdinalIgnoreCase) && BooleanText.Parse(value) == 1)
        || (wanted.Equals("false", StringComparison.OrdinalIgnoreCase) && BooleanText.Parse(value) == 0);
}

/// <summary>A reason for which a lead is not worked, whatever its score: decided by the organization, outside the model, and shown as such.</summary>
/// <param name="Id">Stable identity, such as competitor.</param>
/// <param name="Text">What people read.</param>
/// <param name="When">Conditions, all of which must hold.</param>
public sealed record Exclusion(string Id, string Text, IReadOnlyList<LeadCondition> When)
{
    /// <summary>Whether it applies to a lead.</summary>
    public bool Holds(FeatureProfile profile, in LeadSnapshot lead, ReadOnlySpan<FeatureValue> values)
    {
        foreach (var condition in When)
        {
            if (!condition.Holds(profile, lead, values)) return false;
        }

        return true;
    }
}
