using System.Buffers;
using LeadScoring.Ml.Features;

namespace LeadScoring.Ml.Ensemble;

/// <content>Many leads a call.</content>
public sealed partial class EnsembleModel
{
    /// <summary>Leads that are encoded before the members see them: their rows stay in the caches.</summary>
    private const int BlockLeads = 256;

    /// <summary>Scores many leads with all members: the same scores as one call each, several times sooner. Buffers are pooled, nothing is allocated per lead.</summary>
    /// <param name="values">One value a feature, in the profile's order, lead after lead. Shape (leads, features).</param>
    /// <param name="scores">Receives one score a lead. Shape (leads); may be empty.</param>
    /// <exception cref="ArgumentException">The shapes do not agree.</exception>
    public void Score(ReadOnlySpan<FeatureValue> values, Span<LeadScore> scores)
    {
        int width = Profile.Features.Count, t = Preprocessor.TreeColumns.Count, d = Preprocessor.DenseColumns.Count;
        if ((long)scores.Length * width != values.Length)
            throw new ArgumentException($"{values.Length} values are not {scores.Length} leads of {width} features", nameof(values));
        var block = Math.Min(BlockLeads, scores.Length);
        var floats = ArrayPool<float>.Shared.Rent(block * (t + d + 2));
        var doubles = ArrayPool<double>.Shared.Rent(block * 2);
        Span<double> members = stackalloc double[Members];
        for (var start = 0; start < scores.Length; start += block)
        {
            var count = Math.Min(block, scores.Length - start);
            var part = values.Slice(start * width, count * width);
            Span<float> tree = floats.AsSpan(0, count * t), dense = floats.AsSpan(block * t, count * d);
            Span<float> boosting = floats.AsSpan(block * (t + d), count), forest = floats.AsSpan(block * (t + d + 1), count);
            Span<double> network = doubles.AsSpan(0, count), regression = doubles.AsSpan(block, count);
            for (var i = 0; i < count; i++)
                Preprocessor.Encode(part.Slice(i * width, width), tree.Slice(i * t, t), dense.Slice(i * d, d));
            GradientBoosting.Margins(tree, boosting);
            RandomForest.Margins(tree, forest);
            Network.Margins(dense, network);
            Regression.Margins(dense, regression);
            for (var i = 0; i < count; i++)
            {
                members[(int)Member.GradientBoosting] = GradientBoosting.Probability(boosting[i]);
                members[(int)Member.RandomForest] = RandomForest.Probability(forest[i]);
                members[(int)Member.Network] = Sigmoid(network[i]);
                members[(int)Member.Regression] = Sigmoid(regression[i]);
                scores[start + i] = Combine(members, part.Slice(i * width, width));
            }
        }

        ArrayPool<float>.Shared.Return(floats);
        ArrayPool<double>.Shared.Return(doubles);
    }

    private LeadScore Combine(ReadOnlySpan<double> members, ReadOnlySpan<FeatureValue> values)
    {
        var probability = Calibrate(Weights.Average(members));
        return new LeadScore(probability, Certainty.Confidence.Confidence(probability, members, KnownShare(values)));
    }

    private static double Sigmoid(double margin) => 1 / (1 + Math.Exp(-margin));
}
