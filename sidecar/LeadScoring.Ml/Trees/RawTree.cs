namespace LeadScoring.Ml.Trees;

/// <summary>One tree as the model file gives it: nothing is checked yet.</summary>
internal sealed class RawTree
{
    internal int[] LeftChildren { get; set; } = [];

    internal int[] RightChildren { get; set; } = [];

    internal int[] SplitIndices { get; set; } = [];

    internal int[] DefaultLeft { get; set; } = [];

    internal int[] SplitTypes { get; set; } = [];

    internal float[] SplitConditions { get; set; } = [];

    internal float[] SumHessian { get; set; } = [];

    internal string? NodeCount { get; set; }

    internal string? LeafVectorSize { get; set; }

    /// <summary>Checks the tree and renumbers it level by level.</summary>
    /// <param name="index">Position in the model, for messages.</param>
    /// <param name="featureCount">Columns of a row.</param>
    /// <exception cref="TreeModelFormatException">The tree is not sound.</exception>
    internal RegressionTree Check(int index, int featureCount)
    {
        CheckLengths(index);
        var (order, newLeft, depth) = Order(index);
        var count = order.Count;
        var features = new int[count];
        var values = new float[count];
        var defaultLeft = new bool[count];
        var covers = new float[count];
        for (var node = 0; node < count; node++)
        {
            var old = order[node];
            values[node] = SplitConditions[old];
            if (!float.IsFinite(values[node]) || !float.IsFinite(SumHessian[old]))
                throw Unsound(index, old, "has a threshold, value or cover that is not finite");
            covers[node] = Math.Max(SumHessian[old], 0);
            if (newLeft[node] < 0)
                continue;
            if (SplitTypes.Length != 0 && SplitTypes[old] != 0)
                throw Unsound(index, old, "is a categorical split, which is not supported; encode categories as numbers");
            if (SplitIndices[old] < 0 || SplitIndices[old] >= featureCount)
                throw Unsound(index, old, $"splits on column {SplitIndices[old]} of {featureCount}");
            features[node] = SplitIndices[old];
            defaultLeft[node] = DefaultLeft[old] != 0;
        }

        return new RegressionTree([.. newLeft], features, values, defaultLeft, covers, depth);
    }

    private void CheckLengths(int index)
    {
        var count = LeftChildren.Length;
        if (count == 0)
            throw new TreeModelFormatException($"Tree {index} has no nodes.");
        if (NodeCount is { } stated && stated != count.ToString(System.Globalization.CultureInfo.InvariantCulture))
            throw new TreeModelFormatException($"Tree {index} says it has '{stated}' nodes but lists {count}.");
        if (LeafVectorSize is not (null or "0" or "1"))
            throw new TreeModelFormatException($"Tree {index} has leaves of '{LeafVectorSize}' values; only one is supported.");
        if (RightChildren.Length != count || SplitIndices.Length != count || DefaultLeft.Length != count
            || SplitConditions.Length != count || SumHessian.Length != count || (SplitTypes.Length != 0 && SplitTypes.Length != count))
        {
            throw new TreeModelFormatException($"Tree {index} has {count} left children, but another of its arrays is missing or of another length.");
        }
    }

    /// <summary>Old numbers in level order, the new left child of each, and the depth. Refuses cycles and shared children.</summary>
    private (List<int> Order, List<int> NewLeft, int Depth) Order(int index)
    {
        var count = LeftChildren.Length;
        var order = new List<int>(count) { 0 };
        var depths = new List<int>(count) { 0 };
        var newLeft = new List<int>(count);
        var seen = new bool[count];
        seen[0] = true;
        for (var node = 0; node < order.Count; node++)
        {
            var (left, right) = (LeftChildren[order[node]], RightChildren[order[node]]);
            if (left == -1 && right == -1)
            {
                newLeft.Add(-1);
                continue;
            }

            if ((uint)left >= (uint)count || (uint)right >= (uint)count)
                throw Unsound(index, order[node], $"has children {left} and {right}, of {count} nodes");
            if (left == right || seen[left] || seen[right])
                throw Unsound(index, order[node], "has a child that is reached twice");
            if (depths[node] == TreeEnsemble.MaxSupportedDepth)
                throw Unsound(index, order[node], $"lies deeper than {TreeEnsemble.MaxSupportedDepth} splits");
            seen[left] = seen[right] = true;
            newLeft.Add(order.Count);
            order.AddRange([left, right]);
            depths.AddRange([depths[node] + 1, depths[node] + 1]);
        }

        return (order, newLeft, depths[^1]);
    }

    private static TreeModelFormatException Unsound(int tree, int node, string why) => new($"Tree {tree}: node {node} {why}.");
}
