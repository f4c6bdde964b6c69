using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Cli;

namespace LeadScoring.Benchmarks;

/// <summary>A base rate that moves: the frozen calibration beside the anchors, block by block, with nothing but what was known before each block.</summary>
internal static class ShiftBenchmark
{
    private const int Blocks = 10;

    internal static void Bank(string folder)
    {
        // The forward split of the product, and a harder one: half of the series to learn from.
        Bank(folder, 0.8);
        Bank(folder, 0.5);
    }

    private static void Bank(string folder, double trainShare)
    {
        var table = LeadTable.Read(Path.Combine(folder, "sets", "bank_additional.csv"));
        var labels = table.Labels("label", null);
        var rows = table.Rows.Count;
        int[] train = [.. Enumerable.Range(0, (int)(rows * trainShare))];
        // duration is known after the call only; row_order is no feature.
        var profile = FeatureProfile.Parse(table.Infer("bank", train, labels, ["label", "row_order", "duration"]).Yaml);
        var set = new TrainingSet(profile, table.Extract(profile, 0), labels, [.. Enumerable.Range(0, rows).Select(r => (long)r)]);
        Report.Progress("training on the older part of the bank series");
        var trained = EnsembleTrainer.Train(set, train, [], new TrainingSettings(), null, CancellationToken.None);
        var rate = train.Average(r => (double)labels[r]);
        Report.Line($"UCI bank series in order of date: trained on the first {train.Length:N0} rows (base rate {rate:0.000}), the other {rows - train.Length:N0} in {Blocks} blocks.\n");
        Walk(set, trained, train.Length, rate);
    }

    private static void Walk(TrainingSet set, TrainingResult trained, int from, double rate)
    {
        var size = (set.Rows - from) / (double)Blocks;
        var lines = new List<string[]>();
        var pooled = new Dictionary<string, List<double>>();
        var outcomes = new List<float>();
        double[] before = [];
        float[] beforeLabels = [];
        foreach (var block in Enumerable.Range(0, Blocks))
        {
            int[] rows = [.. Enumerable.Range(from + (int)(block * size), (int)((block + 1) * size) - (int)(block * size))];
            var p = Array.ConvertAll(rows, r => trained.Model.Score(set.Row(r)).Probability);
            var y = Array.ConvertAll(rows, r => set.Labels[r]);
            var raw = PriorShift.Estimate(p, rate);
            var unguarded = new Anchor { Intercept = raw.Intercept };
            var em = Reanchoring.ByEm(p, rate);
            var byLabels = before.Length == 0 ? Anchor.Identity : Reanchoring.Fit(before, beforeLabels);
            var product = before.Length == 0 ? Anchor.Identity : Reanchoring.Decide(before, beforeLabels, p, rate, 42);
            double Add(string name, Anchor anchor)
            {
                var anchored = Array.ConvertAll(p, anchor.Apply);
                if (!pooled.TryGetValue(name, out var all)) pooled[name] = all = [];
                all.AddRange(anchored);
                return CalibrationError.Expected(anchored, y);
            }

            outcomes.AddRange(y);
            lines.Add(
            [
                $"{block + 1}", $"{rows.Length:N0}", Three(y.Average()), Three(p.Average()), Three(Add("frozen", Anchor.Identity)), Three(Add("raw", unguarded)), Three(Add("em", em)), Three(Add("labels", byLabels)), Three(Add("product", product)),
                $"{product.Verdict} / {product.Method}", Three(RankingQuality.RocAuc(p, y)),
            ]);
            (before, beforeLabels) = (p, y);
        }

        string Mean(int column) => Three(lines.Average(l => double.Parse(l[column])));
        string Pooled(string name) => Three(CalibrationError.Expected([.. pooled[name]], [.. outcomes]));
        string Loss(string name) => Three(ProbabilityLoss.LogLoss([.. pooled[name]], [.. outcomes]));
        lines.Add(["mean of blocks", "", "", "", Mean(4), Mean(5), Mean(6), Mean(7), Mean(8), "", ""]);
        lines.Add(["all rows together", $"{outcomes.Count:N0}", Three(outcomes.Average()), Three(pooled["frozen"].Average()), Pooled("frozen"), Pooled("raw"), Pooled("em"), Pooled("labels"), Pooled("product"), "", ""]);
        lines.Add(["log loss", "", "", "", Loss("frozen"), Loss("raw"), Loss("em"), Loss("labels"), Loss("product"), "", ""]);
        Report.Table(["block", "rows", "conversions", "mean probability, frozen", "ECE frozen", "EM alone", "EM where plausible", "anchored by the outcomes of the block before", "the product's choice", "choice", "AUC"], lines);
    }

    private static string Three(double value) => double.IsNaN(value) ? "-" : value.ToString("0.000");
}
