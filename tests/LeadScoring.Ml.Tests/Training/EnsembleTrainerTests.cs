using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;
using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

public sealed class EnsembleTrainerTests
{
    /// <summary>As small as a training can be: for tests that compare two trainings.</summary>
    private static readonly TrainingSettings Tiny = SmallWorld.Quick with
    {
        GradientBoosting = SmallWorld.Quick.GradientBoosting with { Rounds = 3 },
        RandomForest = SmallWorld.Quick.RandomForest with { ParallelTrees = 3, MaxDepth = 3 },
        Network = new NetworkParameters { MaxEpochs = 1, HiddenLayers = [4] },
        Folds = 2,
    };

    [NativeXGBoostFact]
    public void Train_SameSeed_GivesTheSameBundleWhateverTheParallelism()
    {
        var set = SmallWorld.Leads(400, 2);
        byte[] Bundle(TrainingSettings settings)
        {
            var result = EnsembleTrainer.Train(set, settings, null, default) with { Duration = TimeSpan.Zero };
            return ModelBundle.Write(set, result, settings with { Parallelism = 0 }, 5);
        }

        var first = Bundle(Tiny);
        Assert.Equal(first, Bundle(Tiny));
        Assert.Equal(first, Bundle(Tiny with { Parallelism = 1 }));
        Assert.NotEqual(first, Bundle(Tiny with { Seed = 43 }));
    }

    [NativeXGBoostFact]
    public void Train_LearnableLeads_BeatsAConstantAndIsCalibratedOnNewLeads()
    {
        var model = SmallWorld.Trained.Value.Result.Model;
        var fresh = SmallWorld.Leads(4_000, 77, out var truth);
        var predicted = Enumerable.Range(0, fresh.Rows).Select(r => model.Score(fresh.Row(r)).Probability).ToArray();
        var rate = fresh.Labels.Average();
        var constant = Enumerable.Repeat((double)rate, fresh.Rows).ToArray();
        Assert.True(ProbabilityLoss.LogLoss(predicted, fresh.Labels) < ProbabilityLoss.LogLoss(constant, fresh.Labels) - 0.05);
        Assert.InRange(CalibrationError.Expected(predicted, fresh.Labels), 0, 0.05);
        Assert.InRange(RankingQuality.RocAuc(predicted, fresh.Labels), RankingQuality.RocAuc(truth, fresh.Labels) - 0.06, 1);
        Assert.InRange(predicted.Average(), rate - 0.03, rate + 0.03);
    }

    [NativeXGBoostFact]
    public void Train_Confidence_IsTheShareOfRightDecisions()
    {
        var model = SmallWorld.Trained.Value.Result.Model;
        var fresh = SmallWorld.Leads(4_000, 78);
        var scores = Enumerable.Range(0, fresh.Rows).Select(r => model.Score(fresh.Row(r))).ToArray();
        var right = scores.Select((s, r) => s.Probability >= 0.5 == (fresh.Labels[r] == 1) ? 1.0 : 0).ToArray();
        Assert.InRange(scores.Average(s => s.Confidence) - right.Average(), -0.04, 0.04);
        var order = Enumerable.Range(0, fresh.Rows).OrderBy(r => scores[r].Confidence).ToArray();
        Assert.True(order.Take(1_000).Average(r => right[r]) < order.TakeLast(1_000).Average(r => right[r]) - 0.1);
    }

    [NativeXGBoostFact]
    public void Train_Result_HoldsTheSplitAndItsMetrics()
    {
        var (set, result, _) = SmallWorld.Trained.Value;
        Assert.Equal((1_280, 320), (result.TrainRows.Length, result.TestRows.Length));
        Assert.Empty(result.TrainRows.Intersect(result.TestRows));
        Assert.Equal((1_280, 320), (result.OutOfFold.Ensemble.Rows, result.Test!.Ensemble.Rows));
        for (var i = 0; i < result.TestRows.Length; i += 40) Assert.Equal(result.Model.Score(set.Row(result.TestRows[i])), result.TestScores[i]);
        var labels = result.TestRows.Select(r => set.Labels[r]).ToArray();
        Assert.Equal(RankingQuality.RocAuc(result.TestScores.Select(s => s.Probability).ToArray(), labels), result.Test.Ensemble.RocAuc, 12);
        // Out-of-fold numbers are honest: a forest scored on its own rows would look much better than on new ones.
        Assert.InRange(result.OutOfFold.RandomForest.RocAuc - result.Test.RandomForest.RocAuc, -0.06, 0.06);
    }

