using System.Diagnostics;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Training;

/// <summary>Tree members that were trained outside of this program (Python, Spark, Dask) on an exported matrix, and what is needed to make an ensemble of them.</summary>
/// <remarks>
/// The road past one machine. The matrix holds the encoded rows of most leads; a fixed share of leads, chosen by a hash of their ids, is never exported.
/// Calibration, confidence and test use only those, so that however often the others were looked at outside, what is promised rests on leads nobody has seen.
/// </remarks>
public sealed record ExternalMembers
{
    private const string BoostingName = "gradient_boosting";
    private const string ForestName = "random_forest";
    private const int ShareSeed = 29;
    private const double TestShare = 0.1;
    private const double CalibrationShare = 0.1;

    /// <summary>Most rows that the members trained here are fitted on: they are small and gain nothing from more.</summary>
    private const int MostRowsHere = 200_000;

    /// <summary>Features in order, without those that were left out.</summary>
    public required FeatureProfile Profile { get; init; }

    /// <summary>The preprocessor whose tree columns were exported.</summary>
    public required Preprocessor Preprocessor { get; init; }

    /// <summary>Leak findings of the export; those marked were left out.</summary>
    public required IReadOnlyList<LeakFinding> Leaks { get; init; }

    /// <summary>XGBoost's JSON (UTF-8) of the primary member.</summary>
    public required byte[] GradientBoostingJson { get; init; }

    /// <summary>XGBoost's JSON (UTF-8) of the forest; null: it is trained here.</summary>
    public byte[]? RandomForestJson { get; init; }

    /// <summary>Rows by use: to train on (exported), to calibrate with, to test on. Ascending.</summary>
    /// <param name="leadIds">Lead of each row.</param>
    public static (int[] Train, int[] Calibrate, int[] Test) Split(IReadOnlyList<string> leadIds)
    {
        var units = leadIds.Select(id => StableHash.Unit(id, ShareSeed)).ToArray();
        int[] Rows(double from, double to) => [.. Enumerable.Range(0, units.Length).Where(r => units[r] >= from && units[r] < to)];
        return (Rows(TestShare + CalibrationShare, 1), Rows(TestShare, TestShare + CalibrationShare), Rows(0, TestShare));
    }

    /// <summary>Makes the ensemble: the members given, the others fitted here, calibrated and tested on leads that were never exported.</summary>
    /// <param name="set">Labelled rows as they are now, all features of the profile.</param>
    /// <param name="leadIds">Lead of each row.</param>
    /// <param name="settings">Weights, folds of the calibration, and how the members trained here are fitted; no search.</param>
    /// <param name="progress">Told about each step; may be null.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="TrainingException">A member does not fit the exported columns, or there are too few leads that were held back.</exception>
    public TrainingResult Assemble(TrainingSet set, IReadOnlyList<string> leadIds, TrainingSettings settings, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        settings = settings with { Tuning = TuningMode.Spec };
        settings.Validate();
        Check();
        if (RandomForestJson is null && !XGBoostLibrary.IsAvailable) throw new TrainingException($"random_forest.json is not among the files, and cannot be trained here: {XGBoostLibrary.WhyUnavailable}");
        var clock = Stopwatch.StartNew();
        var (train, calibrate, test) = Split(leadIds);
        EnsembleTrainer.RequireBothClasses(set, train);
        EnsembleTrainer.RequireBothClasses(set, calibrate);
        EnsembleTrainer.RequireBothClasses(set, test);
        set = set.WithFeatures(Profile);
        progress?.Report(new TrainingProgress("Fitting the members that were not given", 0.05));
        var rows = train.Length <= MostRowsHere ? train : [.. StratifiedSplit.TrainTest(Array.ConvertAll(train, r => set.Labels[r]), 1 - (MostRowsHere / (double)train.Length), settings.Seed).Train.Select(i => train[i])];
        var encoded = PreprocessorFit.Encode(Preprocessor, Profile.Features.Count, set.Values, set.Labels, rows, settings.Encoding, settings.Seed);
        var (reported, gate) = (0.05, new Lock());
        var members = MemberFit.Fit(set, rows, encoded, GradientBoostingJson, RandomForestJson, settings, Report, cancellationToken);
        progress?.Report(new TrainingProgress("Calibrating and testing", 0.9));
        var labels = Array.ConvertAll(calibrate, r => set.Labels[r]);
        var unseen = members.Predict(set, calibrate);
        var fold = StratifiedSplit.Folds(set.Labels, calibrate, settings.Folds, settings.Seed);
        var candidate = new Candidate
        {
            Final = members, OutOfFold = unseen, Weights = settings.Weights,
            CrossCalibrated = Candidate.CrossCalibrate(Candidate.Averages(unseen, settings.Weights), labels, EffortWeights.AsLeads(set.WeightsOf(calibrate)), fold, settings.Folds),
        };
        return EnsembleTrainer.Calibrate(set, candidate, train, calibrate, fold, test, settings, cancellationToken) with
        {
            Leaks = Leaks, Duration = clock.Elapsed, TrainedElsewhere = RandomForestJson is null ? [BoostingName] : [BoostingName, ForestName],
        };

        void Report(double share, int trees)
        {
            lock (gate) progress?.Report(new TrainingProgress("Fitting the members that were not given", Math.Min(0.9, reported += 0.8 * share)));
        }
    }

    /// <summary>Looks at the members without training anything.</summary>
    /// <exception cref="TrainingException">One cannot be read, or does not fit the exported columns; the message says what to do.</exception>
    public void Check()
    {
        Check(GradientBoostingJson, BoostingName, "binary:logistic", "reg:logistic");
        if (RandomForestJson is { } forest) Check(forest, ForestName, "binary:logistic", "reg:logistic", "reg:squarederror");
    }

    private void Check(byte[] json, string member, params string[] objectives)
    {
        var file = member + ".json";
        TreeEnsemble model;
        try
        {
            model = TreeEnsemble.FromXGBoostJson(json);
        }
        catch (TreeModelFormatException e)
        {
            throw new TrainingException($"{file}: {e.Message} Save it with save_model(\"{file}\") from xgboost 1.6 or newer.", e);
        }

        if (!objectives.Contains(model.Objective)) throw new TrainingException($"{file}: its objective is {model.Objective}; {member} takes {string.Join(" or ", objectives)}.");
        var columns = Preprocessor.TreeColumns.Count;
        if (model.FeatureCount != columns) throw new TrainingException($"{file} has {model.FeatureCount} columns, the exported matrix has {columns} (f0 to f{columns - 1}). Train on exactly those, in their order.");
        var wrong = Enumerable.Range(0, model.FeatureNames.Length).FirstOrDefault(i => model.FeatureNames[i] != $"f{i}", -1);
        if (wrong >= 0) throw new TrainingException($"{file}: column {wrong} is named {model.FeatureNames[wrong]} and should be f{wrong}. Train on the matrix's columns f0 to f{columns - 1}, in their order.");
    }
}
