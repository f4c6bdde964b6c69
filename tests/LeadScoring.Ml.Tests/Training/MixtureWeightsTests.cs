using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Metrics;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Training;

public sealed class MixtureWeightsTests
{
    /// <summary>Two members that each know half of the truth, one that knows nothing, one that is wrong.</summary>
    private static (double[][] Members, float[] Labels) Draw(int leads, int seed)
    {
        var random = new Random(seed);
        var members = Enumerable.Range(0, 4).Select(_ => new double[leads]).ToArray();
        var labels = new float[leads];
        for (var i = 0; i < leads; i++)
        {
            double a = random.NextDouble(), b = random.NextDouble();
            labels[i] = random.NextDouble() < (a + b) / 2 ? 1 : 0;
            (members[0][i], members[1][i], members[2][i], members[3][i]) = ((a + 0.5) / 2, (b + 0.5) / 2, random.NextDouble(), 1 - ((a + b) / 2));
        }

        return (members, labels);
    }

    private static double[] All(EnsembleWeights w) => [w.GradientBoosting, w.RandomForest, w.Network, w.Regression];

    private static double Loss(double[][] members, float[] labels, EnsembleWeights weights) => ProbabilityLoss.LogLoss(Candidate.Averages(members, weights), labels);

    [Fact]
    public void Fit_NoiseAmongTheMembers_BeatsEqualWeightsOnOtherLeads()
    {
        var (members, labels) = Draw(2_000, 1);
        var weights = MixtureWeights.Fit(members, labels, new EnsembleWeights(), [.. Enumerable.Range(0, 2_000)]);
        Assert.All(All(weights), w => Assert.InRange(w, 0, 1));
        Assert.Equal(1, All(weights).Sum(), 9);
        Assert.True(weights.Network < 0.05 && weights.Regression < 0.02, weights.ToString());
        var (fresh, outcome) = Draw(4_000, 2);
        var equal = new EnsembleWeights { GradientBoosting = 1, RandomForest = 1, Network = 1, Regression = 1 };
        Assert.True(Loss(fresh, outcome, weights) < Loss(fresh, outcome, equal) - 0.01);
    }

    [Fact]
    public void Fit_NoWeightsNearby_AreMoreLikely()
    {
        var (members, labels) = Draw(4_000, 3);
        var w = All(MixtureWeights.Fit(members, labels, new EnsembleWeights(), [.. Enumerable.Range(0, 4_000)]));
        EnsembleWeights Moved(int from, int to, double by)
        {
            var v = (double[])w.Clone();
            (v[from], v[to]) = (v[from] - by, v[to] + by);
            return new EnsembleWeights { GradientBoosting = v[0], RandomForest = v[1], Network = v[2], Regression = v[3] };
        }

        var best = Loss(members, labels, Moved(0, 1, 0));
        Assert.True(best < Loss(members, labels, Moved(0, 1, 0.1)));
        Assert.True(best < Loss(members, labels, Moved(1, 0, 0.1)));
        Assert.True(best < Loss(members, labels, Moved(0, 2, 0.1)));
        Assert.True(best < Loss(members, labels, Moved(0, 3, 0.1)));
        // Nor does taking from those that know nothing help any more, beyond what the prior holds: its share of the leads times its weight, 0.002 nats.
        Assert.True(best < Loss(members, labels, Moved(2, 1, Math.Min(w[2], 0.05))) + 0.0025);
        Assert.True(best < Loss(members, labels, Moved(3, 1, Math.Min(w[3], 0.05))) + 0.0025);
    }

    [Fact]
    public void Fit_OnlyTheGivenLeads_Count()
    {
        var (members, labels) = Draw(1_000, 4);
        int[] first = [.. Enumerable.Range(0, 500)];
        var before = MixtureWeights.Fit(members, labels, new EnsembleWeights(), first);
        for (var i = 500; i < 1_000; i++) labels[i] = 1 - labels[i];
        Assert.Equal(before, MixtureWeights.Fit(members, labels, new EnsembleWeights(), first));
        Assert.NotEqual(before, MixtureWeights.Fit(members, labels, new EnsembleWeights(), [.. Enumerable.Range(0, 1_000)]));
    }

    [Fact]
    public void Fit_CertainAndWrong_StaysFinite()
    {
        double[][] members = [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0.5, 0.5, 0.5], [0, 0, 0.9, 0]];
        var weights = MixtureWeights.Fit(members, [1, 1, 0, 1], new EnsembleWeights { Network = 0, RandomForest = 0, GradientBoosting = 1, Regression = 0 }, [0, 1, 2, 3]);
        Assert.All(All(weights), w => Assert.InRange(w, 0, 1));
        Assert.True(weights.GradientBoosting > 0.9);
    }
}
