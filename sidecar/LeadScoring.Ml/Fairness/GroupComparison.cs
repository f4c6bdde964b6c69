using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Fairness;

/// <summary>Compares the scores of groups of people.</summary>
/// <remarks>
/// Demographic parity (difference in mean score) and equal opportunity (difference in true-positive rate at equal outcome): Hardt, Price and Srebro (2016), "Equality of Opportunity in
/// Supervised Learning". The first sees a difference also where groups do convert differently; the conversion rates stand beside it. The largest of several differences is above 0 by
/// chance alone; the interval, made by resampling within groups and corrected for bias, takes account of it.
/// </remarks>
public static class GroupComparison
{
    /// <summary>Limit of the product: a bias below 0.1.</summary>
    public const double Limit = 0.1;

    private const int Resamples = 400;

    /// <summary>Compares groups.</summary>
    /// <param name="attribute">Name of the attribute.</param>
    /// <param name="groups">Group of each lead; null where unknown. Shape (leads,).</param>
    /// <param name="points">Scores, 0 to 100. Shape (leads,).</param>
    /// <param name="labels">1 or 0. Shape (leads,).</param>
    /// <param name="threshold">Lowest score that counts as picked.</param>
    /// <param name="fewestRows">Fewest leads of a group.</param>
    /// <param name="seed">Seed.</param>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static AttributeFairness Of(string attribute, string?[] groups, double[] points, float[] labels, double threshold, int fewestRows, int seed)
    {
        if (groups.Length != points.Length || points.Length != labels.Length) throw new ArgumentException($"{groups.Length} groups, {points.Length} scores, {labels.Length} labels");
        var members = Enumerable.Range(0, groups.Length).Where(i => groups[i] is not null).GroupBy(i => groups[i]!, StringComparer.Ordinal)
            .Where(g => g.Count() >= fewestRows).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => (Name: g.Key, Rows: g.ToArray())).ToArray();
        var one = new int[groups.Length];
        Array.Fill(one, 1);
        var rates = Rates(members, points, labels, threshold, one);
        var (score, opportunity, falseAlarms) = Gaps(rates);
        var resampled = (Score: new double[Resamples], Opportunity: new double[Resamples], FalseAlarms: new double[Resamples]);
        int[] rows = [.. members.SelectMany(m => m.Rows)];
        // Within groups and classes: a group does not change its size or its conversions by being drawn again.
        int[] strata = [.. members.SelectMany((m, g) => m.Rows.Select(r => (2 * g) + (int)labels[r]))];
        var counts = new int[groups.Length];
        if (members.Length >= 2)
        {
            Bootstrap.Run(strata, Resamples, seed, (b, drawn) =>
            {
                for (var i = 0; i < rows.Length; i++) counts[rows[i]] = drawn[i];
                (resampled.Score[b], resampled.Opportunity[b], resampled.FalseAlarms[b]) = Gaps(Rates(members, points, labels, threshold, counts));
            });
        }

        FairnessGap Gap(double value, double[] draws) => new(value, members.Length < 2 ? Interval.Undefined : Bootstrap.Of(value, draws));
        var result = new AttributeFairness
        {
            Attribute = attribute, Groups = [.. rates.Select(r => r.Group)], LeftOver = groups.Length - rows.Length,
            MeanScore = Gap(score, resampled.Score), TruePositiveRate = Gap(opportunity, resampled.Opportunity), FalsePositiveRate = Gap(falseAlarms, resampled.FalseAlarms),
        };
        return result with { Verdict = Judge(result) };
    }

    /// <summary>The gate over mean score and true-positive rate.</summary>
    public static FairnessVerdict Judge(AttributeFairness attribute)
    {
        FairnessGap[] gaps = [.. new[] { attribute.MeanScore, attribute.TruePositiveRate }.Where(g => double.IsFinite(g.Value))];
        return gaps.Length == 0 ? FairnessVerdict.Unknown
            : gaps.All(g => g.Value < Limit) ? FairnessVerdict.Pass
            : gaps.Any(g => g.Value >= Limit && g.Interval.Low >= Limit) ? FairnessVerdict.Fail
            : FairnessVerdict.Warn;
    }

    /// <summary>The worst verdict; unknown only where all are.</summary>
    public static FairnessVerdict Worst(IEnumerable<FairnessVerdict> verdicts) => verdicts.DefaultIfEmpty(FairnessVerdict.Unknown).Max();

    private static (GroupFairness Group, double Score, double Tpr, double Fpr)[] Rates(
        (string Name, int[] Rows)[] members, double[] points, float[] labels, double threshold, int[] counts) => Array.ConvertAll(members, m =>
    {
        double leads = 0, converted = 0, score = 0, hits = 0, alarms = 0;
        foreach (var row in m.Rows)
        {
            double w = counts[row];
            leads += w;
            score += w * points[row] / 100;
            converted += w * labels[row];
            if (points[row] < threshold) continue;
            hits += w * labels[row];
            alarms += w * (1 - labels[row]);
        }

        var tpr = converted >= GroupFairness.FewestOfAClass ? hits / converted : double.NaN;
        var fpr = leads - converted >= GroupFairness.FewestOfAClass ? alarms / (leads - converted) : double.NaN;
        return (new GroupFairness(m.Name, (int)leads, (int)converted, score / leads, converted / leads, tpr, fpr), score / leads, tpr, fpr);
    });

    private static (double Score, double Opportunity, double FalseAlarms) Gaps((GroupFairness Group, double Score, double Tpr, double Fpr)[] rates) =>
        (Range(rates.Select(r => r.Score)), Range(rates.Select(r => r.Tpr)), Range(rates.Select(r => r.Fpr)));

    private static double Range(IEnumerable<double> values)
    {
        double[] known = [.. values.Where(double.IsFinite)];
        return known.Length < 2 ? double.NaN : known.Max() - known.Min();
    }
}
