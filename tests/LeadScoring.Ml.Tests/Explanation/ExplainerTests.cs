using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Tests.Training;
using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Explanation;

public sealed class ExplainerTests
{
    private static EnsembleModel Model => ModelBundle.Read(SmallWorld.Trained.Value.Bundle).Model;

    private static double Sum(LeadScoring.Ml.Explanation.Explanation explanation) => explanation.Base + explanation.Factors.Sum(f => f.Points);

    private static EnsembleModel With(EnsembleModel m, EnsembleWeights? weights = null, FeedForwardNetwork? network = null) => new(
        m.Profile, m.Preprocessor, m.GradientBoosting, m.RandomForest, network ?? m.Network, m.Regression, weights ?? m.Weights, m.Calibrator, m.PrimaryCalibrator, m.Certainty, m.DenseBaseline.ToArray());

    [NativeXGBoostFact]
    public void Explain_ManyLeads_BaseAndPointsAreTheScore()
    {
        var model = Model;
        var explainer = new Explainer(model);
        var leads = SmallWorld.Leads(800, 77);
        for (var r = 0; r < leads.Rows; r++)
        {
            var explanation = explainer.Explain(leads.Row(r));
            Assert.Equal(100 * model.Score(leads.Row(r)).Probability, Sum(explanation), 1e-3);
            Assert.Equal(leads.Profile.Features.Count, explanation.Factors.Count);
            Assert.Equal(explanation.Factors.Select(f => Math.Abs(f.Points)).OrderDescending(), explanation.Factors.Select(f => Math.Abs(f.Points)));
            // A factor of more points than there are would be an artefact of dividing by next to nothing.
            Assert.All(explanation.Factors, f => Assert.InRange(f.Points, -100, 100));
        }
    }

    [NativeXGBoostFact]
    public void Explain_NothingKnownOrUnheardOf_StillSums()
    {
        var model = Model;
        var explainer = new Explainer(model);
        FeatureValue[] nothing = [.. Enumerable.Repeat(FeatureValue.Missing, model.Profile.Features.Count)];
        FeatureValue[] odd = [new(1e12, null), new(-1e12, null), new(double.NaN, "never seen"), new(double.NaN, "nor this"), new(1, null), new(-7, null), new(3, null)];
        foreach (var lead in (FeatureValue[][])[nothing, odd]) Assert.Equal(100 * model.Score(lead).Probability, Sum(explainer.Explain(lead)), 1e-3);
    }

    [NativeXGBoostTheory]
    [InlineData(1, 0, 0, 0)]
    [InlineData(0, 1, 0, 0)]
    [InlineData(0, 0, 1, 0)]
    [InlineData(0, 0, 0, 1)]
    [InlineData(0.4, 0.3, 0.2, 0.1)]
    public void Explain_EachMemberAlone_KnowsWhatHelps(double boosting, double forest, double network, double regression)
    {
        var model = With(Model, new EnsembleWeights { GradientBoosting = boosting, RandomForest = forest, Network = network, Regression = regression });
        var explainer = new Explainer(model);
        double Points(double visits, string city, string feature)
        {
            FeatureValue[] lead = [new(visits, null), new(0.5, null), new(double.NaN, city), new(double.NaN, "agent3"), new(1, null), new(7, null), FeatureValue.Missing];
            var explanation = explainer.Explain(lead);
            Assert.Equal(100 * model.Score(lead).Probability, Sum(explanation), 1e-3);
            return explanation.Factors.Single(f => f.Feature == model.Profile.IndexOf(feature)).Points;
        }

        // The world: each visit adds 0.35, the city2 adds 1.2; constant and empty columns say nothing.
        Assert.True(Points(11, "city0", "visits") > 5 && Points(0, "city0", "visits") < -5, $"visits: {Points(11, "city0", "visits")}, {Points(0, "city0", "visits")}");
        Assert.True(Points(6, "city2", "city") > Points(6, "city0", "city"), "city");
        Assert.Equal(0, Points(6, "city0", "constant"), 1e-6);
        Assert.Equal(0, Points(6, "city0", "empty"), 1e-6);
    }

