using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Tests.Trees;
using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.Explanation;

[Trait("Category", "Slow")]
public sealed class TreeShapBatchTests
{
    [NativeXGBoostFact]
    public void Contributions_GradientBoosting1000RowsAtOnce_AreXGBoosts() => CompareTrained(XGBoostParameters.GradientBoosting, 1_000);

    [NativeXGBoostFact]
    public void Contributions_RandomForest200RowsAtOnce_AreXGBoosts() => CompareTrained(XGBoostParameters.RandomForest, 200);

    [Theory]
    [InlineData("gbm")]
    [InlineData("forest")]
    public void Contributions_AnyCount_AgreeWithTheSingleCallAndSumToTheMargin(string name)
    {
        var fixture = new XGBoostFixture(name);
        var model = TreeEnsemble.FromXGBoostJson(fixture.Json);
        var shap = new TreeShap(model);
        var width = model.FeatureCount + 1;
        var single = new double[width];
        var rows = fixture.Rows.ToArray();
        for (var i = 0; i < rows.Length; i += 5)
            rows[i] = (i % 3) switch { 0 => float.NaN, 1 => float.PositiveInfinity, _ => float.NegativeInfinity };
        foreach (var count in (int[])[0, 1, 2, 3, 7, 8, 9, 10, 11, 16, 17, 19, 33])
        {
            var phi = Enumerable.Repeat(double.NaN, count * width).ToArray();
            shap.Contributions(rows.AsSpan(0, count * model.FeatureCount), count, phi);
            for (var i = 0; i < count; i++)
            {
                var row = rows.AsSpan(i * model.FeatureCount, model.FeatureCount);
                shap.Contributions(row, single);
                for (var c = 0; c < width; c++)
                    Assert.Equal(single[c], phi[(i * width) + c], 1e-5);
                Assert.Equal(model.Margin(row), phi.AsSpan(i * width, width).ToArray().Sum(), 1e-4);
            }
        }
    }

    [Fact]
    public void Add_BothWidths_AgreeWithTheSingleCall()
    {
        // Whatever the processor: registers that it lacks are made of smaller ones.
        var random = new Random(3);
        for (var repetition = 0; repetition < 10; repetition++)
        {
            var fixture = new XGBoostFixture(repetition % 2 == 0 ? "forest" : "gbm-base-score");
            var model = TreeEnsemble.FromXGBoostJson(fixture.Json);
            var (points, pointWeights) = GaussLegendre.Rule(4);
            var kernel = new RowShap(new ShapForest(model), [.. points.Select(t => (float)(1 - t))], [.. pointWeights.Select(w => (float)w)], model.FeatureCount);
            var width = model.FeatureCount + 1;
            var count = random.Next(1, 40);
            var rows = fixture.Rows.AsSpan(0, count * model.FeatureCount);
            double[] eight = new double[count * width], sixteen = new double[count * width], single = new double[width];
            kernel.Add<EightRows>(rows, count, eight);
            kernel.Add<SixteenRows>(rows, count, sixteen);
            for (var i = 0; i < count; i++)
            {
                new TreeShap(model).Contributions(fixture.Row(i), single);
                for (var c = 0; c < model.FeatureCount; c++)
                {
                    Assert.Equal(single[c], eight[(i * width) + c], 1e-5);
                    Assert.Equal(single[c], sixteen[(i * width) + c], 1e-5);
                }
            }
        }
    }

    [Fact]
    public void Contributions_OnlyLeaves_AreTheBias()
    {
        var phi = new double[20 * 3];
        new TreeShap(TreeEnsemble.FromXGBoostJson(ModelText.OneTree(2, [-1], [-1], [0], [3], [0]))).Contributions(new float[40], 20, phi);

        Assert.Equal([.. Enumerable.Range(0, 20).SelectMany(_ => (double[])[0, 0, 3])], phi);
    }

    [Fact]
    public void Contributions_WrongShapes_Throw()
    {
        var shap = new TreeShap(TreeEnsemble.FromXGBoostJson(new XGBoostFixture("gbm").Json));

        Assert.Equal("rows", Assert.Throws<ArgumentException>(() => shap.Contributions(new float[23], 2, new double[26])).ParamName);
        Assert.Equal("phi", Assert.Throws<ArgumentException>(() => shap.Contributions(new float[24], 2, new double[25])).ParamName);
        Assert.Equal("rows", Assert.Throws<ArgumentException>(() => shap.Contributions([], -1, [])).ParamName);
    }

    [Fact]
    public void Contributions_AfterTheFirst_AllocateNothing()
    {
        var fixture = new XGBoostFixture("gbm");
        var shap = new TreeShap(TreeEnsemble.FromXGBoostJson(fixture.Json));
        var phi = new double[150 * 13];
        shap.Contributions(fixture.Rows, 150, phi);

        var before = GC.GetAllocatedBytesForCurrentThread();
        shap.Contributions(fixture.Rows, 150, phi);

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static void CompareTrained(XGBoostParameters parameters, int count)
    {
        var (training, labels) = SyntheticLeads.Make(5_000, 41);
        var json = XGBoostTrainer.Train(training, SyntheticLeads.Columns, labels, [], parameters);
        using var reference = XGBoostModel.Load(json);
        var (rows, _) = SyntheticLeads.Make(count, 42);
        var (expected, margins) = (reference.PredictContributions(rows), reference.PredictMargins(rows));
        var phi = new double[expected.Length];
        new TreeShap(TreeEnsemble.FromXGBoostJson(json)).Contributions(rows, count, phi);

        var worst = phi.Zip(expected, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst <= 1e-4, $"largest difference {worst}");
        for (var i = 0; i < count; i++)
            Assert.Equal(margins[i], phi.AsSpan(i * (SyntheticLeads.Columns + 1), SyntheticLeads.Columns + 1).ToArray().Sum(), 1e-4);
    }
}
