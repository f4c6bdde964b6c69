using System.Diagnostics;
using LeadScoring.Demo;
using LeadScoring.Ml.Fairness;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;

namespace LeadScoring.Benchmarks;

/// <summary>The targets of the product forward in time, one by one; what leaving sensitive features out costs; what an evaluation costs.</summary>
internal static class HonestyBenchmark
{
    private static readonly string[] Sensitive = ["gender", "state"];

    internal static Task RunAsync(BenchmarkOptions options)
    {
        var count = options.Quick ? 10_000 : 100_000;
        if (options.PublicData is { } folder) ShiftBenchmark.Bank(folder);
        Cost(DemoRows.Make(DemoRows.DefaultWorld, count / 5, keepSnapshots: false));
        Targets(DemoRows.Make(DemoRows.DefaultWorld, count, keepSnapshots: false), count);
        return Task.CompletedTask;
    }

    private static void Targets(DemoRows rows, int count)
    {
        var facts = new RowFacts { Sensitive = Sensitive.ToDictionary(a => a, a => Array.ConvertAll(rows.Leads, l => l.Attributes.TryGetValue(a, out var value) ? value.AsText() : null)) };
        Report.Progress("training, stratified and forward in time");
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        var clock = Stopwatch.StartNew();
        var judged = TrainingJudge.Run(rows.Set, new TrainingSettings(), new EvaluationSettings(), facts, null, CancellationToken.None);
        clock.Stop();
        cpu = Process.GetCurrentProcess().TotalProcessorTime - cpu;
        var (e, forward) = (judged.Evaluation, judged.Evaluation.Forward!);
        // The very rows of the forward test: those from its first moment on.
        var truth = DemoTruth.PerfectScorer(rows.Leads.Where(l => l.DecisionMs >= forward.FromMs));
        Report.Line($"Demo world, default, {count:N0} leads: trained on {forward.TrainRows:N0} older ones, none from the {forward.EmbargoDays} days before the test; tested on the newest {forward.Metrics.Rows:N0}.\n");
        string Of(string metric, double value, string format = "0.0000") => $"{value.ToString(format)} [{forward.Intervals[metric].Low.ToString(format)}, {forward.Intervals[metric].High.ToString(format)}]";
        var m = forward.Metrics;
        AttributeFairness Group(string name) => judged.Fairness.Attributes.Single(a => a.Attribute == name);
        string[] Bias(string name, string attribute, double perfect) =>
        [
            name, "< 0.1", perfect.ToString("0.000"), $"{Group(attribute).MeanScore.Value:0.000} [{Group(attribute).MeanScore.Interval.Low:0.000}, {Group(attribute).MeanScore.Interval.High:0.000}]; true-positive rate {Group(attribute).TruePositiveRate.Value:0.000} [{Group(attribute).TruePositiveRate.Interval.Low:0.000}, {Group(attribute).TruePositiveRate.Interval.High:0.000}]",
            Word(Group(attribute).Verdict == FairnessVerdict.Pass),
        ];
        Report.Table(["target of the product, forward in time", "target", "perfect scorer", "ensemble [95 %]", ""],
        [
            ["AUC", "> 0.85", $"{truth.Auc:0.0000}", Of("roc_auc", m.RocAuc), Word(m.RocAuc > 0.85)],
            ["precision of grade A", "> 0.80", $"{truth.PrecisionOfA:0.0000}", Of("grade_a_precision", m.GradeAPrecision), Word(m.GradeAPrecision > 0.8)],
            ["recall of converted, best threshold", "> 0.75", $"{truth.RecallAtBest:0.0000}", Of("recall_at_best", m.AtBestF1.Recall), Word(m.AtBestF1.Recall > 0.75)],
            ["F1, best threshold", "> 0.78", $"{truth.F1AtBest:0.0000}", Of("f1_at_best", m.AtBestF1.F1), Word(m.AtBestF1.F1 > 0.78)],
            ["Pearson of score and conversion", "> 0.6", $"{truth.Pearson:0.0000}", Of("pearson", m.Pearson), Word(m.Pearson > 0.6)],
            ["standard deviation of scores", "> 15", $"{truth.ScoreDeviation:0.0}", Of("score_std", m.ScoreStd, "0.0"), Word(m.ScoreStd > 15)],
            ["weekly stability, CV of mean score", "< 0.15", $"{truth.WeeklyVariation:0.000}", $"{e.Weekly!.MeanScore:0.000} over {e.Weekly.Weeks} weeks (by chance {e.Weekly.MeanScoreByChance:0.000})", Word(e.Weekly.MeanScore < 0.15)],
            ["weekly stability, CV of AUC", "< 0.15", "", $"{e.Weekly.Auc:0.000} (worst week {e.Weekly.LowestAuc:0.0000})", Word(e.Weekly.Auc < 0.15)],
            Bias("bias by age band", "age_group", truth.AgeBias), Bias("bias by gender", "gender", truth.GenderBias), Bias("bias by location (state)", "state", truth.LocationBias),
        ]);
        Report.Line($"Beside it: calibration error {Of("ece", m.Ece)}, log loss {Of("log_loss", m.LogLoss)} (perfect {truth.LogLoss:0.0000}), lift in the best 10 % {Of("lift_at_capacity", forward.LiftAtCapacity, "0.00")}. {e.LearningCurve?.Message}\n");
        Report.Line($"Base rate: {judged.Anchor.Verdict}; {judged.Anchor.Evidence.Reason}\n");
        Report.Table(["sensitive attribute", "given away by all features of the model, AUC", "best single features"], judged.Fairness.Attributes.Select(a => (string[])
            [a.Attribute + (a.IsUsed ? " (used)" : ""), a.Together is null ? "-" : $"{a.Together.Auc:0.000} ({a.Together.Group})", string.Join(", ", a.Proxies.Take(3).Select(p => $"{p.Feature} {p.Auc:0.000} ({p.Group})"))]));
        Report.Line($"The whole of it, training included, on {count:N0} leads: {clock.Elapsed.TotalSeconds:0} s wall, {cpu.TotalSeconds:0} s CPU; of the wall time {judged.Evaluation.Seconds:0} s are evaluation.\n");
    }

