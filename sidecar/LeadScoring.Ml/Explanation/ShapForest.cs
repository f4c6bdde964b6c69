using System.Runtime.InteropServices;
using LeadScoring.Ml.Trees;

namespace LeadScoring.Ml.Explanation;

/// <summary>The splits of an ensemble in the order in which tree SHAP walks them: each tree depth first, parents before children.</summary>
internal sealed class ShapForest
{
    private readonly List<Split> splits = [];
    private readonly List<Repeat> repeats = [];
    private readonly int featureCount;

    internal ShapForest(TreeEnsemble ensemble)
    {
        featureCount = ensemble.FeatureCount;
        Bias = ensemble.BaseMargin;
        var starts = new List<int> { 0 };
        foreach (var tree in ensemble.Trees)
        {
            Bias += Add(tree, 0, 0, 1, []);
            starts.Add(splits.Count);
        }

        Splits = [.. splits];
        Repeats = [.. repeats];
        Starts = [.. starts];
        LargestTree = Enumerable.Range(0, Starts.Length - 1).Select(i => Starts[i + 1] - Starts[i]).DefaultIfEmpty(0).Max();
        SlotCount = (2 * ensemble.MaxDepth) + 2;
    }

    internal Split[] Splits { get; }

    internal Repeat[] Repeats { get; }

    /// <summary>First split of each tree, and the end.</summary>
    internal int[] Starts { get; }

    internal int LargestTree { get; }

    /// <summary>Slots that hold what is passed between parent and child: one per depth and side; slot 0 is that of the leaves, 1 of the root.</summary>
    internal int SlotCount { get; }

    /// <summary>Most distinct features on a path.</summary>
    internal int MaxDistinctFeatures { get; private set; }

    /// <summary>Expected margin: base margin plus each tree's cover-weighted mean.</summary>
    internal double Bias { get; }

    /// <returns>Cover-weighted mean of the leaves below the node.</returns>
    private double Add(RegressionTree tree, int node, int depth, int slot, Dictionary<int, Repeat> path)
    {
        var left = tree.LeftChildren[node];
        if (left < 0)
            return tree.Values[node];

        var index = splits.Count;
        splits.Add(default);
        var feature = tree.Features[node];
        var threshold = tree.Values[node];
        var defaultLeft = tree.DefaultLeft[node];
        var ratioLeft = RatioLeft(tree.Covers[left], tree.Covers[left + 1]);
        var before = path.GetValueOrDefault(feature, Repeat.None);
        var repeat = path.ContainsKey(feature) ? repeats.Count : -1;
        if (repeat >= 0)
            repeats.Add(before);
        MaxDistinctFeatures = Math.Max(MaxDistinctFeatures, path.Count + (repeat < 0 ? 1 : 0));

        // x < threshold is x <= the number before it, which, unlike "<", is also right for infinities.
        path[feature] = before with
        {
            Share = before.Share * ratioLeft,
            High = Math.Min(before.High, MathF.BitDecrement(threshold)),
            MissingStays = before.MissingStays && defaultLeft,
        };
        var meanLeft = Add(tree, left, depth + 1, (2 * depth) + 2, path);
        path[feature] = before with
        {
            Share = before.Share * (1 - ratioLeft),
            Low = Math.Max(before.Low, threshold),
            MissingStays = before.MissingStays && !defaultLeft,
        };
        var meanRight = Add(tree, left + 1, depth + 1, (2 * depth) + 3, path);
        if (repeat >= 0)
            path[feature] = before;
        else
            path.Remove(feature);

        var leftIsLeaf = tree.LeftChildren[left] < 0;
        var rightIsLeaf = tree.LeftChildren[left + 1] < 0;
        splits[index] = new Split
        {
            Threshold = threshold,
            Slot = (ushort)(feature + (defaultLeft ? 0 : featureCount)),
            Feature = (ushort)feature,
            RatioRight = 1 - ratioLeft,
            RatioLeft = ratioLeft,
            Own = (ushort)slot,
            Left = (ushort)(leftIsLeaf ? 0 : (2 * depth) + 2),
            Right = (ushort)(rightIsLeaf ? 0 : (2 * depth) + 3),
            LeftLeaf = leftIsLeaf ? tree.Values[left] : 0,
            RightLeaf = rightIsLeaf ? tree.Values[left + 1] : 0,
            Repeat = repeat,
        };
        return (ratioLeft * meanLeft) + ((1 - (double)ratioLeft) * meanRight);
    }

    // Of the two children and not of the parent: then the shares sum to 1 whatever a model file claims. Nobody in either: half and half.
    private static float RatioLeft(double left, double right) => left + right > 0 ? (float)(left / (left + right)) : 0.5f;

    /// <summary>One split. The kernel indexes the pairs RatioRight, RatioLeft and Left, Right by side.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Split
    {
        internal float Threshold;

        /// <summary>Index into the doubled row (missing as -infinity, then missing as +infinity).</summary>
        internal ushort Slot;
        internal ushort Feature;

        /// <summary>Share of the training rows in this node that go right, then left: by side, the share of the child not taken.</summary>
        internal float RatioRight;
        internal float RatioLeft;

        /// <summary>Where this split's path product is found and its value is left for the parent.</summary>
        internal ushort Own;

        /// <summary>The same for the children; 0 for a leaf, whose value is in LeftLeaf or RightLeaf (0 for a split).</summary>
        internal ushort Left;
        internal ushort Right;
        internal float LeftLeaf;
        internal float RightLeaf;

        /// <summary>Index into the repeats when an ancestor splits on the same feature, otherwise -1.</summary>
        internal int Repeat;
    }

    /// <summary>What the ancestors of a split that use its feature say together.</summary>
    /// <param name="Share">Product of their shares along the path: z in the paper.</param>
    /// <param name="Low">Values of the feature that follow the path are at least this,</param>
    /// <param name="High">and at most this.</param>
    /// <param name="MissingStays">Whether a missing value follows the path.</param>
    internal readonly record struct Repeat(float Share, float Low, float High, bool MissingStays)
    {
        internal static readonly Repeat None = new(1, float.NegativeInfinity, float.PositiveInfinity, true);
    }
}
