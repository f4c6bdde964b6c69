using System.Diagnostics;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Training;

/// <summary>What a training gave.</summary>
public sealed record TrainingResult
{
    /// <summary>The model, fitted on all training rows.</summary>
    public required EnsembleModel Model { get; init; }

    /// <summary>XGBoost's own JSON of the primary member.</summary>
    public required byte[] GradientBoostingJson { get; init; }

    /// <summary>XGBoost's own JSON of the forest.</summary>
    public required byte[] RandomForestJson { get; init; }

    /// <summary>Rows it was fitted on, as positions in the set.</summary>
    public required int[] TrainRows { get; init; }

    /// <summary>Rows it was tested on.</summary>
    public required int[] TestRows { get; init; }

    /// <summary>Rows that calibration and confidence were fitted on: the training rows, out-of-fold, or rows held back from members that were trained elsewhere.</summary>
    public int[] CalibrationRows { get => field ?? TrainRows; init; }

    /// <summary>Probability of each calibration row from models and a map that have not seen it, in the order of <see cref="CalibrationRows"/>.</summary>
    public required double[] OutOfFoldProbabilities { get; init; }

    /// <summary>Of the calibration rows; each probability calibrated by the other folds.</summary>
    public required EvaluationReport OutOfFold { get; init; }

    /// <summary>On the test rows; null when there are none.</summary>
    public required EvaluationReport? Test { get; init; }

    /// <summary>Scores of the test rows, in the order of <see cref="TestRows"/>.</summary>
    public required LeadScore[] TestScores { get; init; }

    /// <summary>Features that alone say much of the outcome; those marked were left out.</summary>
    public required IReadOnlyList<LeakFinding> Leaks { get; init; }

    /// <summary>What the search for better settings found; null when there was none.</summary>
    public TuningReport? Tuning { get; init; }

    /// <summary>Tree members that were trained outside of this program.</summary>
    public IReadOnlyList<string> TrainedElsewhere { get; init; } = [];

    /// <summary>Wall time.</summary>
    public required TimeSpan Duration { get; init; }
}

/// <summary>Trains the ensemble: cross-validation of all members, isotonic calibration out-of-fold, final fit, test.</summary>
public static class EnsembleTrainer
{
    /// <summary>Fewest rows of each class; fewer cannot be cross-validated.</summary>
    public const int FewestPerClass = 10;

    /// <summary>Trains on a stratified share of the rows and tests on the rest.</summary>
    /// <inheritdoc cref="Train(TrainingSet, int[], int[], TrainingSettings, IProgress{TrainingProgress}, CancellationToken)" />
    public static TrainingResult Train(TrainingSet set, TrainingSettings settings, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        settings.Validate();
        var (train, test) = StratifiedSplit.TrainTest(set, settings.TestShare, settings.Seed);
        return Train(set, train, test, settings, progress, cancellationToken);
    }

    /// <summary>Trains on the given rows and tests on others. The same set, rows and settings give the same model, bit for bit.</summary>
    /// <param name="set">Labelled rows.</param>
    /// <param name="trainRows">Positions to train on.</param>
    /// <param name="testRows">Positions to test on; may be empty.</param>
    /// <param name="settings">How to train.</param>
    /// <param name="progress">Told about each step; may be null.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="TrainingException">Too few rows, one class only, or no native library.</exception>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    public static TrainingResult Train(
        TrainingSet set, int[] trainRows, int[] testRows, TrainingSettings settings, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        settings.Validate();
        if (!XGBoostLibrary.IsAvailable) throw new TrainingException(XGBoostLibrary.WhyUnavailable!);
        RequireBothClasses(set, trainRows);
        var clock = Stopwatch.StartNew();
        progress?.Report(new TrainingProgress("Looking for leaks", 0));
        var leaks = LeakLinter.Find(set, trainRows, settings);
        set = LeakLinter.Without(set, leaks);

