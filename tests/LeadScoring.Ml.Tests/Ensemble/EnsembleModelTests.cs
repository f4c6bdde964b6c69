using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Regression;
using LeadScoring.Ml.Tests.Training;
using LeadScoring.Ml.Tests.XGBoost;

namespace LeadScoring.Ml.Tests.Ensemble;

public sealed class EnsembleModelTests
{
    [Fact]
    public void KnownShare_Values_IsTheShareNotMissing()
    {
        Assert.Equal(0.5, EnsembleModel.KnownShare([new(1, null), FeatureValue.Missing, new(double.NaN, "x"), FeatureValue.Missing]));
        Assert.Equal(0, EnsembleModel.KnownShare([]));
        Assert.Equal(0, EnsembleModel.KnownShare([FeatureValue.Missing]));
    }

    [Fact]
    public void Average_Weights_AreDividedByTheirSum()
    {
        var weights = new EnsembleWeights { GradientBoosting = 4, RandomForest = 3, Network = 2, Regression = 1 };
        Assert.Equal((4 * 0.1 + 3 * 0.2 + 2 * 0.3 + 0.9) / 10, weights.Average([0.1, 0.2, 0.3, 0.9]), 12);
        Assert.Equal(0.3, new EnsembleWeights { GradientBoosting = 0, RandomForest = 0, Network = 5, Regression = 0 }.Average([0.1, 0.2, 0.3, 0.9]), 12);
    }

    [NativeXGBoostFact]
    public void Score_OneLead_IsTheCalibratedWeightedAverage()
    {
        var (set, result, _) = SmallWorld.Trained.Value;
        var model = result.Model;
        Span<double> members = stackalloc double[4];
        for (var r = 0; r < 200; r++)
        {
            var score = model.Score(set.Row(r), members);
            foreach (var p in members) Assert.InRange(p, 0, 1);
            var average = (0.4 * members[0]) + (0.3 * members[1]) + (0.2 * members[2]) + (0.1 * members[3]);
            Assert.Equal(model.Calibrator.Apply(average), score.Probability, 9);
            Assert.Equal(model.Certainty.Confidence.Confidence(score.Probability, members, EnsembleModel.KnownShare(set.Row(r))), score.Confidence);
            Assert.Equal(score, model.Score(set.Row(r)));
        }
    }

    [NativeXGBoostFact]
    public void QuickScore_OneLead_UsesOnlyThePrimaryMember()
    {
        var (set, result, _) = SmallWorld.Trained.Value;
        var m = result.Model;
        // The other members replaced by nonsense: the quick score must not notice, the full one must.
        var other = new EnsembleModel(
            m.Profile, m.Preprocessor, m.GradientBoosting, m.GradientBoosting, m.Network, new LogisticRegression(new double[m.Regression.Coefficients.Length], 5),
            m.Weights, m.PrimaryCalibrator, m.PrimaryCalibrator, m.Certainty, m.DenseBaseline.ToArray());
        Span<double> members = stackalloc double[4];
        for (var r = 0; r < 100; r++)
        {
            var quick = m.QuickScore(set.Row(r));
            m.Score(set.Row(r), members);
            Assert.Equal(m.PrimaryCalibrator.Apply(members[0]), quick.Probability);
            Assert.Equal(m.Certainty.PrimaryConfidence.Confidence(quick.Probability, [members[0]], EnsembleModel.KnownShare(set.Row(r))), quick.Confidence);
            Assert.Equal(quick, other.QuickScore(set.Row(r)));
            Assert.NotEqual(m.Score(set.Row(r)), other.Score(set.Row(r)));
        }
    }

    [NativeXGBoostFact]
    public void Score_ManyThreads_GivesTheSameAsOne()
    {
        var (set, result, bundle) = SmallWorld.Trained.Value;
        // A model fresh from its bundle: lazily built parts are built under contention.
        var model = LeadScoring.Ml.Bundles.ModelBundle.Read(bundle).Model;
        var parallel = new LeadScore[set.Rows * 4];
        Parallel.For(0, parallel.Length, i => parallel[i] = model.Score(set.Row(i % set.Rows)));
        for (var i = 0; i < parallel.Length; i++) Assert.Equal(result.Model.Score(set.Row(i % set.Rows)), parallel[i]);
    }

