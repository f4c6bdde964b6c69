using System.Collections.Immutable;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.XGBoost;

public sealed class XGBoostParametersTests
{
    public static TheoryData<string, XGBoostParameters> Invalid => new()
    {
        { "Objective", new() { Objective = "multi:softprob" } },
        { "TreeMethod", new() { TreeMethod = "gpu_hist" } },
        { "Rounds", new() { Rounds = 0 } },
        { "Rounds", new() { Rounds = 2_000, ParallelTrees = 1_000 } },
        { "ParallelTrees", new() { ParallelTrees = 0 } },
        { "MaxDepth", new() { MaxDepth = 33 } },
        { "LearningRate", new() { LearningRate = 0 } },
        { "LearningRate", new() { LearningRate = double.NaN } },
        { "MinChildWeight", new() { MinChildWeight = -1 } },
        { "Subsample", new() { Subsample = 1.1 } },
        { "ColumnSampleByTree", new() { ColumnSampleByTree = 0 } },
        { "ColumnSampleByNode", new() { ColumnSampleByNode = double.NaN } },
        { "Lambda", new() { Lambda = double.PositiveInfinity } },
        { "Alpha", new() { Alpha = -0.1 } },
        { "Gamma", new() { Gamma = double.NaN } },
        { "MaxBin", new() { MaxBin = 1 } },
        { "MonotoneConstraints", new() { MonotoneConstraints = [0, 2] } },
        { "MonotoneConstraints", new() { MonotoneConstraints = default(ImmutableArray<int>) } },
        { "Seed", new() { Seed = -1 } },
        { "Threads", new() { Threads = 0 } },
    };

    [Theory]
    [MemberData(nameof(Invalid), DisableDiscoveryEnumeration = true)]
    public void Validate_ValueOutOfRange_NamesTheField(string field, XGBoostParameters parameters)
    {
        var exception = Assert.Throws<ArgumentException>(parameters.Validate);

        Assert.Equal(field, exception.ParamName);
    }

    [Fact]
    public void Presets_Defaults_AreThoseOfTheDesign()
    {
        var boosting = XGBoostParameters.GradientBoosting;
        var forest = XGBoostParameters.RandomForest;
        boosting.Validate();
        forest.Validate();

        Assert.Equal(("binary:logistic", 200, 6, 0.1), (boosting.Objective, boosting.Rounds, boosting.MaxDepth, boosting.LearningRate));
        Assert.Equal((1, 100, 10, 1.0), (forest.Rounds, forest.ParallelTrees, forest.MaxDepth, forest.LearningRate));
    }

    [Fact]
    public void ToNative_OnlyDefaults_LeavesTheRestToXGBoost()
    {
        var names = new XGBoostParameters().ToNative().Select(pair => pair.Name);

        Assert.Equal(["booster", "objective", "tree_method", "num_parallel_tree", "max_depth", "learning_rate", "seed", "nthread"], names);
    }

    [Fact]
    public void ToNative_EverythingSet_UsesXGBoostsNamesAndInvariantNumbers()
    {
        var parameters = new XGBoostParameters
        {
            MinChildWeight = 2.5, Subsample = 0.5, ColumnSampleByTree = 0.25, ColumnSampleByNode = 0.75, Lambda = 3, Alpha = 0.125,
            Gamma = 1e-7, MaxBin = 64, MonotoneConstraints = [1, 0, -1],
        };

        var actual = parameters.ToNative().ToDictionary(pair => pair.Name, pair => pair.Value);

        Assert.Equal("2.5", actual["min_child_weight"]);
        Assert.Equal("0.5", actual["subsample"]);
        Assert.Equal("0.25", actual["colsample_bytree"]);
        Assert.Equal("0.75", actual["colsample_bynode"]);
        Assert.Equal("3", actual["lambda"]);
        Assert.Equal("0.125", actual["alpha"]);
        Assert.Equal("1E-07", actual["gamma"]);
        Assert.Equal("64", actual["max_bin"]);
        Assert.Equal("(1,0,-1)", actual["monotone_constraints"]);
    }
}
