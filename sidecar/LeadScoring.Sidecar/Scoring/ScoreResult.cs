using LeadScoring.Ml.Ensemble;
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

/// <summary>What a feature did to a score, by name: stored with the score.</summary>
internal sealed record FeaturePoints(string Feature, double Points);

/// <summary>A score before it becomes an answer.</summary>
/// <param name="BasePoints">Points of the average lead; with all factors it sums to the score.</param>
/// <param name="Factors">All features that did something, largest first; null when they were not asked for.</param>
internal sealed record ScoreResult(
    LeadScore Score, char Grade, bool NeedsReview, ScoredBy ScoredBy, int? ModelVersion, long ScoredAtMs,
    double BasePoints, IReadOnlyList<FeaturePoints>? Factors, Recommendation Recommendation);
