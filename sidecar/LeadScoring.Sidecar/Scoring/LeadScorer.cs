using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Rules;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Snapshot in, score out: no storage, no clock of its own. Never fails for want of a model.</summary>
internal sealed partial class LeadScorer(IOptions<ScoringOptions> options)
{
    // An excluded lead is called by nobody, whatever its score.
    internal const char ExcludedGrade = 'D';

    // Rules are nobody's measurement: until outcomes say otherwise they are right as often as a coin.
    private const double RuleConfidence = 0.5;

    private readonly GradeScale defaults = options.Value.Grades;
    private readonly double threshold = options.Value.ConfidenceThreshold;

    /// <summary>Grade of a score by the organization's policy, or by the settings where it has none.</summary>
    internal char GradeOf(ActiveModel active, double points, char? previous) => (active.Grades?.Scale ?? defaults).Of(points, previous, active.Grades?.Policy.Margin ?? 0);

    /// <summary>Lowest score with which a lead comes to a grade, the margin included when it must rise to it.</summary>
    internal double LowestFor(ActiveModel active, char grade, char? previous)
    {
        var bound = (active.Grades?.Scale ?? defaults).LowestFor(grade);
        return previous is { } had && grade < had ? Math.Round(bound + (active.Grades?.Policy.Margin ?? 0), 1) : bound;
    }

    /// <param name="active">Model or rules.</param>
    /// <param name="lead">The lead as of <paramref name="nowMs"/>.</param>
    /// <param name="nowMs">Now, Unix ms.</param>
    /// <param name="quick">Primary member only.</param>
    /// <param name="withFactors">Whether to explain.</param>
    /// <param name="previous">Grade that the lead has; null when it has none.</param>
    /// <param name="overrides">Feature values as they would be; null for those of the lead.</param>
    internal ScoreResult Score(
        ActiveModel active, in LeadSnapshot lead, long nowMs, bool quick, bool withFactors, char? previous = null, IReadOnlyDictionary<string, FeatureValue>? overrides = null)
    {
        var values = active.Extractor.Extract(lead, nowMs);
        FeatureOverrides.Apply(active.Profile, overrides, values);
        if (active.Bundle is not { } bundle)
        {
            var (points, parts, interval) = ByRules(active, values);
            return Result(active, values, lead, nowMs, previous, points, ScoredBy.Rules, [], parts, null) with { Interval = interval };
        }

        Span<double> members = stackalloc double[EnsembleModel.Members];
        var score = quick ? bundle.Model.QuickScore(values) : bundle.Model.Score(values, members);
        var explanation = withFactors && !quick ? active.Explainer!.Explain(values) : null;
        var (by, certainty) = (quick ? ScoredBy.Primary : ScoredBy.Ensemble, bundle.Model.Certainty);
        var result = Result(active, values, lead, nowMs, previous, score, by, quick ? [] : members, explanation?.Factors, bundle.BaseRates);
        return result with { Interval = (quick ? certainty.PrimaryIntervals : certainty.Intervals).Around(score.Probability, bundle.Model.Anchor) };
    }

    /// <summary>A full score of a stored lead, ready to be stored.</summary>
    internal ScoreWrite ScoreStored(ActiveModel active, StoredLead lead, long nowMs)
    {
        var result = Score(active, lead.Snapshot, nowMs, quick: false, withFactors: true, lead.Latest?.Grade);
        return Write(active, lead, result);
    }

    /// <summary>A score of a stored lead with what made it another than its last one.</summary>
    internal static ScoreWrite Write(ActiveModel active, StoredLead lead, ScoreResult result) => new(lead, result, Change(active, lead, result), active.Fingerprint);

    /// <summary>What takes the lead's last score apart from this new one: the same facts scored as of then tell time from facts, and by the anchor of then calibration from both.</summary>
    /// <remarks>Where another model or set of rules scored last, its part holds that of new facts as well: the old one is not asked about them.</remarks>
    private static ScoreChange? Change(ActiveModel active, StoredLead lead, ScoreResult result)
    {
        if (lead.Latest is null || lead.ScoredAtMs is not { } thenMs) return null;
        var facts = active.Extractor.Extract(lead.Snapshot, thenMs);
        return Change(active, lead, result, facts, PointsOf(active, facts));
    }

