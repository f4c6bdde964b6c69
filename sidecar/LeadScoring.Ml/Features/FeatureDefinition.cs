namespace LeadScoring.Ml.Features;

/// <summary>How a feature's values are read.</summary>
public enum FeatureKind
{
    /// <summary>A number.</summary>
    Numeric,

    /// <summary>One of a set of levels.</summary>
    Categorical,

    /// <summary>Yes or no, kept as 1 and 0.</summary>
    Boolean,
}

/// <summary>One feature of a profile: what it means and where it comes from.</summary>
public sealed class FeatureDefinition
{
    /// <summary>Identity, lower snake case by custom; unique in the profile.</summary>
    public required string Name { get; init; }

    /// <summary>demographic, behavioral, engagement, intent, temporal, or a group of the user's own.</summary>
    public required string Group { get; init; }

    /// <summary>How values are read.</summary>
    public required FeatureKind Kind { get; init; }

    /// <summary>Where the value comes from; the first source that has one wins.</summary>
    public required IReadOnlyList<FeatureSource> Sources { get; init; }

    /// <summary>What people call it.</summary>
    public required string Label { get; init; }

    /// <summary>Unit for people, such as "days"; empty when there is none.</summary>
    public string Unit { get; init; } = "";

    /// <summary>How the value is told, such as "{value} showing request{s}"; empty: made from label and unit.</summary>
    public string Phrase { get; init; } = "";

    /// <summary>The part of the score that it counts towards.</summary>
    public SubScore SubScore { get; init; }

    /// <summary>Which way it can be changed; matters where it is <see cref="Actionable"/>.</summary>
    public ValueChange Change { get; init; }

    /// <summary>Whether the sales team can change it; only such features appear in counterfactuals.</summary>
    public bool Actionable { get; init; }

    /// <summary>Whether it is, or stands for, a protected attribute.</summary>
    public bool Sensitive { get; init; }

    /// <summary>Read and reported on, but not given to models.</summary>
    public bool Excluded { get; init; }

    /// <summary>Sensitive, and given to models all the same because the profile says so of this very feature (exclude: false).</summary>
    public bool IsAllowed { get; init; }

    /// <summary>Ascending lower bounds that turn a number into a level ("25-34"); null when not banded.</summary>
    public IReadOnlyList<double>? Bands { get; init; }

    /// <summary>Raw value to level, ordinal ignore-case; null when there is none. What is not in the table is missing; an attribute of the feature's own name is the level itself.</summary>
    public IReadOnlyDictionary<string, string>? Lookup { get; init; }
}
