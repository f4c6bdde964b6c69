using System.Collections.Immutable;
using System.Globalization;

namespace LeadScoring.Ml.XGBoost;

/// <summary>What XGBoost is told about a training. Names and meanings are XGBoost's; null leaves the choice to XGBoost's own default.</summary>
/// <remarks>Source: XGBoost 1.7 documentation, "XGBoost Parameters".</remarks>
public sealed record XGBoostParameters
{
    /// <summary>The primary member: 200 boosted trees of depth 6, learning rate 0.1.</summary>
    public static XGBoostParameters GradientBoosting { get; } = new();

    /// <summary>The forest: one round of 100 parallel trees of depth 10, learning rate 1.</summary>
    /// <remarks>
    /// Trees differ only by what they are shown: 80 % of the rows each, 30 % of the columns at each split.
    /// XGBoost divides each leaf by the number of parallel trees, so the margin is the average tree.
    /// Squared error makes a leaf the mean of its labels, and the forest their average: a probability. Under binary:logistic a forest makes one Newton step from 0.5,
    /// which ends at 1 / (1 + exp(-4 (mean - 0.5))): nobody gets less than 12 % or more than 88 %.
    /// </remarks>
    public static XGBoostParameters RandomForest { get; } = new()
    {
        Objective = "reg:squarederror",
        Lambda = 1,
        Rounds = 1,
        ParallelTrees = 100,
        MaxDepth = 10,
        LearningRate = 1,
        Subsample = 0.8,
        ColumnSampleByNode = 0.3,
    };

    /// <summary><c>binary:logistic</c> (default), <c>reg:logistic</c> or <c>reg:squarederror</c>: those that scoring can read.</summary>
    public string Objective { get; init; } = "binary:logistic";

    /// <summary>Boosting rounds, 1 to 100,000 (default 200).</summary>
    public int Rounds { get; init; } = 200;

    /// <summary>Trees grown in each round, 1 to 10,000 (default 1).</summary>
    public int ParallelTrees { get; init; } = 1;

    /// <summary>Longest path from root to leaf in splits, 1 to 32 (default 6).</summary>
    public int MaxDepth { get; init; } = 6;

    /// <summary>Shrinkage of each round, in (0, 1] (default 0.1).</summary>
    public double LearningRate { get; init; } = 0.1;

    /// <summary>Least sum of hessians in a child, at least 0.</summary>
    public double? MinChildWeight { get; init; }

    /// <summary>Share of rows that each tree sees, in (0, 1].</summary>
    public double? Subsample { get; init; }

    /// <summary>Share of columns that each tree sees, in (0, 1].</summary>
    public double? ColumnSampleByTree { get; init; }

    /// <summary>Share of columns that each split sees, in (0, 1].</summary>
    public double? ColumnSampleByNode { get; init; }

    /// <summary>L2 penalty on leaf values, at least 0.</summary>
    public double? Lambda { get; init; }

    /// <summary>L1 penalty on leaf values, at least 0.</summary>
    public double? Alpha { get; init; }

    /// <summary>Least loss reduction for a split, at least 0.</summary>
    public double? Gamma { get; init; }

    /// <summary>Prediction before the first tree: a probability in (0, 1) for logistic objectives, any finite number otherwise. Null: 0.5.</summary>
    public double? BaseScore { get; init; }

    /// <summary>Histogram bins per column, 2 to 65,536.</summary>
    public int? MaxBin { get; init; }

    /// <summary>One entry per column: 1 = the margin may only rise with it, -1 = only fall, 0 = free. Null = all free.</summary>
    public ImmutableArray<int>? MonotoneConstraints { get; init; }

    /// <summary>Seed of row and column sampling, at least 0 (default 0). Same seed, rows, version and one thread: same bytes.</summary>
    public int Seed { get; init; }

    /// <summary>Threads of one training, 1 to 1,024 (default 1: folds and members run in parallel instead, which measures faster).</summary>
    public int Threads { get; init; } = 1;

    /// <summary><c>hist</c> (default), <c>approx</c>, <c>exact</c> or <c>auto</c>.</summary>
    public string TreeMethod { get; init; } = "hist";

