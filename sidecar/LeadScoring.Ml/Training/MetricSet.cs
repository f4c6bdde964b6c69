using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>All metrics of one model on one set of rows. NaN where a metric is not defined (one class only).</summary>
public sealed record MetricSet
{
    /// <summary>Rows measured.</summary>
    public int Rows { get; init; }

    /// <summary>Converted rows.</summary>
    public int Positives { get; init; }

    /// <summary>As many leads, each counting alike, would say as much (Kish): the rows themselves unless they count for more or less than one lead.</summary>
    public double EffectiveRows { get => field > 0 ? field : Rows; init; }

    /// <summary>Share that converted, each row counted for as many leads as it stands for.</summary>
    public double BaseRate { get => field > 0 ? field : Positives / (double)Math.Max(1, Rows); init; }

    /// <summary>Area under the ROC curve, 0 to 1.</summary>
    public double RocAuc { get; init; }

    /// <summary>Average precision, 0 to 1.</summary>
    public double AveragePrecision { get; init; }

    /// <summary>Mean negative log-likelihood, nats.</summary>
    public double LogLoss { get; init; }

    /// <summary>Mean squared error of the probability, 0 to 1.</summary>
    public double Brier { get; init; }

    /// <summary>Expected calibration error, 10 equal bins, 0 to 1.</summary>
    public double Ece { get; init; }

    /// <summary>Precision, recall and F1 at probability 0.5.</summary>
    public ThresholdMetrics AtHalf { get; init; } = new(0.5, 0, 0, 0);

    /// <summary>The same at the threshold that was best for F1 out-of-fold on the training rows.</summary>
    public ThresholdMetrics AtBestF1 { get; init; } = new(0.5, 0, 0, 0);

    /// <summary>Share of leads with grade A that converted; NaN without any.</summary>
    public double GradeAPrecision { get; init; }

    /// <summary>Share of leads with grade A.</summary>
    public double GradeAShare { get; init; }

    /// <summary>Pearson correlation of score and outcome.</summary>
    public double Pearson { get; init; }

    /// <summary>Standard deviation of the scores, points.</summary>
    public double ScoreStd { get; init; }

    /// <summary>Measures probabilities against outcomes.</summary>
    /// <param name="probabilities">In [0, 1]. Shape (rows,).</param>
    /// <param name="labels">1 or 0. Shape (rows,).</param>
    /// <param name="bestThreshold">Threshold chosen elsewhere, for <see cref="AtBestF1"/>.</param>
    /// <param name="weights">How many leads each row counts for, at least 0. Shape (rows,), or null or empty for all 1.</param>
    public static MetricSet Of(double[] probabilities, float[] labels, double bestThreshold, float[]? weights = null)
    {
        if (weights is { Length: > 0 }) return Weighted(probabilities, labels, bestThreshold, weights);
        var scores = Array.ConvertAll(probabilities, p => new LeadScore(p, 0).Points);
        var grade = GradeQuality.Of(scores, labels, GradeScale.Default.A);
        return new MetricSet
        {
            Rows = labels.Length,
            Positives = labels.Count(y => y == 1),
            EffectiveRows = labels.Length,
            BaseRate = labels.Average(y => (double)y),
            RocAuc = RankingQuality.RocAuc(probabilities, labels),
            AveragePrecision = RankingQuality.AveragePrecision(probabilities, labels),
            LogLoss = ProbabilityLoss.LogLoss(probabilities, labels),
            Brier = ProbabilityLoss.Brier(probabilities, labels),
            Ece = CalibrationError.Expected(probabilities, labels),
            AtHalf = ThresholdMetrics.Of(probabilities, labels, 0.5),
            AtBestF1 = ThresholdMetrics.Of(probabilities, labels, bestThreshold),
            GradeAPrecision = grade.Precision,
            GradeAShare = grade.Share,
            Pearson = ScoreSpread.Pearson(scores, labels),
            ScoreStd = ScoreSpread.StandardDeviation(scores),
        };
    }

