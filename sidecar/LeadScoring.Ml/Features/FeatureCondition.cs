namespace LeadScoring.Ml.Features;

/// <summary>A test on one feature, as used by rules and by the action catalogue. All parts given must hold.</summary>
public sealed class FeatureCondition
{
    /// <summary>Name of the feature.</summary>
    public required string Feature { get; init; }

    /// <summary>Lower bound, inclusive.</summary>
    public double? AtLeast { get; init; }

    /// <summary>Upper bound, inclusive.</summary>
    public double? AtMost { get; init; }

    /// <summary>Levels, any of them, ordinal ignore-case; for booleans "true" or "false".</summary>
    public IReadOnlyList<string>? Is { get; init; }

    /// <summary>Whether the value satisfies the condition; a missing value never does.</summary>
    public bool Holds(FeatureValue value)
    {
        if (value.IsMissing) return false;
        if (AtLeast is { } low && !(value.Number >= low)) return false;
        if (AtMost is { } high && !(value.Number <= high)) return false;
        if (Is is null) return true;
        var level = value.Level ?? (value.Number == 1 ? "true" : value.Number == 0 ? "false" : null);
        return level is not null && Is.Contains(level, StringComparer.OrdinalIgnoreCase);
    }
}
