using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Rules;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Snapshot in, score out: no storage, no clock of its own. Never fails for want of a model.</summary>
internal sealed class LeadScorer(IOptions<ScoringOptions> options)
{
    // Rules are nobody's measurement: until outcomes say otherwise they are right as often as a coin.
    private const double RuleConfidence = 0.5;

    // An excluded lead is called by nobody, whatever its score.
    internal const char ExcludedGrade = 'D';

    // Factors below this are rounding, in points.
    private const double LeastPoints = 0.0005;

    private readonly GradeScale defaults = options.Value.Grades;
    private readonly double threshold = options.Value.ConfidenceThreshold;

    /// <param name="active">Model or rules.</param>
    /// <param name="lead">The lead as of <paramref name="nowMs"/>.</param>
    /// <param name="nowMs">Now, Unix ms.</param>
    /// <param name="quick">Primary member only.</param>
    /// <param name="withFactors">Whether to explain.</param>
    /// <param name="previous">Grade that the lead has; null when it has none.</param>
    internal ScoreResult Score(ActiveModel active, in LeadSnapshot lead, long nowMs, bool quick, bool withFactors, char? previous = null)
    {
        var values = active.Extractor.Extract(lead, nowMs);
        if (active.Bundle is not { } bundle)
        {
            var (points, start, parts) = ByRules(active, values);
            return Result(active, values, lead, nowMs, previous, points, ScoredBy.Rules, start, parts);
        }

        var score = quick ? bundle.Model.QuickScore(values) : bundle.Model.Score(values);
        var explanation = withFactors && !quick ? active.Explainer!.Explain(values) : null;
        var factors = explanation?.Factors.Where(f => Math.Abs(f.Points) >= LeastPoints).Select(f => new FeaturePoints(active.Profile.Features[f.Feature].Name, f.Points)).ToArray();
        return Result(active, values, lead, nowMs, previous, score, quick ? ScoredBy.Primary : ScoredBy.Ensemble, explanation?.Base ?? 0, factors);
    }

    /// <summary>A full score of a stored lead, ready to be stored.</summary>
    internal ScoreWrite ScoreStored(ActiveModel active, StoredLead lead, long nowMs)
    {
        var result = Score(active, lead.Snapshot, nowMs, quick: false, withFactors: true, lead.Latest?.Grade);
        return new ScoreWrite(lead, result, Change(active, lead, result));
    }

    /// <summary>What takes the lead's last score apart from this new one: the same facts scored as of then tell time from facts.</summary>
    /// <remarks>Where another model scored last, its part holds that of new facts as well: the old model is not asked about them.</remarks>
    internal static ScoreChange? Change(ActiveModel active, StoredLead lead, ScoreResult result)
    {
        if (lead.Latest is not { } before || lead.ScoredAtMs is not { } thenMs) return null;
        var then = PointsAt(active, lead.Snapshot, thenMs);
        var elapsed = result.Score.Points - then;
        var rest = then - before.Score;
        var sameModel = lead.ModelVersion == result.ModelVersion && before.ScoredBy == ScoreStore.Name(result.ScoredBy);
        // Nothing new was known and the model is the same: then rest is what the profile's rules or zone changed, or nothing.
        return sameModel && before.Revision != lead.Revision ? ScoreChange.Of(rest, elapsed, 0) : ScoreChange.Of(0, elapsed, rest);
    }

    private static double PointsAt(ActiveModel active, in LeadSnapshot lead, long atMs)
    {
        var values = active.Extractor.Extract(lead, atMs);
        return active.Bundle is { } bundle ? bundle.Model.Score(values).Points : ByRules(active, values).Score.Points;
    }

    /// <summary>A stored score with recommendations as of now: the next contact hour moves on, the score does not.</summary>
    internal ScoreResult Restore(ActiveModel active, in LeadSnapshot lead, StoredScore stored, long scoredAtMs, long nowMs)
    {
        var values = active.Extractor.Extract(lead, nowMs);
        var exclusion = active.Profile.ExclusionOf(lead, values);
        return new ScoreResult(
            new LeadScore(stored.Probability, stored.Confidence), stored.Grade[0], stored.NeedsReview, ScoreStore.Parse<ScoredBy>(stored.ScoredBy), stored.ModelVersion, scoredAtMs,
            stored.BasePoints, stored.ReadFactors(), Recommend(active, values, lead, stored.Grade[0], exclusion, nowMs), exclusion, RestsOn(active));
    }

