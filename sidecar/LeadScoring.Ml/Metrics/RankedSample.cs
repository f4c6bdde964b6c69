namespace LeadScoring.Ml.Metrics;

/// <summary>The figures a <see cref="RankedSample"/> measures, in the order in which they stand in a row.</summary>
public enum Metric
{
    /// <summary>Area under the ROC curve.</summary>
    RocAuc,

    /// <summary>Average precision.</summary>
    AveragePrecision,

    /// <summary>Mean negative log-likelihood, nats.</summary>
    LogLoss,

    /// <summary>Mean squared error of the probability.</summary>
    Brier,

    /// <summary>Expected calibration error.</summary>
    Ece,

    /// <summary>Precision at probability 0.5.</summary>
    PrecisionAtHalf,

    /// <summary>Recall at probability 0.5.</summary>
    RecallAtHalf,

    /// <summary>F1 at probability 0.5.</summary>
    F1AtHalf,

    /// <summary>Precision at the threshold chosen elsewhere.</summary>
    PrecisionAtBest,

    /// <summary>Recall at it.</summary>
    RecallAtBest,

    /// <summary>F1 at it.</summary>
    F1AtBest,

    /// <summary>Share of grade A that converted.</summary>
    GradeAPrecision,

    /// <summary>Share of leads with grade A.</summary>
    GradeAShare,

    /// <summary>Pearson correlation of score and outcome.</summary>
    Pearson,

    /// <summary>Standard deviation of the scores, points.</summary>
    ScoreStd,

    /// <summary>Share of all conversions among the leads that the team can work on.</summary>
    GainAtCapacity,

    /// <summary>How many times the base rate those leads convert.</summary>
    LiftAtCapacity,
}

/// <summary>Scored leads, sorted once: all metrics of any resample of them in one pass.</summary>
public sealed class RankedSample
{
    /// <summary>Number of metrics.</summary>
    public static readonly int Metrics = Enum.GetValues<Metric>().Length;

    private readonly int[] order;
    private readonly double[] probability;
    private readonly double[] points;
    private readonly float[] label;
    private readonly double[] logLoss;
    private readonly int[] bin;
    private readonly int half;
    private readonly int best;
    private readonly int gradeA;
    private readonly double capacity;
    private readonly float[] weight;

    /// <param name="probabilities">In [0, 1]. Shape (leads,).</param>
    /// <param name="points">Scores as shown, one decimal. Shape (leads,).</param>
    /// <param name="labels">1 or 0. Shape (leads,).</param>
    /// <param name="bestThreshold">Threshold chosen on other rows.</param>
    /// <param name="capacity">Share of leads that the team can work on, in (0, 1].</param>
    /// <param name="weights">How many leads each counts for, at least 0. Shape (leads,), or empty for all 1.</param>
    /// <exception cref="ArgumentException">No leads, lengths differ, or a value is out of range.</exception>
    public RankedSample(double[] probabilities, double[] points, float[] labels, double bestThreshold, double capacity, ReadOnlySpan<float> weights = default)
    {
        MetricInput.RequireProbabilities(probabilities, labels);
        MetricInput.RequireWeights(weights, labels.Length);
        weight = new float[labels.Length];
        if (weights.IsEmpty) Array.Fill(weight, 1);
        else weights.CopyTo(weight);
        if (points.Length != labels.Length) throw new ArgumentException($"{points.Length} scores for {labels.Length} labels.", nameof(points));
        if (!(capacity is > 0 and <= 1)) throw new ArgumentException($"A capacity of {capacity} is not in 0..1.", nameof(capacity));
        order = [.. Enumerable.Range(0, labels.Length)];
        probability = Array.ConvertAll(probabilities, p => -p);
        Array.Sort(probability, order);
        for (var i = 0; i < probability.Length; i++) probability[i] = -probability[i];
        this.points = Array.ConvertAll(order, i => points[i]);
        label = Array.ConvertAll(order, i => labels[i]);
        logLoss = [.. probability.Select((p, i) => -Math.Log(Math.Clamp(label[i] == 1 ? p : 1 - p, ProbabilityLoss.LogLossClip, 1 - ProbabilityLoss.LogLossClip)))];
        bin = Array.ConvertAll(probability, CalibrationError.BinOf);
        half = probability.Count(p => p >= 0.5);
        best = probability.Count(p => p >= bestThreshold);
        gradeA = this.points.Count(p => p >= GradeQuality.LowestA);
        this.capacity = capacity;
    }

    /// <summary>Measures the leads themselves.</summary>
    public double[] Measure()
    {
        var counts = new int[order.Length];
        Array.Fill(counts, 1);
        return Measure(counts);
    }