    private static void Cost(DemoRows rows)
    {
        Report.Line($"What leaving features out costs, {rows.Leads.Length:N0} demo leads, the same split each time:\n");
        (string Name, string[] Without)[] ways = [("all 26 features", []), ("without age and family size (default)", ["age_group", "family_size"]), ("without income too", ["age_group", "family_size", "income_bracket"]),
            ("without employment too", ["age_group", "family_size", "income_bracket", "employment_type"])];
        var lines = new List<string[]>();
        foreach (var (name, without) in ways)
        {
            Report.Progress($"training {name}");
            var yaml = rows.Set.Profile.Yaml.Replace("sensitive_features: exclude", "sensitive_features: include");
            var profile = FeatureProfile.Parse(yaml).Without(without.ToHashSet());
            var set = new TrainingSet(FeatureProfile.Parse(yaml), rows.Set.Values, rows.Set.Labels, rows.Set.AsOfMs).WithFeatures(profile);
            var trained = EnsembleTrainer.Train(set, new TrainingSettings(), null, CancellationToken.None);
            lines.Add([name, $"{trained.OutOfFold.Ensemble.RocAuc:0.0000}", $"{trained.OutOfFold.Ensemble.LogLoss:0.0000}", $"{trained.Test!.Ensemble.RocAuc:0.0000}", $"{trained.Test.Ensemble.LogLoss:0.0000}"]);
        }

        Report.Table(["features", "AUC out-of-fold", "log loss out-of-fold", "AUC, stratified test", "log loss, stratified test"], lines);
    }

    private static string Word(bool met) => met ? "met" : "**missed**";
}
