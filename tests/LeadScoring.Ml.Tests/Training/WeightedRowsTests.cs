using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

/// <summary>A row of weight three is three equal rows, and one of weight 0 is none: in every metric, map and fit that takes weights.</summary>
public sealed class WeightedRowsTests
{
    private readonly double[] probabilities;
    private readonly float[] labels;
    private readonly float[] weights;
    private readonly double[] repeated;
    private readonly float[] repeatedLabels;

    public WeightedRowsTests()
    {
        var random = new Random(3);
        probabilities = [.. Enumerable.Range(0, 400).Select(_ => Math.Round((random.NextDouble() * 0.98) + 0.01, 2))];
        labels = [.. probabilities.Select(p => random.NextDouble() < p ? 1f : 0f)];
        weights = [.. probabilities.Select(_ => (float)random.Next(4))];
        int[] rows = [.. Enumerable.Range(0, 400).SelectMany(i => Enumerable.Repeat(i, (int)weights[i]))];
        (repeated, repeatedLabels) = (Array.ConvertAll(rows, r => probabilities[r]), Array.ConvertAll(rows, r => labels[r]));
    }

    [Fact]
    public void Metrics_Weights_AreRepeatedRows()
    {
        Assert.Equal(RankingQuality.RocAuc(repeated, repeatedLabels), RankingQuality.RocAuc(probabilities, labels, weights), 12);
        Assert.Equal(ProbabilityLoss.LogLoss(repeated, repeatedLabels), ProbabilityLoss.LogLoss(probabilities, labels, weights), 12);
        Assert.Equal(Decisions.F1OptimalThreshold(repeated, repeatedLabels).Threshold, Decisions.F1OptimalThreshold(probabilities, labels, weights).Threshold);
        var (one, other) = (MetricSet.Of(repeated, repeatedLabels, 0.6), MetricSet.Of(probabilities, labels, 0.6, weights));
        double[] Figures(MetricSet m) =>
            [m.RocAuc, m.AveragePrecision, m.LogLoss, m.Brier, m.Ece, m.AtHalf.Precision, m.AtHalf.Recall, m.AtHalf.F1, m.AtBestF1.Precision, m.AtBestF1.Recall, m.AtBestF1.F1, m.GradeAPrecision, m.GradeAShare, m.Pearson, m.ScoreStd, m.BaseRate];
        Assert.All(Figures(one).Zip(Figures(other)), f => Assert.Equal(f.First, f.Second, 9));
        Assert.Equal(EffortWeights.EffectiveRows(weights), other.EffectiveRows);
    }

    [Fact]
    public void Curves_Weights_AreRepeatedRows()
    {
        Assert.All(Curves.Gain(repeated, repeatedLabels).Zip(Curves.Gain(probabilities, labels, weights)), g => Assert.Equal(g.First.Gain, g.Second.Gain, 9));
        Assert.All(
            CalibrationError.Reliability(repeated, repeatedLabels).Zip(CalibrationError.Reliability(probabilities, labels, weights)),
            b => Assert.Equal((Math.Round(b.First.MeanProbability, 9), Math.Round(b.First.ConversionRate, 9)), (Math.Round(b.Second.MeanProbability, 9), Math.Round(b.Second.ConversionRate, 9))));
        Assert.Equal(Curves.Roc(repeated, repeatedLabels)[^2].Y, Curves.Roc(probabilities, labels, weights)[^2].Y, 9);
        Assert.Equal(Curves.PrecisionRecall(repeated, repeatedLabels)[^1].Y, Curves.PrecisionRecall(probabilities, labels, weights)[^1].Y, 9);
    }

    [Fact]
    public void Fits_Weights_AreRepeatedRows()
    {
        var (one, other) = (SmoothedIsotonic.Fit(repeated, repeatedLabels), SmoothedIsotonic.Fit(probabilities, labels, weights));
        foreach (var p in (double[])[0.05, 0.2, 0.5, 0.7, 0.95]) Assert.Equal(one.Apply(p), other.Apply(p), 2);
        Assert.Equal(LogOddsOffset.Of(repeated, repeatedLabels)!.Value.Offset, LogOddsOffset.Of(probabilities, labels, weights)!.Value.Offset, 6);
        double[][] members = [probabilities, [.. probabilities.Select(p => p * p)], [.. probabilities.Select(Math.Sqrt)], [.. probabilities.Select(_ => 0.5)]];
        int[] rows = [.. Enumerable.Range(0, 400).SelectMany(i => Enumerable.Repeat(i, (int)weights[i]))];
        int[] used = [.. Enumerable.Range(0, 400).Where(i => weights[i] > 0)];
        double[] Shares(EnsembleWeights w) => [w.GradientBoosting, w.RandomForest, w.Network, w.Regression];
        Assert.All(
            Shares(MixtureWeights.Fit(members, labels, new EnsembleWeights(), rows)).Zip(Shares(MixtureWeights.Fit(members, labels, new EnsembleWeights(), used, weights))), w => Assert.Equal(w.First, w.Second, 2));
    }

    [Fact]
    public void Segment_Weights_AreRepeatedRowsOfLessCertainty()
    {
        var one = SegmentCalibration.Of("f", "all", [.. Enumerable.Range(0, repeated.Length)], repeated, repeatedLabels);
        var other = SegmentCalibration.Of("f", "all", [.. Enumerable.Range(0, 400)], probabilities, labels, weights);
        Assert.Equal((one.Predicted, one.Observed), (other.Predicted, other.Observed));
        Assert.True(other.Interval.High - other.Interval.Low > one.Interval.High - one.Interval.Low);
    }

    [Fact]
    public void Train_RowsWithoutWeight_AreNotThere()
    {
        var set = SmallWorld.Leads(900, 5);
        // What has no weight is labelled the wrong way round: it would be noticed.
        var flipped = Enumerable.Range(0, 900).Select(r => r % 3 == 0 ? 1 - set.Labels[r] : set.Labels[r]).ToArray();
        var weighted = new TrainingSet(set.Profile, set.Values, flipped, set.AsOfMs, [.. Enumerable.Range(0, 900).Select(r => r % 3 == 0 ? 0f : 1f)]);
        var trained = EnsembleTrainer.Train(weighted, SmallWorld.Quick, null, default);
        Assert.All(trained.TrainRows.Concat(trained.TestRows), r => Assert.NotEqual(0, r % 3));
        var plain = EnsembleTrainer.Train(set, trained.TrainRows, trained.TestRows, SmallWorld.Quick, null, default);
        Assert.Equal(plain.OutOfFold.Ensemble.RocAuc, trained.OutOfFold.Ensemble.RocAuc, 6);
        Assert.Equal(plain.Test!.Ensemble.LogLoss, trained.Test!.Ensemble.LogLoss, 6);
    }

    [Theory]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void TrainingSet_NoNumberOfLeads_IsRefused(float weight)
    {
        var set = SmallWorld.Leads(20, 1);
        var weightsOfRows = new float[20];
        weightsOfRows[7] = weight;
        Assert.Contains("row 7", Assert.Throws<ArgumentException>(() => new TrainingSet(set.Profile, set.Values, set.Labels, set.AsOfMs, weightsOfRows)).Message);
        Assert.Throws<ArgumentException>(() => RankingQuality.RocAuc(probabilities, labels, [.. weights[..^1], weight]));
    }
}
