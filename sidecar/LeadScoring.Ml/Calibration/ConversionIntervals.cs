using MathNet.Numerics.Distributions;

namespace LeadScoring.Ml.Calibration;

/// <summary>An interval for the conversion rate around every probability: a table, so that it costs a lookup.</summary>
/// <remarks>
/// <para>
/// Meaning: of leads that get about this probability in the coming period, the share that converts lies in the interval 9 times in 10. It speaks of the
/// rate of many such leads, not of the one lead, which converts or does not.
/// </para>
/// <para>
/// On the log-odds scale the half-width is q sqrt(s^2 + tau^2). s, by score: how far the calibration map moves when it is fitted again on resampled leads
/// (Poisson bootstrap; Hanley and MacGibbon 2006, "Creating non-parametric bootstrap samples using Poisson frequencies"). tau: how far periods differ
/// from what their past predicted (<see cref="PeriodSpread"/>). q: 0.95 quantile of the normal distribution.
/// </para>
/// </remarks>
public sealed class ConversionIntervals
{
    private const int Resamples = 200;
    private const int MaxBins = 2_000;
    private const int Knots = 48;

    private static readonly double Quantile = Normal.InvCDF(0, 1, (1 + ConversionInterval.Level) / 2);

    private readonly double[] probabilities;
    private readonly double[] halfWidths;

    /// <summary>Restores a table.</summary>
    /// <param name="probabilities">Strictly ascending, in (0, 1). Shape (knots,), at least one.</param>
    /// <param name="halfWidths">Half-widths in log-odds, finite, 0 or more. Shape (knots,).</param>
    /// <param name="spread">What the widths owe to periods.</param>
    /// <exception cref="ArgumentException">No knots, lengths differ, the order is broken, or a value is out of range.</exception>
    public ConversionIntervals(double[] probabilities, double[] halfWidths, PeriodSpread spread)
    {
        if (probabilities.Length == 0 || probabilities.Length != halfWidths.Length)
            throw new ArgumentException($"{probabilities.Length} probabilities for {halfWidths.Length} half-widths.", nameof(halfWidths));
        for (var i = 0; i < probabilities.Length; i++)
        {
            if (!(probabilities[i] is > 0 and < 1) || (i > 0 && !(probabilities[i] > probabilities[i - 1])))
                throw new ArgumentException($"Probability {i} is {probabilities[i]:R}: out of range or order.", nameof(probabilities));
            if (!(halfWidths[i] >= 0 && double.IsFinite(halfWidths[i])))
                throw new ArgumentException($"Half-width {i} is {halfWidths[i]:R}, not a finite number of at least 0.", nameof(halfWidths));
        }

        if (!(spread.Tau >= 0 && double.IsFinite(spread.Tau)) || spread.Periods < 0) throw new ArgumentException($"No spread: {spread}.", nameof(spread));
        (this.probabilities, this.halfWidths, Spread) = (probabilities, halfWidths, spread);
    }

    /// <summary>Probabilities of the table, ascending. Shape (knots,).</summary>
    public ReadOnlySpan<double> Probabilities => probabilities;

    /// <summary>Half-widths in log-odds. Shape (knots,).</summary>
    public ReadOnlySpan<double> HalfWidths => halfWidths;

    /// <summary>What the widths owe to differences between periods.</summary>
    public PeriodSpread Spread { get; }

    /// <summary>The interval around a probability as the training calibrated it; it holds the probability and allocates nothing.</summary>
    /// <param name="probability">Calibrated, in (0, 1).</param>
    public ConversionInterval Around(double probability) => Stretched(probability, HalfWidth(probability));

    /// <summary>The interval around an anchored probability: where the anchor has learned from outcomes how far periods differ, that replaces what the training found. Allocates nothing.</summary>
    /// <param name="probability">Calibrated and anchored, in (0, 1).</param>
    /// <param name="anchor">The anchor that it went through.</param>
    public ConversionInterval Around(double probability, Anchor anchor)
    {
        if (anchor.IsIdentity && anchor.PeriodHalfWidth is null) return Around(probability);
        double sampling = anchor.Slope * SamplingHalfWidth(anchor.Undo(probability)), periods = anchor.PeriodHalfWidth ?? (Quantile * Spread.Tau);
        return Stretched(probability, Math.Sqrt((sampling * sampling) + (periods * periods)));
    }

    /// <summary>The part of the half-width that is owed to the sampling of the training, in log-odds.</summary>
    /// <param name="probability">Calibrated, not anchored.</param>
    internal double SamplingHalfWidth(double probability)
    {
        double half = HalfWidth(probability), periods = Quantile * Spread.Tau;
        return Math.Sqrt(Math.Max(0, (half * half) - (periods * periods)));
    }

