using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Tests.Trees;

public sealed class TreeEnsembleTests
{
    [Theory]
    [InlineData("gbm")]
    [InlineData("forest")]
    [InlineData("gbm-base-score")]
    [InlineData("regression")]
    public void Margin_RowsOfTheFixture_EqualsXGBoostBitForBit(string name)
    {
        var fixture = new XGBoostFixture(name);
        var model = TreeEnsemble.FromXGBoostJson(fixture.Json);

        var batch = new float[fixture.Margins.Length];
        model.Margins(fixture.Rows, batch);

        Assert.Equal(fixture.Margins, batch);
        for (var i = 0; i < batch.Length; i++)
            Assert.Equal(BitConverter.SingleToInt32Bits(fixture.Margins[i]), BitConverter.SingleToInt32Bits(model.Margin(fixture.Row(i))));
    }

    [Fact]
    public void FromXGBoostJson_Fixture_KnowsItsShape()
    {
        var model = TreeEnsemble.FromXGBoostJson(new XGBoostFixture("forest").Json);

        Assert.Equal((12, 10, 8, "binary:logistic"), (model.FeatureCount, model.TreeCount, model.MaxDepth, model.Objective));
        Assert.Empty(model.FeatureNames);
        Assert.All(model.Trees, tree => Assert.True(tree.Covers[0] > 0 && tree.NodeCount % 2 == 1));
    }

    [Fact]
    public void Margin_Infinities_TakeTheSideOfTheLargestFiniteValues()
    {
        var fixture = new XGBoostFixture("gbm");
        var model = TreeEnsemble.FromXGBoostJson(fixture.Json);
        var random = new Random(5);
        for (var i = 0; i < fixture.Margins.Length; i++)
        {
            var infinite = fixture.Row(i).ToArray();
            for (var changes = 0; changes < 4; changes++)
                infinite[random.Next(infinite.Length)] = random.Next(2) == 0 ? float.PositiveInfinity : float.NegativeInfinity;
            var finite = infinite.Select(v => float.IsInfinity(v) ? MathF.CopySign(float.MaxValue, v) : v).ToArray();

            Assert.Equal(model.Margin(finite), model.Margin(infinite));
        }
    }

    [Fact]
    public void Margin_NegativeZero_IsZero()
    {
        var fixture = new XGBoostFixture("gbm");
        var model = TreeEnsemble.FromXGBoostJson(fixture.Json);
        var row = new float[XGBoostFixture.Features];
        var expected = model.Margin(row);
        row.AsSpan().Fill(-0.0f);

        Assert.Equal(fixture.Margins[1], expected);   // row 1 of the fixture is all 0
        Assert.Equal(expected, model.Margin(row));
    }

    [Fact]
    public void Margins_AnyCount_EqualsMarginRowByRow()
    {
        var fixture = new XGBoostFixture("forest");
        var model = TreeEnsemble.FromXGBoostJson(fixture.Json);
        foreach (var count in (int[])[0, 1, 31, 32, 33, 64, 100])
        {
            var margins = new float[count];
            model.Margins(fixture.Rows.AsSpan(0, count * XGBoostFixture.Features), margins);
            Assert.Equal(fixture.Margins[..count], margins);
        }
    }

    [Fact]
    public void Margin_WrongLength_Throws()
    {
        var model = TreeEnsemble.FromXGBoostJson(new XGBoostFixture("gbm").Json);

        Assert.Throws<ArgumentException>(() => model.Margin(new float[11]));
        Assert.Throws<ArgumentException>(() => model.Margin(new float[13]));
        Assert.Throws<ArgumentException>(() => model.Margins(new float[25], new float[2]));
    }

    [Fact]
    public void Margin_TwoThousandFeatures_RowTooLongForTheStackIsRight()
    {
        var model = TreeEnsemble.FromXGBoostJson(ModelText.OneTree(
            features: 2_000, left: [1, -1, -1], right: [2, -1, -1], split: [1_999, 0, 0], values: [0.5f, -1, 1], defaultLeft: [1, 0, 0]));
        var row = new float[2_000];

        Assert.Equal(-1, model.Margin(row));
        row[1_999] = 0.5f;
        Assert.Equal(1, model.Margin(row));
        row[1_999] = float.NaN;
        Assert.Equal(-1, model.Margin(row));
        var margins = new float[1];
        model.Margins(row, margins);
        Assert.Equal([-1], margins);
    }

    [Fact]
    public void Margin_TreeTooWideToPack_IsWalked()
    {
        // A complete tree of depth 17: on the last level the distance from parent to child is 65,536 and more.
        const int Splits = (1 << 17) - 1, Nodes = (2 * Splits) + 1;
        var model = TreeEnsemble.FromXGBoostJson(ModelText.OneTree(
            features: 17,
            left: [.. Enumerable.Range(0, Nodes).Select(n => n < Splits ? (2 * n) + 1 : -1)],
            right: [.. Enumerable.Range(0, Nodes).Select(n => n < Splits ? (2 * n) + 2 : -1)],
            split: [.. Enumerable.Range(0, Nodes).Select(n => n < Splits ? (int)Math.Log2(n + 1) : 0)],
            values: [.. Enumerable.Range(0, Nodes).Select(n => n < Splits ? 0.5f : n - Splits)],
            defaultLeft: new int[Nodes]));
        var random = new Random(1);
        for (var i = 0; i < 100; i++)
        {
            var leaf = random.Next(Splits + 1);
            var row = Enumerable.Range(0, 17).Select(level => (float)((leaf >> (16 - level)) & 1)).ToArray();
            Assert.Equal(leaf, model.Margin(row));
            var margins = new float[1];
            model.Margins(row, margins);
            Assert.Equal([leaf], margins);
        }
    }

    [Fact]
    public void Probability_ByObjective_TransformsTheMargin()
    {
        var logistic = TreeEnsemble.FromXGBoostJson(new XGBoostFixture("gbm").Json);
        var regression = TreeEnsemble.FromXGBoostJson(new XGBoostFixture("regression").Json);

        Assert.Equal(0.5, logistic.Probability(0));
        Assert.Equal(0.880797077977882, logistic.Probability(2), 12);   // 1 / (1 + e^-2)
        Assert.Equal((0, 1), (logistic.Probability(-1e9f), logistic.Probability(1e9f)));
        Assert.Equal(2.5, regression.Probability(2.5f));
    }

    [Fact]
    public void Margin_ManyThreads_SameAnswers()
    {
        var fixture = new XGBoostFixture("gbm");
        var model = TreeEnsemble.FromXGBoostJson(fixture.Json);

        Parallel.For(0, 2_000, i => Assert.Equal(fixture.Margins[i % 150], model.Margin(fixture.Row(i % 150))));
    }

    [Fact]
    public void Margin_AfterTheFirst_AllocatesNothing()
    {
        var fixture = new XGBoostFixture("gbm");
        var model = TreeEnsemble.FromXGBoostJson(fixture.Json);
        var margins = new float[150];
        model.Margins(fixture.Rows, margins);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 150; i++)
            model.Margin(fixture.Row(i));
        model.Margins(fixture.Rows, margins);

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
