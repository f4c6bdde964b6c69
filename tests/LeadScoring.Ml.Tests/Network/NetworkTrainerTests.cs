using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;

namespace LeadScoring.Ml.Tests.Network;

public sealed class NetworkTrainerTests
{
    private static (float[] Rows, float[] Labels) Xor(int leads, int seed)
    {
        var random = new Random(seed);
        var rows = Enumerable.Range(0, leads * 3).Select(_ => (float)(random.NextDouble() * 2 - 1)).ToArray();
        var labels = new float[leads];
        for (var i = 0; i < leads; i++)
            labels[i] = random.NextDouble() < (rows[i * 3] * rows[i * 3 + 1] > 0 ? 0.95 : 0.05) ? 1 : 0;
        return (rows, labels);
    }

    [Fact]
    public void Train_ExclusiveOr_BeatsRegression()
    {
        var (rows, labels) = Xor(3000, 1);
        var (testRows, testLabels) = Xor(2000, 2);
        var network = NetworkTrainer.Train(rows, 3, labels, seed: 5);
        var regression = LogisticRegressionTrainer.Train(rows, 3, labels);
        var margins = new double[2000];
        network.Margins(testRows, margins);
        var networkAuc = RankingQuality.RocAuc(margins, testLabels);
        regression.Margins(testRows, margins);
        Assert.True(networkAuc > 0.92, $"network {networkAuc}");
        Assert.True(RankingQuality.RocAuc(margins, testLabels) < 0.6);
    }

    [Fact]
    public void Train_SameSeed_SameBitsAndOtherSeedOthers()
    {
        var (rows, labels) = Xor(777, 3);
        var parameters = new NetworkParameters { MaxEpochs = 4 };
        var first = NetworkTrainer.Train(rows, 3, labels, seed: -8, parameters: parameters);
        var second = NetworkTrainer.Train(rows, 3, labels, seed: -8, parameters: parameters);
        var other = NetworkTrainer.Train(rows, 3, labels, seed: 9, parameters: parameters);
        for (var l = 0; l < first.Layers.Count; l++)
        {
            Assert.Equal(first.Layers[l].Weights.ToArray(), second.Layers[l].Weights.ToArray());
            Assert.Equal(first.Layers[l].Biases.ToArray(), second.Layers[l].Biases.ToArray());
            Assert.NotEqual(first.Layers[l].Weights.ToArray(), other.Layers[l].Weights.ToArray());
        }
    }

    [Fact]
    public void Train_Stops_KeepsTheBestEpoch()
    {
        var (rows, labels) = Xor(400, 4);
        var losses = new List<double>();
        var parameters = new NetworkParameters { LearningRate = 0.05, Patience = 5, MaxEpochs = 500, HoldOutShare = 0.3 };
        var full = NetworkTrainer.Train(rows, 3, labels, 1, default, parameters, e => { losses.Add(e.HoldOutLoss); return true; });
        var bestEpoch = losses.IndexOf(losses.Min()) + 1;
        Assert.InRange(losses.Count, bestEpoch + 1, 499);
        var again = NetworkTrainer.Train(rows, 3, labels, 1, default, parameters, e => e.Epoch < bestEpoch);
        Assert.Equal(again.Margin(rows.AsSpan(0, 3)), full.Margin(rows.AsSpan(0, 3)));
    }

    [Fact]
    public void Train_FewLeads_TrainingLossDecides()
    {
        var epochs = new List<TrainingEpoch>();
        NetworkTrainer.Train([1, -1, 2, -2, 3], 1, [1, 0, 1, 0, 1], 1, onEpoch: e => { epochs.Add(e); return e.Epoch < 3; });
        Assert.Equal([1, 2, 3], epochs.Select(e => e.Epoch));
        Assert.All(epochs, e => Assert.True(double.IsNaN(e.HoldOutLoss) && e.TrainingLoss > 0));
    }

    [Fact]
    public void Train_RareConversions_StartsAtTheBaseRate()
    {
        var random = new Random(1);
        var labels = Enumerable.Range(0, 5000).Select(i => i % 50 == 0 ? 1f : 0f).ToArray();
        var rows = labels.Select(_ => (float)random.NextDouble()).ToArray();
        var losses = new List<double>();
        NetworkTrainer.Train(rows, 1, labels, 1, parameters: new() { MaxEpochs = 1 }, onEpoch: e => { losses.Add(e.TrainingLoss); return true; });
        Assert.InRange(losses[0], 0.09, 0.16); // entropy of 2 % is 0.098; a start at 50 % would cost 0.69
    }