    [NativeXGBoostFact]
    public void Explain_ManyAtOnce_IsEachAloneAndAllocatesNothing()
    {
        var model = Model;
        var explainer = new Explainer(model);
        var leads = SmallWorld.Leads(600, 31);
        var width = explainer.FeatureCount;
        var (bases, points) = (new double[leads.Rows], new double[leads.Rows * width]);
        explainer.Explain(leads.Values, bases, points);
        for (var r = 0; r < leads.Rows; r++)
        {
            var alone = explainer.Explain(leads.Row(r));
            // Trees take other paths for one row and for many, which agree to single precision.
            Assert.Equal(alone.Base, bases[r], 1e-4);
            Assert.All(alone.Factors, f => Assert.Equal(f.Points, points[(r * width) + f.Feature], 1e-4));
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        explainer.Explain(leads.Values, bases, points);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Throws<ArgumentException>(() => explainer.Explain(leads.Values, bases.AsSpan(1), points));
        Assert.Throws<ArgumentException>(() => explainer.Explain(leads.Values, bases, points.AsSpan(1)));
    }

    [NativeXGBoostFact]
    public void Explain_Ranking_AgreesWithSampledShapleyValuesOfTheScore()
    {
        var (set, result, _) = SmallWorld.Trained.Value;
        var explainer = new Explainer(result.Model);
        var leads = SmallWorld.Leads(40, 99);
        var agreement = 0.0;
        for (var r = 0; r < leads.Rows; r++)
        {
            var random = new Random(r);
            var sampled = SampledShapley.Points(result.Model, leads.Row(r), () => set.Row(result.TrainRows[random.Next(result.TrainRows.Length)]).ToArray(), 300, random);
            var ours = new double[sampled.Length];
            foreach (var f in explainer.Explain(leads.Row(r)).Factors) ours[f.Feature] = f.Points;
            agreement += SampledShapley.Spearman(ours, sampled) / leads.Rows;
        }

        Assert.True(agreement >= 0.85, $"Spearman {agreement}");
    }

    [NativeXGBoostFact]
    public void Explain_FinerPath_ChangesNextToNothing()
    {
        var model = Model;
        var (usual, fine, secant) = (new Explainer(model), new Explainer(model) { PathSteps = 2_000 }, new Explainer(model) { PathSteps = 1 });
        var leads = SmallWorld.Leads(200, 41);
        double worst = 0, fromSecant = 0;
        for (var r = 0; r < leads.Rows; r++)
        {
            var exact = fine.Explain(leads.Row(r)).Factors.ToDictionary(f => f.Feature, f => f.Points);
            worst = Math.Max(worst, usual.Explain(leads.Row(r)).Factors.Max(f => Math.Abs(f.Points - exact[f.Feature])));
            fromSecant = Math.Max(fromSecant, secant.Explain(leads.Row(r)).Factors.Max(f => Math.Abs(f.Points - exact[f.Feature])));
            Assert.Equal(100 * model.Score(leads.Row(r)).Probability, Sum(secant.Explain(leads.Row(r))), 1e-3);
        }

        Assert.InRange(worst, 0, 0.05);
        Assert.True(fromSecant > 4 * worst, $"secant {fromSecant}, path {worst}");
    }

    [Fact]
    public void Spearman_KnownRanks_IsTheCorrelation()
    {
        Assert.Equal(1, SampledShapley.Spearman([1, 2, 30], [-5, 0, 0.1]), 12);
        Assert.Equal(-1, SampledShapley.Spearman([1, 2, 3], [3, 2, 1]), 12);
        // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
        Assert.Equal(0.948683298, SampledShapley.Spearman([1, 5, 5, 9], [1, 2, 3, 4]), 9);
    }

    [NativeXGBoostFact]
    public void Explain_FromManyThreads_IsTheSame()
    {
        var explainer = new Explainer(Model);
        var leads = SmallWorld.Leads(60, 5);
        var alone = Enumerable.Range(0, leads.Rows).Select(r => explainer.Explain(leads.Row(r))).ToArray();
        Parallel.For(0, leads.Rows * 4, i =>
        {
            var again = explainer.Explain(leads.Row(i % leads.Rows));
            Assert.Equal(alone[i % leads.Rows].Base, again.Base);
            Assert.Equal(alone[i % leads.Rows].Factors, again.Factors);
        });
    }

    [NativeXGBoostFact]
    public void Explain_ModelThatTellsNobodyApart_HasOnlyItsBase()
    {
        var set = SmallWorld.Leads(400, 9);
        // Labels without any relation to the features, and members too small to find one.
        var labels = Enumerable.Range(0, set.Rows).Select(r => r % 2 == 0 ? 1f : 0f).ToArray();
        FeatureValue[] same = [.. Enumerable.Range(0, set.Rows).SelectMany(_ => new FeatureValue[] { new(3, null), new(0.5, null), new(double.NaN, "city1"), new(double.NaN, "agent1"), new(1, null), new(7, null), FeatureValue.Missing })];
        var model = EnsembleTrainer.Train(new TrainingSet(SmallWorld.Profile, same, labels), SmallWorld.Quick, null, default).Model;
        var explanation = new Explainer(model).Explain(same.AsSpan(0, SmallWorld.Profile.Features.Count));
        Assert.Equal(100 * model.Score(same.AsSpan(0, SmallWorld.Profile.Features.Count)).Probability, Sum(explanation), 1e-3);
        Assert.All(explanation.Factors, f => Assert.Equal(0, f.Points, 1e-6));
    }

    [Fact]
    public void NetworkContributions_RandomNetworks_SumToTheDifferenceOfMargins()
    {
        var random = new Random(3);
        float[] Uniform(int n, double scale) => [.. Enumerable.Range(0, n).Select(_ => (float)((random.NextDouble() - 0.5) * 2 * scale))];
        for (var repetition = 0; repetition < 200; repetition++)
        {
            int[] widths = [1 + random.Next(12), .. Enumerable.Range(0, 1 + random.Next(3)).Select(_ => 1 + random.Next(20)), 1];
            var network = new FeedForwardNetwork([.. widths.Zip(widths.Skip(1)).Select(w => new DenseLayer(Uniform(w.First * w.Second, 1), Uniform(w.Second, 0.5)))]);
            var (row, baseline) = (Uniform(widths[0], 3), Uniform(widths[0], 3));
            // An input that is as in the baseline did nothing.
            row[0] = baseline[0];
            var phi = new double[widths[0]];
            var baseMargin = NetworkContributions.Of(network, row, baseline, phi);
            Assert.Equal(network.Margin(baseline), baseMargin, 1e-4);
            Assert.Equal(network.Margin(row) - network.Margin(baseline), phi.Sum(), 1e-4);
            Assert.Equal(0, phi[0]);
            // Measured from itself there is nothing to tell.
            Assert.Equal(network.Margin(row), NetworkContributions.Of(network, row, row, phi), 1e-4);
            Assert.All(phi, p => Assert.Equal(0, p));
        }
    }

    [Fact]
    public void NetworkContributions_LinearNetwork_AreExact()
    {
        // Units that stay open: margin = 2 (x0 + 10) - 3 (x1 + 10) + 1.
        var network = new FeedForwardNetwork([new DenseLayer([1, 0, 0, 1], [10, 10]), new DenseLayer([2, -3], [1])]);
        var phi = new double[2];
        Assert.Equal(-10, NetworkContributions.Of(network, [4, 2], [1, 1], phi), 1e-5);
        Assert.Equal([6, -3], phi.Select(p => Math.Round(p, 5)));
    }
}
