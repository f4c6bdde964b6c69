namespace LeadScoring.Ml.Features;

/// <summary>What a condition of the action catalogue looks at.</summary>
public enum ConditionSubject
{
    /// <summary>The value of one feature.</summary>
    Feature,

    /// <summary>How many features of a group are known and above zero: signals of intent, say.</summary>
    Group,

    /// <summary>An attribute of the lead as it came in, such as stage, whether or not a feature is made of it.</summary>
    Attribute,
}

/// <summary>A test that an entry of the action catalogue depends on.</summary>
/// <param name="Subject">What is looked at.</param>
/// <param name="Name">Name of the feature, group or attribute.</param>
/// <param name="Test">Bounds and levels; a missing value never satisfies them.</param>
public sealed record ActionCondition(ConditionSubject Subject, string Name, FeatureCondition Test)
{
    /// <summary>Levels that the value must not have, ordinal ignore-case; a missing value has none of them.</summary>
    public IReadOnlyList<string>? IsNot { get; init; }

    /// <summary>Whether the lead satisfies the condition.</summary>
    /// <param name="profile">Where features and groups are looked up.</param>
    /// <param name="values">Feature values in the profile's order.</param>
    /// <param name="lead">The lead, for attributes.</param>
    public bool Holds(FeatureProfile profile, ReadOnlySpan<FeatureValue> values, in LeadSnapshot lead)
    {
        var value = Subject switch
        {
            ConditionSubject.Feature => values[profile.IndexOf(Name)],
            ConditionSubject.Group => new FeatureValue(Signals(profile, values), null),
            _ => lead.Attribute(Name) is { IsMissing: false } attribute ? new FeatureValue(attribute.AsNumber(), attribute.AsText()) : FeatureValue.Missing,
        };
        if (IsNot is not null && value.Level is { } level && IsNot.Contains(level, StringComparer.OrdinalIgnoreCase)) return false;
        return (Test.AtLeast is null && Test.AtMost is null && Test.Is is null && IsNot is not null) || Test.Holds(value);
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