    [NativeXGBoostFact]
    public void Score_HostileValues_IsAlwaysAProbability()
    {
        var model = SmallWorld.Trained.Value.Result.Model;
        double[] numbers = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue, double.MinValue, double.Epsilon, 0, -0.0, 1e20];
        string?[] levels = [null, "", "other", "missing", "city2", "\0", new string('x', 10_000)];
        for (var seed = 0; seed < 2_000; seed++)
        {
            var random = new Random(seed);
            FeatureValue[] values = [.. Enumerable.Range(0, 7).Select(_ => new FeatureValue(numbers[random.Next(numbers.Length)], levels[random.Next(levels.Length)]))];
            foreach (var score in (LeadScore[])[model.Score(values), model.QuickScore(values)])
            {
                Assert.InRange(score.Probability, double.Epsilon, 0.9999999999);
                Assert.InRange(score.Confidence, 0.001, 0.999);
            }
        }
    }

    [NativeXGBoostFact]
    public void New_PartsThatDoNotFit_NamesTheMember()
    {
        var m = SmallWorld.Trained.Value.Result.Model;
        EnsembleModel With(LogisticRegression? regression = null, ScoreCertainty? certainty = null, EnsembleWeights? weights = null) => new(
            m.Profile, m.Preprocessor, m.GradientBoosting, m.RandomForest, m.Network, regression ?? m.Regression, weights ?? m.Weights, m.Calibrator, m.PrimaryCalibrator, certainty ?? m.Certainty, m.DenseBaseline.ToArray());
        Assert.Contains("regression", Assert.Throws<ArgumentException>(() => With(new LogisticRegression([1], 0))).Message);
        Assert.Contains("confidence", Assert.Throws<ArgumentException>(() => With(certainty: m.Certainty with { Confidence = new ConfidenceModel(new LogisticRegression([1], 0), m.Certainty.Confidence.Map) })).Message);
        Assert.Contains("weights", Assert.Throws<ArgumentException>(() => With(weights: new EnsembleWeights { Network = -1 })).Message);
        Assert.Throws<ArgumentException>(() => m.Score(new FeatureValue[6]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(0.5)]
    public void Confidence_AnyProbability_IsInsideZeroAndOne(double probability)
    {
        var model = new ConfidenceModel(new LogisticRegression([50, -50, 50], 1), new IsotonicCalibrator([0, 1], [0, 1]));
        Assert.InRange(model.Confidence(probability, [0, 1, 0, 1], 1), 0.001, 0.999);
    }

    [Fact]
    public void Confidence_AnySignals_IsTheRegressionOverThem()
    {
        var model = new ConfidenceModel(new LogisticRegression([0.7, -3, 1.5], -0.4), new IsotonicCalibrator([0, 0.3, 1], [0, 0.5, 1]));
        var random = new Random(4);
        var signals = new float[3];
        for (var i = 0; i < 1_000; i++)
        {
            double[] members = [random.NextDouble(), random.NextDouble(), random.NextDouble(), random.NextDouble()];
            var (probability, known) = (random.NextDouble(), random.NextDouble());
            ConfidenceModel.Fill(signals, probability, members, known);
            // Not to the last bit: the logarithm is another, and rounding to single precision may then differ by one step.
            Assert.Equal(Math.Clamp(model.Map.Apply(model.Regression.Probability(signals)), 0.001, 0.999), model.Confidence(probability, members, known), 1e-6);
        }
    }

    [Fact]
    public void Sigmoid_AnyMargin_IsThatOfTheFormula()
    {
        foreach (var margin in (double[])[0, -0.0, 1, -1, 8.25, -8.25, 40, -40, 700, -700, 709.9, -709.9, 1e300, -1e300, double.PositiveInfinity, double.NegativeInfinity, double.Epsilon])
            Assert.Equal(1 / (1 + Math.Exp(-margin)), Logistic.Sigmoid(margin), 1e-15);
        Assert.True(double.IsNaN(Logistic.Sigmoid(double.NaN)));
    }

    [Fact]
    public void Confidence_Signals_AreMarginDisagreementAndKnownShare()
    {
        var signals = new float[3];
        ConfidenceModel.Fill(signals, 0.8, [0.2, 0.4, 0.6, 0.8], 0.25);
        Assert.Equal(Math.Log(4), signals[0], 5);
        Assert.Equal(Math.Sqrt(0.05), signals[1], 5);
        Assert.Equal(0.25, signals[2], 5);
        ConfidenceModel.Fill(signals, 1, [1, 1, 1, 1], 1);
        Assert.Equal((8f, 0f), (signals[0], signals[1]));
    }
}
