using LeadScoring.Ml.Network;

namespace LeadScoring.Ml.Tests.Network;

public sealed class NetworkWorkspaceTests
{
    /// <summary>Mean log loss of the network that the workspace holds, in doubles, by plain loops over its parameter layout.</summary>
    private static double Loss(ReadOnlySpan<double> parameters, int[] widths, float[][] rows, float[] labels)
    {
        double loss = 0;
        for (var r = 0; r < rows.Length; r++)
        {
            var current = Array.ConvertAll(rows[r], x => (double)x);
            var at = 0;
            for (var l = 0; l + 1 < widths.Length; l++)
            {
                var (inputs, outputs) = (MatrixKernel.Padded(widths[l]), MatrixKernel.Padded(widths[l + 1]));
                var next = new double[widths[l + 1]];
                for (var j = 0; j < next.Length; j++)
                {
                    next[j] = parameters[at + inputs * outputs + j];
                    for (var i = 0; i < widths[l]; i++)
                        next[j] += current[i] * parameters[at + i * outputs + j];
                    if (l + 2 < widths.Length)
                        next[j] = Math.Max(next[j], 0);
                }
                at += inputs * outputs + outputs;
                current = next;
            }
            loss += Math.Log(1 + Math.Exp(labels[r] == 1 ? -current[0] : current[0]));
        }
        return loss / rows.Length;
    }

    [Theory]
    [InlineData(new[] { 5, 7, 4, 1 }, 9)]
    [InlineData(new[] { 11, 24, 17, 9, 1 }, 13)]
    [InlineData(new[] { 1, 1, 1 }, 1)]
    public void Backward_EveryParameter_EqualsNumericDerivative(int[] widths, int leads)
    {
        var random = new Random(12);
        var workspace = new NetworkWorkspace(widths[0], widths[1..^1], batchSize: 16);
        workspace.Initialize(new SeededRandom(3), 0.3);
        var rows = Enumerable.Range(0, leads).Select(_ => Enumerable.Range(0, widths[0]).Select(_ => (float)random.NextDouble() * 2 - 1).ToArray()).ToArray();
        var labels = Enumerable.Range(0, leads).Select(_ => (float)random.Next(2)).ToArray();
        for (var i = 0; i < 16; i++)
            workspace.Load(i, Enumerable.Repeat(99f, widths[0]).ToArray()); // what an earlier, larger batch left behind
        for (var i = 0; i < leads; i++)
            workspace.Load(i, rows[i]);

        workspace.Forward(leads);
        var derivatives = new float[leads];
        for (var i = 0; i < leads; i++)
            derivatives[i] = (1 / (1 + MathF.Exp(-workspace.Margin(i))) - labels[i]) / leads;
        workspace.Backward(derivatives);

        var parameters = Array.ConvertAll(workspace.Parameters, p => (double)p);
        for (var k = 0; k < parameters.Length; k++)
        {
            const double step = 1e-6;
            var kept = parameters[k];
            parameters[k] = kept + step;
            var above = Loss(parameters, widths, rows, labels);
            parameters[k] = kept - step;
            var below = Loss(parameters, widths, rows, labels);
            parameters[k] = kept;
            Assert.Equal((above - below) / (2 * step), workspace.Gradient[k], 2e-6);
        }
    }

    [Fact]
    public void AddPenalty_Weights_NotBiases()
    {
        var workspace = new NetworkWorkspace(2, [3], batchSize: 4);
        workspace.Initialize(new SeededRandom(1), 0.7);
        workspace.AddPenalty(2);
        var network = workspace.ToNetwork(workspace.Parameters);
        var gradient = workspace.ToNetwork(workspace.Gradient);
        Assert.Equal(network.Layers[0].Weights.ToArray().Select(w => 2 * w), gradient.Layers[0].Weights.ToArray());
        Assert.Equal(0, gradient.Layers[1].Biases[0]);
        Assert.Equal(0.7f, network.Layers[1].Biases[0]);
    }

    [Fact]
    public void Margin_AfterForward_EqualsInference()
    {
        var workspace = new NetworkWorkspace(6, [64, 32, 16], batchSize: 5);
        workspace.Initialize(new SeededRandom(2), -1);
        var random = new Random(1);
        var rows = Enumerable.Range(0, 5).Select(_ => Enumerable.Range(0, 6).Select(_ => (float)random.NextDouble()).ToArray()).ToArray();
        for (var i = 0; i < 5; i++)
            workspace.Load(i, rows[i]);
        workspace.Forward(5);
        var network = workspace.ToNetwork(workspace.Parameters);
        for (var i = 0; i < 5; i++)
            Assert.Equal(network.Margin(rows[i]), workspace.Margin(i), 1e-5);
    }

    [Fact]
    public void Adam_FirstStep_IsTheLearningRateAgainstTheSign()
    {
        var optimizer = new AdamOptimizer(8, 0.01);
        float[] values = [1, 1, 1, 1, 1, 1, 1, 1];
        optimizer.Step(values, [1, -1, 100, -0.001f, 0, 5, -5, 2]);
        float[] expected = [0.99f, 1.01f, 0.99f, 1.01f, 1, 0.99f, 1.01f, 0.99f];
        for (var i = 0; i < 8; i++)
            Assert.Equal(expected[i], values[i], 1e-5f);
    }

    [Fact]
    public void Adam_ThreeSteps_FollowThePaper()
    {
        var optimizer = new AdamOptimizer(8, 0.1);
        var values = new float[8];
        double m = 0, v = 0, w = 0;
        double[] gradients = [0.5, -0.2, 0.9];
        for (var t = 1; t <= 3; t++)
        {
            optimizer.Step(values, Enumerable.Repeat((float)gradients[t - 1], 8).ToArray());
            m = 0.9 * m + 0.1 * gradients[t - 1];
            v = 0.999 * v + 0.001 * gradients[t - 1] * gradients[t - 1];
            w -= 0.1 * m / (1 - Math.Pow(0.9, t)) / (Math.Sqrt(v / (1 - Math.Pow(0.999, t))) + 1e-8);
            Assert.Equal(w, values[3], 1e-5);
        }
    }
}
