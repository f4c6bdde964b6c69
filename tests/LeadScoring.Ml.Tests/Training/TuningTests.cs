using System.Text.Json;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.Training;

[Trait("Category", "Slow")]
public sealed class TuningTests
{
    private static readonly TrainingSettings Auto = SmallWorld.Quick with
    {
        GradientBoosting = SmallWorld.Quick.GradientBoosting with { Rounds = 60, LearningRate = 0.3, MaxDepth = 6 },
        RandomForest = SmallWorld.Quick.RandomForest with { ParallelTrees = 10 },
        Network = new NetworkParameters { MaxEpochs = 3, HiddenLayers = [8] },
        // All on the member that overfits on purpose.
        Weights = new EnsembleWeights { GradientBoosting = 1, RandomForest = 0, Network = 0, Regression = 0 },
        Folds = 2, Tuning = TuningMode.Auto, TuningTrials = 4,
    };

    private static readonly Lazy<TrainingSet> Leads = new(() => SmallWorld.Leads(500, 21));

    private static readonly Lazy<TrainingResult> Tuned = new(() => EnsembleTrainer.Train(Leads.Value, Auto, null, default));

    private static readonly TrainingSettings Grouping = Auto with
    {
        Encoding = new EncodingSettings(), GradientBoosting = Auto.GradientBoosting with { Rounds = 30, MaxDepth = 3 }, RandomForest = Auto.RandomForest with { ParallelTrees = 5 },
    };

    /// <summary>The small world with 30 cities in place of its 4, every second of which converts: one split on the log-odds, 15 on one-hot columns.</summary>
    private static TrainingSet Levelled()
    {
        var random = new Random(3);
        var values = (FeatureValue[])Leads.Value.Values.Clone();
        var labels = new float[Leads.Value.Rows];
        for (var r = 0; r < labels.Length; r++)
        {
            var level = random.Next(30);
            values[(r * Leads.Value.Profile.Features.Count) + 2] = new FeatureValue(double.NaN, $"city{level:00}");
            labels[r] = random.NextDouble() < (level % 2 == 0 ? 0.8 : 0.1) ? 1 : 0;
        }

        return new TrainingSet(Leads.Value.Profile, values, labels);
    }

    private static SearchResult Search(TrainingSet set, TrainingSettings settings) =>
        new EnsembleTuner(set, [.. Enumerable.Range(0, set.Rows)], settings, new ProgressShare(null, 0, 1, ""), default).Search();

    private static SearchResult Search(TrainingSettings settings, TimeSpan? clock = null, double? cells = null) =>
        new EnsembleTuner(Leads.Value, [.. Enumerable.Range(0, 400)], settings, new ProgressShare(null, 0, 1, ""), default, clock, cells is { } limit ? new SearchCost(limit) : null).Search();

    [NativeXGBoostFact]
    public void Train_Auto_TakesTheBetterOutOfFoldAndSaysBoth()
    {
        var result = Tuned.Value;
        var report = result.Tuning!;
        Assert.Equal(Math.Min(report.SpecLogLoss, report.TunedLogLoss), result.OutOfFold.Ensemble.LogLoss, 12);
        Assert.Equal(report.TunedLogLoss < report.SpecLogLoss, report.IsTuned);
        Assert.Equal(EnsembleTrainer.Train(Leads.Value, Auto with { Tuning = TuningMode.Spec }, null, default).OutOfFold.Ensemble.LogLoss, report.SpecLogLoss, 12);
        Assert.True(report.IsTuned);
        Assert.NotEqual(Auto.GradientBoosting, report.GradientBoosting);
        Assert.Equal(report.Weights, result.Model.Weights);
        Assert.Equal((null, true), (report.StoppedEarly, report.IsReproducible));
        Assert.Equal(report.PlannedTrials, report.Trials);
    }

    [NativeXGBoostFact]
    public void Train_SettingsAsGivenAreBetter_KeepsThem()
    {
        // Labels that no feature knows: whatever the search picks is luck, and must not be taken when it is worse on the other folds.
        var worse = 0;
        for (var seed = 0; seed < 4; seed++)
        {
            var random = new Random(seed);
            var set = new TrainingSet(Leads.Value.Profile, Leads.Value.Values, [.. Leads.Value.Labels.Select(_ => (float)random.Next(2))]);
            var gentle = Auto with { Seed = seed, TuningTrials = 1, GradientBoosting = Auto.GradientBoosting with { Rounds = 1, LearningRate = 0.01 }, Weights = new() };
            var result = EnsembleTrainer.Train(set, gentle, null, default);
            Assert.Equal(Math.Min(result.Tuning!.SpecLogLoss, result.Tuning.TunedLogLoss), result.OutOfFold.Ensemble.LogLoss, 12);
            if (result.Tuning.IsTuned) continue;
            worse++;
            Assert.Equal(gentle.Weights, result.Model.Weights);
        }

        Assert.True(worse > 0);
    }

