namespace LeadScoring.Ml.Trees;

/// <summary>One tree, checked and renumbered level by level; the right child of a split follows its left child directly.</summary>
/// <remarks>
/// Every span has <see cref="NodeCount"/> entries; node 0 is the root, and children have higher numbers than their parent.
/// Nodes of the source that the root does not reach (XGBoost leaves pruned ones behind) are gone. Immutable.
/// </remarks>
public sealed class RegressionTree
{
    private readonly int[] leftChildren;
    private readonly int[] features;
    private readonly float[] values;
    private readonly bool[] defaultLeft;
    private readonly float[] covers;

    internal RegressionTree(int[] leftChildren, int[] features, float[] values, bool[] defaultLeft, float[] covers, int depth)
    {
        this.leftChildren = leftChildren;
        this.features = features;
        this.values = values;
        this.defaultLeft = defaultLeft;
        this.covers = covers;
        Depth = depth;
    }

    /// <summary>Nodes, leaves included; at least 1.</summary>
    public int NodeCount => leftChildren.Length;

    /// <summary>Splits on the longest path from root to leaf; 0 for a tree of one leaf.</summary>
    public int Depth { get; }

    /// <summary>Left child of each node; the right child is that + 1; -1 for a leaf.</summary>
    public ReadOnlySpan<int> LeftChildren => leftChildren;

    /// <summary>Column that each split looks at; 0 for a leaf.</summary>
    public ReadOnlySpan<int> Features => features;

    /// <summary>Split: its threshold, and rows below it go left. Leaf: its value, in margin units. All finite.</summary>
    public ReadOnlySpan<float> Values => values;

    /// <summary>Where a missing value goes: true = left. False for a leaf.</summary>
    public ReadOnlySpan<bool> DefaultLeft => defaultLeft;

    /// <summary>Sum of the hessians of the training rows in each node (<c>sum_hessian</c>); finite, at least 0.</summary>
    public ReadOnlySpan<float> Covers => covers;

    /// <summary>The leaf that a row falls into: the plain walk that the packed evaluation is held against.</summary>
    /// <param name="row">Shape (FeatureCount of the ensemble); NaN = missing.</param>
    /// <returns>The number of a node without children.</returns>
    public int FindLeaf(ReadOnlySpan<float> row)
    {
        var node = 0;
        while (leftChildren[node] >= 0)
        {
            var value = row[features[node]];
            var left = float.IsNaN(value) ? defaultLeft[node] : value < values[node];
            node = leftChildren[node] + (left ? 0 : 1);
        }

        return node;
    }
}
