using LeadScoring.Ml.Network;

namespace LeadScoring.Ml.Explanation;

/// <summary>Contributions of the network's inputs to its margin: the stated approximation of the product.</summary>
/// <remarks>
/// DeepLIFT's rescale rule (Shrikumar, Greenside and Kundaje 2017, "Learning Important Features Through Propagating Activation Differences",
/// section 3.5.1): each ReLU passes the slope between its value for the baseline and its value for the lead. One forward and one backward pass;
/// the contributions sum to margin minus baseline margin, but they are not exact Shapley values where inputs interact.
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
        var values = new double[layers.Count][];
        var bases = new double[layers.Count][];
        for (var l = 0; l < layers.Count; l++)
        {
            values[l] = l == 0 ? Affine(layers[0], ToDouble(row)) : Affine(layers[l], Relu(values[l - 1]));
            bases[l] = l == 0 ? Affine(layers[0], ToDouble(baseline)) : Affine(layers[l], Relu(bases[l - 1]));
        }

        double[] multipliers = [1];
        for (var l = layers.Count - 1; l >= 0; l--)
        {
            multipliers = Back(layers[l], multipliers);
            if (l > 0) Rescale(multipliers, values[l - 1], bases[l - 1]);
        }

        for (var i = 0; i < phi.Length; i++) phi[i] = multipliers[i] * (row[i] - baseline[i]);
        return bases[^1][0];
    }

    private static double[] Affine(DenseLayer layer, double[] input)
    {
        var output = new double[layer.Outputs];
        for (var o = 0; o < output.Length; o++) output[o] = layer.Biases[o];
        for (var i = 0; i < input.Length; i++)
        {
            if (input[i] == 0) continue;
            for (var o = 0; o < output.Length; o++) output[o] += input[i] * layer.Weights[(i * output.Length) + o];
        }

        return output;
    }

    private static double[] Back(DenseLayer layer, double[] multipliers)
    {
        var result = new double[layer.Inputs];
        for (var i = 0; i < result.Length; i++)
        {
            for (var o = 0; o < multipliers.Length; o++) result[i] += layer.Weights[(i * multipliers.Length) + o] * multipliers[o];
        }

        return result;
    }

    private static void Rescale(double[] multipliers, double[] value, double[] baseline)
    {
        for (var i = 0; i < multipliers.Length; i++)
        {
            var delta = value[i] - baseline[i];
            // Too small a difference to divide by: the derivative instead.
            multipliers[i] *= Math.Abs(delta) > 1e-9 ? (Math.Max(0, value[i]) - Math.Max(0, baseline[i])) / delta : value[i] > 0 ? 1 : 0;
        }
    }

    private static double[] Relu(double[] values) => Array.ConvertAll(values, v => Math.Max(0, v));

    private static double[] ToDouble(ReadOnlySpan<float> row)
    {
        var result = new double[row.Length];
        for (var i = 0; i < result.Length; i++) result[i] = row[i];
        return result;
    }
}
