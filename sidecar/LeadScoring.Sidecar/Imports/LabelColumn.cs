using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Imports;

/// <summary>What a label column's cells mean: converted, not converted, or nothing (empty).</summary>
internal sealed class LabelColumn(string? positive)
{
    private static readonly HashSet<string> PositiveWords = new(StringComparer.OrdinalIgnoreCase) { "1", "true", "yes", "y", "won", "closed won", "converted", "t" };

    private readonly string? positive = positive?.Trim();
    private readonly double positiveNumber = NumberText.Parse(positive);

    internal bool IsPositive(string label) => positive is null
        ? PositiveWords.Contains(label) || NumberText.Parse(label) == 1
        : label.Equals(positive, StringComparison.OrdinalIgnoreCase) || (!double.IsNaN(positiveNumber) && NumberText.Parse(label) == positiveNumber);

    /// <summary>1, 0, or NaN for an empty cell.</summary>
    internal float Read(string cell) => NumberText.IsMissingToken(cell) ? float.NaN : IsPositive(cell.Trim()) ? 1 : 0;

    /// <summary>Refuses a column in which nothing is positive, naming what there is.</summary>
    /// <exception cref="CsvException">No cell means converted.</exception>
    internal void Require(string column, IEnumerable<string> cells)
    {
        var values = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var cell in cells)
        {
            if (Read(cell) == 1) return;
            if (values.Count < 6) values.Add(cell.Trim());
        }

        throw new CsvException(positive is null
            ? $"No cell of the label column \"{column}\" means converted (1, true, yes, won, converted). It holds: {string.Join(", ", values)}. Name the value with --positive."
            : $"No cell of the label column \"{column}\" is \"{positive}\". It holds: {string.Join(", ", values)}.");
    }
}
