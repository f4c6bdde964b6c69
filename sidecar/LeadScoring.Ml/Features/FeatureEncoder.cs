using System.Collections.Frozen;
using System.Text.Json.Serialization;

namespace LeadScoring.Ml.Features;

/// <summary>One fitted feature: how its value becomes tree columns (missing stays NaN) and dense columns (imputed, bounded, scaled).</summary>
[JsonDerivedType(typeof(NumericEncoder), "numeric")]
[JsonDerivedType(typeof(OneHotEncoder), "one_hot")]
[JsonDerivedType(typeof(OneHotStatisticsEncoder), "one_hot_statistics")]
[JsonDerivedType(typeof(TargetEncoder), "target")]
internal abstract class FeatureEncoder
{
    /// <summary>Names of the tree columns, without the feature's name.</summary>
    internal abstract IReadOnlyList<string> TreeColumns { get; }

    internal abstract IReadOnlyList<string> DenseColumns { get; }

    internal abstract void Encode(FeatureValue value, Span<float> tree, Span<float> dense);

    /// <summary>Throws <see cref="FormatException"/> when what was read from a bundle cannot be used.</summary>
    internal abstract void Check();

    /// <summary>Largest magnitude of a dense value. Deviations of real leads are far below; what is above would let network and regression run out of their numbers' range.</summary>
    internal const double MaxDense = 1e9;

    private protected static bool IsModest(double number, double mean, double inverseDeviation) => Math.Abs((number - mean) * inverseDeviation) <= MaxDense;

    private protected static void Require(bool condition, string what)
    {
        if (!condition) throw new FormatException($"Preprocessor: {what}");
    }
}

/// <summary>Numbers and booleans.</summary>
internal sealed class NumericEncoder : FeatureEncoder
{
    public double Low { get; init; }

    public double High { get; init; }

    public double Fill { get; init; }

    public double Mean { get; init; }

    /// <summary>1 / standard deviation after bounding and filling; 0 for a constant.</summary>
    public double InverseDeviation { get; init; }

    public bool MissingIndicator { get; init; }

    internal override IReadOnlyList<string> TreeColumns => [""];

    internal override IReadOnlyList<string> DenseColumns => MissingIndicator ? ["", "missing"] : [""];

    internal override void Encode(FeatureValue value, Span<float> tree, Span<float> dense)
    {
        var missing = double.IsNaN(value.Number);
        // A double beyond float range would become an infinity, which XGBoost refuses in training.
        tree[0] = missing ? float.NaN : (float)Bounded(value.Number);
        dense[0] = (float)(((missing ? Fill : Math.Clamp(value.Number, Low, High)) - Mean) * InverseDeviation);
        if (MissingIndicator) dense[1] = missing ? 1 : 0;
    }

    /// <summary>The number within the range of a float, so that sums of squares of it stay within that of a double.</summary>
    internal static double Bounded(double number) => Math.Clamp(number, -3e38, 3e38);

    internal override void Check()
    {
        Require(double.IsFinite(Low) && double.IsFinite(High) && Low <= High && double.IsFinite(Fill) && double.IsFinite(Mean) && double.IsFinite(InverseDeviation),
            "a numeric encoder has bounds or scales that are not finite");
        Require(IsModest(Low, Mean, InverseDeviation) && IsModest(High, Mean, InverseDeviation) && IsModest(Fill, Mean, InverseDeviation), "a numeric encoder gives values that no lead has");
    }
}

/// <summary>Few levels: a column each, rare and unknown ones share "other".</summary>
internal sealed class OneHotEncoder : FeatureEncoder
{
    private FrozenDictionary<string, int>? index;

    public required string[] Levels { get; init; }

    /// <summary>Whether training saw levels that got no column of their own.</summary>
    public bool Other { get; init; }

    /// <summary>A column of its own for "missing"; else missing is filled with the mode in dense columns.</summary>
    public bool MissingIndicator { get; init; }

    /// <summary>Position of the most frequent level.</summary>
    public int Mode { get; init; }

    private int Width => Levels.Length + (Other ? 1 : 0);

    internal override IReadOnlyList<string> TreeColumns => Other ? [.. Levels, "other"] : Levels;

    internal override IReadOnlyList<string> DenseColumns => MissingIndicator ? [.. TreeColumns, "missing"] : TreeColumns;

