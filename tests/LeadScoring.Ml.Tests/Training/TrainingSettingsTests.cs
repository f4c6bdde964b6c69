using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Network;
using LeadScoring.Ml.Regression;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.Training;

public sealed class TrainingSettingsTests
{
    [Fact]
    public void Defaults_AreThePromised()
    {
        var s = new TrainingSettings();
        s.Validate();
        Assert.Equal(("binary:logistic", 200, 6, 0.1), (s.GradientBoosting.Objective, s.GradientBoosting.Rounds, s.GradientBoosting.MaxDepth, s.GradientBoosting.LearningRate));
        Assert.Equal((1, 100, 10), (s.RandomForest.Rounds, s.RandomForest.ParallelTrees, s.RandomForest.MaxDepth));
        Assert.Equal([64, 32, 16], s.Network.HiddenLayers);
        Assert.Equal(new EnsembleWeights { GradientBoosting = 0.4, RandomForest = 0.3, Network = 0.2, Regression = 0.1 }, s.Weights);
        Assert.Equal(new EncodingSettings { WinsorizeLower = 0.01, WinsorizeUpper = 0.99, MaxOneHotLevels = 200 }, s.Encoding);
        Assert.Equal((5, 0.2, false), (s.Folds, s.TestShare, s.AllowLeaks));
        Assert.Equal((TuningMode.Spec, TimeSpan.FromMinutes(10), 24), (s.Tuning, s.TuningBudget, s.TuningTrials));
    }

    public static TheoryData<string, TrainingSettings> OutOfRange => new()
    {
        { "folds", new() { Folds = 1 } },
        { "folds", new() { Folds = 21 } },
        { "test_share", new() { TestShare = 0 } },
        { "test_share", new() { TestShare = 0.95 } },
        { "test_share", new() { TestShare = double.NaN } },
        { "parallelism", new() { Parallelism = -1 } },
        { "seed", new() { Seed = -1 } },
        { "weights", new() { Weights = new EnsembleWeights { Network = -0.1 } } },
        { "weights", new() { Weights = new EnsembleWeights { Network = double.NaN } } },
        { "weights", new() { Weights = new EnsembleWeights { GradientBoosting = double.MaxValue, RandomForest = double.MaxValue } } },
        { "weights", new() { Weights = new EnsembleWeights { GradientBoosting = 0, RandomForest = 0, Network = 0, Regression = 0 } } },
        { "winsorize", new() { Encoding = new EncodingSettings { WinsorizeLower = 0.99, WinsorizeUpper = 0.01 } } },
        { "winsorize", new() { Encoding = new EncodingSettings { WinsorizeUpper = 1.1 } } },
        { "max_one_hot_levels", new() { Encoding = new EncodingSettings { MaxOneHotLevels = 0 } } },
        { "min_level_count", new() { Encoding = new EncodingSettings { MinLevelCount = 0 } } },
        { "target_smoothing", new() { Encoding = new EncodingSettings { TargetSmoothing = double.NaN } } },
        { "target_folds", new() { Encoding = new EncodingSettings { TargetFolds = 1 } } },
        { "missing_p_value", new() { Encoding = new EncodingSettings { MissingPValue = 2 } } },
        { "Rounds", new() { GradientBoosting = XGBoostParameters.GradientBoosting with { Rounds = 0 } } },
        { "LearningRate", new() { GradientBoosting = XGBoostParameters.GradientBoosting with { LearningRate = 0 } } },
        { "Objective", new() { GradientBoosting = XGBoostParameters.GradientBoosting with { Objective = "rank:pairwise" } } },
        { "Objective", new() { GradientBoosting = XGBoostParameters.GradientBoosting with { Objective = "reg:squarederror" } } },
        { "Objective", new() { RandomForest = XGBoostParameters.RandomForest with { Rounds = 2 } } },
        { "Objective", new() { RandomForest = XGBoostParameters.RandomForest with { Lambda = 0 } } },
        { "Objective", new() { RandomForest = XGBoostParameters.RandomForest with { BaseScore = 1 } } },
        { "BaseScore", new() { GradientBoosting = XGBoostParameters.GradientBoosting with { BaseScore = 1 } } },
        { "tuning_budget", new() { TuningBudget = TimeSpan.FromMilliseconds(999) } },
        { "tuning_budget", new() { TuningBudget = TimeSpan.FromHours(25) } },
        { "tuning_trials", new() { TuningTrials = 0 } },
        { "tuning_trials", new() { TuningTrials = 501 } },
        { "tuning", new() { Tuning = (TuningMode)7 } },
        { "MaxDepth", new() { RandomForest = XGBoostParameters.RandomForest with { MaxDepth = 0 } } },
        { "HiddenLayers", new() { Network = new NetworkParameters { HiddenLayers = [] } } },
        { "Patience", new() { Network = new NetworkParameters { Patience = 0 } } },
        { "C", new() { Regression = new LogisticRegressionParameters { C = 0 } } },
    };

    [Theory]
    [MemberData(nameof(OutOfRange), DisableDiscoveryEnumeration = true)]
    public void Validate_OutOfRange_NamesTheSetting(string name, TrainingSettings settings) =>
        Assert.Contains(name, Assert.ThrowsAny<ArgumentException>(settings.Validate).Message, StringComparison.Ordinal);

    [Fact]
    public void TrainingSet_LengthsAndLabels_AreChecked()
    {
        Assert.Contains("2 rows of 7", Assert.Throws<ArgumentException>(() => new TrainingSet(SmallWorld.Profile, new FeatureValue[13], [0, 1])).Message);
        Assert.Contains("row 1", Assert.Throws<ArgumentException>(() => new TrainingSet(SmallWorld.Profile, new FeatureValue[14], [0, 0.5f])).Message);
        Assert.Contains("row 0", Assert.Throws<ArgumentException>(() => new TrainingSet(SmallWorld.Profile, new FeatureValue[14], [float.NaN, 1])).Message);
    }

    [Fact]
    public void WithFeatures_Subset_KeepsTheRightColumns()
    {
        var set = SmallWorld.Leads(20, 1);
        var less = set.WithFeatures(SmallWorld.Profile.Without(new HashSet<string> { "visits", "agent" }));
        for (var r = 0; r < 20; r++)
            Assert.Equal([set.Row(r)[1], set.Row(r)[2], set.Row(r)[4], set.Row(r)[5], set.Row(r)[6]], less.Row(r).ToArray());
    }
}
