using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Metrics;

/// <summary>The seeded bootstrap: how a figure would vary if other leads of the same kind had come.</summary>
/// <remarks>
/// Efron (1987), "Better Bootstrap Confidence Intervals": the bias-corrected percentile interval (BC; the acceleration is taken as 0, as the jackknife would cost a pass per row).
/// The correction matters for figures that resampling pushes to one side, such as the calibration error. Resampling keeps the number of rows of each stratum.
/// </remarks>
public static class Bootstrap
{
    /// <summary>Share of resamples below the figure from which on it counts as far off: one standard deviation.</summary>
    private const double FarBelow = 0.16;

    /// <summary>Resamples for a number of rows: 1,000, fewer above 20,000 rows so that the work stays bounded, never below 200.</summary>
    public static int SuggestedResamples(int rows) => (int)Math.Clamp(20_000_000L / Math.Max(1, rows), 200, 1_000);

    /// <summary>Draws resamples one after the other and hands out how often each row is in them.</summary>
    /// <param name="strata">Stratum of each row. Shape (rows,).</param>
    /// <param name="resamples">How many.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="use">Gets the number of the resample and the rows' counts; the array is used again for the next.</param>
    public static void Run(ReadOnlySpan<int> strata, int resamples, int seed, Action<int, int[]> use)
    {
        var rows = Enumerable.Range(0, strata.Length).ToArray();
        var keys = strata.ToArray();
        Array.Sort(keys, rows);
        var random = new Random(seed);
        var counts = new int[rows.Length];
        for (var b = 0; b < resamples; b++)
        {
            Array.Clear(counts);
            for (int start = 0, end; start < rows.Length; start = end)
            {
                for (end = start + 1; end < rows.Length && keys[end] == keys[start];) end++;
                for (var i = start; i < end; i++) counts[rows[start + random.Next(end - start)]]++;
            }

            use(b, counts);
        }
    }

    /// <summary>The 95 % interval of a figure from its values on resamples; undefined ones are left out.</summary>
    /// <param name="estimate">The figure on the rows themselves.</param>
    /// <param name="resampled">The figure on each resample. Shape (resamples,).</param>
    /// <returns>Bias-corrected percentiles; <see cref="Interval.Undefined"/> where the estimate or most resamples are undefined.</returns>
    public static Interval Of(double estimate, ReadOnlySpan<double> resampled)
    {
        var values = new List<double>(resampled.Length);
        foreach (var value in resampled)
        {
            if (double.IsFinite(value)) values.Add(value);
        }

        if (!double.IsFinite(estimate) || values.Count < 20 || values.Count < resampled.Length / 2) return Interval.Undefined;
        values.Sort();
        // Ties count half, so that a figure that cannot vary is not taken for a biased one.
        var below = values.Count(v => v < estimate) + (0.5 * values.Count(v => v == estimate));
        // Far off the middle the correction runs out of resamples (a calibration error near 0 can only grow by resampling): there the percentiles are moved by the bias itself.
        if (below / values.Count is < FarBelow or > 1 - FarBelow)
        {
            var bias = At(0.5) - estimate;
            var least = values[0] >= 0 && estimate >= 0 ? 0 : double.NegativeInfinity;
            return new Interval(Math.Max(least, At(0.025) - bias), At(0.975) - bias);
        }

        var z0 = Normal.InvCDF(0, 1, Math.Clamp(below / values.Count, 1.0 / (values.Count + 1), values.Count / (values.Count + 1.0)));
        return new Interval(At(Normal.CDF(0, 1, (2 * z0) - 1.959963984540054)), At(Normal.CDF(0, 1, (2 * z0) + 1.959963984540054)));

        double At(double share) => values[(int)Math.Clamp(Math.Round(share * (values.Count - 1)), 0, values.Count - 1)];
    }
}
