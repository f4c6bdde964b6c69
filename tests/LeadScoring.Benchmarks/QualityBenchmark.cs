using LeadScoring.Demo;
using LeadScoring.Ml.Training;

namespace LeadScoring.Benchmarks;

/// <summary>How good the ensemble is: beside the truth in the demo world, beside a reference on public sets.</summary>
internal static class QualityBenchmark
{
    /// <summary>
    /// Row e: a reference ensemble of the same make (XGBoost 0.4, random forest 0.3, network 0.2, regression 0.1, isotonic out-of-fold),
    /// trained with xgboost 1.7.4 and scikit-learn 1.2.1 from Python on the same rows. AUC and log loss on the same test rows.
    /// Row f: the best AUC and the best log loss on these test rows of any model that a search there came to (tuned XGBoost with early stopping, histogram boosting, stacking).
    /// </summary>
    private static readonly (string Set, string Variant, double Auc, double LogLoss, double BestAuc, double BestLogLoss)[] Reference =
    [
        ("x_education", "noleak", .8882, .4121, .8929, .4019), ("x_education", "all", .9834, .1553, .9846, .1472), ("online_shoppers", "all", .9220, .2381, .9319, .2263),
        ("online_shoppers", "noleak", .7639, .3683, .7768, .3626), ("school_crm", "noleak", .5982, .2103, .6215, .2077), ("school_crm_72h", "noleak", .7122, .2454, .7144, .2437),
        ("bank_additional", "noleak", .8102, .2645, .8146, .2636),
    ];

    internal static Task RunAsync(BenchmarkOptions options)
    {
        if (options.PublicData is { } folder) Public(folder, options);
        if (options.OnlySet is not null) return Task.CompletedTask;
        var count = options.Quick ? 10_000 : 100_000;
        Demo("default world", DemoRows.DefaultWorld, count);
        Demo("5 % world", DemoRows.FivePercentWorld, count);
        return Task.CompletedTask;
    }

    private static void Demo(string name, DemoWorldSettings settings, int count)
    {
        var rows = DemoRows.Make(settings, count, keepSnapshots: false);
        Report.Progress($"training on the {name}");
        var trained = EnsembleTrainer.Train(rows.Set, new TrainingSettings(), null, CancellationToken.None);
        var truth = DemoTruth.PerfectScorer(trained.TestRows.Select(r => rows.Leads[r]));
        var test = trained.Test!;
        Report.Line($"Demo world, {name}: {trained.TrainRows.Length:N0} training leads, {trained.TestRows.Length:N0} test leads, {test.Ensemble.Positives:N0} of them converted.\n");
        (string Name, MetricSet Set)[] models =
            [("ensemble", test.Ensemble), ("gradient boosting", test.GradientBoosting), ("random forest", test.RandomForest), ("network", test.Network), ("regression", test.Regression)];
        Report.Table(["", "AUC", "below Bayes", "log loss", "above Bayes", "ECE"],
        [
            ["perfect scorer (Bayes)", Four(truth.Auc), "", Four(truth.LogLoss), "", Four(truth.Ece)],
            .. models.Select(m => (string[])[m.Name, Four(m.Set.RocAuc), Four(truth.Auc - m.Set.RocAuc), Four(m.Set.LogLoss), Four(m.Set.LogLoss - truth.LogLoss), Four(m.Set.Ece)]),
        ]);
        var e = test.Ensemble;
        Report.Table(["target of the product", "target", "perfect scorer", "ensemble"],
        [
            ["AUC", "> 0.85", Four(truth.Auc), Four(e.RocAuc)], ["precision of grade A", "> 0.80", Four(truth.PrecisionOfA), Four(e.GradeAPrecision)],
            ["recall at the best threshold", "> 0.75", Four(truth.RecallAtBest), Four(e.AtBestF1.Recall)], ["F1 at the best threshold", "> 0.78", Four(truth.F1AtBest), Four(e.AtBestF1.F1)],
            ["Pearson of score and conversion", "> 0.6", Four(truth.Pearson), Four(e.Pearson)], ["standard deviation of scores, points", "> 15", truth.ScoreDeviation.ToString("0.0"), e.ScoreStd.ToString("0.0")],
        ]);
    }

