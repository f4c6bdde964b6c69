namespace LeadScoring.Ml.Features;

/// <summary>What is known of a lead: the only input of feature extraction.</summary>
/// <param name="Attributes">Attributes by name (ordinal).</param>
/// <param name="Activity">The fold of its events up to the moment that is asked for.</param>
/// <param name="CreatedAtMs">When the lead was first known, Unix ms; stands in for an absent attribute created_at.</param>
public readonly record struct LeadSnapshot(IReadOnlyDictionary<string, AttributeValue> Attributes, ActivityState Activity, long? CreatedAtMs = null)
{
    /// <summary>The attribute of that name; missing when absent.</summary>
    public AttributeValue Attribute(string name) =>
        Attributes.TryGetValue(name, out var value) && !value.IsMissing ? value
        : name == "created_at" && CreatedAtMs is { } at ? AttributeValue.From((double)at)
        : AttributeValue.Missing;
}

/// <summary>The value of one feature: a number for numeric and boolean features, a level for categorical ones.</summary>
/// <param name="Number">Finite, or NaN when missing or categorical. Booleans are 1 and 0.</param>
/// <param name="Level">The level of a categorical feature; null when missing or not categorical.</param>
public readonly record struct FeatureValue(double Number, string? Level)
{
    /// <summary>Nothing is known.</summary>
    public static readonly FeatureValue Missing = new(double.NaN, null);

    /// <summary>True when nothing is known.</summary>
    public bool IsMissing => Level is null && double.IsNaN(Number);
}
