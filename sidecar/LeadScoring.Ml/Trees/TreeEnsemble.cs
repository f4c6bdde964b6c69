using System.Collections.Immutable;

namespace LeadScoring.Ml.Trees;

/// <summary>A trained gradient boosting or random forest model, read from XGBoost's JSON and evaluated without XGBoost.</summary>
/// <remarks>
/// Margins are equal to XGBoost's bit for bit: same comparisons, and leaf values added in tree order in single precision.
/// The model may come from a stranger: it is checked completely when it is read, so that evaluation has nothing left to check.
/// Immutable, safe to use from any number of threads, no allocation per row.
/// </remarks>
public sealed class TreeEnsemble
{
    /// <summary>Deepest tree that is accepted, in splits. Bounds the time that a hostile model can cost per row.</summary>
    public const int MaxSupportedDepth = 256;

    /// <summary>Most columns that are accepted.</summary>
    public const int MaxSupportedFeatures = 32_767;

    private const int FewRows = 8;
    private const string SquaredError = "reg:squarederror";

    private readonly PackedForest forest;
    private readonly RankedForest? ranked;

    private TreeEnsemble(
        string objective, int featureCount, float baseMargin, ImmutableArray<RegressionTree> trees, ImmutableArray<string> featureNames)
    {
        Objective = objective;
        FeatureCount = featureCount;
        BaseMargin = baseMargin;
        Trees = trees;
        FeatureNames = featureNames;
        IsLogistic = objective != SquaredError;
        MaxDepth = trees.IsEmpty ? 0 : trees.Max(tree => tree.Depth);
        forest = PackedForest.Pack(trees, featureCount, baseMargin);
        ranked = RankedForest.Build(trees, featureCount, baseMargin);
    }

    /// <summary><c>binary:logistic</c>, <c>reg:logistic</c> or <c>reg:squarederror</c>.</summary>
    public string Objective { get; }

    /// <summary>Whether a margin is log-odds; else it is the probability itself.</summary>
    internal bool IsLogistic { get; }

    /// <summary>Columns that a row must have.</summary>
    public int FeatureCount { get; }

    /// <summary>The model's own names of its columns, shape (FeatureCount); empty when it carries none.</summary>
    public ImmutableArray<string> FeatureNames { get; }

    /// <summary>Margin before the first tree: logit(base_score) for logistic objectives, base_score otherwise.</summary>
    public float BaseMargin { get; }

    /// <summary>Trees that are summed.</summary>
    public int TreeCount => Trees.Length;

    /// <summary>Splits on the longest path of any tree.</summary>
    public int MaxDepth { get; }

    /// <summary>The trees in the order in which they are summed: the raw structure that explanations need.</summary>
    public ImmutableArray<RegressionTree> Trees { get; }

    /// <summary>Reads a model.</summary>
    /// <param name="json">
    /// XGBoost's JSON in UTF-8 (<c>Booster.save_model("m.json")</c>), 1.6 to 3.x: gbtree, one output, numeric splits, an objective listed
    /// at <see cref="Objective"/>. Rounds after the attribute <c>best_iteration</c> are left out, as XGBoost asks of its bindings.
    /// </param>
    /// <exception cref="TreeModelFormatException">Malformed, inconsistent, or of a kind that is not supported.</exception>
    public static TreeEnsemble FromXGBoostJson(ReadOnlySpan<byte> json)
    {
        var document = XGBoostJsonReader.Read(json);
        document.CheckKind();
        var featureCount = document.ReadFeatureCount();
        var objective = document.Objective ?? "";
        var baseMargin = ToBaseMargin(objective, document.ReadBaseScore());
        var trees = document.Trees.Take(document.ReadTreesUsed()).Select((tree, index) => tree.Check(index, featureCount)).ToImmutableArray();

        // With this no sum of leaves can leave the finite range: a margin is always a number.
        if (Math.Abs((double)baseMargin) + trees.Sum(LargestLeaf) > float.MaxValue / 2)
            throw new TreeModelFormatException("The leaf values are so large that a margin could be infinite.");
        return new TreeEnsemble(objective, featureCount, baseMargin, trees, [.. document.FeatureNames]);
    }

    /// <summary>The margin of one row (log-odds for logistic objectives).</summary>
    /// <param name="row">Shape (FeatureCount). NaN = missing; infinities are ordinary values beyond every threshold.</param>
    /// <returns>Finite.</returns>
    /// <exception cref="ArgumentException">The row has another length.</exception>
    public float Margin(ReadOnlySpan<float> row)
    {
        if (row.Length != FeatureCount)
            throw new ArgumentException($"The row has {row.Length} values, the model has {FeatureCount} features.", nameof(row));
        return ranked is { CanScoreSingle: true } ? ranked.Margin(row) : forest.Margin(row);
    }

    /// <summary>The margins of many rows; the same numbers as <see cref="Margin"/>, sooner.</summary>
    /// <param name="rows">Row-major, shape (count, FeatureCount). NaN = missing.</param>
    /// <param name="margins">Receives the margins, shape (count).</param>
    /// <exception cref="ArgumentException">The shapes do not agree.</exception>
    public void Margins(ReadOnlySpan<float> rows, Span<float> margins)
    {
        if ((long)margins.Length * FeatureCount != rows.Length)
            throw new ArgumentException($"{rows.Length} values are not {margins.Length} rows of {FeatureCount} features.", nameof(rows));
        if (ranked is null)
        {
            forest.Margins(rows, margins);
        }
        else if (margins.Length >= FewRows)
        {
            ranked.Margins(rows, margins);
        }
        else
        {
            for (var i = 0; i < margins.Length; i++)
                margins[i] = Margin(rows.Slice(i * FeatureCount, FeatureCount));
        }
    }

    /// <summary>What a margin means under the objective.</summary>
    /// <param name="margin">As <see cref="Margin"/> returns it.</param>
    /// <returns>1 / (1 + exp(-margin)), uncalibrated, in [0, 1], for logistic objectives; the margin itself for <c>reg:squarederror</c>.</returns>
    public double Probability(float margin) => !IsLogistic ? margin : 1 / (1 + Math.Exp(-(double)margin));

    // XGBoost, src/objective/regression_loss.h, LogisticRegression::ProbToMargin: single precision, in this order.
    private static float ToBaseMargin(string objective, float baseScore) => objective switch
    {
        "binary:logistic" or "reg:logistic" when baseScore is > 0 and < 1 => -MathF.Log((1.0f / baseScore) - 1.0f),
        "binary:logistic" or "reg:logistic" =>
            throw new TreeModelFormatException($"base_score is {baseScore}; {objective} needs a number between 0 and 1."),
        SquaredError => baseScore,
        _ => throw new TreeModelFormatException(
            $"The objective is '{objective}'; binary:logistic, reg:logistic and reg:squarederror are supported."),
    };

    private static double LargestLeaf(RegressionTree tree)
    {
        var largest = 0.0;
        for (var node = 0; node < tree.NodeCount; node++)
        {
            if (tree.LeftChildren[node] < 0)
                largest = Math.Max(largest, Math.Abs((double)tree.Values[node]));
        }

        return largest;
    }
}
