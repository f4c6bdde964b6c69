namespace LeadScoring.Ml.Network;

/// <summary>How a network is trained. The defaults are scikit-learn's for its <c>MLPClassifier</c> where both have the setting.</summary>
public sealed record NetworkParameters
{
    /// <summary>Widths of the hidden layers. Default 64, 32, 16; one to eight layers of 1 to 1,024.</summary>
    public IReadOnlyList<int> HiddenLayers { get; init; } = [64, 32, 16];

    /// <summary>Adam's step size. Default 0.001; above 0 and at most 1.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>L2 penalty: a mini-batch's mean loss grows by Alpha * |weights|^2 / (2 * rows in the batch); biases are free. Default 0.0001; from 0 to 1,000.</summary>
    public double Alpha { get; init; } = 1e-4;

    /// <summary>Rows in a mini-batch. Default 200; from 1 to 4,096.</summary>
    public int BatchSize { get; init; } = 200;

    /// <summary>Most passes over the rows. Default 100; from 1 to 10,000.</summary>
    public int MaxEpochs { get; init; } = 100;

    /// <summary>Share of each class held out to decide when to stop. Default 0.1; from 0 (off: the training loss decides) to 0.5.</summary>
    public double HoldOutShare { get; init; } = 0.1;

    /// <summary>Epochs without an improvement of more than <see cref="MinImprovement"/> before training stops. Default 10; from 1 to 10,000.</summary>
    public int Patience { get; init; } = 10;

    /// <summary>Smallest fall of the log loss, in nats a lead, that counts as an improvement. Default 0.0001; from 0 to 1.</summary>
    public double MinImprovement { get; init; } = 1e-4;

    /// <summary>Checks the ranges above.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range; the message names it.</exception>
    public void Validate()
    {
        Require(HiddenLayers is { Count: >= 1 and <= 8 }, nameof(HiddenLayers), "one to eight layers");
        foreach (var width in HiddenLayers)
            Require(width is >= 1 and <= DenseLayer.MaxWidth, nameof(HiddenLayers), "layers of 1 to 1,024");
        Require(LearningRate is > 0 and <= 1, nameof(LearningRate), "above 0 and at most 1");
        Require(Alpha is >= 0 and <= 1000, nameof(Alpha), "from 0 to 1,000");
        Require(BatchSize is >= 1 and <= 4096, nameof(BatchSize), "from 1 to 4,096");
        Require(MaxEpochs is >= 1 and <= 10_000, nameof(MaxEpochs), "from 1 to 10,000");
        Require(HoldOutShare is >= 0 and <= 0.5, nameof(HoldOutShare), "from 0 to 0.5");
        Require(Patience is >= 1 and <= 10_000, nameof(Patience), "from 1 to 10,000");
        Require(MinImprovement is >= 0 and <= 1, nameof(MinImprovement), "from 0 to 1");
    }

    private static void Require(bool holds, string name, string range)
    {
        if (!holds)
            throw new ArgumentOutOfRangeException(name, $"{name} must be {range}.");
    }
}

/// <summary>Where training stands after an epoch.</summary>
/// <param name="Epoch">Passes over the rows so far, from 1.</param>
/// <param name="TrainingLoss">Mean log loss of the epoch's mini-batches, in nats, measured while the weights moved.</param>
/// <param name="HoldOutLoss">Mean log loss on the rows held out, in nats; NaN when none are.</param>
public readonly record struct TrainingEpoch(int Epoch, double TrainingLoss, double HoldOutLoss);
