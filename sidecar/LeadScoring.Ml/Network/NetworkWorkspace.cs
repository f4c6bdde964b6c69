using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace LeadScoring.Ml.Network;

/// <summary>Weights in training, and forward and backward passes over a mini-batch. All widths are padded to whole vectors; the padding stays zero.</summary>
/// <remarks>Source: Goodfellow, Bengio and Courville (2016), "Deep Learning", algorithms 6.3 and 6.4, for a batch of rows at once.</remarks>
internal sealed class NetworkWorkspace
{
    private readonly int[] widths; // inputs, hidden layers, output
    private readonly int[] padded;
    private readonly int[] weightAt;
    private readonly int[] biasAt;
    private readonly float[][] activations; // [rows][padded width], [0] = the batch itself, last = margins
    private readonly float[][] deltas;      // derivative of the loss by each layer's sums before ReLU
    private readonly float[] transposed;

    internal NetworkWorkspace(int inputs, IReadOnlyList<int> hiddenLayers, int batchSize)
    {
        widths = [inputs, .. hiddenLayers, 1];
        padded = Array.ConvertAll(widths, MatrixKernel.Padded);
        weightAt = new int[Layers];
        biasAt = new int[Layers];
        var total = 0;
        for (var l = 0; l < Layers; l++)
        {
            weightAt[l] = total;
            biasAt[l] = total + padded[l] * padded[l + 1];
            total = biasAt[l] + padded[l + 1];
        }
        Parameters = new float[total];
        Gradient = new float[total];
        var rows = PaddedRows(batchSize);
        activations = Array.ConvertAll(padded, width => new float[rows * width]);
        deltas = Array.ConvertAll(padded, width => new float[rows * width]);
        transposed = new float[total];
    }

    /// <summary>Weights and biases of all layers: [padded inputs][padded outputs], then [padded outputs], layer after layer.</summary>
    internal float[] Parameters { get; }

    /// <summary>The loss's derivative by each parameter, laid out as <see cref="Parameters"/>.</summary>
    internal float[] Gradient { get; }

    private int Layers => widths.Length - 1;

    /// <summary>Sets weights to He's uniform start, U(-sqrt(6 / inputs), sqrt(6 / inputs)), biases to 0, and the output's bias to the given log-odds.</summary>
    /// <remarks>He, Zhang, Ren and Sun (2015), "Delving Deep into Rectifiers", section 2.2. The output starts at the base rate, so no epoch is lost finding it.</remarks>
    internal void Initialize(SeededRandom random, double baseLogOdds)
    {
        Array.Clear(Parameters);
        for (var l = 0; l < Layers; l++)
        {
            var limit = MathF.Sqrt(6f / widths[l]);
            for (var i = 0; i < widths[l]; i++)
                for (var j = 0; j < widths[l + 1]; j++)
                    Parameters[weightAt[l] + i * padded[l + 1] + j] = random.NextSymmetric(limit);
        }
        Parameters[biasAt[^1]] = (float)baseLogOdds;
    }

    /// <summary>Puts a lead into a row of the batch.</summary>
    internal void Load(int row, ReadOnlySpan<float> features) => features.CopyTo(activations[0].AsSpan(row * padded[0]));

    /// <summary>Computes the margins of the first rows of the batch.</summary>
    internal void Forward(int rows)
    {
        var m = PaddedRows(rows);
        activations[0].AsSpan(rows * padded[0], (m - rows) * padded[0]).Clear();
        for (var l = 0; l < Layers; l++)
            MatrixKernel.Multiply(
                activations[l], padded[l], transposedA: false,
                Parameters.AsSpan(weightAt[l], padded[l] * padded[l + 1]), Parameters.AsSpan(biasAt[l], padded[l + 1]),
                activations[l + 1], m, padded[l + 1], padded[l], relu: l < Layers - 1);
    }

    /// <summary>The log-odds of a row after <see cref="Forward"/>.</summary>
    internal float Margin(int row) => activations[^1][row * padded[^1]];

