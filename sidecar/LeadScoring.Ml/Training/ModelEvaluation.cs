using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Fairness;
using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Training;

/// <summary>What a model is worth on one set of rows that it has not seen.</summary>
public sealed record SplitEvaluation
{
    /// <summary>Rows trained on.</summary>
    public int TrainRows { get; init; }

    /// <summary>First moment of the test rows, Unix ms; null when rows carry no time.</summary>
    public long? FromMs { get; init; }

    /// <summary>Last moment of the test rows.</summary>
    public long? ToMs { get; init; }

    /// <summary>Days before the test of which no row was trained on, so that every outcome trained on was known when the test began.</summary>
    public int EmbargoDays { get; init; }

    /// <summary>The metrics.</summary>
    public required MetricSet Metrics { get; init; }

    /// <summary>95 % bootstrap interval of each metric, by its name in lower snake case.</summary>
    public required IReadOnlyDictionary<string, Interval> Intervals { get; init; }

    /// <summary>Mean probability; beside the share of conversions it shows a shift of the base rate.</summary>
    public double MeanProbability { get; init; }

    /// <summary>Share of the leads that the team can work on.</summary>
    public double Capacity { get; init; }

    /// <summary>Share of all conversions among them, best first.</summary>
    public double GainAtCapacity { get; init; }

    /// <summary>How many times the base rate they convert.</summary>
    public double LiftAtCapacity { get; init; }

    /// <summary>Gain in 20 steps.</summary>
    public IReadOnlyList<GainPoint> Gain { get; init; } = [];

    /// <summary>Calibration curve.</summary>
    public IReadOnlyList<CalibrationBin> Calibration { get; init; } = [];

    /// <summary>ROC curve, at most 100 points.</summary>
    public IReadOnlyList<CurvePoint> Roc { get; init; } = [];

    /// <summary>Precision-recall curve, at most 100 points.</summary>
    public IReadOnlyList<CurvePoint> PrecisionRecall { get; init; } = [];

    /// <summary>Calibration per segment, those that are off first.</summary>
    public IReadOnlyList<SegmentCalibration> Segments { get; init; } = [];

    /// <summary>A metric by what it is.</summary>
    /// <param name="metric">Which.</param>
    public double ValueOf(Metric metric) => SplitMeasure.Value(this, metric);

    /// <summary>The name under which <see cref="Intervals"/> has a metric.</summary>
    /// <param name="metric">Which.</param>
    public static string NameOf(Metric metric) => SplitMeasure.Name(metric);
}

/// <summary>How a metric differs forward in time.</summary>
/// <param name="Metric">Name in lower snake case.</param>
/// <param name="Difference">Forward less stratified.</param>
/// <param name="Interval">Its 95 % bootstrap interval.</param>
public sealed record MetricDifference(string Metric, double Difference, Interval Interval);

/// <summary>A training judged without flattery: stratified and forward in time side by side.</summary>
public sealed record ModelEvaluation
{
    /// <summary>On a random share of the rows.</summary>
    public required SplitEvaluation Stratified { get; init; }

    /// <summary>Trained on older rows, tested on the newest; null where that cannot be.</summary>
    public SplitEvaluation? Forward { get; init; }

    /// <summary>Why there is no forward test; null when there is.</summary>
    public string? WhyNoForward { get; init; }

    /// <summary>Forward less stratified, metric by metric.</summary>
    public IReadOnlyList<MetricDifference> Differences { get; init; } = [];

    /// <summary>Steadiness over the weeks of the forward test; null without it.</summary>
    public WeeklyStability? Weekly { get; init; }

    /// <summary>Whether more data would help; null with too few rows.</summary>
    public LearningCurve? LearningCurve { get; init; }

    /// <summary>The same people on both sides of the stratified split.</summary>
    public IReadOnlyList<TwinReport> Twins { get; init; } = [];

    /// <summary>The same people on both sides of the forward split.</summary>
    public IReadOnlyList<TwinReport> ForwardTwins { get; init; } = [];

    /// <summary>Outcomes that wait for their horizon, in words; null when none does.</summary>
    public string? Waiting { get; init; }

    /// <summary>The rule of outcomes changed at this moment, Unix ms: only rows since then were trained and tested on. Null: it did not, and all rows were.</summary>
    public long? RuleSinceMs { get; init; }

    /// <summary>How far outcomes hang on who was worked; null where nobody looked.</summary>
    public EffortCheck? Effort { get; init; }

    /// <summary>Whether rows of leads that were worked stood for those like them that were not: in every fit, and in every figure here.</summary>
    public bool IsCorrectedForEffort { get; init; }

    /// <summary>Wall time of the evaluation, without the training of the model itself.</summary>
    public double Seconds { get; init; }
}

/// <summary>A training and all that is known of it.</summary>
/// <param name="Result">The model and its plain metrics.</param>
/// <param name="Evaluation">What it is worth.</param>
/// <param name="Fairness">How it treats groups of people.</param>
/// <param name="Anchor">Whether its newest rows ask for other probabilities.</param>
public sealed record JudgedTraining(TrainingResult Result, ModelEvaluation Evaluation, FairnessReport Fairness, Anchor Anchor)
{
    /// <summary>The stand-in that was trained on older rows and tested on the newest; null without a forward test.</summary>
    public TrainingResult? Forward { get; init; }
}
