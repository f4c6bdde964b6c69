using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Factors as they are shown and stored: rounded, in words, and adding up to the shown score exactly.</summary>
internal static class ShownFactors
{
    private const int Decimals = 3;

    /// <summary>Rounds points to three decimals and leaves out what rounds to nothing. What rounding leaves over goes into the base, under 0.07 points.</summary>
    /// <param name="score">The score.</param>
    /// <param name="points">Points of each feature, largest first.</param>
    /// <param name="features">Features that the points are of.</param>
    /// <param name="values">Values of the lead.</param>
    /// <param name="rates">How leads convert; null when rules scored.</param>
    internal static (double Base, FeaturePoints[] Factors) Of(
        LeadScore score, IEnumerable<FactorPoints> points, IReadOnlyList<FeatureDefinition> features, ReadOnlySpan<FeatureValue> values, BaseRates? rates)
    {
        var shown = new List<FeaturePoints>(values.Length);
        var left = (decimal)score.Points;
        foreach (var (f, exact) in points)
        {
            var rounded = Math.Round(exact, Decimals);
            if (rounded == 0) continue;
            // Decimal, so that what is added up again is the score to the last digit.
            left -= (decimal)rounded;
            var statement = FactorWording.Of(features[f], values[f], rounded, rates, f);
            shown.Add(new FeaturePoints(features[f].Name, rounded, statement.Text, statement.BaseRate));
        }

        return ((double)left, [.. shown]);
    }

    /// <summary>Points by part of the score; with the base they add up to the score.</summary>
    internal static SubScores SubScoresOf(double basePoints, IReadOnlyList<FeaturePoints> factors, FeatureProfile profile)
    {
        var parts = new decimal[3];
        foreach (var factor in factors)
        {
            var at = profile.IndexOf(factor.Feature);
            parts[(int)(at < 0 ? SubScore.Fit : profile.Features[at].SubScore)] += (decimal)factor.Points;
        }

        return new SubScores(basePoints, (double)parts[(int)SubScore.Fit], (double)parts[(int)SubScore.Engagement], (double)parts[(int)SubScore.Intent]);
    }
}
