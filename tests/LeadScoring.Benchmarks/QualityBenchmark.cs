using LeadScoring.Demo;
using LeadScoring.Ml.Training;

namespace LeadScoring.Benchmarks;

/// <summary>How good the ensemble is: beside the truth in the demo world, beside a reference on public sets.</summary>
internal static class QualityBenchmark
{
    /// <summary>
    /// A reference ensemble of the same make (XGBoost 0.4, random forest 0.3, network 0.2, regression 0.1, isotonic out-of-fold),
    /// trained with xgboost 1.7.4 and scikit-learn 1.2.1 from Python on the same rows. AUC and log loss on the same test rows.
    /// </summary>
    private static readonly (string Set, string Variant, double Auc, double LogLoss)[] Reference =
    [
        ("x_education", "noleak", .8882, .4121), ("x_education", "all", .9834, .1553), ("online_shoppers", "all", .9220, .2381), ("online_shoppers", "noleak", .7639, .3683),
        ("bank_additional", "noleak", .8102, .2645), ("school_crm", "noleak", .5982, .2103), ("school_crm_72h", "noleak", .7122, .2454),
    ];

    internal static Task RunAsync(BenchmarkOptions options)
    {
        var count = options.Quick ? 10_000 : 100_000;
        Demo("default world", DemoRows.DefaultWorld, count);
        Demo("5 % world", DemoRows.FivePercentWorld, count);
        if (options.PublicData is { } folder) Public(folder, options.Quick);
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

    private static void Public(string folder, bool quick)
    {
        var lines = new List<string[]>();
        foreach (var (set, variant, auc, logLoss) in quick ? Reference.Where(r => r.Set == "x_education") : Reference)
        {
            Report.Progress($"training on {set} / {variant}");
            var trained = PublicSet.Load(folder, set, variant).Train();
            var e = trained.Test!.Ensemble;
            lines.Add([$"{set} / {variant}", $"{e.Rows:N0}", Four(e.RocAuc), Four(auc), Signed(e.RocAuc - auc), Four(e.LogLoss), Four(logLoss), Signed(e.LogLoss - logLoss), Four(e.Ece), LeftOut(trained)]);
        }

        Report.Line("Public sets, profile inferred from the training rows; reference e: the same four models and weights trained from Python on the same rows.\n");
        Report.Table(["set / columns", "test rows", "AUC", "AUC of e", "difference", "log loss", "log loss of e", "difference", "ECE", "features left out as leaks"], lines);
    }

    private static string LeftOut(TrainingResult trained) => string.Join(", ", trained.Leaks.Where(l => l.LeftOut).Select(l => l.Feature));

    private static string Four(double value) => double.IsNaN(value) ? "-" : value.ToString("0.0000");

    private static string Signed(double value) => value.ToString("+0.0000;-0.0000;0.0000");
}