    /// <summary>Measures a resample.</summary>
    /// <param name="counts">How often each lead is in it, in the order of the leads as they were given. Shape (leads,).</param>
    /// <returns>One figure per <see cref="Metric"/>, NaN where it is not defined.</returns>
    public double[] Measure(int[] counts)
    {
        double rows = 0, positives = 0;
        for (var i = 0; i < order.Length; i++)
        {
            double w = Weight(counts, i);
            rows += w;
            positives += w * label[i];
        }

        double losses = 0, squares = 0, meanPoints = 0;
        Span<double> predicted = stackalloc double[CalibrationError.Bins], converted = stackalloc double[CalibrationError.Bins];
        predicted.Clear();
        converted.Clear();
        for (var i = 0; i < order.Length; i++)
        {
            double w = Weight(counts, i);
            if (w == 0) continue;
            losses += w * logLoss[i];
            squares += w * (probability[i] - label[i]) * (probability[i] - label[i]);
            predicted[bin[i]] += w * probability[i];
            converted[bin[i]] += w * label[i];
            meanPoints += w * points[i] / rows;
        }

        double ece = 0;
        for (var k = 0; k < predicted.Length; k++) ece += Math.Abs(predicted[k] - converted[k]) / rows;
        var figures = new double[Metrics];
        Set(figures, Metric.LogLoss, losses / rows);
        Set(figures, Metric.Brier, squares / rows);
        Set(figures, Metric.Ece, ece);
        Rank(figures, counts, rows, positives);
        Decide(figures, counts, positives, half, Metric.PrecisionAtHalf);
        Decide(figures, counts, positives, best, Metric.PrecisionAtBest);
        Spread(figures, counts, rows, positives, meanPoints);
        return figures;
    }

    private void Rank(double[] figures, int[] counts, double rows, double positives)
    {
        double negatives = rows - positives, negativesBelow = negatives, wins = 0, found = 0, seen = 0, area = 0, gained = 0;
        var room = capacity * rows;
        for (var start = 0; start < order.Length;)
        {
            double tied = 0, tiedPositives = 0;
            var end = start;
            for (; end < order.Length && probability[end] == probability[start]; end++)
            {
                double w = Weight(counts, end);
                tied += w;
                tiedPositives += w * label[end];
            }

            start = end;
            if (tied == 0) continue;
            negativesBelow -= tied - tiedPositives;
            wins += tiedPositives * (negativesBelow + ((tied - tiedPositives) / 2));
            // Of leads that tie at the edge of the capacity, each is taken with the same chance.
            gained += tiedPositives * Math.Clamp((room - seen) / tied, 0, 1);
            found += tiedPositives;
            seen += tied;
            if (positives > 0) area += tiedPositives / positives * (found / seen);
        }

        Set(figures, Metric.RocAuc, positives == 0 || negatives == 0 ? double.NaN : wins / (positives * negatives));
        Set(figures, Metric.AveragePrecision, positives == 0 ? double.NaN : area);
        Set(figures, Metric.GainAtCapacity, positives == 0 ? double.NaN : gained / positives);
        Set(figures, Metric.LiftAtCapacity, positives == 0 ? double.NaN : gained / positives / capacity);
    }

    private void Decide(double[] figures, int[] counts, double positives, int taken, Metric precision)
    {
        double yes = 0, right = 0;
        for (var i = 0; i < taken; i++)
        {
            double w = Weight(counts, i);
            yes += w;
            right += w * label[i];
        }

        // As in Decisions: an empty denominator gives 0.
        Set(figures, precision, yes == 0 ? 0 : right / yes);
        Set(figures, precision + 1, positives == 0 ? 0 : right / positives);
        Set(figures, precision + 2, yes + positives == 0 ? 0 : 2 * right / (yes + positives));
    }

    private void Spread(double[] figures, int[] counts, double rows, double positives, double meanPoints)
    {
        double variance = 0, covariance = 0, inA = 0, rightInA = 0;
        var rate = positives / rows;
        for (var i = 0; i < order.Length; i++)
        {
            double w = Weight(counts, i);
            if (w == 0) continue;
            var off = points[i] - meanPoints;
            variance += w * off * off;
            covariance += w * off * (label[i] - rate);
            // Scores fall with the probability, so that those of grade A stand first.
            if (i >= gradeA) continue;
            inA += w;
            rightInA += w * label[i];
        }

        Set(figures, Metric.GradeAPrecision, rightInA / inA);
        Set(figures, Metric.GradeAShare, inA / rows);
        Set(figures, Metric.ScoreStd, Math.Sqrt(variance / rows));
        Set(figures, Metric.Pearson, covariance / Math.Sqrt(variance * rows * rate * (1 - rate)));
    }

    private double Weight(int[] counts, int place) => counts[order[place]] * weight[order[place]];

    private static void Set(double[] figures, Metric metric, double value) => figures[(int)metric] = value;
}
