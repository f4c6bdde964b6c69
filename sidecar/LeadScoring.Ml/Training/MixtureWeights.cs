using LeadScoring.Ml.Ensemble;

namespace LeadScoring.Ml.Training;

/// <summary>Weights of the members that make the labels most likely: non-negative, summing to 1.</summary>
/// <remarks>
/// The log-likelihood of sum_m w_m p_m is concave in w, so there is one optimum; expectation-maximisation climbs to it and never leaves the simplex
/// (Dempster, Laird and Rubin 1977). The prior counts as leads that already chose among the members: it keeps members that are alike from taking all or nothing by chance.
/// </remarks>
public static class MixtureWeights
{
    /// <summary>Weight of the prior as a share of the leads. Figures: decision record 37.</summary>
    public const double PriorShare = 0.001;

    private const int MostSteps = 1000;
    private const double Tolerance = 1e-6;
    private const double Floor = 1e-9;
    private const double Negligible = 0.005;

    /// <summary>Fits on out-of-fold predictions.</summary>
    /// <param name="members">Probabilities, [member][lead].</param>
    /// <param name="labels">1 or 0. Length leads.</param>
    /// <param name="prior">Where the weights start, and what <see cref="PriorShare"/> pulls towards.</param>
    /// <param name="leads">Leads to look at, as positions.</param>
    /// <param name="counts">How many leads each counts for. Length leads, or empty for all 1.</param>
    /// <exception cref="ArgumentException">No leads.</exception>
    public static EnsembleWeights Fit(double[][] members, float[] labels, EnsembleWeights prior, IReadOnlyList<int> leads, ReadOnlySpan<float> counts = default)
    {
        if (leads.Count == 0) throw new ArgumentException("There are no leads to fit weights on.", nameof(leads));
        var likelihood = new double[members.Length * leads.Count];
        var times = new double[leads.Count];
        for (var i = 0; i < times.Length; i++) times[i] = counts.IsEmpty ? 1 : counts[leads[i]];
        for (var i = 0; i < leads.Count; i++)
        {
            for (var m = 0; m < members.Length; m++)
            {
                var p = Math.Clamp(members[m][leads[i]], Floor, 1 - Floor);
                likelihood[(i * members.Length) + m] = labels[leads[i]] == 1 ? p : 1 - p;
            }
        }

        double[] given = [prior.GradientBoosting, prior.RandomForest, prior.Network, prior.Regression];
        var sum = given.Sum();
        // A member that starts at 0 stays there: EM multiplies.
        var pull = Array.ConvertAll(given, w => Math.Max(w / sum, 0.01));
        var weights = Array.ConvertAll(pull, w => w / pull.Sum());
        for (var step = 0; step < MostSteps; step++)
        {
            var next = Step(likelihood, times, weights, pull, PriorShare * times.Sum());
            var change = next.Zip(weights, (a, b) => Math.Abs(a - b)).Max();
            weights = next;
            if (change < Tolerance) break;
        }

        // Next to nothing is nothing: a member that adds no information should not be waited for.
        weights = Array.ConvertAll(weights, w => w < Negligible ? 0 : w);
        sum = weights.Sum();
        weights = Array.ConvertAll(weights, w => w / sum);
        return new EnsembleWeights { GradientBoosting = weights[0], RandomForest = weights[1], Network = weights[2], Regression = weights[3] };
    }

    private static double[] Step(double[] likelihood, double[] times, double[] weights, double[] pull, double priorLeads)
    {
        var counts = Array.ConvertAll(pull, p => p * priorLeads);
        for (var at = 0; at < likelihood.Length; at += weights.Length)
        {
            double mixture = 0;
            for (var m = 0; m < weights.Length; m++) mixture += weights[m] * likelihood[at + m];
            for (var m = 0; m < weights.Length; m++) counts[m] += times[at / weights.Length] * weights[m] * likelihood[at + m] / mixture;
        }

        var total = counts.Sum();
        return Array.ConvertAll(counts, c => c / total);
    }
}
