using LeadScoring.Ml.Regression;
using LeadScoring.Ml.Tests.Metrics;

namespace LeadScoring.Ml.Tests.Regression;

public sealed class LogisticRegressionTests
{
    public sealed record Case(string Name, int Columns, float[] Rows, float[] Labels, float[]? Weights, double C, double[] Coefficients, double Intercept);

    private static readonly Case[] All = SklearnFixture.Read<Case>("logistic.json");

    public static TheoryData<string> Names => [.. All.Select(c => c.Name)];

    [Theory, MemberData(nameof(Names))]
    public void Train_SklearnCase_SameCoefficients(string name)
    {
        var c = All.Single(x => x.Name == name);
        var model = LogisticRegressionTrainer.Train(c.Rows, c.Columns, c.Labels, c.Weights, new() { C = c.C });
        for (var j = 0; j < c.Columns; j++)
            Assert.Equal(c.Coefficients[j], model.Coefficients[j], 1e-7 * Math.Max(1, Math.Abs(c.Coefficients[j])));
        Assert.Equal(c.Intercept, model.Intercept, 1e-7 * Math.Max(1, Math.Abs(c.Intercept)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(17)]
    [InlineData(40)]
    public void Train_AnyWidth_GradientVanishes(int columns)
    {
        var (rows, labels) = Sample(500, columns, 3);
        var model = LogisticRegressionTrainer.Train(rows, columns, labels);
        var gradient = model.Coefficients.ToArray().Append(0).ToArray();
        for (var i = 0; i < labels.Length; i++)
        {
            var row = rows.AsSpan(i * columns, columns);
            var residual = model.Probability(row) - labels[i];
            for (var j = 0; j < columns; j++)
                gradient[j] += residual * row[j];
            gradient[columns] += residual;
        }
        Assert.All(gradient, g => Assert.Equal(0, g, 1e-6));
    }

    [Fact]
    public void Train_PerfectlySeparableHugePenaltyFreedom_IsFiniteAndRanks()
    {
        float[] rows = [-2, -1, 1, 2];
        var model = LogisticRegressionTrainer.Train(rows, 1, [0, 0, 1, 1], default, new() { C = 1e10, MaxIterations = 1000 });
        Assert.True(double.IsFinite(model.Coefficients[0]) && model.Coefficients[0] > 5);
    }

    [Fact]
    public void Train_CollinearAndConstantAlmostUnpenalised_SharesTheEffect()
    {
        var (single, labels) = Sample(400, 1, 8);
        var rows = single.SelectMany(x => new[] { x, x, 0f, 3f }).ToArray();
        var one = LogisticRegressionTrainer.Train(single, 1, labels, default, new() { C = 1e10 });
        var four = LogisticRegressionTrainer.Train(rows, 4, labels, default, new() { C = 1e10 });
        Assert.Equal(one.Coefficients[0], four.Coefficients[0] + four.Coefficients[1], 1e-3);
        Assert.Equal(0, four.Coefficients[2], 1e-9);
        Assert.Equal(one.Margin([0.7f]), four.Margin([0.7f, 0.7f, 0, 3]), 1e-3);
    }

    [Fact]
    public void Train_HugeFeatures_IsFinite()
    {
        var model = LogisticRegressionTrainer.Train([1e30f, -1e30f, 3e38f, -3e38f, 0, 1], 1, [1, 0, 1, 0, 1, 0]);
        Assert.True(double.IsFinite(model.Margin([1e30f])));
    }

    [Fact]
    public void Train_WeightsOfTwo_EqualRowsTwice()
    {
        var (rows, labels) = Sample(100, 3, 4);
        var weights = Enumerable.Range(0, 100).Select(i => (float)(i % 3)).ToArray();
        var order = Enumerable.Range(0, 100).SelectMany(i => Enumerable.Repeat(i, (int)weights[i])).ToArray();
        var weighted = LogisticRegressionTrainer.Train(rows, 3, labels, weights);
        var repeated = LogisticRegressionTrainer.Train(
            order.SelectMany(i => rows.AsSpan(i * 3, 3).ToArray()).ToArray(), 3, order.Select(i => labels[i]).ToArray());
        for (var j = 0; j < 3; j++)
            Assert.Equal(repeated.Coefficients[j], weighted.Coefficients[j], 1e-9);
    }

    [Fact]
    public void Train_Twice_SameBits()
    {
        var (rows, labels) = Sample(300, 5, 2);
        Assert.Equal(
            LogisticRegressionTrainer.Train(rows, 5, labels).Coefficients.ToArray(),
            LogisticRegressionTrainer.Train(rows, 5, labels).Coefficients.ToArray());
    }

    [Fact]
    public void Train_BadInput_Throws()
    {
        Assert.Throws<ArgumentException>(() => LogisticRegressionTrainer.Train([], 1, []));
        Assert.Throws<ArgumentException>(() => LogisticRegressionTrainer.Train([1, 2], 0, [0, 1]));
        Assert.Throws<ArgumentException>(() => LogisticRegressionTrainer.Train([1, 2, 3], 1, [0, 1]));
        Assert.Throws<ArgumentException>(() => LogisticRegressionTrainer.Train([1, 2], 1, [1, 1]));
        Assert.Throws<ArgumentException>(() => LogisticRegressionTrainer.Train([1, 2], 1, [0, 1], [1, 0]));
        Assert.Throws<ArgumentException>(() => LogisticRegressionTrainer.Train([1, 2], 1, [0, 1], [1]));
        Assert.Throws<ArgumentException>(() => LogisticRegressionTrainer.Train([1, 2], 1, [0, 1], [1, float.NaN]));
        Assert.Throws<ArgumentException>(() => LogisticRegressionTrainer.Train([1, 2], 1, [0, 3]));
        var ex = Assert.Throws<ArgumentException>(() => LogisticRegressionTrainer.Train([1, 2, float.NaN, 3], 2, [0, 1]));
        Assert.Contains("Lead 1, column 0", ex.Message);
    }

    [Theory]
    [InlineData(0, 1e-8, 50)]
    [InlineData(double.NaN, 1e-8, 50)]
    [InlineData(1, -1, 50)]
    [InlineData(1, 1e-8, 0)]
    public void Validate_OutOfRange_Throws(double c, double tolerance, int iterations) =>
        Assert.Throws<ArgumentOutOfRangeException>(new LogisticRegressionParameters { C = c, Tolerance = tolerance, MaxIterations = iterations }.Validate);

    [Fact]
    public void Train_Cancelled_Throws() =>
        Assert.Throws<OperationCanceledException>(
            () => LogisticRegressionTrainer.Train([1, 2], 1, [0, 1], default, null, new CancellationToken(canceled: true)));

    [Fact]
    public void Margins_ManyRows_EqualSingle()
    {
        var (rows, _) = Sample(10, 13, 1);
        var model = new LogisticRegression(Enumerable.Range(1, 13).Select(i => i / 7.0).ToArray(), -0.5);
        var margins = new double[10];
        model.Margins(rows, margins);
        for (var i = 0; i < 10; i++)
        {
            var expected = -0.5;
            for (var j = 0; j < 13; j++)
                expected += (j + 1) / 7.0 * rows[i * 13 + j];
            Assert.Equal(expected, margins[i], 1e-12);
            Assert.Equal(margins[i], model.Margin(rows.AsSpan(i * 13, 13)));
        }
        Assert.Throws<ArgumentException>(() => model.Margin(new float[12]));
        Assert.Throws<ArgumentException>(() => model.Margins(rows, new double[9]));
        Assert.Throws<ArgumentException>(() => new LogisticRegression([double.NaN], 0));
        Assert.Throws<ArgumentException>(() => new LogisticRegression([1], double.PositiveInfinity));
    }

    internal static (float[] Rows, float[] Labels) Sample(int leads, int columns, int seed)
    {
        var random = new Random(seed);
        var rows = Enumerable.Range(0, leads * columns).Select(_ => (float)(random.NextDouble() * 4 - 2)).ToArray();
        var labels = new float[leads];
        for (var i = 0; i < leads; i++)
        {
            var margin = -0.5;
            for (var j = 0; j < columns; j++)
                margin += rows[i * columns + j] * (j % 3 - 0.8);
            labels[i] = random.NextDouble() < 1 / (1 + Math.Exp(-margin)) ? 1 : 0;
        }
        return (rows, labels);
    }
}
