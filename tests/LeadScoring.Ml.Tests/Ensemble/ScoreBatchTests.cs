using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Tests.Training;
using LeadScoring.Ml.Tests.XGBoost;

namespace LeadScoring.Ml.Tests.Ensemble;

public sealed class ScoreBatchTests
{
    [NativeXGBoostFact]
    public void Score_ManyLeads_EqualsOneByOne()
    {
        var (set, result, _) = SmallWorld.Trained.Value;
        foreach (var count in (int[])[0, 1, 2, 5, 8, 255, 256, 257, 1_000])
        {
            var scores = new LeadScore[count];
            result.Model.Score(set.Values.AsSpan(0, count * 7), scores);
            for (var i = 0; i < count; i++) Assert.Equal(result.Model.Score(set.Row(i)), scores[i]);
        }
    }

    [NativeXGBoostFact]
    public void Score_HostileValues_EqualsOneByOne()
    {
        var model = SmallWorld.Trained.Value.Result.Model;
        double[] numbers = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue, double.MinValue, double.Epsilon, 0, -0.0, 1e20];
        string?[] levels = [null, "", "other", "missing", "city2", "\0"];
        var random = new Random(1);
        FeatureValue[] values = [.. Enumerable.Range(0, 7 * 500).Select(_ => new FeatureValue(numbers[random.Next(numbers.Length)], levels[random.Next(levels.Length)]))];
        var scores = new LeadScore[500];
        model.Score(values, scores);
        for (var i = 0; i < scores.Length; i++) Assert.Equal(model.Score(values.AsSpan(i * 7, 7)), scores[i]);
    }

    [NativeXGBoostFact]
    public void Score_WrongShape_Throws()
    {
        var model = SmallWorld.Trained.Value.Result.Model;
        Assert.Throws<ArgumentException>(() => model.Score(new FeatureValue[13], new LeadScore[2]));
    }

    [NativeXGBoostFact]
    public void Score_AfterTheFirst_AllocatesNothing()
    {
        var (set, result, _) = SmallWorld.Trained.Value;
        var scores = new LeadScore[1_000];
        result.Model.Score(set.Values.AsSpan(0, 7_000), scores);
        var before = GC.GetAllocatedBytesForCurrentThread();
        result.Model.Score(set.Values.AsSpan(0, 7_000), scores);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
