using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Tests.Explanation;

/// <summary>Shapley values of the final score, calibrated and in points, by sampling: slow, and without any approximation of the model.</summary>
/// <remarks>
/// Permutation sampling with antithetic pairs (Mitchell, Cooper, Frank and Holmes 2022, "Sampling Permutations for Shapley Value Estimation"). What a
/// coalition does not know is taken from one background lead per pair of permutations: the interventional value function. The background is rows of the
/// training set drawn at random, the leads that the cover shares of the trees and the mean row of regression and network stand for.
/// </remarks>
internal static class SampledShapley
{
    /// <param name="model">The model.</param>
    /// <param name="lead">Values of the lead.</param>
    /// <param name="background">Gives a background lead.</param>
    /// <param name="pairs">Pairs of permutations.</param>
    /// <param name="random">Source of the permutations.</param>
    /// <returns>Points of each feature.</returns>
    internal static double[] Points(EnsembleModel model, ReadOnlySpan<FeatureValue> lead, Func<FeatureValue[]> background, int pairs, Random random)
    {
        var points = new double[lead.Length];
        var order = Enumerable.Range(0, lead.Length).ToArray();
        var mixed = new FeatureValue[lead.Length];
        for (var pair = 0; pair < pairs; pair++)
        {
            random.Shuffle(order);
            var other = background();
            for (var direction = 0; direction < 2; direction++)
            {
                other.CopyTo(mixed, 0);
                var before = 100 * model.Score(mixed).Probability;
                foreach (var f in order)
                {
                    mixed[f] = lead[f];
                    var after = 100 * model.Score(mixed).Probability;
                    points[f] += (after - before) / (2 * pairs);
                    before = after;
                }

                Array.Reverse(order);
            }
        }

        return points;
    }

    /// <summary>Spearman's rank correlation; ties share their mean rank. NaN when one side is constant.</summary>
    internal static double Spearman(double[] a, double[] b)
    {
        var (ra, rb) = (Ranks(a), Ranks(b));
        double ma = ra.Average(), mb = rb.Average(), ab = 0, aa = 0, bb = 0;
        for (var i = 0; i < a.Length; i++)
        {
            ab += (ra[i] - ma) * (rb[i] - mb);
            aa += (ra[i] - ma) * (ra[i] - ma);
            bb += (rb[i] - mb) * (rb[i] - mb);
        }

        return ab / Math.Sqrt(aa * bb);
    }

    private static double[] Ranks(double[] values)
    {
        var order = Enumerable.Range(0, values.Length).OrderBy(i => values[i]).ToArray();
        var ranks = new double[values.Length];
        for (var start = 0; start < order.Length;)
        {
            var end = start;
            while (end < order.Length && values[order[end]] == values[order[start]]) end++;
            for (var i = start; i < end; i++) ranks[order[i]] = (start + end - 1) / 2.0;
            start = end;
        }

        return ranks;
    }
}