    [NativeXGBoostFact]
    public void Train_LabelsAreNoise_OutOfFoldSaysSo()
    {
        var set = SmallWorld.Leads(600, 4);
        var noise = new Random(1);
        set = new TrainingSet(set.Profile, set.Values, [.. set.Labels.Select(_ => (float)noise.Next(2))]);
        var result = EnsembleTrainer.Train(set, Tiny with { RandomForest = SmallWorld.Quick.RandomForest }, null, default);
        Assert.InRange(result.OutOfFold.Ensemble.RocAuc, 0.4, 0.6);
        Assert.InRange(result.OutOfFold.RandomForest.RocAuc, 0.4, 0.6);
    }

    [NativeXGBoostFact]
    public void Train_TooFewOrOneClass_SaysWhatIsNeeded()
    {
        var set = SmallWorld.Leads(200, 5);
        int[] converted = [.. Enumerable.Range(0, 200).Where(r => set.Labels[r] == 1)];
        int[] not = [.. Enumerable.Range(0, 200).Where(r => set.Labels[r] == 0)];
        foreach (var rows in (int[][])[[], [0, 1, 2], converted, not, [.. converted.Take(9), .. not]])
        {
            var ex = Assert.Throws<TrainingException>(() => EnsembleTrainer.Train(set, rows, [], Tiny, null, default));
            Assert.Contains("at least 10", ex.Message);
            Assert.Contains($"in {rows.Length} rows", ex.Message);
        }
    }

    [NativeXGBoostFact]
    public void Train_TenOfEachIn20Folds_GivesAModel()
    {
        var set = SmallWorld.Leads(200, 6);
        int[] rows = [.. Enumerable.Range(0, 200).Where(r => set.Labels[r] == 1).Take(10), .. Enumerable.Range(0, 200).Where(r => set.Labels[r] == 0).Take(10)];
        var result = EnsembleTrainer.Train(set, rows, [], Tiny with { Folds = 20 }, null, default);
        Assert.Null(result.Test);
        Assert.InRange(result.Model.Score(set.Row(150)).Points, 0.1, 99.9);
    }

    [NativeXGBoostFact]
    public void Train_OneClassInTheTestRows_LeavesMetricsUndefinedButWorks()
    {
        var set = SmallWorld.Leads(300, 7);
        int[] test = [.. Enumerable.Range(0, 300).Where(r => set.Labels[r] == 0).Take(20)];
        var result = EnsembleTrainer.Train(set, [.. Enumerable.Range(0, 300).Except(test)], test, Tiny, null, default);
        Assert.True(double.IsNaN(result.Test!.Ensemble.RocAuc));
        // The bundle takes undefined metrics, too.
        Assert.True(double.IsNaN(ModelBundle.Read(ModelBundle.Write(set, result, Tiny, 1)).Manifest.Test!.Ensemble.RocAuc));
    }

    [NativeXGBoostFact]
    public void Train_OnlyConstantAndEmptyColumns_ScoresEverybodyAtTheBaseRate()
    {
        var whole = SmallWorld.Leads(300, 8);
        var set = whole.WithFeatures(SmallWorld.Profile.Without(new HashSet<string> { "visits", "rate", "city", "agent", "consent" }));
        var result = EnsembleTrainer.Train(set, Tiny, null, default);
        Assert.InRange(result.Model.Score(set.Row(0)).Probability, set.Labels.Average() - 0.1, set.Labels.Average() + 0.1);
    }

    [NativeXGBoostFact]
    public void Train_HostileNumbers_Works()
    {
        var set = SmallWorld.With(SmallWorld.Leads(300, 9), "huge", "numeric", r => new FeatureValue(r % 3 == 0 ? double.MaxValue : r % 3 == 1 ? -1e308 : 1e-320, null));
        var result = EnsembleTrainer.Train(set, Tiny, null, default);
        Assert.All(result.TestScores, s => Assert.InRange(s.Probability, 0, 1));
    }

    [NativeXGBoostFact]
    public void Train_PlantedLeak_IsLeftOutOfTheModelUnlessAllowed()
    {
        var honest = SmallWorld.Leads(300, 10);
        var set = SmallWorld.With(honest, "leak", "numeric", r => new FeatureValue(honest.Labels[r], null));
        var result = EnsembleTrainer.Train(set, Tiny, null, default);
        Assert.Equal(-1, result.Model.Profile.IndexOf("leak"));
        Assert.InRange(result.Test!.Ensemble.RocAuc, 0, 0.97);
        Assert.True(EnsembleTrainer.Train(set, Tiny with { AllowLeaks = true }, null, default).Model.Profile.IndexOf("leak") >= 0);
    }

