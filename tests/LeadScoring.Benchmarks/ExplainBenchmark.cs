using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Benchmarks;

/// <summary>CPU time of explanations: tree SHAP beside XGBoost's pred_contribs, and a whole explanation in points.</summary>
internal static class ExplainBenchmark
{
    private const int Rows = 128;
    private const int Compared = 1_000;

    private static double sink;

    internal static Task RunAsync(BenchmarkOptions options)
    {
        var count = options.Quick ? 10_000 : 20_000;
        var (rows, trained) = DemoRows.Model(count);
        Report.Line(DemoRows.Describe(trained, count));
        var model = trained.Model;
        var columns = model.Preprocessor.TreeColumns.Count;
        var tree = new float[Compared * columns];
        var dense = new float[model.Preprocessor.DenseColumns.Count];
        for (var i = 0; i < Compared; i++) model.Preprocessor.Encode(rows.Set.Row(i), tree.AsSpan(i * columns, columns), dense);
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
        var width = columns + 1;
        double[] phi = new double[width], many = new double[Compared * width];
        var next = 0;
        var expected = native.PredictContributions(tree);
        shap.Contributions(tree, Compared, many);
        double worst = 0, worstMany = 0;
        for (var i = 0; i < Compared; i++)
        {
            shap.Contributions(tree.AsSpan(i * columns, columns), phi);
            for (var c = 0; c < width; c++)
            {
                worst = Math.Max(worst, Math.Abs(phi[c] - expected[(i * width) + c]));
                worstMany = Math.Max(worstMany, Math.Abs(many[(i * width) + c] - expected[(i * width) + c]));
            }
        }

        Report.Line($"Largest difference from XGBoost's contributions on {Compared:N0} rows, {name}: {worst:0.0e+0} one by one, {worstMany:0.0e+0} in a batch.\n");
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
            new($"{name}: XGBoost, batch of {Rows}", Rows, () => sink += native.PredictContributions(tree.AsSpan(0, Rows * columns))[0]),
            new($"{name}: TreeShap, batch of {Rows}", Rows, () => shap.Contributions(tree.AsSpan(0, Rows * columns), Rows, many.AsSpan(0, Rows * width))),
        ];
    }

    private static void Print(Timing[] t)
    {
        Report.Table(["CPU time per lead", "CPU us per lead, median (min)", "bytes allocated per lead", "times less than XGBoost one row / batch of 128"], t.Select((timing, i) => (string[])
        [
            timing.Name, timing.Text, timing.Bytes.ToString("#,0"),
            i is 0 or 3 or 4 or 7 ? $"{Report.Number(timing.TimesLessThan(t[(i / 4 * 4) + 1]))} / {Report.Number(timing.TimesLessThan(t[(i / 4 * 4) + 2]))}" : "",
        ]));
        var (ours, one, batch, many) = (Sum(t, 0), Sum(t, 1), Sum(t, 2), Sum(t, 3));
        Report.Table(["both tree members", "TreeShap us, median (min)", "XGBoost us, median (min)", "times less", "goal"],
        [
            ["single", ours.Text, one.Text, Report.Number(ours.TimesLessThan(one)), "20"],
            [$"batch of {Rows}", many.Text, batch.Text, Report.Number(many.TimesLessThan(batch)), "60"],
            [$"batch of {Rows}, TreeShap row by row", ours.Text, batch.Text, Report.Number(ours.TimesLessThan(batch)), ""],
        ]);
    }

    private static Timing Sum(Timing[] t, int at) => new("", [.. t[at].Rounds.Zip(t[at + 4].Rounds, (a, b) => a + b)], 0);
}
