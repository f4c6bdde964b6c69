using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Rules;
using LeadScoring.Sidecar.Models;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Snapshot in, score out: no storage, no clock of its own. Never fails for want of a model.</summary>
internal sealed class LeadScorer(IOptions<ScoringOptions> options)
{
    // Rules are nobody's measurement: until outcomes say otherwise they are right as often as a coin.
    private const double RuleConfidence = 0.5;

    private readonly GradeScale grades = options.Value.Grades;
    private readonly double threshold = options.Value.ConfidenceThreshold;

    /// <summary>Lowest score of each grade.</summary>
    internal GradeScale Grades => grades;

    /// <param name="active">Model or rules.</param>
    /// <param name="lead">The lead as of <paramref name="nowMs"/>.</param>
    /// <param name="nowMs">Now, Unix ms.</param>
    /// <param name="quick">Primary member only.</param>
    /// <param name="withFactors">Whether to explain.</param>
    /// <param name="overrides">Feature values as they would be; null for those of the lead.</param>
    internal ScoreResult Score(
        ActiveModel active, in LeadSnapshot lead, long nowMs, bool quick, bool withFactors, IReadOnlyDictionary<string, FeatureValue>? overrides = null)
    {
        var values = active.Extractor.Extract(lead, nowMs);
        FeatureOverrides.Apply(active.Profile, overrides, values);
        if (active.Bundle is not { } bundle) return ByRules(active, values, lead, nowMs);
        Span<double> members = stackalloc double[EnsembleModel.Members];
        var score = quick ? bundle.Model.QuickScore(values) : bundle.Model.Score(values, members);
        var explanation = withFactors && !quick ? active.Explainer!.Explain(values) : null;
        var (by, certainty) = (quick ? ScoredBy.Primary : ScoredBy.Ensemble, bundle.Model.Certainty);
        var result = Result(active, values, lead, nowMs, score, by, quick ? [] : members, explanation?.Factors, bundle.BaseRates);
        return result with { Interval = (quick ? certainty.PrimaryIntervals : certainty.Intervals).Around(score.Probability) };
    }

    /// <summary>The score alone of feature values: what changes are tried with.</summary>
    internal double PointsOf(ActiveModel active, FeatureValue[] values) =>
        active.Bundle is { } bundle ? bundle.Model.Score(values).Points : new LeadScore(RuleScorer.Points(active.Profile, values) / 100, RuleConfidence).Points;

    /// <summary>A stored score with recommendations as of now: the next contact hour moves on, the score does not.</summary>
    internal ScoreResult Restore(ActiveModel active, in LeadSnapshot lead, StoredScore stored, long scoredAtMs, long nowMs)
    {
        var (values, explanation) = (active.Extractor.Extract(lead, nowMs), stored.ReadExplanation());
        return new ScoreResult(
            new LeadScore(stored.Probability, stored.Confidence), stored.Grade[0], stored.NeedsReview, ScoreStore.Parse(stored.ScoredBy), stored.ModelVersion, scoredAtMs,
            stored.BasePoints, explanation.Factors, values, Recommender.Recommend(active.Profile, values, lead, stored.Grade[0], nowMs))
        {
            Interval = explanation.Interval, ReviewReason = explanation.ReviewReason,
        };
    }

    private ScoreResult ByRules(ActiveModel active, FeatureValue[] values, in LeadSnapshot lead, long nowMs)
    {
        var hits = new List<RuleScorer.Hit>();
        var points = RuleScorer.Points(active.Profile, values, hits);
        var factors = hits.GroupBy(h => h.Feature).Select(g => new FactorPoints(g.Key, g.Sum(h => h.Points))).OrderByDescending(f => Math.Abs(f.Points)).ToArray();
        return Result(active, values, lead, nowMs, new LeadScore(points / 100, RuleConfidence), ScoredBy.Rules, [], factors, null);
    }

    private ScoreResult Result(
        ActiveModel active, FeatureValue[] values, in LeadSnapshot lead, long nowMs, LeadScore score, ScoredBy by, ReadOnlySpan<double> members,
        IReadOnlyList<FactorPoints>? factors, BaseRates? rates)
    {
        var grade = grades.Of(score.Points);
        // What rules' bounds of 1 and 99 cut off belongs to no feature: like the rest of rounding it goes into the base.
        var shown = factors is null ? default : ShownFactors.Of(score, factors, active.Profile.Features, values, rates);
        return new ScoreResult(
            score, grade, score.Confidence < threshold, by, by == ScoredBy.Rules ? null : active.Version, nowMs, shown.Base, shown.Factors, values,
            Recommender.Recommend(active.Profile, values, lead, grade, nowMs))
        {
            ReviewReason = ReviewReason.Of(score, threshold, by, members, values),
        };
    }
}