    private static void Public(string folder, BenchmarkOptions options)
    {
        var sets = Reference.Where(r => options.OnlySet is { } only ? $"{r.Set}/{r.Variant}" == only : !options.Quick || r.Set == "x_education").ToArray();
        if (sets.Length == 0) throw new ArgumentException($"--set {options.OnlySet} is none of {string.Join(", ", Reference.Select(r => $"{r.Set}/{r.Variant}"))}");
        List<string[]> ranking = [], losses = [], choices = [];
        foreach (var (set, variant, auc, logLoss, bestAuc, bestLogLoss) in sets)
        {
            var name = $"{set} / {variant}";
            Report.Progress($"training on {name}, spec");
            var (spec, labels) = Train(folder, set, variant, new TrainingSettings());
            // More than the trials need: the clock of a busy machine shall have no say in published figures.
            Report.Progress($"training on {name}, auto");
            var (auto, _) = Train(folder, set, variant, new TrainingSettings { Tuning = TuningMode.Auto, TuningBudget = TimeSpan.FromHours(2), TuningTrials = options.Quick ? 4 : new TrainingSettings().TuningTrials });
            double[] p = Probabilities(spec), q = Probabilities(auto);
            if (options.Predictions is { } predictions)
                File.WriteAllLines(Path.Combine(predictions, $"{set}_{variant}.csv"), ["row,label,spec,auto", .. labels.Select((y, i) => $"{spec.TestRows[i]},{y},{p[i]:R},{q[i]:R}")]);
            var (a, b) = (spec.Test!.Ensemble, auto.Test!.Ensemble);
            ranking.Add([name, $"{a.Rows:N0}", Four(auc), Sampling.Auc(p, labels), Signed(a.RocAuc - auc), Four(bestAuc), Sampling.Auc(q, labels), Signed(b.RocAuc - bestAuc), Sampling.AucDifference(q, p, labels)]);
            losses.Add([name, Four(logLoss), Sampling.LogLoss(p, labels), Signed(a.LogLoss - logLoss), Four(bestLogLoss), Sampling.LogLoss(q, labels), Signed(b.LogLoss - bestLogLoss), Four(a.Ece), Four(b.Ece)]);
            var t = auto.Tuning!;
            choices.Add([name, Five(t.SpecLogLoss), Five(t.TunedLogLoss), t.IsTuned ? "tuned" : "spec", t.LevelStatistics ? "yes" : "no", $"{t.Trials}", $"{t.Weights.GradientBoosting:0.00} {t.Weights.RandomForest:0.00} {t.Weights.Network:0.00} {t.Weights.Regression:0.00}",
                $"{auto.Duration.TotalSeconds:0}", t.StoppedEarly ?? "", LeftOut(auto)]);
            Report.Progress($"{string.Join(" | ", ranking[^1])} || {string.Join(" | ", losses[^1])} || {string.Join(" | ", choices[^1])}");
        }

        Report.Line("Public sets, profile inferred from the training rows. AUC on the test rows, in brackets its 95 % interval (DeLong); e and f are single numbers from elsewhere.\n");
        Report.Table(["set / columns", "test rows", "e", "spec", "spec - e", "f", "auto", "auto - f", "auto - spec, paired"], ranking);
        Report.Line("Log loss on the test rows, 95 % interval in brackets, and calibration error.\n");
        Report.Table(["set / columns", "e", "spec", "spec - e", "f", "auto", "auto - f", "ECE spec", "ECE auto"], losses);
        Report.Line("What `auto` chose by: log loss out-of-fold on the training rows.\n");
        Report.Table(["set / columns", "spec", "tuned", "taken", "log-odds of levels", "trials", "weights: boosting, forest, network, regression", "wall s", "ended early", "left out as leaks"], choices);
    }

    private static double[] Probabilities(TrainingResult trained) => Array.ConvertAll(trained.TestScores, s => s.Probability);

    private static (TrainingResult Result, float[] Labels) Train(string folder, string set, string variant, TrainingSettings settings)
    {
        var data = PublicSet.Load(folder, set, variant);
        return (data.Train(settings), Array.ConvertAll(data.TestRows, r => data.Set.Labels[r]));
    }

    private static string LeftOut(TrainingResult trained) => string.Join(", ", trained.Leaks.Where(l => l.LeftOut).Select(l => l.Feature));

    private static string Four(double value) => double.IsNaN(value) ? "-" : value.ToString("0.0000");

    private static string Five(double value) => value.ToString("0.00000");

    private static string Signed(double value) => value.ToString("+0.0000;-0.0000;0.0000");
}
