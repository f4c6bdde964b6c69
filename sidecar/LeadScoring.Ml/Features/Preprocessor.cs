namespace LeadScoring.Ml.Features;

/// <summary>A column of an encoded row: the feature it belongs to and its own name.</summary>
/// <param name="Feature">Position of the feature in the profile.</param>
/// <param name="Name">Feature name, with the level or part behind "=" where there is one.</param>
public readonly record struct EncodedColumn(int Feature, string Name);

/// <summary>Fitted preprocessing: feature values in, one row for the trees and one for network and regression out. Immutable, thread-safe.</summary>
/// <remarks>Trees get missing values natively as NaN. Dense rows are finite whatever comes in.</remarks>
public sealed class Preprocessor
{
    private readonly FeatureEncoder[] encoders;
    private readonly int[] treeStart;
    private readonly int[] denseStart;
    private readonly NumericPlan numbers;

    internal Preprocessor(FeatureEncoder[] encoders, IReadOnlyList<string> featureNames)
    {
        if (encoders.Length != featureNames.Count)
            throw new FormatException($"Preprocessor: {encoders.Length} encoders for {featureNames.Count} features");
        this.encoders = encoders;
        foreach (var encoder in encoders) encoder.Check();
        (treeStart, TreeColumns) = Columns(encoders, featureNames, e => e.TreeColumns);
        (denseStart, DenseColumns) = Columns(encoders, featureNames, e => e.DenseColumns);
        numbers = new NumericPlan(encoders, treeStart, denseStart);
    }

    /// <summary>Columns of the rows for gradient boosting and random forest.</summary>
    public IReadOnlyList<EncodedColumn> TreeColumns { get; }

    /// <summary>Columns of the rows for network and regression.</summary>
    public IReadOnlyList<EncodedColumn> DenseColumns { get; }

    internal IReadOnlyList<FeatureEncoder> Encoders => encoders;

    /// <summary>Encodes one lead.</summary>
    /// <param name="values">One value a feature, in the profile's order.</param>
    /// <param name="tree">Receives the tree row; NaN = missing. Length <see cref="TreeColumns"/>.</param>
    /// <param name="dense">Receives the dense row, finite. Length <see cref="DenseColumns"/>.</param>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public void Encode(ReadOnlySpan<FeatureValue> values, Span<float> tree, Span<float> dense)
    {
        if (values.Length != encoders.Length) throw new ArgumentException($"{values.Length} values for {encoders.Length} features", nameof(values));
        if (tree.Length != treeStart[^1]) throw new ArgumentException($"tree row has {tree.Length} places, not {TreeColumns.Count}", nameof(tree));
        if (dense.Length != denseStart[^1]) throw new ArgumentException($"dense row has {dense.Length} places, not {DenseColumns.Count}", nameof(dense));
        numbers.Encode(values, tree, dense);
        foreach (var f in numbers.Others)
            encoders[f].Encode(values[f], tree[treeStart[f]..treeStart[f + 1]], dense[denseStart[f]..denseStart[f + 1]]);
    }

    internal Span<float> TreePart(int feature, Span<float> row) => row[treeStart[feature]..treeStart[feature + 1]];

    internal Span<float> DensePart(int feature, Span<float> row) => row[denseStart[feature]..denseStart[feature + 1]];

    private static (int[] Start, EncodedColumn[] Columns) Columns(
        FeatureEncoder[] encoders, IReadOnlyList<string> names, Func<FeatureEncoder, IReadOnlyList<string>> part)
    {
        var start = new int[encoders.Length + 1];
        var columns = new List<EncodedColumn>();
        for (var f = 0; f < encoders.Length; f++)
        {
            start[f] = columns.Count;
            columns.AddRange(part(encoders[f]).Select(c => new EncodedColumn(f, c.Length == 0 ? names[f] : $"{names[f]}={c}")));
        }

        start[^1] = columns.Count;
        return (start, [.. columns]);
    }
}