    /// <summary>Fills <see cref="Gradient"/> from each row's derivative of the loss by its margin, after <see cref="Forward"/>.</summary>
    /// <param name="marginDerivatives">Shape (rows,).</param>
    internal void Backward(ReadOnlySpan<float> marginDerivatives)
    {
        var rows = marginDerivatives.Length;
        var m = PaddedRows(rows);
        var last = deltas[^1];
        last.AsSpan(0, m * padded[^1]).Clear();
        for (var i = 0; i < rows; i++)
            last[i * padded[^1]] = marginDerivatives[i];

        for (var l = Layers - 1; l >= 0; l--)
        {
            var (width, outputs) = (padded[l], padded[l + 1]);
            MatrixKernel.Multiply(
                activations[l], width, transposedA: true, deltas[l + 1], default, Gradient.AsSpan(weightAt[l]), width, outputs, m, relu: false);
            SumRows(deltas[l + 1], m, outputs, Gradient.AsSpan(biasAt[l], outputs));
            if (l == 0) break;
            MatrixKernel.Transpose(Parameters.AsSpan(weightAt[l]), width, outputs, transposed);
            MatrixKernel.Multiply(deltas[l + 1], outputs, transposedA: false, transposed, default, deltas[l], m, width, outputs, relu: false);
            KeepWhereActive(deltas[l].AsSpan(0, m * width), activations[l]);
        }
    }

    /// <summary>Adds strength * weight to the gradient of every weight; biases are not penalised.</summary>
    internal void AddPenalty(float strength)
    {
        for (var l = 0; l < Layers; l++)
        {
            var length = padded[l] * padded[l + 1];
            var gradient = Gradient.AsSpan(weightAt[l], length);
            var weights = Parameters.AsSpan(weightAt[l], length);
            for (var i = 0; i < length; i += MatrixKernel.Lanes)
                Vector256.FusedMultiplyAdd(Vector256.Create(strength), Vector256.Create(weights.Slice(i, 8)), Vector256.Create(gradient.Slice(i, 8)))
                    .CopyTo(gradient[i..]);
        }
    }

    /// <summary>The network as it stands, without padding.</summary>
    internal FeedForwardNetwork ToNetwork(ReadOnlySpan<float> parameters)
    {
        var layers = new DenseLayer[Layers];
        for (var l = 0; l < Layers; l++)
        {
            var weights = new float[widths[l] * widths[l + 1]];
            for (var i = 0; i < widths[l]; i++)
                parameters.Slice(weightAt[l] + i * padded[l + 1], widths[l + 1]).CopyTo(weights.AsSpan(i * widths[l + 1]));
            layers[l] = new DenseLayer(weights, parameters.Slice(biasAt[l], widths[l + 1]));
        }
        return new FeedForwardNetwork(layers);
    }

    private static int PaddedRows(int rows) => (rows + 3) / 4 * 4;

    private static void SumRows(ReadOnlySpan<float> matrix, int rows, int columns, Span<float> sums)
    {
        ref var source = ref MemoryMarshal.GetReference(matrix);
        for (var j = 0; j < columns; j += MatrixKernel.Lanes)
        {
            var sum = Vector256<float>.Zero;
            for (var i = 0; i < rows; i++)
                sum += Vector256.LoadUnsafe(ref source, (nuint)(i * columns + j));
            sum.CopyTo(sums[j..]);
        }
    }

    // The derivative of ReLU is 1 above 0 and taken as 0 at 0.
    private static void KeepWhereActive(Span<float> delta, ReadOnlySpan<float> activation)
    {
        ref var d = ref MemoryMarshal.GetReference(delta);
        ref var a = ref MemoryMarshal.GetReference(activation);
        for (nuint i = 0; i < (nuint)delta.Length; i += MatrixKernel.Lanes)
        {
            var active = Vector256.GreaterThan(Vector256.LoadUnsafe(ref a, i), Vector256<float>.Zero);
            (Vector256.LoadUnsafe(ref d, i) & active).StoreUnsafe(ref d, i);
        }
    }
}
