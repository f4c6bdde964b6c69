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
    public static MetricSet Of(double[] probabilities, float[] labels, double bestThreshold)
    {
        var scores = Array.ConvertAll(probabilities, p => new LeadScore(p, 0).Points);
        var grade = GradeQuality.Of(scores, labels, GradeScale.Default.A);
        return new MetricSet
        {
            Rows = labels.Length,
            Positives = labels.Count(y => y == 1),
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

    internal static EvaluationReport Of(double[] ensemble, double[][] members, float[] labels, double[] thresholds) => new()
    {
        Ensemble = MetricSet.Of(ensemble, labels, thresholds[EnsembleModel.Members]),
        GradientBoosting = MetricSet.Of(members[0], labels, thresholds[0]),
        RandomForest = MetricSet.Of(members[1], labels, thresholds[1]),
        Network = MetricSet.Of(members[2], labels, thresholds[2]),
        Regression = MetricSet.Of(members[3], labels, thresholds[3]),
    };
}