    /// <param name="facts">Values of the lead as of its last score.</param>
    /// <param name="then">What scores now, asked about those.</param>
    private static ScoreChange? Change(ActiveModel active, StoredLead lead, ScoreResult result, FeatureValue[] facts, double then)
    {
        if (lead.Latest is not { } before || lead.ScoredAtMs is null) return null;
        var elapsed = result.Score.Points - then;
        if (before.ScoredWith == active.Fingerprint) return ScoreChange.Of(then - before.Score, elapsed, 0, 0);
        if (active.ScoredBefore(before.ScoredWith) is not { } earlier) return ScoreChange.Of(0, elapsed, then - before.Score, 0);
        var byEarlier = earlier.Score(facts).Points;
        return ScoreChange.Of(byEarlier - before.Score, elapsed, 0, then - byEarlier);
    }

    /// <summary>Score of feature values with all members, or by rules: 0.1 to 99.9.</summary>
    internal static double PointsOf(ActiveModel active, FeatureValue[] values) =>
        active.Bundle is { } bundle ? bundle.Model.Score(values).Points : ByRules(active, values).Score.Points;

    /// <summary>A stored score with recommendations as of now: the next contact hour moves on, the score does not.</summary>
    internal ScoreResult Restore(ActiveModel active, in LeadSnapshot lead, StoredScore stored, long scoredAtMs, long nowMs)
    {
        var (values, explanation) = (active.Extractor.Extract(lead, nowMs), stored.ReadExplanation());
        var exclusion = active.Profile.ExclusionOf(lead, values);
        return new ScoreResult(
            new LeadScore(stored.Probability, stored.Confidence), stored.Grade[0], stored.NeedsReview, ScoreStore.Parse<ScoredBy>(stored.ScoredBy), stored.ModelVersion, scoredAtMs,
            stored.BasePoints, explanation.Factors, values, Recommend(active, values, lead, stored.Grade[0], exclusion, nowMs), exclusion, RestsOn(active))
        {
            Interval = explanation.Interval, ReviewReason = explanation.ReviewReason,
        };
    }

    /// <summary>Score and what each feature gave: by the rules, corrected by the outcomes seen so far where something was learned from them.</summary>
    private static (LeadScore Score, FactorPoints[] Factors, ConversionInterval? Interval) ByRules(ActiveModel active, FeatureValue[] values)
    {
        if (active.Posterior is { } posterior) return ByPosterior(posterior, values);
        var hits = new List<RuleScorer.Hit>();
        var points = RuleScorer.Points(active.Profile, values, hits);
        return (new LeadScore(points / 100, RuleConfidence), Largest(hits.GroupBy(h => h.Feature).Select(g => new FactorPoints(g.Key, g.Sum(h => h.Points)))), null);
    }

    private static (LeadScore Score, FactorPoints[] Factors, ConversionInterval? Interval) ByPosterior(RulePosterior posterior, FeatureValue[] values)
    {
        var parts = new double[values.Length];
        var estimate = posterior.Score(values, parts);
        var score = new LeadScore(estimate.Probability, Math.Max(estimate.Mean, 1 - estimate.Mean));
        var total = parts.Sum();
        // Log-odds to points by the secant; where nothing moved the lead there is nothing to deal out.
        var slope = Math.Abs(total) > 1e-9 ? (score.Points - (100 / (1 + Math.Exp(-estimate.BaseLogOdds)))) / total : 0;
        return (score, Largest(parts.Select((part, f) => new FactorPoints(f, part * slope))), new ConversionInterval(estimate.Low, estimate.High));
    }

    private static FactorPoints[] Largest(IEnumerable<FactorPoints> factors) => [.. factors.OrderByDescending(f => Math.Abs(f.Points))];

    private ScoreResult Result(
        ActiveModel active, FeatureValue[] values, in LeadSnapshot lead, long nowMs, char? previous, LeadScore score, ScoredBy by, ReadOnlySpan<double> members,
        IReadOnlyList<FactorPoints>? factors, BaseRates? rates)
    {
        var exclusion = active.Profile.ExclusionOf(lead, values);
        var grade = exclusion is null ? GradeOf(active, score.Points, previous) : ExcludedGrade;
        // What rules' bounds of 1 and 99 cut off belongs to no feature: like the rest of rounding it goes into the base.
        var shown = factors is null ? default : ShownFactors.Of(score, factors, active.Profile.Features, values, rates);
        // Nobody need look at a lead that is not worked.
        var review = exclusion is null ? ReviewReason.Of(score, threshold, by, active.Posterior is not null, members, values) : null;
        return new ScoreResult(
            score, grade, review is not null, by, by == ScoredBy.Rules ? null : active.Version, nowMs, shown.Base, shown.Factors, values,
            Recommend(active, values, lead, grade, exclusion, nowMs), exclusion, RestsOn(active))
        {
            ReviewReason = review,
        };
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
