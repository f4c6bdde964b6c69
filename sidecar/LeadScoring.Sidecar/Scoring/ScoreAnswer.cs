using System.ComponentModel;
using System.Text.Json.Serialization;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>What one feature did to the score.</summary>
/// <param name="Feature">Name in the profile.</param>
/// <param name="Label">Name for people.</param>
/// <param name="Value">The lead's own value: number, text, truth value, or null when unknown.</param>
/// <param name="Points">Score points.</param>
/// <param name="Group">Group of the feature.</param>
public sealed record Factor(
    string Feature, string Label, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] object? Value, double Points, string Group);

/// <summary>Why the score is what it is: base plus the points of all factors is the score.</summary>
/// <param name="Base">Points of the average lead.</param>
/// <param name="Positive">What raised it, largest first.</param>
/// <param name="Negative">What lowered it, largest first.</param>
public sealed record Factors(double Base, IReadOnlyList<Factor> Positive, IReadOnlyList<Factor> Negative);

/// <summary>What to do with the lead.</summary>
/// <param name="NextBestAction">For the rep to read.</param>
/// <param name="ActionId">Stable name of the action, to branch on.</param>
/// <param name="OptimalContactTime">Start of the best hour; null when the lead may not be contacted.</param>
/// <param name="ChannelPreference">phone, email, sms, or none.</param>
/// <param name="Why">The reason for each.</param>
public sealed record Recommendations(
    string NextBestAction, string ActionId, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? OptimalContactTime, string ChannelPreference, RecommendationReasons Why);

/// <summary>Why each recommendation was made.</summary>
public sealed record RecommendationReasons(string NextBestAction, string OptimalContactTime, string ChannelPreference);

/// <summary>What a probability may be taken for.</summary>
public enum ScoreCalibration
{
    /// <summary>As the training calibrated it.</summary>
    Calibrated,

    /// <summary>Moved to the present base rate.</summary>
    Reanchored,

    /// <summary>The order of leads only: recent outcomes contradict the probabilities.</summary>
    RankOnly,
}

/// <summary>A scored lead.</summary>
/// <param name="Score">0.1 to 99.9: 100 x the calibrated probability.</param>
/// <param name="ConversionProbability">Of conversion within the profile's horizon.</param>
/// <param name="Confidence">Probability that the decision at 0.5 is right.</param>
/// <param name="UpdatedAt">When the score was computed.</param>
/// <param name="ModelVersion">Null when scored by rules.</param>
/// <param name="NeedsReview">Confidence is below the threshold.</param>
/// <param name="Calibration">What the probability may be taken for; absent when scored by rules.</param>
/// <param name="Cached">A stored score of the unchanged lead.</param>
/// <param name="Saved">Whether inline facts were stored; absent when there were none.</param>
public sealed record ScoreAnswer(
    string LeadId, double Score, [property: Description("A, B, C or D.")] string Grade, double ConversionProbability, double Confidence, Factors? Factors,
    Recommendations Recommendations, DateTimeOffset UpdatedAt, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] int? ModelVersion, ScoredBy ScoredBy, bool NeedsReview, bool Cached, bool? Saved = null,
    [property: Description("calibrated, reanchored to the present base rate, or rank_only: recent outcomes contradict the probabilities, use the order of leads. Absent when scored by rules.")] ScoreCalibration? Calibration = null)
{
    internal static ScoreAnswer Of(string leadId, ScoreResult result, ActiveModel active, in LeadSnapshot lead, long nowMs, bool includeFactors, bool cached, bool? saved = null)
    {
        var r = result.Recommendation;
        return new ScoreAnswer(
            leadId, result.Score.Points, result.Grade.ToString(), Math.Round(result.Score.Probability, 6), Math.Round(result.Score.Confidence, 4),
            includeFactors && result.Factors is { } factors ? FactorsOf(result.BasePoints, factors, active.Profile, active.Extractor.Extract(lead, nowMs)) : null,
            new Recommendations(r.Action, r.ActionId, Moment.Of(r.ContactAtMs), r.Channel, new RecommendationReasons(r.ActionWhy, r.ContactWhy, r.ChannelWhy)),
            Moment.Of(result.ScoredAtMs), result.ModelVersion, result.ScoredBy, result.NeedsReview, cached, saved,
            result.ScoredBy == ScoredBy.Rules ? null : active.Bundle?.Model.Anchor.Verdict switch
            {
                AnchorVerdict.Reanchored => ScoreCalibration.Reanchored, AnchorVerdict.RankOnly => ScoreCalibration.RankOnly, null => null, _ => ScoreCalibration.Calibrated,
            });
    }

    private static Factors FactorsOf(double basePoints, IReadOnlyList<FeaturePoints> factors, FeatureProfile profile, FeatureValue[] values)
    {
        var all = new List<Factor>(factors.Count);
        foreach (var factor in factors)
        {
            var at = profile.IndexOf(factor.Feature);
            var definition = at < 0 ? null : profile.Features[at];
            all.Add(new Factor(factor.Feature, definition?.Label ?? factor.Feature, at < 0 ? null : Value(definition!, values[at]), Math.Round(factor.Points, 3), definition?.Group ?? "other"));
        }

        return new Factors(Math.Round(basePoints, 3), [.. all.Where(f => f.Points >= 0)], [.. all.Where(f => f.Points < 0)]);
    }

    private static object? Value(FeatureDefinition definition, FeatureValue value) =>
        value.IsMissing ? null : definition.Kind switch
        {
            FeatureKind.Categorical => value.Level,
            FeatureKind.Boolean => value.Number == 1,
            _ => Math.Round(value.Number, 4),
        };
}
