using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;

namespace LeadScoring.Sidecar.Scoring;

/// <content>Many leads a call: what the workers do. The same scores and changes as one by one, to the bit; factors to the last digit that is shown.</content>
internal sealed partial class LeadScorer
{
    /// <summary>Full scores of stored leads, ready to be stored.</summary>
    internal ScoreWrite[] ScoreStored(ActiveModel active, IReadOnlyList<StoredLead> leads, long nowMs)
    {
        if (active.Bundle is not { } bundle || leads.Count == 0) return [.. leads.Select(l => ScoreStored(active, l, nowMs))];
        var width = active.Profile.Features.Count;
        var (values, rows) = Extract(active, leads, _ => nowMs);
        var scores = new LeadScore[leads.Count];
        bundle.Model.Score(rows, scores);
        var (bases, points) = (new double[leads.Count], new double[rows.Length]);
        active.Explainer!.Explain(rows, bases, points);
        // As of when each was last scored; a lead without a score before has none, and is asked as of now for nothing.
        var (factsThen, rowsThen) = Extract(active, leads, l => l.ScoredAtMs ?? nowMs);
        var then = new LeadScore[leads.Count];
        bundle.Model.Score(rowsThen, then);

        var writes = new ScoreWrite[leads.Count];
        Span<double> members = stackalloc double[EnsembleModel.Members];
        for (var i = 0; i < writes.Length; i++)
        {
            // The members' own words are needed only where somebody will read why they disagree.
            var isUnsure = scores[i].Confidence < threshold;
            if (isUnsure) bundle.Model.Score(values[i], members);
            var factors = Factors(points.AsSpan(i * width, width));
            var result = Result(active, values[i], leads[i].Snapshot, nowMs, leads[i].Latest?.Grade, scores[i], ScoredBy.Ensemble, isUnsure ? members : [], factors, bundle.BaseRates)
                with { Interval = bundle.Model.Certainty.Intervals.Around(scores[i].Probability, bundle.Model.Anchor) };
            writes[i] = new ScoreWrite(leads[i], result, Change(active, leads[i], result, factsThen[i], then[i].Points), active.Fingerprint);
        }

        return writes;
    }

    private static (FeatureValue[][] Values, FeatureValue[] Rows) Extract(ActiveModel active, IReadOnlyList<StoredLead> leads, Func<StoredLead, long> asOfMs)
    {
        FeatureValue[][] values = [.. leads.Select(l => active.Extractor.Extract(l.Snapshot, asOfMs(l)))];
        return (values, [.. values.SelectMany(v => v)]);
    }

    /// <summary>Largest first; of equal ones in the order of the profile.</summary>
    private static FactorPoints[] Factors(ReadOnlySpan<double> points)
    {
        var factors = new FactorPoints[points.Length];
        for (var f = 0; f < factors.Length; f++) factors[f] = new FactorPoints(f, points[f]);
        Array.Sort(factors, (a, b) => Math.Abs(b.Points).CompareTo(Math.Abs(a.Points)) is var order and not 0 ? order : a.Feature.CompareTo(b.Feature));
        return factors;
    }
}
