using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Benchmarks;

/// <summary>CPU time of explanations: tree SHAP beside XGBoost's pred_contribs, and a whole explanation in points.</summary>
internal static class ExplainBenchmark
{
    private const int Rows = 128;

    private static double sink;

    internal static Task RunAsync(BenchmarkOptions options)
    {
        var count = options.Quick ? 10_000 : 20_000;
        var (rows, trained) = DemoRows.Model(count);
        Report.Line(DemoRows.Describe(trained, count));
        var model = trained.Model;
        var columns = model.Preprocessor.TreeColumns.Count;
        var tree = new float[Rows * columns];
        var dense = new float[model.Preprocessor.DenseColumns.Count];
        for (var i = 0; i < Rows; i++) model.Preprocessor.Encode(rows.Set.Row(i), tree.AsSpan(i * columns, columns), dense);
        using var boosting = XGBoostModel.Load(trained.GradientBoostingJson);
        using var forest = XGBoostModel.Load(trained.RandomForestJson);
        var explainer = new Explainer(model);
        var next = 0;
        List<Candidate> candidates = [.. Member("gradient boosting", model.GradientBoosting, boosting, tree, columns), .. Member("random forest", model.RandomForest, forest, tree, columns)];
        candidates.Add(new("whole explanation: Explainer.Explain", 16, () =>
        {
            for (var k = 0; k < 16; k++) sink += explainer.Explain(rows.Set.Row(next++ % Rows)).Base;
        }));
        Print(RoundRobin.Measure(candidates, options.Quick ? 3 : 9));
        return Task.CompletedTask;
    }

    private static Candidate[] Member(string name, TreeEnsemble ensemble, XGBoostModel native, float[] tree, int columns)
    {
        var shap = new TreeShap(ensemble);
        var phi = new double[columns + 1];
        var next = 0;
        var expected = native.PredictContributions(tree);
        var worst = 0.0;
        for (var i = 0; i < Rows; i++)
        {
            shap.Contributions(tree.AsSpan(i * columns, columns), phi);
            for (var c = 0; c <= columns; c++) worst = Math.Max(worst, Math.Abs(phi[c] - expected[(i * (columns + 1)) + c]));
        }

        Report.Line($"Largest difference from XGBoost's contributions on {Rows} rows, {name}: {worst:0.0e+0}.\n");
        return
        [
            new($"{name}: TreeShap", 32, () =>
            {
                for (var k = 0; k < 32; k++) shap.Contributions(tree.AsSpan(next++ % Rows * columns, columns), phi);
            }),
            new($"{name}: XGBoost, one row", 4, () =>
            {
                for (var k = 0; k < 4; k++) sink += native.PredictContributions(tree.AsSpan(next++ % Rows * columns, columns))[0];
            }),
            new($"{name}: XGBoost, batch of {Rows}", Rows, () => sink += native.PredictContributions(tree)[0]),
        ];
    }

    private static void Print(Timing[] t)
    {
        Report.Table(["One lead a call", "CPU us per lead, median (min)", "bytes allocated per lead", "times less than XGBoost one row / batch of 128"], t.Select((timing, i) => (string[])
        [
            timing.Name, timing.Text, timing.Bytes.ToString("#,0"),
            i is 0 or 3 ? $"{Report.Number(timing.TimesLessThan(t[i + 1]))} / {Report.Number(timing.TimesLessThan(t[i + 2]))}" : "",
        ]));
        var (ours, one, batch) = (Sum(t, 0), Sum(t, 1), Sum(t, 2));
        Report.Table(["both tree members", "TreeShap us", "XGBoost us", "times less", "goal"],
        [
            ["single", Report.Number(ours.Median), Report.Number(one.Median), Report.Number(ours.TimesLessThan(one)), "20"],
            ["batch of 128 (TreeShap row by row: there is no batch call)", Report.Number(ours.Median), Report.Number(batch.Median), Report.Number(ours.TimesLessThan(batch)), "60"],
        ]);
    }

    private static Timing Sum(Timing[] t, int at) => new("", [.. t[at].Rounds.Zip(t[at + 3].Rounds, (a, b) => a + b)], 0);
}
