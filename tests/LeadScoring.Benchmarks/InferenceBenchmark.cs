using System.Runtime.InteropServices;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Benchmarks;

/// <summary>CPU time per lead of each part of scoring, beside XGBoost's C API for the two tree members.</summary>
internal static unsafe class InferenceBenchmark
{
    private const int Batch = 10_000;

    // Results go here, so that no work can be left out as unused.
    private static double sink;

    internal static Task RunAsync(BenchmarkOptions options)
    {
        var count = options.Quick ? 10_000 : 20_000;
        var (rows, trained) = DemoRows.Model(count);
        using var work = new Workload(rows, trained);
        Report.Line(DemoRows.Describe(trained, count));
        work.CheckMargins();
        var timings = RoundRobin.Measure([.. work.Single(), .. work.Batches()], options.Quick ? 7 : 21).ToDictionary(t => t.Name);
        Print("One lead a call (10,000 different leads in turn)", work.Single(), timings);
        Print("10,000 leads a call", work.Batches(), timings);
        var (single, extracted) = (timings["ensemble: EnsembleModel.Score"], timings["extraction and ensemble, from a LeadSnapshot"]);
        var (batch, extractedBatch) = (timings["batch: ensemble: EnsembleModel.Score"], timings["batch: extraction and ensemble, from LeadSnapshots"]);
        var (peer, peerBatch) = (Sum(timings, ""), Sum(timings, "batch: "));
        Report.Table(["whole ensemble against XGBoost's C API for the two tree members alone", "ensemble us, median (min)", "XGBoost us, median (min)", "times less", "goal", "bytes allocated per lead"],
        [
            Row("single lead, EnsembleModel.Score", single, peer, "20"),
            Row("single lead, extraction too", extracted, peer, ""),
            Row("batch of 10,000, EnsembleModel.Score of many", batch, peerBatch, "8"),
            Row("batch of 10,000, extraction too", extractedBatch, peerBatch, ""),
            Row("batch of 10,000, EnsembleModel.Score lead by lead", single, peerBatch, ""),
        ]);
        return Task.CompletedTask;
    }

    private static string[] Row(string name, Timing ours, Timing peer, string goal) =>
        [name, ours.Text, peer.Text, Report.Number(ours.TimesLessThan(peer)), goal, ours.Bytes.ToString("0")];

    /// <summary>The faster of XGBoost's two ways for each member, both members added.</summary>
    private static Timing Sum(Dictionary<string, Timing> timings, string prefix)
    {
        var parts = ((string[])["gradient boosting", "random forest"]).Select(m =>
            new[] { timings[$"{prefix}{m}: XGBoost in place"], timings[$"{prefix}{m}: XGBoost matrix"] }.MinBy(t => t.Median)!).ToArray();
        return new Timing("", [.. parts[0].Rounds.Zip(parts[1].Rounds, (a, b) => a + b)], 0);
    }

    private static void Print(string title, IEnumerable<Candidate> candidates, Dictionary<string, Timing> timings) => Report.Table(
        [title, "CPU us per lead, median (min)", "bytes allocated per lead", "times less than XGBoost in place / matrix"],
        candidates.Select(c => timings[c.Name]).Select(t => (string[])[t.Name, t.Text, t.Bytes.ToString("0"), Ratio(t, timings)]));

    private static string Ratio(Timing timing, Dictionary<string, Timing> timings)
    {
        var name = timing.Name.EndsWith(": managed", StringComparison.Ordinal) ? timing.Name[..^": managed".Length] : "";
        return timings.TryGetValue($"{name}: XGBoost in place", out var inPlace)
            ? $"{Report.Number(timing.TimesLessThan(inPlace))} / {Report.Number(timing.TimesLessThan(timings[$"{name}: XGBoost matrix"]))}"
            : "";
    }

    /// <summary>Encoded rows of 10,000 leads, the model, and XGBoost's own copies of its trees.</summary>
    private sealed class Workload : IDisposable
    {
        private readonly EnsembleModel model;
        private readonly DemoRows rows;
        private readonly int width, treeColumns, denseColumns;
        private readonly float[] tree, dense;
        private readonly float* treeAt;
        private readonly (string Name, Ml.Trees.TreeEnsemble Managed, XGBoostModel Matrix, XGBoostInPlace InPlace)[] members;
        private readonly float[] margins = new float[Batch];
        private readonly double[][] probabilities = [new double[Batch], new double[Batch], new double[Batch], new double[Batch]];
        private readonly FeatureValue[] values, batchValues;
        private readonly LeadScore[] scores = new LeadScore[Batch];
        private int next;

        internal Workload(DemoRows rows, TrainingResult trained)
        {
            (this.rows, model, width) = (rows, trained.Model, rows.Set.Profile.Features.Count);
            (treeColumns, denseColumns) = (model.Preprocessor.TreeColumns.Count, model.Preprocessor.DenseColumns.Count);
            tree = GC.AllocateArray<float>(Batch * treeColumns, pinned: true);
            dense = new float[Batch * denseColumns];
            (values, batchValues) = (new FeatureValue[width], new FeatureValue[Batch * width]);
            treeAt = (float*)Marshal.UnsafeAddrOfPinnedArrayElement(tree, 0);
            Encode();
            members =
            [
                ("gradient boosting", model.GradientBoosting, XGBoostModel.Load(trained.GradientBoostingJson), new XGBoostInPlace(trained.GradientBoostingJson)),
                ("random forest", model.RandomForest, XGBoostModel.Load(trained.RandomForestJson), new XGBoostInPlace(trained.RandomForestJson)),
            ];
        }

