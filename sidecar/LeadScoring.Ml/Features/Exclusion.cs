namespace LeadScoring.Ml.Features;

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
            if (!condition.Holds(profile, values, lead)) return false;
        }

        return true;
    }
}
