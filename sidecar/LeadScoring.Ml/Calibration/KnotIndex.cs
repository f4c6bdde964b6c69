namespace LeadScoring.Ml.Calibration;

/// <summary>Finds the knot at or below a value in about one step: the range is cut into equal buckets, and each knows the knots that its values can lie between.</summary>
internal sealed class KnotIndex
{
    private const int BucketsPerKnot = 4;
    private const int MostBuckets = 1 << 14;

    private readonly double[] x;
    private readonly double scale;
    private readonly int[] below;   // of bucket b: the last knot of the buckets before it; behind the end: the last knot

    /// <param name="x">Strictly increasing, finite, at least one. Not copied.</param>
    internal KnotIndex(double[] x)
    {
        this.x = x;
        var buckets = (int)Math.Min((long)x.Length * BucketsPerKnot, MostBuckets);
        var range = x[^1] - x[0];
        // Knots so close that the scale is not finite share one bucket.
        scale = buckets / range is var s && double.IsFinite(s) ? s : 0;
        below = new int[buckets + 2];
        for (int b = 0, knot = 0; b < below.Length; b++)
        {
            while (knot < x.Length && Bucket(x[knot]) < b) knot++;
            below[b] = Math.Max(0, knot - 1);
        }
    }

    /// <summary>The last knot that is not above the value.</summary>
    /// <param name="value">At least the first knot and at most the last.</param>
    internal int AtOrBelow(double value)
    {
        // Bucket never falls as its argument rises, rounding included, so that knots of lower buckets are below the value and those of higher ones above it.
        var bucket = Bucket(value);
        int low = below[bucket], high = below[bucket + 1];
        while (low < high)
        {
            var middle = (low + high + 1) >> 1;
            if (x[middle] <= value) low = middle;
            else high = middle - 1;
        }

        return low;
    }

    private int Bucket(double value) => (int)((value - x[0]) * scale);
}
