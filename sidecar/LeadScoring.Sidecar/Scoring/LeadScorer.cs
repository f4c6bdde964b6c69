using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Rules;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>A lead to be scored, and what is asked.</summary>
/// <param name="Lead">The lead as of <paramref name="AsOfMs"/>.</param>
/// <param name="AsOfMs">Now, Unix ms.</param>
/// <param name="Quick">Primary member only.</param>
/// <param name="WithFactors">Whether to explain.</param>
/// <param name="Previous">Grade that the lead has; null when it has none.</param>
/// <param name="Overrides">Feature values as they would be; null for those of the lead.</param>
/// <param name="Slice">What the lead is drawn for; null when nothing is drawn.</param>
internal readonly record struct ScoreInput(
    LeadSnapshot Lead, long AsOfMs, bool Quick, bool WithFactors, char? Previous = null, IReadOnlyDictionary<string, FeatureValue>? Overrides = null, LeadSlice? Slice = null);

/// <summary>Snapshot in, score out: no storage, no clock of its own. Never fails for want of a model.</summary>
internal sealed class LeadScorer(IOptions<ScoringOptions> options)
{
    // An excluded lead is called by nobody, whatever its score.
    internal const char ExcludedGrade = 'D';

    /// <summary>Recommended action of leads in the hold-out.</summary>
    internal const string HoldOutAction = "hold_out";

    // What is drawn to be worked gets the action of those that are worked first.
    private const char BestGrade = 'A';

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

    /// <summary>One lead: see <see cref="Score(ActiveModel, ReadOnlySpan{ScoreInput})"/>.</summary>
    internal ScoreResult Score(ActiveModel active, in LeadSnapshot lead, long nowMs, bool quick, bool withFactors, char? previous = null) =>
        Score(active, [new ScoreInput(lead, nowMs, quick, withFactors, previous)])[0];

    /// <summary>Scores leads together: members and explanations of many cost a fraction of one by one.</summary>
    /// <param name="active">Model or rules.</param>
    /// <param name="inputs">The leads, each with what is asked of it.</param>
    /// <returns>One result a lead, in order.</returns>
    internal ScoreResult[] Score(ActiveModel active, ReadOnlySpan<ScoreInput> inputs)
    {
        var width = active.Profile.Features.Count;
        var values = new FeatureValue[inputs.Length * width];
        for (var i = 0; i < inputs.Length; i++)
        {
            active.Extractor.Extract(inputs[i].Lead, inputs[i].AsOfMs, values.AsSpan(i * width, width));
            FeatureOverrides.Apply(active.Profile, inputs[i].Overrides, values.AsSpan(i * width, width));
        }

        if (active.Bundle is { } bundle) return ByModel(active, bundle, inputs, values);
        var results = new ScoreResult[inputs.Length];
        for (var i = 0; i < results.Length; i++)
        {
            var (points, parts, interval) = ByRules(active, values.AsSpan(i * width, width));
            results[i] = Result(active, values.AsMemory(i * width, width), inputs[i], points, ScoredBy.Rules, [], parts, null, interval);
        }

        return results;
    }

    private ScoreResult[] ByModel(ActiveModel active, ModelBundle bundle, ReadOnlySpan<ScoreInput> inputs, FeatureValue[] values)
    {
        var (model, width, members) = (bundle.Model, active.Profile.Features.Count, EnsembleModel.Members);
        var scores = new LeadScore[inputs.Length];
        var parts = new double[inputs.Length * members];
        if (AnyFull(inputs)) model.Score(values, scores, parts);
        var factors = Explain(active.Explainer!, inputs, values);
        var results = new ScoreResult[inputs.Length];
        for (var i = 0; i < results.Length; i++)
        {
            var own = values.AsMemory(i * width, width);
            if (inputs[i].Quick) scores[i] = model.QuickScore(own.Span);
            var interval = (inputs[i].Quick ? model.Certainty.PrimaryIntervals : model.Certainty.Intervals).Around(scores[i].Probability, model.Anchor);
            results[i] = Result(
                active, own, inputs[i], scores[i], inputs[i].Quick ? ScoredBy.Primary : ScoredBy.Ensemble, inputs[i].Quick ? [] : parts.AsSpan(i * members, members), factors?[i], bundle.BaseRates, interval);
        }

        return results;
    }

    private static bool AnyFull(ReadOnlySpan<ScoreInput> inputs)
    {
        foreach (ref readonly var input in inputs)
        {
            if (!input.Quick) return true;
        }

        return false;
    }

