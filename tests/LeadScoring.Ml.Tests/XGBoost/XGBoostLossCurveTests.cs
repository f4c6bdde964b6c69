using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.XGBoost;

public sealed class XGBoostLossCurveTests
{
    private static readonly XGBoostParameters Parameters = XGBoostParameters.GradientBoosting with { Rounds = 12, MaxDepth = 3, Subsample = 0.7, Seed = 5 };

    private static (float[] Rows, float[] Labels) Draw(int count, int seed)
    {
        var random = new Random(seed);
        var rows = new float[count * 3];
        var labels = new float[count];
        for (var i = 0; i < count; i++)
        {
            for (var c = 0; c < 3; c++) rows[(i * 3) + c] = random.NextSingle();
            labels[i] = random.NextSingle() < rows[i * 3] ? 1 : 0;
        }

        return (rows, labels);
    }

    [NativeXGBoostFact]
    public void Measure_EachPoint_IsTheLossOfAModelOfThatManyRounds()
    {
        var (rows, labels) = Draw(400, 1);
        var (heldRows, heldLabels) = Draw(200, 2);
        var curve = XGBoostLossCurve.Measure(rows, 3, labels, Parameters, new XGBoostValidation(heldRows, heldLabels, 100));
        Assert.Equal(12, curve.Length);
        foreach (var rounds in (int[])[1, 5, 12])
        {
            var model = TreeEnsemble.FromXGBoostJson(XGBoostTrainer.Train(rows, 3, labels, default, Parameters with { Rounds = rounds }));
            var predicted = Enumerable.Range(0, 200).Select(i => model.Probability(model.Margin(heldRows.AsSpan(i * 3, 3)))).ToArray();
            Assert.Equal(ProbabilityLoss.LogLoss(predicted, heldLabels), curve[rounds - 1], 4);
        }
    }

    [NativeXGBoostFact]
    public void Measure_LossRisesAgain_EndsAfterThePatience()
    {
        var (rows, labels) = Draw(100, 3);
        var (heldRows, heldLabels) = Draw(200, 4);
        var curve = XGBoostLossCurve.Measure(rows, 3, labels, Parameters with { Rounds = 5_000, LearningRate = 0.5 }, new XGBoostValidation(heldRows, heldLabels, 7));
        Assert.Equal(Array.IndexOf(curve, curve.Min()) + 1 + 7, curve.Length);
    }
}
