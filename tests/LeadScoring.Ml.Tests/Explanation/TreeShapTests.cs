using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Tests.Trees;
using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.Explanation;

[Trait("Category", "Slow")]
public sealed class TreeShapTests
{
    [Theory]
    [InlineData("gbm")]
    [InlineData("forest")]
    [InlineData("gbm-base-score")]
    [InlineData("regression")]
    public void Contributions_RowsOfTheFixture_AreXGBoosts(string name)
    {
        var fixture = new XGBoostFixture(name);

        Compare(TreeEnsemble.FromXGBoostJson(fixture.Json), fixture.Rows, fixture.Contributions, fixture.Margins, 2e-5);
    }

    [NativeXGBoostFact]
    public void Contributions_GradientBoosting1000Rows_AreXGBoosts() => CompareTrained(XGBoostParameters.GradientBoosting, 1_000);

    [NativeXGBoostFact]
    public void Contributions_RandomForest200Rows_AreXGBoosts() => CompareTrained(XGBoostParameters.RandomForest, 200);

    [NativeXGBoostFact]
    public void Contributions_PathsOfUpTo20Features_AreXGBoosts() =>
        CompareTrained(new XGBoostParameters { Rounds = 3, MaxDepth = 25, MinChildWeight = 0, Lambda = 0.01, ColumnSampleByNode = 0.2 }, rows: 60);

    [Fact]
    public void Contributions_SmallTrees_AreShapleyValuesByDefinition()
    {
        var random = new Random(21);
        for (var repetition = 0; repetition < 100; repetition++)
        {
            var model = RandomTree(random, features: 5, depth: 6);
            var row = Enumerable.Range(0, 5).Select(_ => random.Next(6) == 0 ? float.NaN : random.Next(-4, 5) / 2f).ToArray();
            var phi = new double[6];
            new TreeShap(model).Contributions(row, phi);

            var expected = ShapleyByDefinition(model.Trees[0], row);
            for (var feature = 0; feature < 5; feature++)
                Assert.Equal(expected[feature], phi[feature], 1e-4);
        }
    }

    [Fact]
    public void Contributions_ChildrenWithoutCover_AreFiniteAndSumToTheMargin()
    {
        var model = TreeEnsemble.FromXGBoostJson(ModelText.OneTree(
            2, [1, 3, -1, -1, -1], [2, 4, -1, -1, -1], [0, 0, 0, 0, 0], [1, 0, 4, 5, 6], [1, 0, 0, 0, 0], [3, 0, 3, 0, 0]));
        foreach (var value in (float[])[-1, 0.5f, 2, float.NaN])
        {
            var phi = new double[3];
            new TreeShap(model).Contributions([value, 7], phi);

            Assert.Equal(model.Margin([value, 7]), phi.Sum(), 5);
            Assert.Equal(0, phi[1]);
        }
    }

    [Fact]
    public void Contributions_OnlyLeaves_AreTheBias()
    {
        var model = TreeEnsemble.FromXGBoostJson(ModelText.OneTree(2, [-1], [-1], [0], [3], [0]));
        var phi = new double[3];
        new TreeShap(model).Contributions([1, 2], phi);

        Assert.Equal([0, 0, 3], phi);
    }

    [Fact]
    public void Contributions_WrongLengths_Throw()
    {
        var shap = new TreeShap(TreeEnsemble.FromXGBoostJson(new XGBoostFixture("gbm").Json));

        Assert.Equal("row", Assert.Throws<ArgumentException>(() => shap.Contributions(new float[11], new double[13])).ParamName);
        Assert.Equal("phi", Assert.Throws<ArgumentException>(() => shap.Contributions(new float[12], new double[12])).ParamName);
    }

