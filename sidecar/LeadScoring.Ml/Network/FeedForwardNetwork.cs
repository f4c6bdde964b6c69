using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Network;

/// <summary>A trained feed-forward network: hidden layers with ReLU, one sigmoid output.</summary>
/// <remarks>
/// Trained by <see cref="NetworkTrainer"/>. Immutable, so safe to share between threads. Inference is single precision, allocates nothing and
/// gives the same bits on every machine. Its working copy of the weights has rows padded with zeros to whole vectors.
/// </remarks>
public sealed class FeedForwardNetwork
{
    private readonly DenseLayer[] layers;
    private readonly AlignedFloats[] hiddenWeights; // per hidden layer [inputs][padded outputs]
    private readonly AlignedFloats[] hiddenBiases;  // per hidden layer [padded outputs]
    private readonly AlignedFloats outputWeights;   // [padded outputs of the last hidden layer]
    private readonly float outputBias;
    private readonly int widest;

    /// <summary>Restores a network from its layers.</summary>
    /// <param name="layers">From the first hidden layer to the output layer, at least two; the last has one output.</param>
    /// <exception cref="ArgumentException">Fewer than two layers, a layer's inputs are not the outputs of the one before, or the last has several outputs.</exception>
    public FeedForwardNetwork(IReadOnlyList<DenseLayer> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        if (layers.Count < 2)
            throw new ArgumentException("A network needs a hidden layer and an output layer.", nameof(layers));
        for (var i = 1; i < layers.Count; i++)
            if (layers[i].Inputs != layers[i - 1].Outputs)
                throw new ArgumentException($"Layer {i} has {layers[i].Inputs} inputs, layer {i - 1} has {layers[i - 1].Outputs} outputs.", nameof(layers));
        if (layers[^1].Outputs != 1)
            throw new ArgumentException($"The last layer has {layers[^1].Outputs} outputs, not one.", nameof(layers));

        this.layers = [.. layers];
        var hidden = layers.Count - 1;
        hiddenWeights = new AlignedFloats[hidden];
        hiddenBiases = new AlignedFloats[hidden];
        for (var l = 0; l < hidden; l++)
        {
            var width = MatrixKernel.Padded(layers[l].Outputs);
            // Layers after the first read padded activations, which are zero beyond the real ones
            var inputs = l == 0 ? layers[l].Inputs : MatrixKernel.Padded(layers[l].Inputs);
            hiddenWeights[l] = new AlignedFloats(inputs * width);
            for (var i = 0; i < layers[l].Inputs; i++)
                layers[l].Weights.Slice(i * layers[l].Outputs, layers[l].Outputs).CopyTo(hiddenWeights[l].Span[(i * width)..]);
            hiddenBiases[l] = new AlignedFloats(width);
            layers[l].Biases.CopyTo(hiddenBiases[l].Span);
            widest = Math.Max(widest, width);
        }
        outputWeights = new AlignedFloats(MatrixKernel.Padded(layers[^1].Inputs));
        layers[^1].Weights.CopyTo(outputWeights.Span);
        outputBias = layers[^1].Biases[0];
    }

    /// <summary>Number of columns of a row.</summary>
    public int Inputs => layers[0].Inputs;

    /// <summary>The layers, from the first hidden one to the output layer.</summary>
    public IReadOnlyList<DenseLayer> Layers => layers;

    /// <summary>Log-odds of one lead. Allocates nothing.</summary>
    /// <param name="row">Preprocessed features, standardised and finite. Shape (columns,). NaN gives NaN.</param>
    /// <exception cref="ArgumentException">The row has another number of columns.</exception>
    public double Margin(ReadOnlySpan<float> row)
    {
        if (row.Length != Inputs)
            throw new ArgumentException($"The row has {row.Length} columns, the network {Inputs} inputs.", nameof(row));
        return MarginOf(row);
    }

    /// <summary>Probability of conversion of one lead, before calibration: 1 / (1 + exp(-margin)).</summary>
    /// <param name="row">Preprocessed features, standardised and finite. Shape (columns,). NaN gives NaN.</param>
    /// <returns>A value in [0, 1].</returns>
    /// <exception cref="ArgumentException">The row has another number of columns.</exception>
    public double Probability(ReadOnlySpan<float> row) => 1 / (1 + Math.Exp(-Margin(row)));

    /// <summary>Log-odds of many leads, bit-equal to one call of <see cref="Margin"/> for each.</summary>
    /// <param name="rows">Preprocessed features, row after row. Shape (leads, columns).</param>
    /// <param name="margins">Receives the log-odds. Shape (leads,).</param>
    /// <exception cref="ArgumentException">The number of features is not leads times columns.</exception>
    public void Margins(ReadOnlySpan<float> rows, Span<double> margins)
    {
        if (rows.Length != (long)margins.Length * Inputs)
            throw new ArgumentException($"{rows.Length} features for {margins.Length} leads of {Inputs} columns.", nameof(rows));
        var i = Vector512.IsHardwareAccelerated ? MarginsByFour(rows, margins) : 0;
        for (; i < margins.Length; i++)
            margins[i] = MarginOf(rows.Slice(i * Inputs, Inputs));
    }

    /// <summary>The margins of all whole groups of four rows.</summary>
    /// <returns>How many rows that were.</returns>
    [SkipLocalsInit]
    internal unsafe int MarginsByFour(ReadOnlySpan<float> rows, Span<double> margins)
    {
        var current = stackalloc float[BatchKernel.Rows * widest];
        var next = stackalloc float[BatchKernel.Rows * widest];
        var whole = margins.Length - (margins.Length % BatchKernel.Rows);
        fixed (float* first = rows)
        {
            for (var i = 0; i < whole; i += BatchKernel.Rows)
            {
                var (inputs, count, stride) = ((nint)(first + ((nint)i * Inputs)), Inputs, Inputs);
                for (var l = 0; l < hiddenWeights.Length; l++)
                {
                    fixed (float* weights = hiddenWeights[l].Span, biases = hiddenBiases[l].Span)
                        BatchKernel.Layer((float*)inputs, count, stride, weights, biases, hiddenBiases[l].Length, next, widest);
                    (inputs, count, stride) = ((nint)next, hiddenBiases[l].Length, widest);
                    var swapped = current;
                    current = next;
                    next = swapped;
                }

                for (var row = 0; row < BatchKernel.Rows; row++)
                    margins[i + row] = outputBias + RowKernel.Dot(new ReadOnlySpan<float>(current + (row * widest), outputWeights.Length), outputWeights.Span);
            }
        }

        return whole;
    }

    [SkipLocalsInit]
    private double MarginOf(ReadOnlySpan<float> row)
    {
        Span<float> current = stackalloc float[widest];
        Span<float> next = stackalloc float[widest];
        RowKernel.Layer(row, hiddenWeights[0].Span, hiddenBiases[0].Span, current);
        for (var l = 1; l < hiddenWeights.Length; l++)
        {
            RowKernel.Layer(current[..hiddenBiases[l - 1].Length], hiddenWeights[l].Span, hiddenBiases[l].Span, next);
            var swapped = current;
            current = next;
            next = swapped;
        }
        return outputBias + RowKernel.Dot(current[..outputWeights.Length], outputWeights.Span);
    }
}