    [NativeXGBoostFact]
    public void Train_Progress_NeverFallsAndEndsAtOne()
    {
        var seen = new List<TrainingProgress>();
        EnsembleTrainer.Train(SmallWorld.Leads(300, 11), Tiny with { Folds = 5 }, new Recorder(seen.Add), default);
        Assert.Equal(0, seen[0].Fraction);
        Assert.Equal(1, seen[^1].Fraction);
        Assert.Equal(seen.Select(p => p.Fraction).Order(), seen.Select(p => p.Fraction));
        Assert.True(seen.Count > 20);
        Assert.All(seen, p => Assert.False(string.IsNullOrWhiteSpace(p.Stage)));
    }

    [NativeXGBoostFact]
    public void Train_Cancelled_StopsSoon()
    {
        using var before = new CancellationTokenSource();
        before.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => EnsembleTrainer.Train(SmallWorld.Leads(300, 12), Tiny, null, before.Token));

        using var during = new CancellationTokenSource();
        var slow = SmallWorld.Quick with { GradientBoosting = SmallWorld.Quick.GradientBoosting with { Rounds = 50_000 } };
        var reports = 0;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Assert.ThrowsAny<OperationCanceledException>(() => EnsembleTrainer.Train(SmallWorld.Leads(300, 12), slow, new Recorder(_ =>
        {
            if (Interlocked.Increment(ref reports) == 30) during.Cancel();
        }), during.Token));
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 20);
    }

    [NativeXGBoostFact]
    public void Train_SettingOutOfRange_IsRefusedBeforeAnyWork()
    {
        var seen = new List<TrainingProgress>();
        var ex = Assert.ThrowsAny<ArgumentException>(() => EnsembleTrainer.Train(SmallWorld.Leads(60, 1), Tiny with { Seed = -5 }, new Recorder(seen.Add), default));
        Assert.Contains("seed", ex.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(seen);
    }

    [NativeXGBoostFact]
    public void Train_EachSetting_ChangesTheModel()
    {
        var set = SmallWorld.Leads(300, 13);
        (string Name, TrainingSettings Settings)[] changed =
        [
            ("rounds", Tiny with { GradientBoosting = Tiny.GradientBoosting with { Rounds = 5 } }),
            ("boosting depth", Tiny with { GradientBoosting = Tiny.GradientBoosting with { MaxDepth = 1 } }),
            ("boosting rate", Tiny with { GradientBoosting = Tiny.GradientBoosting with { LearningRate = 0.5 } }),
            ("boosting lambda", Tiny with { GradientBoosting = Tiny.GradientBoosting with { Lambda = 50 } }),
            ("trees", Tiny with { RandomForest = Tiny.RandomForest with { ParallelTrees = 5 } }),
            ("forest depth", Tiny with { RandomForest = Tiny.RandomForest with { MaxDepth = 1 } }),
            ("layers", Tiny with { Network = Tiny.Network with { HiddenLayers = [5] } }),
            ("epochs", Tiny with { Network = Tiny.Network with { MaxEpochs = 3 } }),
            ("network rate", Tiny with { Network = Tiny.Network with { LearningRate = 0.05 } }),
            ("C", Tiny with { Regression = new LogisticRegressionParameters { C = 1e-3 } }),
            ("weights", Tiny with { Weights = new EnsembleWeights { Network = 1 } }),
            ("folds", Tiny with { Folds = 4 }),
            ("test share", Tiny with { TestShare = 0.5 }),
            ("seed", Tiny with { Seed = 1 }),
            ("winsorize lower", Tiny with { Encoding = Tiny.Encoding with { WinsorizeLower = 0.3 } }),
            ("winsorize upper", Tiny with { Encoding = Tiny.Encoding with { WinsorizeUpper = 0.6 } }),
            ("one-hot levels", Tiny with { Encoding = Tiny.Encoding with { MaxOneHotLevels = 2 } }),
            ("level count", Tiny with { Encoding = Tiny.Encoding with { MinLevelCount = 61 } }),
            ("smoothing", Tiny with { Encoding = Tiny.Encoding with { TargetSmoothing = 1 } }),
            ("target folds", Tiny with { Encoding = Tiny.Encoding with { TargetFolds = 2 } }),
        ];
        string Prints(TrainingSettings settings)
        {
            var model = EnsembleTrainer.Train(set, settings, null, default).Model;
            return string.Join(' ', Enumerable.Range(0, set.Rows).Select(r => model.Score(set.Row(r)).Probability.ToString("R", System.Globalization.CultureInfo.InvariantCulture)));
        }

        var prints = Prints(Tiny);
        Assert.All(changed, c => Assert.False(prints == Prints(c.Settings), c.Name));
    }

    private sealed class Recorder(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
