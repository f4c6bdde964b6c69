namespace LeadScoring.Ml.Drift;

/// <summary>How far two distributions over the same cells are apart.</summary>
public static class DriftMeasures
{
    /// <summary>Population stability index: sum over cells of (q - p) ln(q / p).</summary>
    /// <remarks>
    /// The symmetrised Kullback-Leibler divergence (Jeffreys), in credit scoring called PSI: Siddiqi (2006), "Credit Risk Scorecards", chapter 10. Half a row is added to each cell, so that an
    /// empty one costs much and not infinitely much. Without any drift it is about (cells - 1) (1 / reference + 1 / sample): see <see cref="PsiByChance"/>.
    /// </remarks>
    /// <param name="reference">Rows by cell. Shape (cells,).</param>
    /// <param name="sample">Rows by cell. Shape (cells,).</param>
    /// <returns>0 or more; 0.1 is usually called a slight change, 0.25 a large one. NaN when either has no rows.</returns>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static double Psi(ReadOnlySpan<int> reference, ReadOnlySpan<int> sample)
    {
        double n = Total(reference, sample), m = Sum(sample), psi = 0;
        if (n == 0 || m == 0) return double.NaN;
        for (var i = 0; i < reference.Length; i++)
        {
            var p = (reference[i] + 0.5) / (n + (0.5 * reference.Length));
            var q = (sample[i] + 0.5) / (m + (0.5 * reference.Length));
            psi += (q - p) * Math.Log(q / p);
        }

        return psi;
    }

    /// <summary>What the index comes to without any drift, on average: Yurdakul (2018), "Statistical Properties of Population Stability Index".</summary>
    /// <param name="cells">Cells with rows.</param>
    /// <param name="reference">Rows of the reference, above 0.</param>
    /// <param name="sample">Rows of the sample, above 0.</param>
    public static double PsiByChance(int cells, int reference, int sample) => (cells - 1) * ((1.0 / reference) + (1.0 / sample));

    /// <summary>Jensen-Shannon divergence in bits: the mean Kullback-Leibler divergence of both to their middle.</summary>
    /// <remarks>Lin (1991), "Divergence Measures Based on the Shannon Entropy". Its square root is SciPy's <c>jensenshannon(p, q, base=2)</c>.</remarks>
    /// <param name="reference">Rows by cell. Shape (cells,).</param>
    /// <param name="sample">Rows by cell. Shape (cells,).</param>
    /// <returns>0 (equal) to 1 (nothing in common); NaN when either has no rows.</returns>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static double JensenShannon(ReadOnlySpan<int> reference, ReadOnlySpan<int> sample)
    {
        double n = Total(reference, sample), m = Sum(sample), sum = 0;
        if (n == 0 || m == 0) return double.NaN;
        for (var i = 0; i < reference.Length; i++)
        {
            double p = reference[i] / n, q = sample[i] / m, middle = (p + q) / 2;
            if (p > 0) sum += p * Math.Log2(p / middle) / 2;
            if (q > 0) sum += q * Math.Log2(q / middle) / 2;
        }

        return Math.Max(0, sum);
    }

    /// <summary>Kolmogorov-Smirnov distance: the largest difference of the two distribution functions at the cells' bounds.</summary>
    /// <remarks>Smirnov (1948), "Table for Estimating the Goodness of Fit of Empirical Distributions". Exact where each value has its cell; else at most the reference's share of one cell too small.</remarks>
    /// <param name="reference">Rows by cell, cells ascending. Shape (cells,).</param>
    /// <param name="sample">Rows by cell. Shape (cells,).</param>
    /// <returns>0 to 1; NaN when either has no rows.</returns>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static double KolmogorovSmirnov(ReadOnlySpan<int> reference, ReadOnlySpan<int> sample)
    {
        double n = Total(reference, sample), m = Sum(sample), most = 0;
        if (n == 0 || m == 0) return double.NaN;
        long below = 0, belowSample = 0;
        for (var i = 0; i < reference.Length; i++)
        {
            below += reference[i];
            belowSample += sample[i];
            most = Math.Max(most, Math.Abs((below / n) - (belowSample / m)));
        }

        return most;
    }

    /// <summary>Anderson-Darling statistic of two samples: the squared difference of their distribution functions, weighted so that the tails count as much as the middle.</summary>
    /// <remarks>
    /// Scholz and Stephens (1987), "K-Sample Anderson-Darling Tests", equation 6 for two samples with ties (at the upper ends of the cells). What drift of numbers is tested by: it finds a
    /// shift with fewer leads than the largest difference alone, which says how large it is.
    /// </remarks>
    /// <param name="reference">Rows by cell, cells ascending. Shape (cells,).</param>
    /// <param name="sample">Rows by cell. Shape (cells,).</param>
    /// <returns>0 or more, about 1 without drift; NaN when either has no rows.</returns>
    /// <exception cref="ArgumentException">Lengths differ.</exception>
    public static double AndersonDarling(ReadOnlySpan<int> reference, ReadOnlySpan<int> sample)
    {
        double n = Total(reference, sample), m = Sum(sample), all = n + m, sum = 0;
        if (n == 0 || m == 0) return double.NaN;
        long below = 0, belowSample = 0;
        for (var i = 0; i < reference.Length; i++)
        {
            below += reference[i];
            belowSample += sample[i];
            double both = below + belowSample;
            if (both >= all || both == 0) continue;
            var difference = (below / n) - (belowSample / m);
            sum += (reference[i] + sample[i]) * difference * difference / (both * (all - both));
        }

        return n * m * sum;
    }

    /// <summary>Wasserstein distance of order 1: the mean distance that values must be moved to turn one distribution into the other.</summary>
    /// <remarks>
    /// The area between the two distribution functions (Vallender 1974), as SciPy's <c>wasserstein_distance</c>. Values count as the bound of their cell; those beyond the last bound as
    /// that bound, so the distance is too small by what lies beyond.
    /// </remarks>
    /// <param name="bounds">Upper bounds, ascending. Shape (cells - 1,).</param>
    /// <param name="reference">Rows by cell. Shape (cells,).</param>
    /// <param name="sample">Rows by cell. Shape (cells,).</param>
    /// <returns>0 or more, in the unit of the values; NaN when either has no rows.</returns>
    /// <exception cref="ArgumentException">Lengths do not fit.</exception>
    public static double Wasserstein(ReadOnlySpan<double> bounds, ReadOnlySpan<int> reference, ReadOnlySpan<int> sample)
    {
        double n = Total(reference, sample), m = Sum(sample), area = 0;
        if (bounds.Length + 1 != reference.Length) throw new ArgumentException($"{bounds.Length} bounds do not make {reference.Length} cells", nameof(bounds));
        if (n == 0 || m == 0) return double.NaN;
        long below = 0, belowSample = 0;
        for (var i = 0; i + 1 < bounds.Length; i++)
        {
            below += reference[i];
            belowSample += sample[i];
            area += Math.Abs((below / n) - (belowSample / m)) * (bounds[i + 1] - bounds[i]);
        }

        return area;
    }

    private static double Total(ReadOnlySpan<int> reference, ReadOnlySpan<int> sample) =>
        reference.Length == sample.Length ? Sum(reference) : throw new ArgumentException($"{reference.Length} cells against {sample.Length}");

    private static double Sum(ReadOnlySpan<int> counts)
    {
        long sum = 0;
        foreach (var count in counts) sum += count;
        return sum;
    }
}
