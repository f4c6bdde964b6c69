using System.ComponentModel;
using System.Text.Json.Serialization;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>What one feature did to the score.</summary>
/// <param name="Feature">Name in the profile.</param>
/// <param name="Label">Name for people.</param>
/// <param name="Value">The lead's own value: number, text, truth value, or null when unknown.</param>
/// <param name="Points">Score points.</param>
/// <param name="Group">Group of the feature.</param>
/// <param name="Text">For people: the value and how leads like it convert.</param>
/// <param name="BaseRate">How leads like it convert; absent when nothing is known of them.</param>
public sealed record Factor(
    string Feature, string Label, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] object? Value, double Points, string Group, string Text, FactorBaseRate? BaseRate = null);

/// <summary>How the training leads converted that had such a value; this feature alone, all others as they came.</summary>
/// <param name="Converts">Share of them, 0 to 1.</param>
/// <param name="AllConvert">Share of all leads, 0 to 1.</param>
/// <param name="N">How many such leads there were.</param>
public sealed record FactorBaseRate(double Converts, double AllConvert, int N);

/// <summary>Points by part of the score; the four add up to it.</summary>
/// <param name="Base">Points of the average lead.</param>
/// <param name="Fit">Who the lead is.</param>
/// <param name="Engagement">What it does.</param>
/// <param name="Intent">What says that it means to buy.</param>
public sealed record SubScores(double Base, double Fit, double Engagement, double Intent);

/// <summary>Where the conversion rate of leads scored like this one will lie in the coming period.</summary>
/// <param name="Low">0 to 1.</param>
/// <param name="High">0 to 1.</param>
/// <param name="Level">How often such intervals hold the rate: 0.9.</param>
public sealed record ScoreInterval(double Low, double High, double Level)
{
    // Four decimals outward, so that rounding never makes it narrower, and never a false 0 or 1.
    internal static ScoreInterval? Of(ConversionInterval? interval) => interval is not { } i ? null
        : new(Math.Max(0.0001, Math.Floor(i.Low * 10_000) / 10_000), Math.Min(0.9999, Math.Ceiling(i.High * 10_000) / 10_000), ConversionInterval.Level);
}

/// <summary>Why the score is what it is: base plus the points of all factors is the score.</summary>
/// <param name="Base">Points of the average lead.</param>
/// <param name="Positive">What raised it, largest first.</param>
/// <param name="Negative">What lowered it, largest first.</param>
public sealed record Factors(double Base, IReadOnlyList<Factor> Positive, IReadOnlyList<Factor> Negative);

/// <summary>What to do with the lead.</summary>
/// <param name="NextBestAction">For the rep to read.</param>
/// <param name="ActionId">Stable name of the action, to branch on.</param>
/// <param name="OptimalContactTime">Start of the best hour, open for this channel and for that of the action; null when the lead may not be contacted, or no hour is open.</param>
/// <param name="ChannelPreference">phone, email, sms, another channel of the profile, or none.</param>
/// <param name="Why">The reason for each.</param>
/// <param name="ContactWindowEndsAt">End of that hour.</param>
/// <param name="TimeZone">Zone that the hour was chosen in.</param>
/// <param name="Abstained">Which of them are only the organization's default, as too little is known of the lead.</param>
public sealed record Recommendations(
    string NextBestAction, string ActionId, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] DateTimeOffset? OptimalContactTime, string ChannelPreference, RecommendationReasons Why,
    DateTimeOffset? ContactWindowEndsAt = null, string? TimeZone = null, RecommendationAbstentions? Abstained = null);

/// <summary>True where too little is known of the lead to recommend more than the organization's default.</summary>
public sealed record RecommendationAbstentions(bool NextBestAction, bool OptimalContactTime, bool ChannelPreference);

/// <summary>Why each recommendation was made.</summary>
public sealed record RecommendationReasons(string NextBestAction, string OptimalContactTime, string ChannelPreference);

/// <summary>Why a lead is not worked.</summary>
/// <param name="Id">Stable name, to branch on.</param>
/// <param name="Text">For people.</param>
public sealed record ScoreExclusion(string Id, string Text);

/// <summary>What a probability may be taken for.</summary>
public enum ScoreCalibration
{
    /// <summary>As the training calibrated it.</summary>
    Calibrated,

    /// <summary>Moved to the present base rate.</summary>
    Reanchored,

    /// <summary>The order of leads only: recent outcomes contradict the probabilities.</summary>
    RankOnly,