    /// <summary>Points, what they start from, and what each feature gave: by the rules, corrected by the outcomes seen so far where something was learned from them.</summary>
    private static (LeadScore Score, double Base, FeaturePoints[] Factors) ByRules(ActiveModel active, FeatureValue[] values)
    {
        if (active.Posterior is { } posterior) return ByPosterior(posterior, active.Profile, values);
        var hits = new List<RuleScorer.Hit>();
        var points = RuleScorer.Points(active.Profile, values, hits);
        var factors = Largest(hits.GroupBy(h => h.Feature).Select(g => new FeaturePoints(active.Profile.Features[g.Key].Name, g.Sum(h => h.Points))));
        // What the bounds of 1 and 99 cut off belongs to no feature.
        return (new LeadScore(points / 100, RuleConfidence), points - factors.Sum(f => f.Points), factors);
    }

    private static (LeadScore Score, double Base, FeaturePoints[] Factors) ByPosterior(RulePosterior posterior, FeatureProfile profile, FeatureValue[] values)
    {
        var parts = new double[values.Length];
        var estimate = posterior.Score(values, parts);
        var score = new LeadScore(estimate.Probability, Math.Max(estimate.Mean, 1 - estimate.Mean));
        var basePoints = 100 / (1 + Math.Exp(-estimate.BaseLogOdds));
        var total = parts.Sum();
        // Log-odds to points by the secant, as for a model; where nothing moved the lead there is nothing to deal out.
        var slope = Math.Abs(total) > 1e-9 ? (score.Points - basePoints) / total : 0;
        var factors = Largest(parts.Select((part, f) => new FeaturePoints(profile.Features[f].Name, part * slope)).Where(f => Math.Abs(f.Points) >= LeastPoints));
        return (score, score.Points - factors.Sum(f => f.Points), factors);
    }

    private static FeaturePoints[] Largest(IEnumerable<FeaturePoints> factors) => [.. factors.OrderByDescending(f => Math.Abs(f.Points))];

    private ScoreResult Result(
        ActiveModel active, FeatureValue[] values, in LeadSnapshot lead, long nowMs, char? previous, LeadScore score, ScoredBy by, double basePoints, FeaturePoints[]? factors)
    {
        var exclusion = active.Profile.ExclusionOf(lead, values);
        var grade = exclusion is not null ? ExcludedGrade : (active.Grades?.Scale ?? defaults).Of(score.Points, previous, active.Grades?.Policy.Margin ?? 0);
        return new ScoreResult(
            score, grade, exclusion is null && score.Confidence < threshold, by, by == ScoredBy.Rules ? null : active.Version, nowMs, basePoints, factors,
            Recommend(active, values, lead, grade, exclusion, nowMs), exclusion, RestsOn(active));
    }

    private static Recommendation Recommend(ActiveModel active, FeatureValue[] values, in LeadSnapshot lead, char grade, Exclusion? exclusion, long nowMs)
    {
        if (exclusion is null) return Recommender.Recommend(active.Profile, values, lead, grade, nowMs, active.Norms);
        var why = $"Excluded: {exclusion.Text}.";
        return new Recommendation("none", "Do not contact", why, null, why, "none", why);
    }

    private static RestsOn RestsOn(ActiveModel active) => active switch
    {
        { Bundle.Manifest: { } manifest } => new RestsOn(RestsOnStage.Model, manifest.TrainRows, manifest.OutOfFold?.Ensemble.Positives ?? 0),
        { Posterior.State: { } state } => new RestsOn(RestsOnStage.PriorAndData, state.Outcomes, state.Converted),
        _ => new RestsOn(RestsOnStage.Rules, 0, 0),
    };
}
