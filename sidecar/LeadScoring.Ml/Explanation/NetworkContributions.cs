using System.Buffers;
using LeadScoring.Ml.Network;

namespace LeadScoring.Ml.Explanation;

/// <summary>Contributions of the network's inputs to its margin: the stated approximation of the product.</summary>
/// <remarks>
/// DeepLIFT's rescale rule (Shrikumar, Greenside and Kundaje 2017, "Learning Important Features Through Propagating Activation Differences",
/// section 3.5.1): each ReLU passes the slope between its value for the baseline and its value for the lead. One forward and one backward pass;
/// the contributions sum to margin minus baseline margin, but they are not exact Shapley values where inputs interact. Buffers are pooled.
/// </remarks>
internal static class NetworkContributions
{
    /// <param name="network">The network.</param>
    /// <param name="row">Dense row of the lead.</param>
    /// <param name="baseline">Dense row that contributions are measured from.</param>
    /// <param name="phi">Receives one contribution in log-odds an input.</param>
    /// <returns>Margin of the baseline.</returns>
    internal static double Of(FeedForwardNetwork network, ReadOnlySpan<float> row, ReadOnlySpan<float> baseline, Span<double> phi)
    {
        var layers = network.Layers;
        int units = 0, widest = row.Length;
        for (var l = 0; l < layers.Count; l++) (units, widest) = (units + layers[l].Outputs, Math.Max(widest, layers[l].Outputs));
        var rented = ArrayPool<double>.Shared.Rent((2 * units) + (2 * widest));
        var values = rented.AsSpan(0, units);
        var bases = rented.AsSpan(units, units);
        var upper = rented.AsSpan(2 * units, widest);
        var lower = rented.AsSpan((2 * units) + widest, widest);
        Forward(layers, row, values, lower);
        Forward(layers, baseline, bases, lower);
        var baseMargin = bases[^1];

        upper[0] = 1;
        var end = units;
        for (var l = layers.Count - 1; l >= 0; l--)
        {
            end -= layers[l].Outputs;
            Back(layers[l], upper, lower);
            if (l > 0) Rescale(lower, values.Slice(end - layers[l].Inputs, layers[l].Inputs), bases.Slice(end - layers[l].Inputs, layers[l].Inputs));
            var swap = upper;
            upper = lower;
            lower = swap;
        }

        for (var i = 0; i < phi.Length; i++) phi[i] = upper[i] * (row[i] - baseline[i]);
        ArrayPool<double>.Shared.Return(rented);
        return baseMargin;
    }

    /// <summary>Values of all units before their ReLU, layer after layer.</summary>
    private static void Forward(IReadOnlyList<DenseLayer> layers, ReadOnlySpan<float> row, Span<double> values, Span<double> input)
    {
        for (var i = 0; i < row.Length; i++) input[i] = row[i];
        var start = 0;
        for (var l = 0; l < layers.Count; l++)
        {
            var layer = layers[l];
            var output = values.Slice(start, layer.Outputs);
            Affine(layer, input[..layer.Inputs], output);
            for (var o = 0; o < output.Length; o++) input[o] = Math.Max(0, output[o]);
            start += layer.Outputs;
        }
    }

    private static void Affine(DenseLayer layer, ReadOnlySpan<double> input, Span<double> output)
    {
        var weights = layer.Weights;
        for (var o = 0; o < output.Length; o++) output[o] = layer.Biases[o];
        for (var i = 0; i < input.Length; i++)
        {
            if (input[i] == 0) continue;
            for (var o = 0; o < output.Length; o++) output[o] += input[i] * weights[(i * output.Length) + o];
        }
    }

    private static void Back(DenseLayer layer, ReadOnlySpan<double> multipliers, Span<double> result)
    {
        var weights = layer.Weights;
        for (var i = 0; i < layer.Inputs; i++)
        {
            var sum = 0.0;
            for (var o = 0; o < layer.Outputs; o++) sum += weights[(i * layer.Outputs) + o] * multipliers[o];
            result[i] = sum;
        }
    }

    private static void Rescale(Span<double> multipliers, ReadOnlySpan<double> value, ReadOnlySpan<double> baseline)
    {
        for (var i = 0; i < value.Length; i++)
        {
            var delta = value[i] - baseline[i];
            // Too small a difference to divide by: the derivative instead.
            multipliers[i] *= Math.Abs(delta) > 1e-9 ? (Math.Max(0, value[i]) - Math.Max(0, baseline[i])) / delta : value[i] > 0 ? 1 : 0;
        }
    }
}