    /// <summary>What each feature gave, largest first, of the leads that want to know; null when none does.</summary>
    private static IReadOnlyList<FactorPoints>?[]? Explain(Explainer explainer, ReadOnlySpan<ScoreInput> inputs, FeatureValue[] values)
    {
        var asking = new List<int>(inputs.Length);
        for (var i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] is { WithFactors: true, Quick: false }) asking.Add(i);
        }

        if (asking.Count == 0) return null;
        var width = explainer.FeatureCount;
        var rows = values;
        if (asking.Count < inputs.Length)
        {
            rows = new FeatureValue[asking.Count * width];
            for (var i = 0; i < asking.Count; i++) values.AsSpan(asking[i] * width, width).CopyTo(rows.AsSpan(i * width));
        }

        var factors = new IReadOnlyList<FactorPoints>?[inputs.Length];
        var explained = explainer.ExplainMany(rows);
        for (var i = 0; i < asking.Count; i++) factors[asking[i]] = explained[i].Factors;
        return factors;
    }

    /// <summary>A full score of a stored lead, ready to be stored.</summary>
    internal ScoreWrite ScoreStored(ActiveModel active, StoredLead lead, long nowMs) => ScoreStored(active, [lead], nowMs)[0];

    /// <summary>Full scores of stored leads, ready to be stored: each by the model that scores it.</summary>
    internal ScoreWrite[] ScoreStored(ActiveModel active, IReadOnlyList<StoredLead> leads, long nowMs) => active.IsSplit
        ? [.. leads.GroupBy(l => active.For(l.LeadId, l), ReferenceEqualityComparer.Instance).SelectMany(arm => ScoreByOne((ActiveModel)arm.Key!, [.. arm], nowMs))]
        : ScoreByOne(active, leads, nowMs);

    private ScoreWrite[] ScoreByOne(ActiveModel active, IReadOnlyList<StoredLead> leads, long nowMs)
    {
        var results = Score(active, [.. leads.Select(l => new ScoreInput(l.Snapshot, nowMs, Quick: false, WithFactors: true, l.Latest?.Grade, Slice: l.SliceBy(active.Sampling)))]);
        return Write(active, leads, results);
    }

    /// <summary>Scores of stored leads with what made them others than their last ones.</summary>
    internal static ScoreWrite[] Write(ActiveModel active, IReadOnlyList<StoredLead> leads, IReadOnlyList<ScoreResult> results)
    {
        var (facts, then) = AsOfLastScores(active, [.. leads.Where(WasScored)]);
        var width = active.Profile.Features.Count;
        var writes = new ScoreWrite[leads.Count];
        var next = 0;
        for (var i = 0; i < writes.Length; i++)
        {
            ScoreChange? change = null;
            if (WasScored(leads[i]))
            {
                change = Change(active, leads[i].Latest!, results[i], facts.AsSpan(next * width, width), then[next]);
                next++;
            }

            writes[i] = new ScoreWrite(leads[i], results[i], change, active.Fingerprint);
        }

        return writes;
    }

    private static bool WasScored(StoredLead lead) => lead is { Latest: not null, ScoredAtMs: not null };

    /// <summary>What is known now, as of when each lead was scored last, and what scores now says to that.</summary>
    private static (FeatureValue[] Facts, double[] Points) AsOfLastScores(ActiveModel active, IReadOnlyList<StoredLead> leads)
    {
        var width = active.Profile.Features.Count;
        var facts = new FeatureValue[leads.Count * width];
        for (var i = 0; i < leads.Count; i++) active.Extractor.Extract(leads[i].Snapshot, leads[i].ScoredAtMs!.Value, facts.AsSpan(i * width, width));
        var scores = new LeadScore[leads.Count];
        if (active.Bundle is { } bundle) bundle.Model.Score(facts, scores);
        else for (var i = 0; i < scores.Length; i++) scores[i] = ByRules(active, facts.AsSpan(i * width, width)).Score;
        return (facts, Array.ConvertAll(scores, s => s.Points));
    }

    /// <summary>What takes the lead's last score apart from this new one: the same facts scored as of then tell time from facts, and by the anchor of then calibration from both.</summary>
    /// <remarks>Where another model or set of rules scored last, its part holds that of new facts as well: the old one is not asked about them.</remarks>
    private static ScoreChange Change(ActiveModel active, StoredLatest before, ScoreResult result, ReadOnlySpan<FeatureValue> facts, double then)
    {
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
    internal ScoreResult Restore(ActiveModel active, StoredLead whole, StoredScore stored, long nowMs)
    {
        var (lead, scoredAtMs) = (whole.Snapshot, whole.ScoredAtMs!.Value);
        var (values, explanation) = (active.Extractor.Extract(lead, nowMs), stored.Explanation);
        var exclusion = active.Profile.ExclusionOf(lead, values);
        return new ScoreResult(
            new LeadScore(stored.Probability, stored.Confidence), stored.Grade[0], stored.NeedsReview, ScoreStore.Parse<ScoredBy>(stored.ScoredBy), stored.ModelVersion, scoredAtMs,
            stored.BasePoints, explanation.Factors, values, Recommend(active, values, lead, stored.Grade[0], exclusion, whole.Slice, nowMs), exclusion, RestsOn(active))
        {
            Slice = whole.Slice, Interval = explanation.Interval, ReviewReason = explanation.ReviewReason,
        };
    }

    /// <summary>Score and what each feature gave: by the rules, corrected by the outcomes seen so far where something was learned from them.</summary>
    private static (LeadScore Score, FactorPoints[] Factors, ConversionInterval? Interval) ByRules(ActiveModel active, ReadOnlySpan<FeatureValue> values)
    {
        if (active.Posterior is { } posterior) return ByPosterior(posterior, values);
        var hits = new List<RuleScorer.Hit>();
        var points = RuleScorer.Points(active.Profile, values, hits);
        return (new LeadScore(points / 100, RuleConfidence), Largest(hits.GroupBy(h => h.Feature).Select(g => new FactorPoints(g.Key, g.Sum(h => h.Points)))), null);
    }

    private static (LeadScore Score, FactorPoints[] Factors, ConversionInterval? Interval) ByPosterior(RulePosterior posterior, ReadOnlySpan<FeatureValue> values)
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
        ActiveModel active, ReadOnlyMemory<FeatureValue> values, in ScoreInput input, LeadScore score, ScoredBy by, ReadOnlySpan<double> members,
        IReadOnlyList<FactorPoints>? factors, BaseRates? rates, ConversionInterval? interval)
    {
        var exclusion = active.Profile.ExclusionOf(input.Lead, values.Span);
        var grade = exclusion is null ? GradeOf(active, score.Points, input.Previous) : ExcludedGrade;
        // What rules' bounds of 1 and 99 cut off belongs to no feature: like the rest of rounding it goes into the base.
        var shown = factors is null ? default : ShownFactors.Of(score, factors, active.Profile.Features, values.Span, rates);
        // Nobody need look at a lead that is not worked.
        var review = exclusion is null ? ReviewReason.Of(score, threshold, by, active.Posterior is not null, members, values.Span) : null;
        return new ScoreResult(
            score, grade, review is not null, by, by == ScoredBy.Rules ? null : active.Version, input.AsOfMs, shown.Base, shown.Factors, values,
            Recommend(active, values.Span, input.Lead, grade, exclusion, input.Slice, input.AsOfMs), exclusion, RestsOn(active))
        {
            Slice = input.Slice, Interval = interval, ReviewReason = review,
        };
    }

    private static Recommendation Recommend(ActiveModel active, ReadOnlySpan<FeatureValue> values, in LeadSnapshot lead, char grade, Exclusion? exclusion, LeadSlice? slice, long nowMs)
    {
        if (exclusion is null) return Drawn(slice, Recommender.Recommend(active.Profile, values, lead, slice?.Kind == SliceKind.Exploration ? BestGrade : grade, nowMs, active.Norms));
        var why = $"Excluded: {exclusion.Text}.";
        return new Recommendation("none", "Do not contact", why, null, why, "none", why);
    }

    /// <summary>What the draw makes of a recommendation: by it, not by the score, these leads are worked.</summary>
    private static Recommendation Drawn(LeadSlice? slice, Recommendation found) => slice?.Kind switch
    {
        SliceKind.Exploration => found with { ActionWhy = $"Drawn at random to be worked whatever its score, so that leads like it become known. {found.ActionWhy}" },
        SliceKind.HoldOut => found with
        {
            ActionId = HoldOutAction, Action = "Work it when its turn comes, first come, first served", ActionAbstained = false,
            ActionWhy = "Drawn at random for the hold-out, by which is measured what scoring changes: its score decides nothing.",
        },
        _ => found,
    };

    private static RestsOn RestsOn(ActiveModel active) => active switch
    {
        { Bundle.Manifest: { } manifest } => new RestsOn(RestsOnStage.Model, manifest.TrainRows, manifest.OutOfFold?.Ensemble.Positives ?? 0),
        { Posterior.State: { } state } => new RestsOn(RestsOnStage.PriorAndData, state.Outcomes, state.Converted),
        _ => new RestsOn(RestsOnStage.Rules, 0, 0),
    };
}
