namespace LeadScoring.Ml.Drift;

/// <summary>A column of values counted in cells: what later values are compared with, count against count.</summary>
/// <remarks>
/// Numbers: cell i holds the values above bound i - 1 up to and including bound i; the last cell, beyond the last bound, holds what is larger than anything seen. With few distinct
/// values each is a bound, so that counts lose nothing to the cells. Levels: a cell each for the most frequent, and a last one for all others, which are rare or were never seen.
/// </remarks>
public sealed record FeatureCells
{
    /// <summary>Most cells of numbers.</summary>
    public const int MostBounds = 64;

    /// <summary>Most levels with a cell of their own.</summary>
    public const int MostLevels = 100;

    /// <summary>Of numbers: upper bounds, ascending; null for levels.</summary>
    public double[]? Bounds { get; init; }

    /// <summary>Of levels: names, the most frequent first; null for numbers.</summary>
    public string[]? Levels { get; init; }

    /// <summary>Rows by cell. Length: bounds or levels, and one.</summary>
    public required int[] Counts { get; init; }

    /// <summary>Rows without a value.</summary>
    public int Missing { get; init; }

    /// <summary>Rows with a value.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int Known => Counts.Sum();

    /// <summary>All rows.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int Rows => Known + Missing;

    /// <summary>Whether <see cref="Levels"/> are all that there were: then what falls into the last cell was never seen.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsComplete => Counts[^1] == 0;

    /// <summary>Counts numbers; the cells are made from them.</summary>
    /// <param name="values">Finite numbers, NaN where missing. Shape (rows,).</param>
    public static FeatureCells OfNumbers(IEnumerable<double> values)
    {
        var all = values.ToArray();
        double[] known = [.. all.Where(double.IsFinite)];
        Array.Sort(known);
        var distinct = known.Distinct().ToArray();
        var bounds = distinct.Length <= MostBounds ? distinct
            : [.. Enumerable.Range(1, MostBounds).Select(i => known[((long)i * known.Length / MostBounds) - 1]).Distinct()];
        return new FeatureCells { Bounds = bounds, Counts = new int[bounds.Length + 1] }.Recount(all);
    }

    /// <summary>Counts levels; the cells are made from them.</summary>
    /// <param name="values">Names, null where missing. Shape (rows,).</param>
    /// <param name="fewest">Rows of a level before it has a cell of its own, 1 or more.</param>
    public static FeatureCells OfLevels(IEnumerable<string?> values, int fewest = 1)
    {
        var all = values.ToArray();
        string[] levels = [.. all.OfType<string>().GroupBy(v => v, StringComparer.Ordinal).Where(g => g.Count() >= fewest).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).Take(MostLevels).Select(g => g.Key)];
        return new FeatureCells { Levels = levels, Counts = new int[levels.Length + 1] }.Recount(all);
    }

    /// <summary>Other numbers counted in the same cells.</summary>
    /// <param name="values">Numbers, NaN where missing. Shape (rows,).</param>
    public FeatureCells Recount(IReadOnlyCollection<double> values)
    {
        var counts = new int[Counts.Length];
        var missing = 0;
        foreach (var value in values)
        {
            if (CellOf(value) is var cell and >= 0) counts[cell]++;
            else missing++;
        }

        return this with { Counts = counts, Missing = missing };
    }

    /// <summary>Other levels counted in the same cells.</summary>
    /// <param name="values">Names, null where missing. Shape (rows,).</param>
    public FeatureCells Recount(IReadOnlyCollection<string?> values)
    {
        var counts = new int[Counts.Length];
        var missing = 0;
        foreach (var value in values)
        {
            if (CellOf(value) is var cell and >= 0) counts[cell]++;
            else missing++;
        }

        return this with { Counts = counts, Missing = missing };
    }

    /// <summary>Cell of a number; -1 when it is missing.</summary>
    /// <exception cref="InvalidOperationException">These are cells of levels.</exception>
    public int CellOf(double value)
    {
        if (Bounds is null) throw new InvalidOperationException("These are cells of levels, not of numbers.");
        if (!double.IsFinite(value)) return -1;
        var at = Array.BinarySearch(Bounds, value);
        return at < 0 ? ~at : at;
    }

    /// <summary>Cell of a level; -1 when it is missing.</summary>
    /// <exception cref="InvalidOperationException">These are cells of numbers.</exception>
    public int CellOf(string? level)
    {
        if (Levels is null) throw new InvalidOperationException("These are cells of numbers, not of levels.");
        if (level is null) return -1;
        var at = Array.IndexOf(Levels, level);
        return at < 0 ? Levels.Length : at;
    }

    /// <exception cref="FormatException">What was read cannot be: the message says what.</exception>
    public void Check(string name)
    {
        if (Bounds is null == Levels is null) throw new FormatException($"Reference of '{name}': bounds or levels, one of them");
        if (Counts.Length != (Bounds?.Length ?? Levels!.Length) + 1 || Counts.Any(c => c < 0) || Missing < 0 || Counts.Sum(c => (long)c) > int.MaxValue) throw new FormatException($"Reference of '{name}': the counts cannot be");
        if (Bounds is { } b && (b.Any(v => !double.IsFinite(v)) || b.Zip(b.Skip(1)).Any(p => !(p.First < p.Second)))) throw new FormatException($"Reference of '{name}': the bounds do not ascend");
        if (Levels?.Contains(null) == true) throw new FormatException($"Reference of '{name}': a level is null");
    }
}
