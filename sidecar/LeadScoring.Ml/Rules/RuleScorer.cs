using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Rules;

/// <summary>Points from the profile's rules: what leads are scored by until there is a model, or when it cannot be used.</summary>
public static class RuleScorer
{
    /// <summary>One rule that held.</summary>
    /// <param name="Feature">Position of the feature in the profile.</param>
    /// <param name="Points">Points that it gave.</param>
    public readonly record struct Hit(int Feature, double Points);

    /// <summary>The sum of start points and all rules that hold, within 1 and 99.</summary>
    /// <param name="profile">Profile with the rules.</param>
    /// <param name="values">One value a feature, in the profile's order.</param>
    /// <param name="hits">Receives the rules that held when given.</param>
    public static double Points(FeatureProfile profile, ReadOnlySpan<FeatureValue> values, List<Hit>? hits = null)
    {
        var points = profile.StartPoints;
        foreach (var rule in profile.Rules)
        {
            var feature = profile.IndexOf(rule.When.Feature);
            if (!rule.When.Holds(values[feature])) continue;
            points += rule.Points;
            hits?.Add(new Hit(feature, rule.Points));
        }

        return Math.Round(Math.Clamp(points, 1, 99), 1);
    }
}