    internal override void Encode(FeatureValue value, Span<float> tree, Span<float> dense)
    {
        dense.Clear();
        if (value.Level is null)
        {
            tree.Fill(float.NaN);
            dense[MissingIndicator ? Width : Mode] = 1;
            return;
        }

        tree.Clear();
        index ??= Levels.Select((l, i) => (l, i)).ToFrozenDictionary(p => p.l, p => p.i, StringComparer.Ordinal);
        var at = index.TryGetValue(value.Level, out var known) ? known : Other ? Levels.Length : -1;
        // A level never seen, where training saw none that was rare: all zeros, the model's own "none of these".
        if (at < 0) return;
        tree[at] = 1;
        dense[at] = 1;
    }

    internal override void Check()
    {
        Require(!Levels.Contains(null), "a one-hot encoder has a level without a name");
        Require(Levels.Distinct(StringComparer.Ordinal).Count() == Levels.Length, "a one-hot encoder has a level twice");
        Require(Width > 0 && Mode >= 0 && Mode < Width, "a one-hot encoder has no such mode");
    }
}

/// <summary>
/// Few levels, one-hot encoded, and for the trees also what a target encoding has: one split on the log-odds parts the levels in two groups where one-hot columns need a split for each,
/// and the count tells rare levels from frequent ones.
/// </summary>
internal sealed class OneHotStatisticsEncoder : FeatureEncoder
{
    private string[]? columns;

    public required OneHotEncoder OneHot { get; init; }

    public required TargetEncoder Statistics { get; init; }

    internal override IReadOnlyList<string> TreeColumns => columns ??= [.. OneHot.TreeColumns, .. Statistics.TreeColumns];

    internal override IReadOnlyList<string> DenseColumns => OneHot.DenseColumns;

    internal override void Encode(FeatureValue value, Span<float> tree, Span<float> dense)
    {
        var statistics = tree.Length - Statistics.TreeColumns.Count;
        OneHot.Encode(value, tree[..statistics], dense);
        Statistics.EncodeTree(value, tree[statistics..]);
    }

    internal override void Check()
    {
        Require(OneHot is not null && Statistics is not null, "an encoder of levels lacks a part");
        OneHot!.Check();
        Statistics!.Check();
    }
}

/// <summary>Many levels: the smoothed log-odds of conversion at the level, fitted out-of-fold for the training rows.</summary>
internal sealed class TargetEncoder : FeatureEncoder
{
    public required Dictionary<string, float> LogOdds { get; init; }

    /// <summary>log(1 + rows) of the level in training: how much there is behind the encoding.</summary>
    public required Dictionary<string, float> LogCount { get; init; }

    public float UnknownLogOdds { get; init; }

    public float MissingLogOdds { get; init; }

    public float MissingLogCount { get; init; }

    public double Mean { get; init; }

    public double InverseDeviation { get; init; }

    internal override IReadOnlyList<string> TreeColumns => ["log-odds", "log-count"];

    internal override IReadOnlyList<string> DenseColumns => ["log-odds"];

    internal override void Encode(FeatureValue value, Span<float> tree, Span<float> dense)
    {
        EncodeTree(value, tree);
        dense[0] = (float)((tree[0] - Mean) * InverseDeviation);
    }

    internal void EncodeTree(FeatureValue value, Span<float> tree)
    {
        (tree[0], tree[1]) = value.Level is null
            ? (MissingLogOdds, MissingLogCount)
            : (LogOdds.GetValueOrDefault(value.Level, UnknownLogOdds), LogCount.GetValueOrDefault(value.Level));
    }

    /// <summary>A training row, encoded by rows other than itself.</summary>
    internal void Write(float logOdds, float logCount, Span<float> tree, Span<float> dense)
    {
        (tree[0], tree[1]) = (logOdds, logCount);
        dense[0] = (float)((logOdds - Mean) * InverseDeviation);
    }

    internal override void Check()
    {
        Require(LogOdds.Values.All(float.IsFinite) && LogCount.Values.All(float.IsFinite) && float.IsFinite(UnknownLogOdds) && float.IsFinite(MissingLogOdds) && float.IsFinite(MissingLogCount),
            "a target encoder has values that are not finite");
        Require(double.IsFinite(Mean) && double.IsFinite(InverseDeviation), "a target encoder has scales that are not finite");
        Require(LogOdds.Values.Append(UnknownLogOdds).Append(MissingLogOdds).All(x => IsModest(x, Mean, InverseDeviation)), "a target encoder gives values that no lead has");
    }
}
