using LeadScoring.Ml.Features;
using LeadScoring.Ml.Tests.Features;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

public sealed class ColdStartTests
{
    private static readonly FeatureProfile Profile = ShippedProfiles.Of(
        "  - name: calls\n  - name: visits\n", "start_points: 20\nrules:\n  - { feature: calls, at_least: 1, points: 30 }\n");

    /// <summary>Visits decide, which no rule knows; calls help a little.</summary>
    private static (TrainingSet Set, double[] Truth) Leads(int rows, int seed)
    {
        var random = new Random(seed);
        var values = new FeatureValue[rows * 2];
        var truth = new double[rows];
        var labels = new float[rows];
        for (var r = 0; r < rows; r++)
        {
            var (calls, visits) = (random.Next(2), random.Next(10));
            (values[r * 2], values[(r * 2) + 1]) = (new(calls, null), new(visits, null));
            truth[r] = 1 / (1 + Math.Exp(2.5 - (0.4 * visits) - (0.3 * calls)));
            labels[r] = random.NextDouble() < truth[r] ? 1 : 0;
        }

        return (new TrainingSet(Profile, values, labels), truth);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Judge_ModelThatKnowsMore_IsProvenOnceThereAreEnoughLeads(int seed)
    {
        var (set, truth) = Leads(2_000, seed);
        var verdict = ColdStart.Judge(set, [.. Enumerable.Range(0, 2_000)], truth, new TrainingSettings());
        Assert.True(verdict.IsProven && verdict.Low > 0, verdict.Reason);
        Assert.Contains("proven", verdict.Reason);
    }

    [Fact]
    public void Judge_FewLeads_LeavesAnOverfittedModelUnproven()
    {
        // A model that is sure of itself and right no more often than a coin.
        var (set, _) = Leads(60, 4);
        var random = new Random(9);
        double[] sure = [.. Enumerable.Range(0, 60).Select(_ => random.Next(2) == 0 ? 0.05 : 0.95)];
        var verdict = ColdStart.Judge(set, [.. Enumerable.Range(0, 60)], sure, new TrainingSettings());
        Assert.False(verdict.IsProven, verdict.Reason);
        Assert.Contains("not proven yet", verdict.Reason);
    }

    [Fact]
    public void Compare_SameQualityAndMuchData_IsTakenAsEquivalent()
    {
        var labels = Enumerable.Range(0, 50_000).Select(i => i % 4 == 0 ? 1f : 0f).ToArray();
        var rules = Array.ConvertAll(labels, _ => 0.25);
        Assert.True(ColdStart.Compare(rules, rules, labels).IsProven);
        // A hair worse is not.
        Assert.False(ColdStart.Compare(rules, Array.ConvertAll(labels, _ => 0.26), labels).IsProven);
    }

    [Fact]
    public void Compare_FewLeads_AreNoProofOfEquivalence()
    {
        float[] labels = [1, 0, 1, 0, 0, 0, 1, 0];
        double[] rules = [.6, .4, .3, .2, .4, .1, .5, .6], model = [.7, .5, .4, .2, .4, .3, .4, .5];
        Assert.False(ColdStart.Compare(rules, model, labels).IsProven);
    }

    [Fact]
    public void Fit_VeryManyRows_LearnsFromASampleAndIsDeterministic()
    {
        var (set, _) = Leads(25_000, 5);
        int[] rows = [.. Enumerable.Range(0, 25_000)];
        var one = ColdStart.Fit(set, rows, 7);
        Assert.Equal(20_000, one.State.Outcomes);
        Assert.Equal(one.State.Mean, ColdStart.Fit(set, rows, 7).State.Mean);
    }
}
