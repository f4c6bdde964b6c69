namespace LeadScoring.Ml.Network;

/// <summary>The numbers of one fully connected layer: output_j = bias_j + sum over i of input_i * weight_ij.</summary>
public sealed class DenseLayer
{
    private readonly float[] weights;
    private readonly float[] biases;

    /// <summary>Most inputs or outputs of one layer that is not the first: inference keeps activations on the stack.</summary>
    public const int MaxWidth = 1024;

    /// <summary>Copies the numbers of a layer.</summary>
    /// <param name="weights">Finite, input-major: weight_ij at i * outputs + j. Shape (inputs, outputs).</param>
    /// <param name="biases">Finite. Shape (outputs,), 1 to <see cref="MaxWidth"/>.</param>
    /// <exception cref="ArgumentException">No inputs or outputs, too many outputs, the lengths do not fit, or a number is NaN or infinite.</exception>
    public DenseLayer(ReadOnlySpan<float> weights, ReadOnlySpan<float> biases)
    {
        if (biases.Length is < 1 or > MaxWidth)
            throw new ArgumentException($"A layer has {biases.Length} outputs; it must have 1 to {MaxWidth}.", nameof(biases));
        if (weights.IsEmpty || weights.Length % biases.Length != 0)
            throw new ArgumentException($"{weights.Length} weights for {biases.Length} outputs.", nameof(weights));
        foreach (var weight in weights)
            if (!float.IsFinite(weight))
                throw new ArgumentException("A weight is NaN or infinite.", nameof(weights));
        foreach (var bias in biases)
            if (!float.IsFinite(bias))
                throw new ArgumentException("A bias is NaN or infinite.", nameof(biases));
        this.weights = weights.ToArray();
        this.biases = biases.ToArray();
    }

    /// <summary>Number of inputs.</summary>
    public int Inputs => weights.Length / biases.Length;

    /// <summary>Number of outputs.</summary>
    public int Outputs => biases.Length;

    /// <summary>Input-major weights. Shape (inputs, outputs).</summary>
    public ReadOnlySpan<float> Weights => weights;

    /// <summary>Biases. Shape (outputs,).</summary>
    public ReadOnlySpan<float> Biases => biases;
}