        internal void CheckMargins()
        {
            foreach (var (name, managed, matrix, inPlace) in members)
            {
                managed.Margins(tree, margins);
                var (same, sameInPlace) = (margins.AsSpan().SequenceEqual(matrix.PredictMargins(tree)), margins.AsSpan().SequenceEqual(inPlace.Margins(treeAt, Batch, treeColumns)));
                Report.Line($"Margins of {name} on {Batch:N0} rows: {(same && sameInPlace ? "equal to XGBoost's, bit for bit." : "NOT equal to XGBoost's.")}\n");
            }
        }

        internal List<Candidate> Single()
        {
            var list = new List<Candidate>();
            foreach (var (name, managed, matrix, inPlace) in members)
            {
                list.Add(new($"{name}: managed", 2_000, () => Each(2_000, i => managed.Margin(Tree(i)))));
                list.Add(new($"{name}: XGBoost in place", 300, () => Each(300, i => inPlace.Margins(treeAt + (i * treeColumns), 1, treeColumns)[0])));
                list.Add(new($"{name}: XGBoost matrix", 300, () => Each(300, i => matrix.PredictMargins(Tree(i))[0])));
            }

            list.Add(new("network", 5_000, () => Each(5_000, i => model.Network.Margin(Dense(i)))));
            list.Add(new("regression", 20_000, () => Each(20_000, i => model.Regression.Margin(Dense(i)))));
            list.Add(new("preprocessing: Preprocessor.Encode", 5_000, () => Each(5_000, EncodeOne)));
            list.Add(new("ensemble: EnsembleModel.Score", 1_000, () => Each(1_000, i => model.Score(rows.Set.Row(i)).Probability)));
            list.Add(new("quick: EnsembleModel.QuickScore", 2_000, () => Each(2_000, i => model.QuickScore(rows.Set.Row(i)).Probability)));
            list.Add(new("extraction: FeatureExtractor.Extract", 1_000, () => Each(1_000, i => Extract(i, values)[0].Number)));
            list.Add(new("extraction and ensemble, from a LeadSnapshot", 1_000, () => Each(1_000, i => model.Score(Extract(i, values)).Probability)));
            var stored = Enumerable.Range(0, Batch).Select(i => rows.Snapshots[i].Activity.ToBytes()).ToArray();
            list.Add(new("stored activity: ActivityState.FromBytes", 1_000, () => Each(1_000, i => ActivityState.FromBytes(stored[i]).Events)));
            return list;
        }

        internal List<Candidate> Batches()
        {
            var list = new List<Candidate>();
            foreach (var (name, managed, matrix, inPlace) in members)
            {
                list.Add(new($"batch: {name}: managed", Batch, () => managed.Margins(tree, margins)));
                list.Add(new($"batch: {name}: XGBoost in place", Batch, () => sink += inPlace.Margins(treeAt, Batch, treeColumns)[0]));
                list.Add(new($"batch: {name}: XGBoost matrix", Batch, () => sink += matrix.PredictMargins(tree)[0]));
            }

            list.Add(new("batch: network", Batch, () => model.Network.Margins(dense, probabilities[2])));
            list.Add(new("batch: regression", Batch, () => model.Regression.Margins(dense, probabilities[3])));
            list.Add(new("batch: preprocessing: Preprocessor.Encode", Batch, Encode));
            list.Add(new("batch: ensemble: EnsembleModel.Score", Batch, () => model.Score(rows.Set.Values.AsSpan(0, Batch * width), scores)));
            list.Add(new("batch: extraction and ensemble, from LeadSnapshots", Batch, () =>
            {
                for (var i = 0; i < Batch; i++) Extract(i, batchValues.AsSpan(i * width, width));
                model.Score(batchValues, scores);
            }));
            return list;
        }

        private ReadOnlySpan<FeatureValue> Extract(int i, Span<FeatureValue> destination)
        {
            model.Extractor.Extract(rows.Snapshots[i], rows.Leads[i].DecisionMs, destination);
            return destination;
        }

        private void Encode()
        {
            for (var i = 0; i < Batch; i++) EncodeOne(i);
        }

        private double EncodeOne(int i)
        {
            model.Preprocessor.Encode(rows.Set.Row(i), tree.AsSpan(i * treeColumns, treeColumns), dense.AsSpan(i * denseColumns, denseColumns));
            return 0;
        }

        private ReadOnlySpan<float> Tree(int i) => tree.AsSpan(i * treeColumns, treeColumns);

        private ReadOnlySpan<float> Dense(int i) => dense.AsSpan(i * denseColumns, denseColumns);

        /// <summary>Goes on through the leads where the call before stopped.</summary>
        private void Each(int count, Func<int, double> one)
        {
            double sum = 0;
            for (var k = 0; k < count; k++)
            {
                sum += one(next);
                next = next + 1 < Batch ? next + 1 : 0;
            }

            sink += sum;
        }

        public void Dispose()
        {
            foreach (var (_, _, matrix, inPlace) in members)
            {
                matrix.Dispose();
                inPlace.Dispose();
            }
        }
    }
}