    [NativeXGBoostFact]
    public void Train_AutoWithTheSameSeed_GivesTheSameBundleWhateverTheParallelism()
    {
        byte[] Bundle(TrainingSettings settings) => ModelBundle.Write(
            Leads.Value, EnsembleTrainer.Train(Leads.Value, settings, null, default) with { Duration = TimeSpan.Zero }, settings with { Parallelism = 0 }, 5);

        var first = ModelBundle.Write(Leads.Value, Tuned.Value with { Duration = TimeSpan.Zero }, Auto, 5);
        Assert.Equal(first, Bundle(Auto with { Parallelism = 1 }));
        Assert.Equal(first, Bundle(Auto with { Parallelism = 3 }));
        Assert.NotEqual(first, Bundle(Auto with { Seed = 43 }));
    }

    [NativeXGBoostFact]
    public void Bundle_KeepsTheReportAndTheSettings()
    {
        var read = ModelBundle.Read(ModelBundle.Write(Leads.Value, Tuned.Value, Auto, 5));
        Assert.Equal(JsonSerializer.Serialize(Tuned.Value.Tuning), JsonSerializer.Serialize(read.Manifest.Tuning));
        Assert.Equal(JsonSerializer.Serialize(Auto), JsonSerializer.Serialize(read.Manifest.Settings));
        Assert.Contains("\"tuning\":\"auto\"", JsonSerializer.Serialize(Auto, BundleManifest.Json));
        Assert.Equal(Tuned.Value.Model.Score(Leads.Value.Row(3)), read.Model.Score(Leads.Value.Row(3)));
    }

    [NativeXGBoostFact]
    public void Judge_TunedTraining_DoesNotSearchAgainForTheForwardTest()
    {
        var stages = new List<string>();
        var judged = TrainingJudge.Run(Leads.Value, Auto, new EvaluationSettings(), RowFacts.None, new Recorder(p => { lock (stages) stages.Add(p.Stage); }), default);
        Assert.NotNull(judged.Evaluation.Forward);
        Assert.Contains(stages, s => s.StartsWith("Searching", StringComparison.Ordinal));
        Assert.Contains(stages, s => s.StartsWith("Forward in time: Fitting", StringComparison.Ordinal));
        Assert.DoesNotContain(stages, s => s.StartsWith("Forward in time: Search", StringComparison.Ordinal));
    }

    [NativeXGBoostFact]
    public void Search_SmallBudget_TriesLessAndIsStillReproducible()
    {
        var tight = Auto with { TuningTrials = 60 };
        var found = Search(tight, cells: 1e7);
        Assert.InRange(found.Trials, 4, found.PlannedTrials - 10);
        Assert.Contains("budget", found.StoppedEarly);
        Assert.True(found.IsReproducible);
        var again = Search(tight with { Parallelism = 1 }, cells: 1e7);
        Assert.Equal((found.Trials, found.Settings.GradientBoosting), (again.Trials, again.Settings.GradientBoosting));
    }

    [NativeXGBoostFact]
    public void Search_ClockRunsOut_KeepsWhatIsKnownAndSaysSo()
    {
        var found = Search(Auto with { TuningTrials = 500, TuningBudget = TimeSpan.FromHours(1) }, TimeSpan.Zero);
        Assert.False(found.IsReproducible);
        Assert.Contains("clock", found.StoppedEarly);
        Assert.Equal((0, Auto.GradientBoosting, Auto.RandomForest), (found.Trials, found.Settings.GradientBoosting, found.Settings.RandomForest));
    }

    [NativeXGBoostFact]
    public void Search_LevelsOfAFeature_FindsParametersForTheOtherEncodingToo()
    {
        var found = Search(Levelled(), Grouping);
        Assert.Equal(Grouping.Encoding, found.Settings.Encoding);
        Assert.Equal(Grouping.Encoding with { LevelStatistics = true }, found.Otherwise!.Encoding);
        Assert.Equal(found.PlannedTrials, found.Trials);
        Assert.Equal((found.Settings.Network, found.Settings.Regression), (found.Otherwise.Network, found.Otherwise.Regression));
        // Given already: nothing else to try.
        var given = Search(Levelled(), found.Otherwise with { GradientBoosting = Grouping.GradientBoosting, RandomForest = Grouping.RandomForest, Network = Grouping.Network, Regression = Grouping.Regression });
        Assert.Null(given.Otherwise);
        Assert.True(given.PlannedTrials < found.PlannedTrials);
    }

