using System.Globalization;

namespace LeadScoring.Ml.Trees;

/// <summary>What an XGBoost JSON model says, before any of it is believed. Numbers that XGBoost writes as text are still text.</summary>
internal sealed class XGBoostDocument
{
    internal string? Booster { get; set; }

    internal string? Objective { get; set; }

    internal string? BaseScore { get; set; }

    internal string? FeatureCount { get; set; }

    internal string? ClassCount { get; set; }

    internal string? TargetCount { get; set; }

    internal string? ParallelTrees { get; set; }

    internal string? TreeCount { get; set; }

    internal string? BestIteration { get; set; }

    internal List<string> FeatureNames { get; } = [];

    internal int[] TreeGroups { get; set; } = [];

    internal List<RawTree> Trees { get; } = [];

    /// <summary>Refuses kinds of model that the evaluation does not know, rather than score them wrongly.</summary>
    /// <exception cref="TreeModelFormatException">Another booster, objective or number of outputs.</exception>
    internal void CheckKind()
    {
        if (Booster != "gbtree")
            throw new TreeModelFormatException($"The booster is '{Booster}'; only gbtree is supported.");
        if (ClassCount is not (null or "0" or "1") || TargetCount is not (null or "0" or "1"))
            throw new TreeModelFormatException($"The model has {ClassCount} classes and {TargetCount} targets; only one output is supported.");
        if (TreeGroups.Any(group => group != 0))
            throw new TreeModelFormatException("A tree belongs to a second output; only one output is supported.");
        if (TreeCount is { } stated && stated != Trees.Count.ToString(CultureInfo.InvariantCulture))
            throw new TreeModelFormatException($"The model says it has '{stated}' trees but lists {Trees.Count}.");
        if (TreeGroups.Length != 0 && TreeGroups.Length != Trees.Count)
            throw new TreeModelFormatException($"tree_info has {TreeGroups.Length} entries for {Trees.Count} trees.");
    }

    /// <summary>Columns of a row, 1 to <see cref="TreeEnsemble.MaxSupportedFeatures"/>.</summary>
    internal int ReadFeatureCount()
    {
        var count = Integer(FeatureCount, "num_feature");
        if (count is < 1 or > TreeEnsemble.MaxSupportedFeatures)
            throw new TreeModelFormatException($"num_feature is {count}; it must be between 1 and {TreeEnsemble.MaxSupportedFeatures}.");
        if (FeatureNames.Count != 0 && FeatureNames.Count != count)
            throw new TreeModelFormatException($"There are {FeatureNames.Count} feature names for {count} features.");
        return count;
    }

    /// <summary>XGBoost 3 writes a list of one, "[5E-1]"; earlier versions the number alone.</summary>
    internal float ReadBaseScore()
    {
        var text = (BaseScore ?? "").Trim();
        if (text.StartsWith('[') && text.EndsWith(']'))
            text = text[1..^1];
        return float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && float.IsFinite(value)
            ? value
            : throw new TreeModelFormatException($"base_score is '{BaseScore}', not one finite number.");
    }

    /// <summary>Trees to sum: all, or those up to and with the round that early stopping found best.</summary>
    internal int ReadTreesUsed()
    {
        if (BestIteration is null)
            return Trees.Count;
        var best = Integer(BestIteration, "best_iteration");
        var parallel = ParallelTrees is null ? 1 : Integer(ParallelTrees, "num_parallel_tree");
        if (best < 0 || parallel < 1)
            throw new TreeModelFormatException($"best_iteration is {best} and num_parallel_tree is {parallel}.");
        return (int)Math.Min((best + 1L) * parallel, Trees.Count);
    }

    private static int Integer(string? text, string name) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new TreeModelFormatException($"{name} is '{text}', not a whole number.");
}