    /// <summary>Not even the order: recent outcomes do not follow the scores any more.</summary>
    RankingLost,
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
/// <param name="RestsOn">How much experience the score rests on.</param>
/// <param name="Exclusion">Why the lead is not worked whatever its score, decided by the organization outside the model; absent when nothing speaks against it.</param>
/// <param name="Saved">Whether inline facts were stored; absent when there were none.</param>
/// <param name="ConversionInterval">Where the conversion rate of leads scored like this one will lie; absent when rules scored.</param>
/// <param name="SubScores">The score by its parts; absent where no factors were computed.</param>
/// <param name="ReviewReason">Why a person should look at it; absent when nobody need.</param>
public sealed record ScoreAnswer(
    string LeadId, double Score, [property: Description("A, B, C or D.")] string Grade, double ConversionProbability, double Confidence, Factors? Factors,
    Recommendations Recommendations, DateTimeOffset UpdatedAt, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] int? ModelVersion, ScoredBy ScoredBy, bool NeedsReview, bool Cached,
    RestsOn RestsOn, ScoreExclusion? Exclusion = null, bool? Saved = null, ScoreInterval? ConversionInterval = null, SubScores? SubScores = null, string? ReviewReason = null,
    [property: Description("calibrated, reanchored to the present base rate, rank_only: recent outcomes contradict the probabilities, use the order of leads; or ranking_lost: not even the order. Absent when scored by rules.")] ScoreCalibration? Calibration = null,
    [property: Description("What a person says instead of the machine, beside its score, which it does not change. Told by GET /v1/leads/{lead_id}/score; absent when nobody does.")] LeadOverride? Override = null,
    [property: Description("True: drawn at random to be worked whatever its score, so that leads like it become known; recommendations say so. Absent otherwise.")] bool? Exploration = null,
    [property: Description("True: drawn at random for the hold-out, to be worked in the order of arrival; its score decides nothing. Absent otherwise.")] bool? HoldOut = null)
{
    internal static ScoreAnswer Of(string leadId, ScoreResult result, ActiveModel active, bool includeFactors, bool cached, bool? saved = null)
    {
        var r = result.Recommendation;
        return new ScoreAnswer(
            leadId, result.Score.Points, result.Grade.ToString(), Math.Round(result.Score.Probability, 6), Math.Round(result.Score.Confidence, 4),
            includeFactors && result.Factors is { } factors ? FactorsOf(result.BasePoints, factors, active.Profile, result.Values.Span) : null,
            new Recommendations(r.Action, r.ActionId, Moment.Of(r.ContactAtMs), r.Channel, new RecommendationReasons(r.ActionWhy, r.ContactWhy, r.ChannelWhy),
                Moment.Of(r.ContactEndsMs), r.TimeZone, new RecommendationAbstentions(r.ActionAbstained, r.ContactAbstained, r.ChannelAbstained)),
            Moment.Of(result.ScoredAtMs), result.ModelVersion, result.ScoredBy, result.NeedsReview, cached, result.RestsOn,
            result.Exclusion is { } e ? new ScoreExclusion(e.Id, e.Text) : null, saved, ScoreInterval.Of(result.Interval),
            result.Factors is null ? null : ShownFactors.SubScoresOf(result.BasePoints, result.Factors, active.Profile), result.ReviewReason,
            result.ScoredBy == ScoredBy.Rules ? null : active.Bundle?.Model.Anchor.Verdict switch
            {
                AnchorVerdict.Reanchored => ScoreCalibration.Reanchored, AnchorVerdict.RankOnly => ScoreCalibration.RankOnly, AnchorVerdict.RankingLost => ScoreCalibration.RankingLost, null => null, _ => ScoreCalibration.Calibrated,
            },
            // Who may not be contacted is not worked for any draw.
            Exploration: result is { Slice.Kind: SliceKind.Exploration, Exclusion: null } ? true : null, HoldOut: result.Slice?.Kind == SliceKind.HoldOut ? true : null);
    }

    private static Factors FactorsOf(double basePoints, IReadOnlyList<FeaturePoints> factors, FeatureProfile profile, ReadOnlySpan<FeatureValue> values)
    {
        var all = new List<Factor>(factors.Count);
        foreach (var factor in factors)
        {
            var at = profile.IndexOf(factor.Feature);
            var (definition, value) = at < 0 ? (null, FeatureValue.Missing) : (profile.Features[at], values[at]);
            all.Add(new Factor(
                factor.Feature, definition?.Label ?? factor.Feature, definition is null ? null : Value(definition, value), factor.Points, definition?.Group ?? "other",
                factor.Text ?? (definition is null ? factor.Feature : FactorWording.ValueText(definition, value)),
                factor.BaseRate is { } r ? new FactorBaseRate(Math.Round(r.Converts, 4), Math.Round(r.AllConvert, 4), r.Rows) : null));
        }

        return new Factors(basePoints, [.. all.Where(f => f.Points >= 0)], [.. all.Where(f => f.Points < 0)]);
    }

    private static object? Value(FeatureDefinition definition, FeatureValue value) =>
        Exact(definition, value) is double number ? Math.Round(number, 4) : Exact(definition, value);

    /// <summary>A value as JSON, to the last digit.</summary>
    internal static object? Exact(FeatureDefinition definition, FeatureValue value) =>
        value.IsMissing ? null : definition.Kind switch
        {
            FeatureKind.Categorical => value.Level,
            FeatureKind.Boolean => value.Number == 1,
            _ => value.Number,
        };
}
