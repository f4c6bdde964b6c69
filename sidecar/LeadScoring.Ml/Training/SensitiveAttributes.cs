using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Training;

/// <summary>Attributes of leads by which fairness is reported even where no profile says so.</summary>
public static class SensitiveAttributes
{
    private static readonly string[] Usual =
    [
        "age", "age_group", "date_of_birth", "gender", "sex", "marital", "marital_status", "ethnicity", "race", "religion", "nationality", "disability", "state", "region", "country", "location",
    ];

    /// <summary>Those of the given names that are to be reported on: what the profile names, and the usual ones. What a sensitive feature is made from is reported as that feature.</summary>
    /// <param name="profile">The profile.</param>
    /// <param name="names">Names of attributes, in the spelling of the data.</param>
    public static string[] Of(FeatureProfile profile, IEnumerable<string> names)
    {
        var covered = profile.Features.Where(f => f.Sensitive).SelectMany(f => f.Sources.Where(s => !s.IsActivity).Select(s => s.Name).Append(f.Name)).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var wanted = profile.SensitiveAttributes.Concat(Usual).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return [.. names.Where(n => wanted.Contains(n) && !covered.Contains(n)).Distinct(StringComparer.Ordinal)];
    }
}
