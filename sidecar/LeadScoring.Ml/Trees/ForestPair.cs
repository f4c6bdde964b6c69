namespace LeadScoring.Ml.Trees;

/// <summary>Two models over the same rows: the rows are turned into bytes once for both. The margins are those of the models alone, bit for bit.</summary>
/// <remarks>
/// Where the thresholds of both together do not fit (<see cref="RankedForest.BuildPair"/>), and for one row on processors that walk nodes, each model is asked
/// for itself. Immutable, thread-safe, no allocation per row.
/// </remarks>
internal sealed class ForestPair
{
    private const int FewRows = 8;

    private readonly TreeEnsemble first;
    private readonly TreeEnsemble second;
    private readonly RankedForest? firstRanked;
    private readonly RankedForest? secondRanked;

    /// <exception cref="ArgumentException">The models take rows of different lengths.</exception>
    internal ForestPair(TreeEnsemble first, TreeEnsemble second)
    {
        if (first.FeatureCount != second.FeatureCount)
            throw new ArgumentException($"The models have {first.FeatureCount} and {second.FeatureCount} features.", nameof(second));
        (this.first, this.second) = (first, second);
        if (RankedForest.BuildPair(first.Trees, first.BaseMargin, second.Trees, second.BaseMargin, first.FeatureCount) is { } pair)
            (firstRanked, secondRanked) = pair;
    }

    /// <summary>Whether both models share the bytes of a row.</summary>
    internal bool IsShared => firstRanked is not null;

    /// <summary>The margins of one row.</summary>
    /// <param name="row">Shape (features); NaN = missing.</param>
    /// <exception cref="ArgumentException">The row has another length.</exception>
    internal (float First, float Second) Margin(ReadOnlySpan<float> row) =>
        firstRanked is { CanScoreSingle: true } && row.Length == first.FeatureCount
            ? RankedForest.MarginOfBoth(firstRanked, secondRanked!, row)
            : (first.Margin(row), second.Margin(row));

    /// <summary>The margins of many rows.</summary>
    /// <param name="rows">Row-major, shape (count, features); NaN = missing.</param>
    /// <param name="firstMargins">Receives those of the first model, shape (count).</param>
    /// <param name="secondMargins">Receives those of the second model, shape (count).</param>
    /// <exception cref="ArgumentException">The shapes do not agree.</exception>
    internal void Margins(ReadOnlySpan<float> rows, Span<float> firstMargins, Span<float> secondMargins)
    {
        var agree = (long)firstMargins.Length * first.FeatureCount == rows.Length && firstMargins.Length == secondMargins.Length;
        if (agree && firstRanked is not null && firstMargins.Length >= FewRows)
        {
            RankedForest.MarginsOfBoth(firstRanked, secondRanked, rows, firstMargins, secondMargins);
            return;
        }

        first.Margins(rows, firstMargins);
        second.Margins(rows, secondMargins);
    }
}