    [Fact]
    public void Train_ZeroWeights_AreAsAbsent()
    {
        var (rows, labels) = Xor(600, 6);
        var parameters = new NetworkParameters { MaxEpochs = 3 };
        var weights = Enumerable.Range(0, 600).Select(i => i < 400 ? 1f : 0f).ToArray();
        var weighted = NetworkTrainer.Train(rows, 3, labels, 2, weights, parameters);
        var absent = NetworkTrainer.Train(rows.AsSpan(0, 1200), 3, labels.AsSpan(0, 400), 2, default, parameters);
        Assert.Equal(absent.Margin([0.3f, 0.2f, 0.1f]), weighted.Margin([0.3f, 0.2f, 0.1f]), 1e-3);
    }

    [Fact]
    public void Train_ConstantColumnsAndTinyBatch_IsFinite()
    {
        var rows = Enumerable.Range(0, 60).SelectMany(i => new[] { 0f, 5f, i % 2 }).ToArray();
        var labels = Enumerable.Range(0, 60).Select(i => (float)(i % 2)).ToArray();
        var network = NetworkTrainer.Train(rows, 3, labels, 1, parameters: new() { BatchSize = 1, HiddenLayers = [3, 9, 17, 1], MaxEpochs = 20 });
        Assert.True(double.IsFinite(network.Margin([0, 5, 1])));
    }

    [Fact]
    public void Train_FeaturesTooLarge_ThrowsArithmeticException() =>
        Assert.Throws<ArithmeticException>(() => NetworkTrainer.Train([3e38f, -3e38f, 3e38f, -3e38f], 2, [0, 1], 1));

    [Fact]
    public void Train_BadInput_Throws()
    {
        Assert.Throws<ArgumentException>(() => NetworkTrainer.Train([], 1, [], 1));
        Assert.Throws<ArgumentException>(() => NetworkTrainer.Train([1, 2], 0, [0, 1], 1));
        Assert.Throws<ArgumentException>(() => NetworkTrainer.Train([1, 2, 3], 1, [0, 1], 1));
        Assert.Throws<ArgumentException>(() => NetworkTrainer.Train([1, 2], 1, [1, 1], 1));
        Assert.Throws<ArgumentException>(() => NetworkTrainer.Train([1, 2], 1, [0, 1], 1, [1, 0]));
        Assert.Throws<ArgumentException>(() => NetworkTrainer.Train([1, 2], 1, [0, 1], 1, [1]));
        Assert.Throws<ArgumentException>(() => NetworkTrainer.Train([1, 2], 1, [0, 1], 1, [1, -1]));
        Assert.Throws<ArgumentException>(() => NetworkTrainer.Train([1, 2], 1, [0, 7], 1));
        var ex = Assert.Throws<ArgumentException>(() => NetworkTrainer.Train([1, 2, 3, float.PositiveInfinity], 2, [0, 1], 1));
        Assert.Contains("Lead 1, column 1", ex.Message);
    }

    [Fact]
    public void Train_Cancelled_Throws() =>
        Assert.Throws<OperationCanceledException>(
            () => NetworkTrainer.Train([1, 2], 1, [0, 1], 1, cancellationToken: new CancellationToken(canceled: true)));

    [Fact]
    public void Validate_OutOfRange_Throws()
    {
        NetworkParameters[] bad =
        [
            new() { HiddenLayers = [] }, new() { HiddenLayers = [0] }, new() { HiddenLayers = [1025] }, new() { LearningRate = 0 },
            new() { LearningRate = double.NaN }, new() { Alpha = -1 }, new() { BatchSize = 0 }, new() { BatchSize = 5000 }, new() { MaxEpochs = 0 },
            new() { HoldOutShare = 0.6 }, new() { Patience = 0 }, new() { MinImprovement = -1 },
        ];
        new NetworkParameters().Validate();
        Assert.All(bad, p => Assert.Throws<ArgumentOutOfRangeException>(p.Validate));
    }
}