    /// <summary>The interval of the area, from as many leads of each class as carry the same information.</summary>
    internal Interval AucInterval()
    {
        var share = EffectiveRows / Rows;
        return Metrics.AucInterval.Of(RocAuc, (int)Math.Round(Positives * share), (int)Math.Round((Rows - Positives) * share));
    }

    private static MetricSet Weighted(double[] probabilities, float[] labels, double bestThreshold, float[] weights)
    {
        // No threshold was best where nothing converted; then no lead is picked.
        var best = double.IsNaN(bestThreshold) ? double.PositiveInfinity : bestThreshold;
        var figures = new RankedSample(probabilities, Array.ConvertAll(probabilities, p => new LeadScore(p, 0).Points), labels, best, 1, weights).Measure();
        double Of(Metric metric) => figures[(int)metric];
        return new MetricSet
        {
            Rows = labels.Length, Positives = labels.Count(y => y == 1), EffectiveRows = EffortWeights.EffectiveRows(weights), BaseRate = EffortWeights.Mean(labels, weights),
            RocAuc = Of(Metric.RocAuc), AveragePrecision = Of(Metric.AveragePrecision), LogLoss = Of(Metric.LogLoss), Brier = Of(Metric.Brier), Ece = Of(Metric.Ece),
            AtHalf = new ThresholdMetrics(0.5, Of(Metric.PrecisionAtHalf), Of(Metric.RecallAtHalf), Of(Metric.F1AtHalf)),
            AtBestF1 = new ThresholdMetrics(bestThreshold, Of(Metric.PrecisionAtBest), Of(Metric.RecallAtBest), Of(Metric.F1AtBest)),
            GradeAPrecision = Of(Metric.GradeAPrecision), GradeAShare = Of(Metric.GradeAShare), Pearson = Of(Metric.Pearson), ScoreStd = Of(Metric.ScoreStd),
        };
    }
}

/// <summary>Quality of a yes/no decision.</summary>
/// <param name="Threshold">Probability from which on it says yes.</param>
/// <param name="Precision">Share of yes that converted.</param>
/// <param name="Recall">Share of the converted that got a yes.</param>
/// <param name="F1">Harmonic mean of the two.</param>
public sealed record ThresholdMetrics(double Threshold, double Precision, double Recall, double F1)
{
    internal static ThresholdMetrics Of(double[] probabilities, float[] labels, double threshold)
    {
        var confusion = Decisions.ConfusionAt(probabilities, labels, threshold);
        return new ThresholdMetrics(threshold, confusion.Precision, confusion.Recall, confusion.F1);
    }
}

/// <summary>Metrics of the ensemble and of each member (their own, uncalibrated probabilities).</summary>
public sealed record EvaluationReport
{
    /// <summary>The calibrated ensemble.</summary>
    public required MetricSet Ensemble { get; init; }

    /// <summary>XGBoost alone.</summary>
    public required MetricSet GradientBoosting { get; init; }

    /// <summary>The forest alone.</summary>
    public required MetricSet RandomForest { get; init; }

    /// <summary>The network alone.</summary>
    public required MetricSet Network { get; init; }

    /// <summary>The regression alone.</summary>
    public required MetricSet Regression { get; init; }

    internal static EvaluationReport Of(double[] ensemble, double[][] members, float[] labels, double[] thresholds, float[] weights) => new()
    {
        Ensemble = MetricSet.Of(ensemble, labels, thresholds[EnsembleModel.Members], weights),
        GradientBoosting = MetricSet.Of(members[0], labels, thresholds[0], weights),
        RandomForest = MetricSet.Of(members[1], labels, thresholds[1], weights),
        Network = MetricSet.Of(members[2], labels, thresholds[2], weights),
        Regression = MetricSet.Of(members[3], labels, thresholds[3], weights),
    };
}
