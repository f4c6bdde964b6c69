using System.Globalization;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Says why a person should look at a score.</summary>
internal static class ReviewReason
{
    private const double Near = 0.2;
    private const double Apart = 0.1;
    private const double FewKnown = 0.5;

    /// <summary>The reason in words; null when the score need not be reviewed.</summary>
    /// <param name="score">The score.</param>
    /// <param name="threshold">Confidence from which on nobody need look.</param>
    /// <param name="by">What scored.</param>
    /// <param name="hasOutcomes">Whether outcomes have corrected the rules.</param>
    /// <param name="members">Probabilities of the members that scored; empty for rules.</param>
    /// <param name="values">Values of the lead.</param>
    internal static string? Of(LeadScore score, double threshold, ScoredBy by, bool hasOutcomes, ReadOnlySpan<double> members, ReadOnlySpan<FeatureValue> values)
    {
        if (score.Confidence >= threshold) return null;
        var below = string.Create(CultureInfo.InvariantCulture, $"confidence {Percent(score.Confidence)} is below {Percent(threshold)}");
        if (by == ScoredBy.Rules && !hasOutcomes) return $"{below}: scored by rules, which no outcomes have confirmed";
        var known = 0;
        foreach (var value in values) known += value.IsMissing ? 0 : 1;
        List<string> because = [];
        if (Math.Abs(score.Probability - 0.5) < Near) because.Add($"the probability of {Percent(score.Probability)} is close to the 50 % that decides");
        if (members.Length > 1 && ConfidenceModel.Disagreement(members) > Apart) because.Add($"the models disagree, from {Percent(Least(members))} to {Percent(Most(members))}");
        if (known < FewKnown * values.Length) because.Add($"only {known} of {values.Length} features are known");
        return because.Count == 0 ? $"{below}: leads like this were often decided wrongly" : $"{below}: {string.Join("; ", because)}";
    }

    private static string Percent(double share) => (100 * share).ToString("0", CultureInfo.InvariantCulture) + " %";

    private static double Least(ReadOnlySpan<double> values)
    {
        var least = 1.0;
        foreach (var v in values) least = Math.Min(least, v);
        return least;
    }

    private static double Most(ReadOnlySpan<double> values)
    {
        var most = 0.0;
        foreach (var v in values) most = Math.Max(most, v);
        return most;
    }
}
