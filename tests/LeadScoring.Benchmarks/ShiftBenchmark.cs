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
        set = set.WithFeatures(trained.Model.Profile);
        int[] all = [.. Enumerable.Range(from, set.Rows - from)];
        var p = Array.ConvertAll(all, r => trained.Model.Score(set.Row(r)).Probability);
        var y = Array.ConvertAll(all, r => set.Labels[r]);
        var size = all.Length / (double)Blocks;
        int[] starts = [.. Enumerable.Range(0, Blocks + 1).Select(b => (int)(b * size))];
        Report.Progress("walking forward with anchors");
        var (once, _) = Anchored(p, y, trained, rate, at => starts.Contains(at));
        var (rarely, _) = Anchored(p, y, trained, rate, at => at % 500 == 0);
        var (often, verdicts) = Anchored(p, y, trained, rate, at => at % 100 == 0);
        var em = new double[p.Length];
        var lines = new List<string[]>();
        for (var block = 0; block < Blocks; block++)
        {
            var rows = starts[block]..starts[block + 1];
            var shift = PriorShift.Estimate(p[rows], rate);
            Array.ConvertAll(p[rows], new Anchor { Intercept = shift.Intercept }.Apply).CopyTo(em, starts[block]);
            string Error(double[] served) => Three(CalibrationError.Expected(served[rows], y[rows]));
            lines.Add(
            [
                $"{block + 1}", $"{y[rows].Length:N0}", Three(y[rows].Average()), Three(p[rows].Average()), Error(p), Error(em), Error(once), Error(rarely), Error(often),
                string.Join(", ", verdicts[rows].GroupBy(v => v).OrderByDescending(g => g.Count()).Select(g => $"{g.Key} {g.Count() / (double)y[rows].Length:0 %}")), Three(RankingQuality.RocAuc(p[rows], y[rows])),
            ]);
        }

        double[][] ways = [p, em, once, rarely, often];
        lines.Add(["mean of blocks", "", "", "", .. Enumerable.Range(4, 5).Select(column => Three(lines.Average(l => double.Parse(l[column])))), "", ""]);
        lines.Add(["all rows together", $"{y.Length:N0}", Three(y.Average()), Three(p.Average()), .. ways.Select(w => Three(CalibrationError.Expected(w, y))), "", ""]);
        lines.Add(["log loss", "", "", "", .. ways.Select(w => Three(ProbabilityLoss.LogLoss(w, y))), "", ""]);
        Report.Table(["block", "rows", "conversions", "mean probability, frozen", "ECE frozen", "EM alone", "anchored once a block", "anchored every 500 outcomes", "anchored every 100 outcomes", "verdicts, every 100", "AUC"], lines);
    }

    /// <summary>What the product would have served: an anchor of all outcomes before, made anew where <paramref name="anew"/> says so.</summary>
    private static (double[] Served, AnchorVerdict[] Verdicts) Anchored(double[] p, float[] y, TrainingResult trained, double rate, Func<int, bool> anew)
    {
        var (served, verdicts, anchor) = (new double[p.Length], new AnchorVerdict[p.Length], Anchor.Identity);
        for (var i = 0; i < p.Length; i++)
        {
            if (anew(i)) anchor = Reanchoring.Decide(new MaturedOutcomes(p[..i], y[..i]) { Intervals = trained.Model.Certainty.Intervals }, [], rate, 42);
            (served[i], verdicts[i]) = (anchor.Apply(p[i]), anchor.Verdict);
        }

        return (served, verdicts);
    }

    private static string Three(double value) => double.IsNaN(value) ? "-" : value.ToString("0.000");
}