    [Fact]
    public void Contributions_AfterTheFirst_AllocateNothing()
    {
        var fixture = new XGBoostFixture("gbm");
        var shap = new TreeShap(TreeEnsemble.FromXGBoostJson(fixture.Json));
        var phi = new double[13];
        shap.Contributions(fixture.Row(0), phi);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 150; i++)
            shap.Contributions(fixture.Row(i), phi);

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static void CompareTrained(XGBoostParameters parameters, int rows)
    {
        var (training, labels) = SyntheticLeads.Make(5_000, 31);
        var json = XGBoostTrainer.Train(training, SyntheticLeads.Columns, labels, [], parameters);
        using var reference = XGBoostModel.Load(json);
        var (sample, _) = SyntheticLeads.Make(rows, 32);

        Compare(TreeEnsemble.FromXGBoostJson(json), sample, reference.PredictContributions(sample), reference.PredictMargins(sample), 1e-4);
    }

    private static void Compare(TreeEnsemble model, float[] rows, float[] contributions, float[] margins, double tolerance)
    {
        var shap = new TreeShap(model);
        var width = model.FeatureCount + 1;
        var phi = new double[width];
        var worst = 0.0;
        for (var i = 0; i < margins.Length; i++)
        {
            shap.Contributions(rows.AsSpan(i * model.FeatureCount, model.FeatureCount), phi);
            Assert.Equal(margins[i], phi.Sum(), tolerance);
            for (var c = 0; c < width; c++)
                worst = Math.Max(worst, Math.Abs(phi[c] - contributions[(i * width) + c]));
        }

        Assert.True(worst <= tolerance, $"largest difference {worst}");
    }

    private static TreeEnsemble RandomTree(Random random, int features, int depth)
    {
        List<int> left = [-1], right = [-1], split = [0], defaultLeft = [0];
        List<float> values = [0], covers = [64];
        for (var node = 0; node < left.Count; node++)
        {
            values[node] = random.Next(-8, 9) / 4f;
            if (Math.Log2(node + 2) > depth || (node > 0 && random.Next(4) == 0))
                continue;
            (left[node], right[node]) = (left.Count, left.Count + 1);
            split[node] = random.Next(features);
            defaultLeft[node] = random.Next(2);
            var share = (float)random.NextDouble();
            foreach (var cover in (float[])[covers[node] * share, covers[node] * (1 - share)])
            {
                left.Add(-1);
                right.Add(-1);
                split.Add(0);
                defaultLeft.Add(0);
                values.Add(0);
                covers.Add(cover);
            }
        }

        return TreeEnsemble.FromXGBoostJson(
            ModelText.OneTree(features, [.. left], [.. right], [.. split], [.. values], [.. defaultLeft], [.. covers]));
    }

    /// <summary>The definition: average gain of the conditional expectation over all orders in which features become known.</summary>
    private static double[] ShapleyByDefinition(RegressionTree tree, float[] row)
    {
        var phi = new double[row.Length];
        double[] factorial = [1, 1, 2, 6, 24, 120];
        for (var feature = 0; feature < row.Length; feature++)
        {
            for (var known = 0; known < 1 << row.Length; known++)
            {
                if ((known & (1 << feature)) != 0)
                    continue;
                var size = int.PopCount(known);
                var weight = factorial[size] * factorial[row.Length - size - 1] / factorial[row.Length];
                phi[feature] += weight * (Expectation(tree, row, known | (1 << feature), 0) - Expectation(tree, row, known, 0));
            }
        }

        return phi;
    }

    private static double Expectation(RegressionTree tree, float[] row, int known, int node)
    {
        var left = tree.LeftChildren[node];
        if (left < 0)
            return tree.Values[node];
        var value = row[tree.Features[node]];
        if ((known & (1 << tree.Features[node])) != 0)
        {
            var goesLeft = float.IsNaN(value) ? tree.DefaultLeft[node] : value < tree.Values[node];
            return Expectation(tree, row, known, goesLeft ? left : left + 1);
        }

        double coverLeft = tree.Covers[left], coverRight = tree.Covers[left + 1];
        return ((coverLeft * Expectation(tree, row, known, left)) + (coverRight * Expectation(tree, row, known, left + 1))) / (coverLeft + coverRight);
    }
}
