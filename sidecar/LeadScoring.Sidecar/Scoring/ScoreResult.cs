using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Which part of the model a score rests on.</summary>
public enum ScoredBy
{
    /// <summary>All members.</summary>
    Ensemble,

    /// <summary>The primary member with its own calibration (scoring_type quick).</summary>
    Primary,

    /// <summary>The profile's rules: there is no usable model.</summary>
    Rules,
}

/// <summary>What a feature did to a score, by name: stored with the score, never computed again.</summary>
/// <param name="Points">Rounded to three decimals.</param>
/// <param name="Text">In words; null in rows of earlier versions.</param>
/// <param name="BaseRate">How leads of the same kind convert; null when nothing is known of them.</param>
internal sealed record FeaturePoints(string Feature, double Points, string? Text = null, BaseRate? BaseRate = null);

/// <summary>A score before it becomes an answer.</summary>
/// <param name="BasePoints">Points of the average lead; with all factors it sums to the score.</param>
/// <param name="Factors">All features that did something, largest first; null when they were not asked for.</param>
/// <param name="Values">Values of the lead, in the profile's order.</param>
internal sealed record ScoreResult(
    LeadScore Score, char Grade, bool NeedsReview, ScoredBy ScoredBy, int? ModelVersion, long ScoredAtMs,
    double BasePoints, IReadOnlyList<FeaturePoints>? Factors, FeatureValue[] Values, Recommendation Recommendation)
{
    /// <summary>Where the conversion rate of leads scored like this one will lie; null when rules scored.</summary>
    internal ConversionInterval? Interval { get; init; }

    /// <summary>Why a person should look at it; null when nobody need.</summary>
    internal string? ReviewReason { get; init; }
}
