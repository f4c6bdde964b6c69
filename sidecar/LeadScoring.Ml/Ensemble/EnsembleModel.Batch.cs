using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Ensemble;

/// <content>Many leads a call.</content>
public sealed partial class EnsembleModel
{
    /// <summary>Leads that are encoded before the members see them: their rows stay in the caches.</summary>
    private const int BlockLeads = 256;

    /// <summary>Leads whose member probabilities are combined at once.</summary>
    private const int Lanes = 4;

    /// <summary>Scores many leads with all members: the same scores as one call each, several times sooner. Buffers are pooled, nothing is allocated per lead.</summary>
    /// <param name="values">One value a feature, in the profile's order, lead after lead. Shape (leads, features).</param>
    /// <param name="scores">Receives one score a lead. Shape (leads); may be empty.</param>
    /// <exception cref="ArgumentException">The shapes do not agree.</exception>
    public void Score(ReadOnlySpan<FeatureValue> values, Span<LeadScore> scores) => Score(values, scores, []);

    /// <summary>Scores many leads and also gives the members' own probabilities.</summary>
    /// <param name="values">One value a feature, in the profile's order, lead after lead. Shape (leads, features).</param>
    /// <param name="scores">Receives one score a lead. Shape (leads); may be empty.</param>
    /// <param name="members">Receives probabilities in the order of <see cref="Member"/>. Shape (leads, 4), or empty when nobody asks.</param>
    /// <exception cref="ArgumentException">The shapes do not agree.</exception>
    public void Score(ReadOnlySpan<FeatureValue> values, Span<LeadScore> scores, Span<double> members)
    {
        int width = Profile.Features.Count, t = treeColumns, d = denseColumns;
        if ((long)scores.Length * width != values.Length)
            throw new ArgumentException($"{values.Length} values are not {scores.Length} leads of {width} features", nameof(values));
        if (!members.IsEmpty && members.Length != scores.Length * Members) throw new ArgumentException($"{members.Length} places are not {scores.Length} leads of {Members} members", nameof(members));
        if (scores.Length == 1 && !members.IsEmpty)
        {
            scores[0] = Score(values, members);
            return;
        }

        var block = (Math.Min(BlockLeads, scores.Length) + Lanes - 1) / Lanes * Lanes;   // whole groups: what stands in lanes without a lead is not looked at
        var floats = ArrayPool<float>.Shared.Rent(block * (t + d + 2));
        var doubles = ArrayPool<double>.Shared.Rent(block * 2);
        for (var start = 0; start < scores.Length; start += block)
        {
            var count = Math.Min(block, scores.Length - start);
            var part = values.Slice(start * width, count * width);
            Span<float> tree = floats.AsSpan(0, count * t), dense = floats.AsSpan(block * t, count * d);
            Span<float> boosting = floats.AsSpan(block * (t + d), block), forest = floats.AsSpan(block * (t + d + 1), block);
            Span<double> network = doubles.AsSpan(0, block), regression = doubles.AsSpan(block, block);
            for (var i = 0; i < count; i++)
                Preprocessor.Encode(part.Slice(i * width, width), tree.Slice(i * t, t), dense.Slice(i * d, d));
            trees.Margins(tree, boosting[..count], forest[..count]);
            Network.Margins(dense, network[..count]);
            Regression.Margins(dense, regression[..count]);
            for (var i = 0; i < count; i += Lanes)
            {
                var group = Math.Min(Lanes, count - i);
                var (b, f) = (Probabilities(GradientBoosting, boosting[i..]), Probabilities(RandomForest, forest[i..]));
                var (n, r) = (Logistic.Sigmoid(Vector256.Create<double>(network[i..])), Logistic.Sigmoid(Vector256.Create<double>(regression[i..])));
                Combine(b, f, n, r, part.Slice(i * width, group * width), scores.Slice(start + i, group));
                for (var lead = 0; lead < group && !members.IsEmpty; lead++)
                {
                    // In the order of Member.
                    ReadOnlySpan<double> own = [b[lead], f[lead], n[lead], r[lead]];
                    own.CopyTo(members[((start + i + lead) * Members)..]);
                }
            }
        }

        ArrayPool<float>.Shared.Return(floats);
        ArrayPool<double>.Shared.Return(doubles);
    }

    private static Vector256<double> Probabilities(TreeEnsemble member, ReadOnlySpan<float> margins)
    {
        var four = Vector256.Create((double)margins[0], margins[1], margins[2], margins[3]);
        return member.IsLogistic ? Logistic.Sigmoid(four) : four;
    }

    /// <summary>Scores of up to four leads from the members' probabilities; one lead a call and many go through here, so that they get the same bits.</summary>
    /// <param name="boosting">Lane by lane, like the other three.</param>
    /// <param name="forest">Of the random forest.</param>
    /// <param name="network">Of the network.</param>
    /// <param name="regression">Of the regression.</param>
    /// <param name="values">Shape (scores, features).</param>
    /// <param name="scores">Length 1 to 4.</param>
    [SkipLocalsInit]
    private void Combine(
        Vector256<double> boosting, Vector256<double> forest, Vector256<double> network, Vector256<double> regression, ReadOnlySpan<FeatureValue> values, Span<LeadScore> scores)
    {
        Span<double> probability = stackalloc double[Lanes], known = stackalloc double[Lanes], confidence = stackalloc double[Lanes];
        var average = Weights.Average(boosting, forest, network, regression);
        var width = values.Length / scores.Length;
        for (var i = 0; i < scores.Length; i++)
        {
            probability[i] = Calibrate(average[i]);
            known[i] = KnownShare(values.Slice(i * width, width));
        }

        Certainty.Confidence.Fill(
            confidence[..scores.Length], Vector256.Create<double>(probability), ConfidenceModel.Disagreement(boosting, forest, network, regression), Vector256.Create<double>(known));
        for (var i = 0; i < scores.Length; i++) scores[i] = new LeadScore(probability[i], confidence[i]);
    }
}
