namespace LeadScoring.Ml.Drift;

/// <summary>A distance between two columns of counts. Both have the same cells.</summary>
public delegate double CountDistance(ReadOnlySpan<int> reference, ReadOnlySpan<int> sample);

/// <summary>How likely a distance as large as the one seen would be if both samples came from the same distribution.</summary>
/// <remarks>
/// Rows of both are put together and dealt anew: the p-value is exact whatever the distribution, its ties and the sizes of the samples, where the tables of Kolmogorov-Smirnov assume
/// continuous values and those of chi-squared many rows in each cell. Fisher (1935), "The Design of Experiments"; the rule to stop early keeps it exact:
/// Besag and Clifford (1991), "Sequential Monte Carlo p-values".
/// </remarks>
public static class PermutationTest
{
    private const int Exceedances = 20;

    /// <summary>The p-value.</summary>
    /// <param name="reference">Rows by cell. Shape (cells,).</param>
    /// <param name="sample">Rows by cell. Shape (cells,).</param>
    /// <param name="distance">What is compared.</param>
    /// <param name="finest">The smallest p-value of interest, above 0: twice as many deals are made as are needed to reach it.</param>
    /// <param name="seed">Seed of the deals.</param>
    /// <returns>Above 0, at most 1; 1 when either has no rows.</returns>
    /// <exception cref="ArgumentException">Lengths differ, or <paramref name="finest"/> is not in (0, 1).</exception>
    public static double PValue(ReadOnlySpan<int> reference, ReadOnlySpan<int> sample, CountDistance distance, double finest, int seed)
    {
        if (reference.Length != sample.Length) throw new ArgumentException($"{reference.Length} cells against {sample.Length}", nameof(sample));
        if (!(finest is > 0 and < 1)) throw new ArgumentException($"finest {finest} is not in (0, 1)", nameof(finest));
        var seen = distance(reference, sample);
        if (!double.IsFinite(seen)) return 1;
        int[] rest = new int[reference.Length], drawn = new int[reference.Length];
        var (pool, rows) = Pool(reference, sample);
        var random = new Random(seed);
        var most = (int)Math.Min(10_000_000, Math.Ceiling(2 / finest));
        for (int deal = 1, asFar = 0; ; deal++)
        {
            Array.Clear(drawn);
            for (var i = 0; i < rows; i++)
            {
                var other = i + random.Next(pool.Length - i);
                (pool[i], pool[other]) = (pool[other], pool[i]);
                drawn[pool[i]]++;
            }

            for (var c = 0; c < rest.Length; c++) rest[c] = reference[c] + sample[c] - drawn[c];
            // Sums in another order differ in the last digit: equal distances must count as equal.
            if (distance(rest, drawn) >= seen - 1e-12 && ++asFar == Exceedances) return asFar / (double)deal;
            if (deal == most) return (asFar + 1) / (deal + 1.0);
        }
    }

    private static (int[] Pool, int Rows) Pool(ReadOnlySpan<int> reference, ReadOnlySpan<int> sample)
    {
        long all = 0;
        var rows = 0;
        for (var c = 0; c < reference.Length; c++)
        {
            all += reference[c] + (long)sample[c];
            rows += sample[c];
        }

        var pool = new int[all];
        for (int c = 0, at = 0; c < reference.Length; c++)
        {
            var end = at + reference[c] + sample[c];
            pool.AsSpan(at, end - at).Fill(c);
            at = end;
        }

        return (pool, rows);
    }
}
