using LeadScoring.Ml.Metrics;

namespace LeadScoring.Ml.Tests.Metrics;

public sealed class RankingQualityTests
{
    [Fact]
    public void RocAuc_RandomTies_EqualsCountingPairs()
    {
        var random = new Random(3);
        var predictions = Enumerable.Range(0, 200).Select(_ => (double)random.Next(12)).ToArray();
        var labels = predictions.Select(p => random.Next(14) < p ? 1f : 0f).ToArray();
        double wins = 0, pairs = 0;
        for (var i = 0; i < 200; i++)
            for (var j = 0; j < 200; j++)
            {
                if (labels[i] != 1 || labels[j] != 0) continue;
                pairs++;
                wins += predictions[i] > predictions[j] ? 1 : predictions[i] == predictions[j] ? 0.5 : 0;
            }
        Assert.Equal(wins / pairs, RankingQuality.RocAuc(predictions, labels), 1e-14);
    }

    [Fact]
    public void RocAuc_Constant_IsHalf() => Assert.Equal(0.5, RankingQuality.RocAuc([7, 7, 7], [1, 0, 1]));

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public void RocAuc_OneClass_IsNaN(float label) => Assert.True(double.IsNaN(RankingQuality.RocAuc([0.1, 0.2], [label, label])));

    [Fact]
    public void AveragePrecision_NoPositives_IsNaN() => Assert.True(double.IsNaN(RankingQuality.AveragePrecision([0.1], [0])));

    [Fact]
    public void AveragePrecision_OnePositive_IsOne() => Assert.Equal(1, RankingQuality.AveragePrecision([0.1], [1]));

    [Fact]
    public void RocAuc_InfiniteMargins_AreRanked() =>
        Assert.Equal(1, RankingQuality.RocAuc([double.NegativeInfinity, 0, double.PositiveInfinity], [0, 0, 1]));

    [Fact]
    public void RocAuc_NaN_ThrowsAndNamesTheLead()
    {
        var ex = Assert.Throws<ArgumentException>(() => RankingQuality.RocAuc([0.1, double.NaN], [0, 1]));
        Assert.Contains("lead 1", ex.Message);
    }

    [Fact]
    public void EveryMetric_BadInput_Throws()
    {
        Action<double[], float[]>[] metrics =
        [
            (p, y) => RankingQuality.RocAuc(p, y), (p, y) => RankingQuality.AveragePrecision(p, y), (p, y) => ProbabilityLoss.LogLoss(p, y),
            (p, y) => ProbabilityLoss.Brier(p, y), (p, y) => CalibrationError.Expected(p, y), (p, y) => Decisions.ConfusionAt(p, y, 0.5),
            (p, y) => Decisions.F1OptimalThreshold(p, y), (p, y) => ScoreSpread.Pearson(p, y), (p, y) => GradeQuality.Of(p, y),
        ];
        foreach (var metric in metrics)
        {
            Assert.Throws<ArgumentException>(() => metric([], []));
            Assert.Throws<ArgumentException>(() => metric([0.5], [0, 1]));
            Assert.Throws<ArgumentException>(() => metric([double.NaN, 0.5], [0, 1]));
            Assert.Throws<ArgumentException>(() => metric([0.5, 0.6], [0, 0.5f]));
            Assert.Throws<ArgumentException>(() => metric([0.5, 0.6], [0, float.NaN]));
        }
    }
}
