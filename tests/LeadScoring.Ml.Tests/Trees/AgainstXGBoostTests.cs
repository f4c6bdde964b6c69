using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.Trees;

/// <summary>Managed margins held against XGBoost's own on models of production size.</summary>
[Trait("Category", "Slow")]
public sealed class AgainstXGBoostTests
{
    [NativeXGBoostFact]
    public void Margins_GradientBoosting10000Rows_EqualXGBoostBitForBit() => Compare(XGBoostParameters.GradientBoosting);

    [NativeXGBoostFact]
    public void Margins_RandomForest10000Rows_EqualXGBoostBitForBit() => Compare(XGBoostParameters.RandomForest);

    [NativeXGBoostFact]
    public void Margins_Regression_EqualXGBoostBitForBit() =>
        Compare(new XGBoostParameters { Objective = "reg:squarederror", Rounds = 13, MaxDepth = 5, LearningRate = 0.3 });

    private static void Compare(XGBoostParameters parameters)
    {
        var (training, labels) = SyntheticLeads.Make(5_000, 11);
        var json = XGBoostTrainer.Train(training, SyntheticLeads.Columns, labels, [], parameters);
        var model = TreeEnsemble.FromXGBoostJson(json);
        using var reference = XGBoostModel.Load(json);
        Assert.Equal(parameters.Rounds * parameters.ParallelTrees, model.TreeCount);

        var (rows, _) = SyntheticLeads.Make(10_000, 12);
        Same(model, reference, rows);
        Same(model, reference, AtThresholds(model, rows));
        Same(model, reference, [.. Enumerable.Repeat(float.NaN, SyntheticLeads.Columns), .. new float[SyntheticLeads.Columns],
            .. Enumerable.Repeat(-0.0f, SyntheticLeads.Columns), .. Enumerable.Repeat(float.MaxValue, SyntheticLeads.Columns),
            .. Enumerable.Repeat(float.MinValue, SyntheticLeads.Columns), .. Enumerable.Repeat(float.Epsilon, SyntheticLeads.Columns)]);
    }

    private static void Same(TreeEnsemble model, XGBoostModel reference, float[] rows)
    {
        var expected = reference.PredictMargins(rows);
        var batch = new float[expected.Length];
        model.Margins(rows, batch);
        for (var i = 0; i < expected.Length; i++)
        {
            var bits = BitConverter.SingleToInt32Bits(expected[i]);
            Assert.Equal(bits, BitConverter.SingleToInt32Bits(batch[i]));
            Assert.Equal(bits, BitConverter.SingleToInt32Bits(model.Margin(rows.AsSpan(i * SyntheticLeads.Columns, SyntheticLeads.Columns))));
        }
    }

    /// <summary>Every value exactly on a threshold of its column, or one representable number beside it.</summary>
    private static float[] AtThresholds(TreeEnsemble model, float[] rows)
    {
        var thresholds = Enumerable.Range(0, SyntheticLeads.Columns).Select(_ => new List<float>()).ToArray();
        foreach (var tree in model.Trees)
        {
            for (var node = 0; node < tree.NodeCount; node++)
            {
                if (tree.LeftChildren[node] >= 0)
                    thresholds[tree.Features[node]].Add(tree.Values[node]);
            }
        }

        var random = new Random(13);
        var result = rows[..(2_000 * SyntheticLeads.Columns)];
        for (var i = 0; i < result.Length; i++)
        {
            var choices = thresholds[i % SyntheticLeads.Columns];
            if (choices.Count == 0)
                continue;
            var threshold = choices[random.Next(choices.Count)];
            result[i] = random.Next(3) switch { 0 => threshold, 1 => MathF.BitIncrement(threshold), _ => MathF.BitDecrement(threshold) };
        }

        return result;
    }
}