    /// <summary>Makes the table for a map.</summary>
    /// <param name="map">The map that probabilities come from: <see cref="SmoothedIsotonic"/>, fitted on the same predictions.</param>
    /// <param name="predictions">Out-of-fold raw probabilities that the map was fitted on, in [0, 1]. Shape (leads,).</param>
    /// <param name="labels">1 or 0. Shape (leads,).</param>
    /// <param name="spread">Differences between periods; <see cref="PeriodSpread.Unknown"/> when rows carry no time.</param>
    /// <param name="seed">Seed of the resampling.</param>
    /// <param name="weights">Numbers of leads that the map was fitted with; their sum is how many leads the resampling draws. Shape (leads,), or empty for all 1.</param>
    public static ConversionIntervals Fit(IsotonicCalibrator map, double[] predictions, float[] labels, PeriodSpread spread, int seed, float[]? weights = null)
    {
        if (weights is null or { Length: 0 })
        {
            weights = new float[labels.Length];
            Array.Fill(weights, 1);
        }

        var (raw, negative, positive) = Bins(predictions, labels, weights);
        var knots = KnotsOf(map, predictions);
        var sampled = Resample(raw, negative, positive, knots, IsotonicCalibrator.SuggestedBlockWeight(negative.Sum() + positive.Sum()), new Random(seed));
        double[] widths = [.. sampled.Select(s => Quantile * Math.Sqrt((s * s) + (spread.Tau * spread.Tau)))];
        return new ConversionIntervals([.. knots.Select(k => k.Probability)], widths, spread);
    }

    private static ConversionInterval Stretched(double probability, double halfWidth)
    {
        if (!(probability > 0 && probability < 1)) return new ConversionInterval(probability, probability);
        var stretch = Math.Exp(halfWidth);
        return new ConversionInterval(probability / (probability + ((1 - probability) * stretch)), probability * stretch / ((probability * stretch) + 1 - probability));
    }

    private double HalfWidth(double probability)
    {
        if (probability <= probabilities[0]) return halfWidths[0];
        if (probability >= probabilities[^1]) return halfWidths[^1];
        var found = Array.BinarySearch(probabilities, probability);
        if (found >= 0) return halfWidths[found];
        var right = ~found;
        var share = (probability - probabilities[right - 1]) / (probabilities[right] - probabilities[right - 1]);
        return halfWidths[right - 1] + (share * (halfWidths[right] - halfWidths[right - 1]));
    }

    /// <summary>Leads of nearly equal prediction together, so that a resample costs as little with a million leads as with a thousand.</summary>
    private static (double[] Raw, double[] Negative, double[] Positive) Bins(double[] predictions, float[] labels, float[] weights)
    {
        var (sorted, order) = ((double[])predictions.Clone(), Enumerable.Range(0, labels.Length).ToArray());
        Array.Sort(sorted, order);
        var bins = Math.Min(MaxBins, sorted.Length);
        var (raw, negative, positive) = (new double[bins], new double[bins], new double[bins]);
        for (var i = 0; i < sorted.Length; i++)
        {
            var bin = (int)((long)i * bins / sorted.Length);
            var weight = weights[order[i]];
            raw[bin] += weight * sorted[i];
            (labels[order[i]] == 1 ? positive : negative)[bin] += weight;
        }

        for (var bin = 0; bin < bins; bin++) raw[bin] = Math.Clamp(raw[bin] / (negative[bin] + positive[bin]), 0, 1);
        return (raw, negative, positive);
    }

    /// <summary>Raw predictions at even ranks with what the map makes of them; strictly ascending.</summary>
    private static (double Raw, double Probability)[] KnotsOf(IsotonicCalibrator map, double[] predictions)
    {
        var sorted = (double[])predictions.Clone();
        Array.Sort(sorted);
        var knots = new List<(double Raw, double Probability)>(Knots);
        for (var k = 0; k < Knots; k++)
        {
            var raw = sorted[(int)Math.Round((k + 0.5) / Knots * (sorted.Length - 1))];
            var probability = Math.Clamp(map.Apply(raw), 1e-6, 1 - 1e-6);
            if (knots.Count == 0 || probability > knots[^1].Probability) knots.Add((raw, probability));
        }

        return [.. knots];
    }

    /// <summary>Standard deviation of the refitted map at each knot, in log-odds.</summary>
    private static double[] Resample(
        double[] raw, double[] negative, double[] positive, (double Raw, double Probability)[] knots, double minimumBlockWeight, Random random)
    {
        var x = new double[2 * raw.Length];
        var y = new float[x.Length];
        var weights = new float[x.Length];
        for (var bin = 0; bin < raw.Length; bin++) (x[2 * bin], x[(2 * bin) + 1], y[(2 * bin) + 1]) = (raw[bin], raw[bin], 1);
        var (sums, squares) = (new double[knots.Length], new double[knots.Length]);
        var resamples = 0;
        for (var resample = 0; resample < Resamples; resample++)
        {
            for (var bin = 0; bin < raw.Length; bin++)
                (weights[2 * bin], weights[(2 * bin) + 1]) = (Count(negative[bin], random), Count(positive[bin], random));
            if (!Array.Exists(weights, w => w > 0)) continue;
            // Both halves of the map, as SmoothedIsotonic has them.
            var (isotonic, line) = (IsotonicCalibrator.Fit(x, y, weights, minimumBlockWeight), PlattScaling.Fit(x, y, weights));
            resamples++;
            for (var k = 0; k < knots.Length; k++)
            {
                var p = Math.Clamp((isotonic.Apply(knots[k].Raw) + line.Apply(knots[k].Raw)) / 2, 1e-6, 1 - 1e-6);
                var logOdds = Math.Log(p / (1 - p));
                (sums[k], squares[k]) = (sums[k] + logOdds, squares[k] + (logOdds * logOdds));
            }
        }

        return [.. sums.Zip(squares, (s, q) => Math.Sqrt(Math.Max(0, (q / resamples) - (s / resamples * (s / resamples)))))];
    }

    private static float Count(double mean, Random random) => mean > 0 ? Poisson.Sample(random, mean) : 0;
}