        var fold = StratifiedSplit.Folds(set.Labels, trainRows, settings.Folds, settings.Seed);
        var candidate = Candidate.Choose(set, trainRows, fold, settings, progress, cancellationToken);
        progress?.Report(new TrainingProgress("Calibrating and testing", 0.97));
        var result = Calibrate(set, candidate, trainRows, trainRows, fold, testRows, settings, cancellationToken) with { Leaks = leaks, Tuning = candidate.Tuning, Duration = clock.Elapsed };
        progress?.Report(new TrainingProgress("Done", 1));
        return result;
    }

    /// <summary>Fits calibration, confidence and intervals on rows that the members have not seen, and tests the whole.</summary>
    /// <param name="set">The table, without the features that were left out.</param>
    /// <param name="candidate">Members, and what they predict for the calibration rows.</param>
    /// <param name="trainRows">What the final members were fitted on.</param>
    /// <param name="calibrationRows">Rows that the candidate's predictions are of.</param>
    /// <param name="fold">Fold of each calibration row.</param>
    /// <param name="testRows">Rows to test on; may be empty.</param>
    /// <param name="settings">How.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal static TrainingResult Calibrate(
        TrainingSet set, Candidate candidate, int[] trainRows, int[] calibrationRows, int[] fold, int[] testRows, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var (final, outOfFold, crossCalibrated) = (candidate.Final, candidate.OutOfFold, candidate.CrossCalibrated);
        var labels = Array.ConvertAll(calibrationRows, r => set.Labels[r]);
        var weights = EffortWeights.AsLeads(set.WeightsOf(calibrationRows));
        var average = Candidate.Averages(outOfFold, candidate.Weights);
        var known = Array.ConvertAll(calibrationRows, r => EnsembleModel.KnownShare(set.Row(r)));
        var (calibrator, primaryCalibrator) = (SmoothedIsotonic.Fit(average, labels, weights), SmoothedIsotonic.Fit(outOfFold[0], labels, weights));
        var spread = PeriodBacktest.Spread(set, trainRows, settings, cancellationToken);
        var certainty = new ScoreCertainty(
            ConfidenceFit.Fit(crossCalibrated, outOfFold, known, labels, fold, settings.Folds, weights),
            ConfidenceFit.Fit(Candidate.CrossCalibrate(outOfFold[0], labels, weights, fold, settings.Folds), [outOfFold[0]], known, labels, fold, settings.Folds, weights),
            Intervals(calibrator, average), Intervals(primaryCalibrator, outOfFold[0]));
        ConversionIntervals Intervals(IsotonicCalibrator map, double[] predictions) =>
            ConversionIntervals.Fit(map, predictions, labels, spread, settings.Seed, weights);
        var model = new EnsembleModel(
            set.Profile, final.Preprocessor, final.GradientBoosting, final.RandomForest, final.Network, final.Regression, candidate.Weights,
            calibrator, primaryCalibrator, certainty, final.DenseBaseline);

        double[] thresholds = [.. outOfFold.Append(crossCalibrated).Select(p => Decisions.F1OptimalThreshold(p, labels, weights).Threshold)];
        var testScores = Array.ConvertAll(testRows, r => model.Score(set.Row(r)));
        return new TrainingResult
        {
            Model = model,
            GradientBoostingJson = final.GradientBoostingJson,
            RandomForestJson = final.RandomForestJson,
            TrainRows = trainRows,
            CalibrationRows = calibrationRows,
            TestRows = testRows,
            OutOfFoldProbabilities = crossCalibrated,
            OutOfFold = EvaluationReport.Of(crossCalibrated, outOfFold, labels, thresholds, weights),
            Test = testRows.Length == 0 ? null : EvaluationReport.Of(
                Array.ConvertAll(testScores, s => s.Probability), final.Predict(set, testRows), Array.ConvertAll(testRows, r => set.Labels[r]), thresholds, set.WeightsOf(testRows)),
            TestScores = testScores,
            Leaks = [],
            Duration = TimeSpan.Zero,
        };
    }

    internal static void RequireBothClasses(TrainingSet set, int[] rows)
    {
        var positives = rows.Count(r => set.Labels[r] == 1);
        var negatives = rows.Length - positives;
        if (positives >= FewestPerClass && negatives >= FewestPerClass) return;
        throw new TrainingException(
            $"Training needs at least {FewestPerClass} converted and {FewestPerClass} not converted leads to learn from; there are {positives} and {negatives} in {rows.Length} rows. "
            + "Record more outcomes, or check the label column and its positive value.");
    }
}
