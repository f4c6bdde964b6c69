using LeadScoring.Ml.Ensemble;
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

    // Factors below this are rounding, in points.
    private const double LeastPoints = 0.0005;

    private readonly GradeScale grades = options.Value.Grades;
    private readonly double threshold = options.Value.ConfidenceThreshold;

    /// <param name="active">Model or rules.</param>
    /// <param name="lead">The lead as of <paramref name="nowMs"/>.</param>
    /// <param name="nowMs">Now, Unix ms.</param>
    /// <param name="quick">Primary member only.</param>
    /// <param name="withFactors">Whether to explain.</param>
    internal ScoreResult Score(ActiveModel active, in LeadSnapshot lead, long nowMs, bool quick, bool withFactors)
    {
        var values = active.Extractor.Extract(lead, nowMs);
        if (active.Bundle is not { } bundle) return ByRules(active, values, lead, nowMs);
        var score = quick ? bundle.Model.QuickScore(values) : bundle.Model.Score(values);
        var explanation = withFactors && !quick ? active.Explainer!.Explain(values) : null;
        var factors = explanation?.Factors.Where(f => Math.Abs(f.Points) >= LeastPoints).Select(f => new FeaturePoints(active.Profile.Features[f.Feature].Name, f.Points)).ToArray();
        return Result(active, values, lead, nowMs, score, quick ? ScoredBy.Primary : ScoredBy.Ensemble, explanation?.Base ?? 0, factors);
    }

    /// <summary>A stored score with recommendations as of now: the next contact hour moves on, the score does not.</summary>
    internal ScoreResult Restore(ActiveModel active, in LeadSnapshot lead, StoredScore stored, long scoredAtMs, long nowMs) => new(
        new LeadScore(stored.Probability, stored.Confidence), stored.Grade[0], stored.NeedsReview, ScoreStore.Parse(stored.ScoredBy), stored.ModelVersion, scoredAtMs,
        stored.BasePoints, stored.ReadFactors(), Recommender.Recommend(active.Profile, active.Extractor.Extract(lead, nowMs), lead, stored.Grade[0], nowMs, active.Norms));

    private ScoreResult ByRules(ActiveModel active, FeatureValue[] values, in LeadSnapshot lead, long nowMs)
    {
        var hits = new List<RuleScorer.Hit>();
        var points = RuleScorer.Points(active.Profile, values, hits);
        FeaturePoints[] factors = [.. hits.GroupBy(h => h.Feature).Select(g => new FeaturePoints(active.Profile.Features[g.Key].Name, g.Sum(h => h.Points))).OrderByDescending(f => Math.Abs(f.Points))];
        // What the bounds of 1 and 99 cut off belongs to no feature.
        return Result(active, values, lead, nowMs, new LeadScore(points / 100, RuleConfidence), ScoredBy.Rules, points - factors.Sum(f => f.Points), factors);
    }

    private ScoreResult Result(
        ActiveModel active, FeatureValue[] values, in LeadSnapshot lead, long nowMs, LeadScore score, ScoredBy by, double basePoints, FeaturePoints[]? factors)
    {
        var grade = grades.Of(score.Points);
        return new ScoreResult(
            score, grade, score.Confidence < threshold, by, by == ScoredBy.Rules ? null : active.Version, nowMs, basePoints, factors,
            Recommender.Recommend(active.Profile, values, lead, grade, nowMs, active.Norms));
    }
}
