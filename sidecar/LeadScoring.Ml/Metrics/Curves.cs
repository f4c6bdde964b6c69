namespace LeadScoring.Ml.Metrics;

/// <summary>A point of a curve.</summary>
/// <param name="X">Horizontal, 0 to 1.</param>
/// <param name="Y">Vertical, 0 to 1.</param>
/// <param name="Threshold">Lowest probability that is taken at this point.</param>
public readonly record struct CurvePoint(double X, double Y, double Threshold);

/// <summary>What working on the best leads first gives.</summary>
/// <param name="Share">Share of leads worked on, best first, 0 to 1.</param>
/// <param name="Gain">Share of all conversions among them, 0 to 1.</param>
/// <param name="Lift">How many times the base rate they convert.</param>
public readonly record struct GainPoint(double Share, double Gain, double Lift);

/// <summary>A bin of a calibration curve.</summary>
/// <param name="Leads">Leads in the bin.</param>
/// <param name="MeanProbability">Their mean probability.</param>
/// <param name="ConversionRate">Share of them that converted.</param>
/// <param name="Interval">95 % interval of that share (Wilson).</param>
public readonly record struct CalibrationBin(int Leads, double MeanProbability, double ConversionRate, Interval Interval);

/// <summary>Curves for people to look at, thinned to a size that a page can draw.</summary>
public static class Curves
{
    /// <summary>Most points of a curve.</summary>
    public const int MaxPoints = 100;

    /// <summary>The ROC curve: false-positive rate across, true-positive rate up. At most 100 points, ends included.</summary>
    /// <exception cref="ArgumentException">As <see cref="RankingQuality.RocAuc"/>.</exception>
    public static CurvePoint[] Roc(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        var steps = Steps(probabilities, labels, weights);
        double positives = steps[^1].Found, negatives = steps[^1].Taken - positives;
        return positives == 0 || negatives == 0 ? [] : [new(0, 0, 1), .. Thinned(steps, MaxPoints - 1).Select(s => new CurvePoint((s.Taken - s.Found) / negatives, s.Found / positives, s.Threshold))];
    }

    /// <summary>The precision-recall curve: recall across, precision up. At most 100 points.</summary>
    /// <exception cref="ArgumentException">As <see cref="RankingQuality.AveragePrecision"/>.</exception>
    public static CurvePoint[] PrecisionRecall(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        var steps = Steps(probabilities, labels, weights);
        var positives = steps[^1].Found;
        return positives == 0 ? [] : [.. Thinned(steps, MaxPoints).Select(s => new CurvePoint(s.Found / positives, s.Found / s.Taken, s.Threshold))];
    }

    /// <summary>The gain curve in 20 steps of 5 % of the leads, best first. Leads that tie at a step are taken with the same chance.</summary>
    /// <exception cref="ArgumentException">As <see cref="RankingQuality.RocAuc"/>.</exception>
    public static GainPoint[] Gain(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default)
    {
        const int Parts = 20;
        var steps = Steps(probabilities, labels, weights);
        double positives = steps[^1].Found, rows = steps[^1].Taken;
        if (positives == 0) return [];
        var gain = new GainPoint[Parts];
        for (int part = 1, s = 0; part <= Parts; part++)
        {
            var room = part / (double)Parts * rows;
            while (s < steps.Count - 1 && steps[s].Taken < room - 1e-9) s++;
            var before = s == 0 ? default : steps[s - 1];
            var found = before.Found + ((steps[s].Found - before.Found) * (room - before.Taken) / (steps[s].Taken - before.Taken));
            gain[part - 1] = new GainPoint(part / (double)Parts, found / positives, found / positives / (part / (double)Parts));
        }

        return gain;
    }

    /// <summary>The ten bins of <see cref="CalibrationError.Reliability"/> that hold leads, with intervals.</summary>
    /// <exception cref="ArgumentException">As <see cref="CalibrationError.Reliability"/>.</exception>
    public static CalibrationBin[] Calibration(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights = default) =>
    [
        .. CalibrationError.Reliability(probabilities, labels, weights).Where(b => b.Leads > 0)
            .Select(b => new CalibrationBin(b.Leads, b.MeanProbability, b.ConversionRate, Interval.OfShare(b.ConversionRate * b.EffectiveLeads, b.EffectiveLeads))),
    ];

    private readonly record struct Step(double Threshold, double Taken, double Found);

    private static List<Step> Steps(ReadOnlySpan<double> probabilities, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights)
    {
        MetricInput.RequireRankable(probabilities, labels);
        MetricInput.RequireWeights(weights, labels.Length);
        var (values, order) = (probabilities.ToArray(), new int[labels.Length]);
        for (var i = 0; i < order.Length; i++) order[i] = i;
        Array.Sort(values, order);
        var steps = new List<Step>();
        double found = 0, taken = 0;
        for (var i = values.Length - 1; i >= 0;)
        {
            var threshold = values[i];
            for (; i >= 0 && values[i] == threshold; i--)
            {
                var weight = weights.IsEmpty ? 1 : weights[order[i]];
                (found, taken) = (found + (weight * labels[order[i]]), taken + weight);
            }

            if (taken > 0) steps.Add(new Step(threshold, taken, found));
        }

        return steps;
    }

    private static IEnumerable<Step> Thinned(List<Step> steps, int most)
    {
        var count = Math.Min(most, steps.Count);
        for (var i = 0; i < count; i++) yield return steps[count == 1 ? steps.Count - 1 : (int)((long)i * (steps.Count - 1) / (count - 1))];
    }
}
