using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Tests.Metrics;

public sealed class DecisionAndSpreadTests
{
    [Fact]
    public void ConfusionAt_PredictionAtThreshold_CountsAsPredicted() =>
        Assert.Equal(new Confusion(1, 1, 1, 0), Decisions.ConfusionAt([0.5, 0.5, 0.4], [1, 0, 0], 0.5));

    [Fact]
    public void ConfusionAt_NaNThreshold_PredictsNothing() =>
        Assert.Equal(new Confusion(0, 0, 1, 1), Decisions.ConfusionAt([0.5, 0.9], [1, 0], double.NaN));

    [Fact]
    public void Confusion_Empty_RatiosAreZero()
    {
        var none = new Confusion(0, 0, 0, 0);
        Assert.Equal((0, 0, 0, 0), (none.Precision, none.Recall, none.F1, none.Accuracy));
    }

    [Fact]
    public void Accuracy_ThreeOfFour_IsThreeQuarters() =>
        Assert.Equal(0.75, Decisions.ConfusionAt([0.9, 0.1, 0.8, 0.2], [1, 0, 0, 0], 0.5).Accuracy);

    [Fact]
    public void F1OptimalThreshold_Equals_HighestWins()
    {
        // F1 = 2/3 at 0.9 (1 of 1, 1 of 2) and at 0.3 (2 of 4, 2 of 2)
        var choice = Decisions.F1OptimalThreshold([0.9, 0.7, 0.6, 0.3], [1, 0, 0, 1]);
        Assert.Equal(0.9, choice.Threshold);
        Assert.Equal(2.0 / 3, choice.F1, 1e-15);
    }

    [Fact]
    public void F1OptimalThreshold_NoPositives_IsNaN()
    {
        var choice = Decisions.F1OptimalThreshold([0.9, 0.7], [0, 0]);
        Assert.True(double.IsNaN(choice.Threshold));
        Assert.Equal(0, choice.F1);
    }

    [Fact]
    public void LogLoss_CertainAndWrong_IsClipped() =>
        Assert.Equal(-Math.Log(ProbabilityLoss.LogLossClip), ProbabilityLoss.LogLoss([0], [1]), 1e-12);

    [Theory]
    [InlineData(-0.001)]
    [InlineData(1.001)]
    [InlineData(double.PositiveInfinity)]
    public void Probabilities_OutOfRange_Throw(double probability)
    {
        Assert.Throws<ArgumentException>(() => ProbabilityLoss.LogLoss([probability], [1]));
        Assert.Throws<ArgumentException>(() => ProbabilityLoss.Brier([probability], [1]));
        Assert.Throws<ArgumentException>(() => CalibrationError.Expected([probability], [1]));
    }

    [Fact]
    public void Reliability_BinEdges_BelongToTheLowerBin()
    {
        var edges = Enumerable.Range(0, 11).Select(i => i * 0.1).ToArray();
        var bins = CalibrationError.Reliability(edges, new float[11]);
        Assert.Equal([2, 1, 1, 1, 1, 1, 1, 1, 1, 1], bins.Select(b => b.Leads));
    }

    [Fact]
    public void Reliability_EmptyBin_IsNaN()
    {
        var bin = CalibrationError.Reliability([0.05], [1])[9];
        Assert.Equal(0, bin.Leads);
        Assert.True(double.IsNaN(bin.MeanProbability) && double.IsNaN(bin.ConversionRate));
    }

    [Fact]
    public void Pearson_LargeOffset_KeepsItsDigits()
    {
        double[] small = [0.1, 0.4, 0.2, 0.9];
        var shifted = small.Select(s => s * 1024 + (1L << 30)).ToArray();
        float[] labels = [0, 1, 0, 1];
        Assert.Equal(ScoreSpread.Pearson(small, labels), ScoreSpread.Pearson(shifted, labels), 1e-9);
    }

    [Theory]
    [InlineData(0f, 0f)]
    [InlineData(1f, 1f)]
    public void Pearson_OneClass_IsNaN(float first, float second) =>
        Assert.True(double.IsNaN(ScoreSpread.Pearson([1, 2], [first, second])));

    [Fact]
    public void StandardDeviation_ConstantTenths_IsExactlyZero() =>
        Assert.Equal(0, ScoreSpread.StandardDeviation([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]));

    [Fact]
    public void StandardDeviation_BadInput_Throws()
    {
        Assert.Throws<ArgumentException>(() => ScoreSpread.StandardDeviation([]));
        Assert.Throws<ArgumentException>(() => ScoreSpread.StandardDeviation([1, double.PositiveInfinity]));
        Assert.Throws<ArgumentException>(() => ScoreSpread.Pearson([1, double.NegativeInfinity], [0, 1]));
    }

    [Fact]
    public void GradeQuality_Boundaries_LowestInsideBelowOutside()
    {
        double[] points = [84.9, 85, 100, 70];
        float[] labels = [1, 1, 0, 1];
        Assert.Equal(new GradeQuality(2, 0.5, 0.5), GradeQuality.Of(points, labels));
        Assert.Equal(new GradeQuality(2, 0.5, 1), GradeQuality.Of(points, labels, lowest: 70, below: 85));
    }
}
