namespace LeadScoring.Ml.Network;

/// <summary>Trains a <see cref="FeedForwardNetwork"/> on the log loss with Adam and early stopping.</summary>
/// <remarks>
/// One thread, every sum in a fixed order, its own random numbers: the same rows, parameters and seed give the same bits. (Across operating systems
/// the last bit of the mathematical library's exp and log may differ; across vector widths nothing does.)
/// The weights returned are those of the epoch with the lowest log loss on the rows held out, which are drawn from each class separately.
/// </remarks>
public static class NetworkTrainer
{
    /// <summary>Below this many held-out leads of either class, none are held out and the training loss decides when to stop.</summary>
    public const int FewestHeldOut = 2;

    /// <summary>Trains the network.</summary>
    /// <param name="rows">Preprocessed features, standardised and finite. Row after row. Shape (leads, columns).</param>
    /// <param name="columns">Number of columns, at least 1.</param>
    /// <param name="labels">1 = converted, 0 = not. Shape (leads,). Both classes must occur.</param>
    /// <param name="seed">Decides the first weights, the rows held out and the order of the rows.</param>
    /// <param name="weights">Finite and at least 0; only their ratios matter. Shape (leads,), or empty for all 1.</param>
    /// <param name="parameters">Layers, step size and limits; null for the defaults.</param>
    /// <param name="onEpoch">Called after each epoch; returning false stops training and keeps the best weights so far.</param>
    /// <param name="cancellationToken">Looked at before each mini-batch.</param>
    /// <exception cref="ArgumentException">
    /// Lengths do not fit, a feature is NaN or infinite, a label is neither 0 nor 1, a weight is negative, NaN or infinite,
    /// or one class has no lead of positive weight.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is out of range.</exception>
    /// <exception cref="ArithmeticException">The weights became infinite in the first epoch: the features are not standardised, or the learning rate is too high.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static FeedForwardNetwork Train(
        ReadOnlySpan<float> rows, int columns, ReadOnlySpan<float> labels, int seed, ReadOnlySpan<float> weights = default,
        NetworkParameters? parameters = null, Func<TrainingEpoch, bool>? onEpoch = null, CancellationToken cancellationToken = default)
    {
        parameters ??= new NetworkParameters();
        parameters.Validate();
        var (positive, total) = Validate(rows, columns, labels, weights);
        var data = new TrainingRows(rows, columns, labels, weights, (float)(labels.Length / total));

        var random = new SeededRandom(seed);
        var (training, heldOut) = Split(data, parameters.HoldOutShare, random);
        var workspace = new NetworkWorkspace(columns, parameters.HiddenLayers, parameters.BatchSize);
        workspace.Initialize(random, Math.Log(positive / (total - positive)));
        var optimizer = new AdamOptimizer(workspace.Parameters.Length, parameters.LearningRate);

        float[]? best = null;
        double lowest = double.PositiveInfinity, mark = double.PositiveInfinity;
        for (int epoch = 1, waited = 0; epoch <= parameters.MaxEpochs && waited < parameters.Patience; epoch++)
        {
            random.Shuffle(training);
            var trainingLoss = RunEpoch(data, training, workspace, optimizer, parameters, cancellationToken);
            var heldOutLoss = heldOut.Length == 0 ? double.NaN : MeanLoss(data, heldOut, workspace, parameters.BatchSize);
            var deciding = heldOut.Length == 0 ? trainingLoss : heldOutLoss;
            if (!double.IsFinite(deciding) || !AllFinite(workspace.Parameters))
                break;
            if (deciding < lowest)
            {
                lowest = deciding;
                best = workspace.Parameters.AsSpan().ToArray();
            }
            waited = deciding < mark - parameters.MinImprovement ? 0 : waited + 1;
            if (waited == 0)
                mark = deciding;
            if (onEpoch is not null && !onEpoch(new TrainingEpoch(epoch, trainingLoss, heldOutLoss)))
                break;
        }
        return best is not null
            ? workspace.ToNetwork(best)
            : throw new ArithmeticException("The network's weights became infinite in the first epoch; standardise the features or lower the learning rate.");
    }

    private static double RunEpoch(
        TrainingRows data, int[] order, NetworkWorkspace workspace, AdamOptimizer optimizer, NetworkParameters parameters, CancellationToken cancellationToken)
    {
        Span<float> derivatives = new float[parameters.BatchSize];
        double loss = 0, weight = 0;
        for (var start = 0; start < order.Length; start += parameters.BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var batch = order.AsSpan(start, Math.Min(parameters.BatchSize, order.Length - start));
            LoadAndRun(data, batch, workspace);
            for (var i = 0; i < batch.Length; i++)
            {
                var margin = workspace.Margin(i);
                var w = data.Weight(batch[i]);
                loss += w * LogLoss(margin, data.Labels[batch[i]]);
                weight += w;
                derivatives[i] = w * (1f / (1f + MathF.Exp(-margin)) - data.Labels[batch[i]]) / batch.Length;
            }
            workspace.Backward(derivatives[..batch.Length]);
            workspace.AddPenalty((float)(parameters.Alpha / batch.Length));
            optimizer.Step(workspace.Parameters, workspace.Gradient);
        }
        return loss / weight;
    }

    private static double MeanLoss(TrainingRows data, int[] leads, NetworkWorkspace workspace, int batchSize)
    {
        double loss = 0, weight = 0;
        for (var start = 0; start < leads.Length; start += batchSize)
        {
            var batch = leads.AsSpan(start, Math.Min(batchSize, leads.Length - start));
            LoadAndRun(data, batch, workspace);
            for (var i = 0; i < batch.Length; i++)
            {
                var w = data.Weight(batch[i]);
                loss += w * LogLoss(workspace.Margin(i), data.Labels[batch[i]]);
                weight += w;
            }
        }
        return loss / weight;
    }

    private static void LoadAndRun(TrainingRows data, ReadOnlySpan<int> batch, NetworkWorkspace workspace)
    {
        for (var i = 0; i < batch.Length; i++)
            workspace.Load(i, data.Rows.Slice(batch[i] * data.Columns, data.Columns));
        workspace.Forward(batch.Length);
    }

    // ln(1 + exp(-z)), z = margin towards the label, without overflow
    private static double LogLoss(double margin, float label)
    {
        var towards = label == 1f ? margin : -margin;
        return Math.Max(-towards, 0) + Math.Log(1 + Math.Exp(-Math.Abs(towards)));
    }

    private static (int[] Training, int[] HeldOut) Split(TrainingRows data, double share, SeededRandom random)
    {
        // Leads of weight 0 teach and judge nothing
        var positives = new List<int>();
        var negatives = new List<int>();
        for (var i = 0; i < data.Labels.Length; i++)
            if (data.Weight(i) > 0)
                (data.Labels[i] == 1f ? positives : negatives).Add(i);
        var (heldPositives, heldNegatives) = ((int)Math.Round(positives.Count * share), (int)Math.Round(negatives.Count * share));
        if (Math.Min(heldPositives, heldNegatives) < FewestHeldOut)
            return ([.. positives, .. negatives], []);

        int[] p = [.. positives], n = [.. negatives];
        random.Shuffle(p);
        random.Shuffle(n);
        return ([.. p.AsSpan(heldPositives), .. n.AsSpan(heldNegatives)], [.. p.AsSpan(0, heldPositives), .. n.AsSpan(0, heldNegatives)]);
    }

    private static bool AllFinite(ReadOnlySpan<float> values)
    {
        foreach (var value in values)
            if (!float.IsFinite(value))
                return false;
        return true;
    }

    private static (double Positive, double Total) Validate(ReadOnlySpan<float> rows, int columns, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights)
    {
        if (columns < 1)
            throw new ArgumentException($"{columns} columns; there must be at least one.", nameof(columns));
        if (rows.Length != (long)labels.Length * columns)
            throw new ArgumentException($"{rows.Length} features for {labels.Length} leads of {columns} columns.", nameof(rows));
        if (!weights.IsEmpty && weights.Length != labels.Length)
            throw new ArgumentException($"{weights.Length} weights for {labels.Length} leads.", nameof(weights));
        for (var i = 0; i < rows.Length; i++)
            if (!float.IsFinite(rows[i]))
                throw new ArgumentException($"Lead {i / columns}, column {i % columns} is {rows[i]:R}, not a finite number.", nameof(rows));

        double positive = 0, total = 0;
        for (var i = 0; i < labels.Length; i++)
        {
            if (labels[i] is not (0f or 1f))
                throw new ArgumentException($"The label of lead {i} is {labels[i]:R}; it must be 0 or 1.", nameof(labels));
            double weight = weights.IsEmpty ? 1 : weights[i];
            if (!(weight >= 0 && double.IsFinite(weight)))
                throw new ArgumentException($"The weight of lead {i} is {weight:R}; it must be finite and at least 0.", nameof(weights));
            total += weight;
            positive += weight * labels[i];
        }
        if (!(positive > 0 && positive < total))
            throw new ArgumentException("Both classes must occur: there is nothing to tell apart.", nameof(labels));
        return (positive, total);
    }

    private readonly ref struct TrainingRows(
        ReadOnlySpan<float> rows, int columns, ReadOnlySpan<float> labels, ReadOnlySpan<float> weights, float weightScale)
    {
        public readonly ReadOnlySpan<float> Rows = rows;
        public readonly int Columns = columns;
        public readonly ReadOnlySpan<float> Labels = labels;
        private readonly ReadOnlySpan<float> weights = weights;
        private readonly float weightScale = weightScale;

        /// <summary>A lead's weight, scaled so that the mean is 1.</summary>
        public float Weight(int lead) => weights.IsEmpty ? 1 : weights[lead] * weightScale;
    }
}
