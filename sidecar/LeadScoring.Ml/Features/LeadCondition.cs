namespace LeadScoring.Ml.Features;

/// <summary>What a condition looks at.</summary>
public enum ConditionSubject
{
    /// <summary>The value of one feature.</summary>
    Feature,

    /// <summary>How many features of a group are known and above zero: signals of intent, say.</summary>
    Group,

    /// <summary>An attribute of the lead as it came in, such as stage, whether or not a feature is made of it.</summary>
    Attribute,

    /// <summary>How often an event of a type has happened; without bounds: at least once.</summary>
    Event,
}

/// <summary>A test on a lead, for what the organization decides and not the model: its catalogue of actions, and whom it does not work.</summary>
/// <param name="Subject">What is looked at.</param>
/// <param name="Name">Name of the feature, group, attribute or event type.</param>
/// <param name="Test">Bounds and levels; a missing value never satisfies them.</param>
public sealed record LeadCondition(ConditionSubject Subject, string Name, FeatureCondition Test)
{
    /// <summary>Levels that the value must not have, ordinal ignore-case; a missing value has none of them.</summary>
    public IReadOnlyList<string>? IsNot { get; init; }

    /// <summary>Endings of the text, any of them, ordinal ignore-case: "@rival.com".</summary>
    public IReadOnlyList<string>? EndsWith { get; init; }

    /// <summary>Whether the lead satisfies the condition.</summary>
    /// <param name="profile">Where features and groups are looked up.</param>
    /// <param name="values">Feature values in the profile's order.</param>
    /// <param name="lead">The lead, for attributes and events.</param>
    public bool Holds(FeatureProfile profile, ReadOnlySpan<FeatureValue> values, in LeadSnapshot lead)
    {
        var attribute = Subject == ConditionSubject.Attribute ? lead.Attribute(Name) : AttributeValue.Missing;
        var value = Subject switch
        {
            ConditionSubject.Feature => values[profile.IndexOf(Name)],
            ConditionSubject.Group => new FeatureValue(Signals(profile, values), null),
            ConditionSubject.Event => new FeatureValue(lead.Activity.Tally(Name).Count, null),
            _ => attribute.IsMissing ? FeatureValue.Missing : new FeatureValue(attribute.AsNumber(), attribute.AsText()?.Trim()),
        };
        if (IsNot is not null && Any(IsNot, value, attribute)) return false;
        if (EndsWith is not null && !(value.Level is { } text && EndsWith.Any(e => text.EndsWith(e, StringComparison.OrdinalIgnoreCase)))) return false;
        if (Test.Is is { } levels && !Any(levels, value, attribute)) return false;
        if (Test.AtLeast is { } low && !(value.Number >= low)) return false;
        if (Test.AtMost is { } high && !(value.Number <= high)) return false;
        if (Test.Is is not null || Test.AtLeast is not null || Test.AtMost is not null || EndsWith is not null || IsNot is not null) return true;
        return Subject == ConditionSubject.Event ? value.Number >= 1 : !value.IsMissing;
    }

    /// <summary>Truth values of attributes count in all the ways they are written: yes, 1, on.</summary>
    private static bool Any(IReadOnlyList<string> levels, FeatureValue value, AttributeValue attribute)
    {
        var level = value.Level ?? (value.Number == 1 ? "true" : value.Number == 0 ? "false" : null);
        if (level is null) return false;
        foreach (var wanted in levels)
        {
            if (wanted.Equals(level, StringComparison.OrdinalIgnoreCase)) return true;
            if (!attribute.IsMissing && bool.TryParse(wanted, out var truth) && BooleanText.Parse(attribute) == (truth ? 1 : 0)) return true;
        }

        return false;
    }

    private int Signals(FeatureProfile profile, ReadOnlySpan<FeatureValue> values)
    {
        var signals = 0;
        for (var f = 0; f < values.Length; f++)
        {
            if (profile.Features[f].Group == Name && (values[f].Number > 0 || values[f].Level is not null)) signals++;
        }

        return signals;
    }
}
