using System.Diagnostics;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Benchmarks;

/// <summary>Time of a whole training, and of each member's fit on all rows alone.</summary>
internal static class TrainingBenchmark
{
    internal static Task RunAsync(BenchmarkOptions options)
    {
        var count = options.Quick ? 8_000 : 80_000;
        var rows = DemoRows.Make(DemoRows.DefaultWorld, count, keepSnapshots: false);
        int[] all = [.. Enumerable.Range(0, count)];
        Report.Progress("whole training");
        var (whole, _) = Time(() => EnsembleTrainer.Train(rows.Set, all, [], new TrainingSettings(), null, CancellationToken.None));
        Report.Progress("each part alone");
        var parts = Parts(rows.Set, all, new TrainingSettings());
        Report.Line($"{count:N0} demo leads, {rows.Set.Profile.Features.Count} features, default settings.\n");
        Report.Table(["step", "CPU s", "wall s"],
        [
            ["whole training: 5 folds of all members, final fit, calibration, confidence", Seconds(whole.Cpu), Seconds(whole.Wall)],
            .. parts.Select(p => (string[])["one fit on all rows: " + p.Name, Seconds(p.Time.Cpu), Seconds(p.Time.Wall)]),
            ["one fit on all rows: sum", Seconds(parts.Sum(p => p.Time.Cpu)), Seconds(parts.Sum(p => p.Time.Wall))],
        ]);
        return Task.CompletedTask;
    }

    private static List<(string Name, (double Cpu, double Wall) Time)> Parts(TrainingSet set, int[] rows, TrainingSettings settings)
    {
        var labels = set.Labels;
        var (linter, _) = Time(() => LeakLinter.Find(set, rows, settings));
        var (preprocessing, encoded) = Time(() => PreprocessorFit.Fit(set.Profile, set.Values, labels, rows, settings.Encoding, settings.Seed));
        int tree = encoded.Preprocessor.TreeColumns.Count, dense = encoded.Preprocessor.DenseColumns.Count;
        var (boosting, boostingJson) = Time(() => XGBoostTrainer.Train(encoded.Tree, tree, labels, default, settings.GradientBoosting));
        var (forest, forestJson) = Time(() => XGBoostTrainer.Train(encoded.Tree, tree, labels, default, settings.RandomForest));
        var (network, _) = Time(() => NetworkTrainer.Train(encoded.Dense, dense, labels, settings.Seed, default, settings.Network));
        var (regression, _) = Time(() => LogisticRegressionTrainer.Train(encoded.Dense, dense, labels, default, settings.Regression));
        var (reading, _) = Time(() => (TreeEnsemble.FromXGBoostJson(boostingJson), TreeEnsemble.FromXGBoostJson(forestJson)));
        return
        [
            ("leak linter (once a training)", linter), ("preprocessing", preprocessing), ("gradient boosting (libxgboost, 1 thread)", boosting), ("random forest (libxgboost, 1 thread)", forest),
            ("network", network), ("regression", regression), ("reading both tree models", reading),
        ];
    }

    private static ((double Cpu, double Wall) Time, T Result) Time<T>(Func<T> work)
    {
        var cpu = CpuClock.ProcessMicroseconds;
        var wall = Stopwatch.StartNew();
        var result = work();
        return (((CpuClock.ProcessMicroseconds - cpu) / 1e6, wall.Elapsed.TotalSeconds), result);
    }

    private static string Seconds(double seconds) => seconds.ToString(seconds < 1 ? "0.00" : "0.0");
}