    /// <summary>Refuses values that XGBoost would refuse later, or accept and train nonsense with.</summary>
    /// <exception cref="ArgumentException">A value is out of range; <see cref="ArgumentException.ParamName"/> is the property.</exception>
    public void Validate()
    {
        OneOf(nameof(Objective), Objective, "binary:logistic", "reg:logistic", "reg:squarederror");
        OneOf(nameof(TreeMethod), TreeMethod, "hist", "approx", "exact", "auto");
        Between(nameof(Rounds), Rounds, 1, 100_000);
        Between(nameof(ParallelTrees), ParallelTrees, 1, 10_000);
        Between(nameof(MaxDepth), MaxDepth, 1, 32);
        Between(nameof(Threads), Threads, 1, 1_024);
        Between(nameof(Seed), Seed, 0, int.MaxValue);
        Between(nameof(MaxBin), MaxBin ?? 2, 2, 65_536);
        Share(nameof(LearningRate), LearningRate);
        Share(nameof(Subsample), Subsample);
        Share(nameof(ColumnSampleByTree), ColumnSampleByTree);
        Share(nameof(ColumnSampleByNode), ColumnSampleByNode);
        NotNegative(nameof(MinChildWeight), MinChildWeight);
        NotNegative(nameof(Lambda), Lambda);
        NotNegative(nameof(Alpha), Alpha);
        NotNegative(nameof(Gamma), Gamma);
        if (BaseScore is { } start && !(Objective == "reg:squarederror" ? double.IsFinite(start) : start > 0 && start < 1))
            throw new ArgumentException($"{nameof(BaseScore)} must be above 0 and below 1, not {Text(start)}.", nameof(BaseScore));
        if (MonotoneConstraints is { } constraints && (constraints.IsDefault || constraints.Any(c => c is < -1 or > 1)))
            throw new ArgumentException("Every monotone constraint must be -1, 0 or 1.", nameof(MonotoneConstraints));
        if ((long)Rounds * ParallelTrees > 1_000_000)
            throw new ArgumentException($"{Rounds} rounds of {ParallelTrees} parallel trees are more than 1,000,000 trees.", nameof(Rounds));
    }

    /// <summary>XGBoost's own names and values, only those that are set.</summary>
    internal IEnumerable<(string Name, string Value)> ToNative()
    {
        yield return ("booster", "gbtree");
        yield return ("objective", Objective);
        yield return ("tree_method", TreeMethod);
        yield return ("num_parallel_tree", Text(ParallelTrees));
        yield return ("max_depth", Text(MaxDepth));
        yield return ("learning_rate", Text(LearningRate));
        yield return ("seed", Text(Seed));
        yield return ("nthread", Text(Threads));
        if (MaxBin is { } bins)
            yield return ("max_bin", Text(bins));
        if (MonotoneConstraints is { } constraints)
            yield return ("monotone_constraints", $"({string.Join(',', constraints)})");

        (string, double?)[] optional =
        [
            ("min_child_weight", MinChildWeight), ("subsample", Subsample), ("colsample_bytree", ColumnSampleByTree),
            ("colsample_bynode", ColumnSampleByNode), ("lambda", Lambda), ("alpha", Alpha), ("gamma", Gamma),
            ("base_score", BaseScore),
        ];
        foreach (var (name, value) in optional)
        {
            if (value is { } number)
                yield return (name, Text(number));
        }
    }

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    private static void OneOf(string field, string value, params ReadOnlySpan<string> allowed)
    {
        if (!allowed.Contains(value))
            throw new ArgumentException($"{field} must be one of {string.Join(", ", allowed!)}, not '{value}'.", field);
    }

    private static void Between(string field, int value, int low, int high)
    {
        if (value < low || value > high)
            throw new ArgumentException($"{field} must be between {Text(low)} and {Text(high)}, not {Text(value)}.", field);
    }

    private static void Share(string field, double? value)
    {
        if (value is { } share && !(share > 0 && share <= 1))
            throw new ArgumentException($"{field} must be above 0 and at most 1, not {Text(share)}.", field);
    }

    private static void NotNegative(string field, double? value)
    {
        if (value is { } number && !(number >= 0 && double.IsFinite(number)))
            throw new ArgumentException($"{field} must be finite and at least 0, not {Text(number)}.", field);
    }
}