    [NativeXGBoostFact]
    public void Train_AutoWithLevelStatistics_FitsReportsAndBundlesThem()
    {
        var set = Levelled();
        var result = EnsembleTrainer.Train(set, Grouping, null, default);
        Assert.Equal((true, true), (result.Tuning!.IsTuned, result.Tuning.LevelStatistics));
        Assert.Contains(result.Model.Preprocessor.TreeColumns, c => c.Name == "city=log-odds");
        Assert.True(result.Tuning.Used(Grouping).Encoding.LevelStatistics);
        var read = ModelBundle.Read(ModelBundle.Write(set, result, Grouping, 5));
        Assert.True(read.Manifest.Tuning!.LevelStatistics);
        for (var row = 0; row < 50; row++) Assert.Equal(result.Model.Score(set.Row(row)), read.Model.Score(set.Row(row)));
        var again = EnsembleTrainer.Train(set, result.Tuning.Used(Grouping), null, default);
        Assert.Equal(result.GradientBoostingJson, again.GradientBoostingJson);
        Assert.Equal(result.RandomForestJson, again.RandomForestJson);
    }

    [NativeXGBoostFact]
    public void Search_LookingAtOtherRows_DoesNotHappen()
    {
        var before = Search(Auto);
        var changed = (float[])Leads.Value.Labels.Clone();
        for (var r = 400; r < 500; r++) changed[r] = 1 - changed[r];
        var set = new TrainingSet(Leads.Value.Profile, Leads.Value.Values, changed);
        var after = new EnsembleTuner(set, [.. Enumerable.Range(0, 400)], Auto, new ProgressShare(null, 0, 1, ""), default).Search();
        Assert.Equal((before.Settings.GradientBoosting, before.Settings.Regression), (after.Settings.GradientBoosting, after.Settings.Regression));
    }

    [NativeXGBoostFact]
    public void Train_Auto_ReportsTrialsAndCanBeCancelled()
    {
        var seen = new List<TrainingProgress>();
        using var stop = new CancellationTokenSource();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.ThrowsAny<OperationCanceledException>(() => EnsembleTrainer.Train(Leads.Value, Auto with { TuningTrials = 500 }, new Recorder(p =>
        {
            lock (seen) seen.Add(p);
            if (p.Stage.Contains("trial 8 of")) stop.Cancel();
        }), stop.Token));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 60);
        Assert.Contains(seen, p => p.Stage.StartsWith("Searching, trial 4 of ", StringComparison.Ordinal));
        Assert.Equal(seen.Select(p => p.Fraction).Order(), seen.Select(p => p.Fraction));
    }

    [NativeXGBoostFact]
    public void Forest_OfMeans_IsAProbabilityBeyondWhatOneNewtonStepReaches()
    {
        var set = SmallWorld.With(SmallWorld.Leads(800, 30), "score", "numeric", r => new FeatureValue(r % 10, null));
        set = new TrainingSet(set.Profile, set.Values, [.. Enumerable.Range(0, 800).Select(r => r % 10 < 2 ? 1f : 0f)]);
        int[] rows = [.. Enumerable.Range(0, 800)];
        double[] Forest(XGBoostParameters forest) => MemberFit.Fit(set, rows, Auto with { RandomForest = forest with { ColumnSampleByNode = 1 } }, (_, _) => { }, default).Predict(set, rows)[1];
        var means = Forest(Auto.RandomForest);
        Assert.All(means, p => Assert.InRange(p, 0, 1));
        Assert.True(means.Max() > 0.97 && means.Min() < 0.03, $"{means.Min()} {means.Max()}");
        var squeezed = Forest(Auto.RandomForest with { Objective = "binary:logistic" });
        Assert.InRange(squeezed.Max(), 0.5, 0.89);
        Assert.True(ProbabilityLoss.LogLoss(means, set.Labels) < ProbabilityLoss.LogLoss(squeezed, set.Labels));
    }

    private sealed class Recorder(Action<TrainingProgress> record) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => record(value);
    }
}
