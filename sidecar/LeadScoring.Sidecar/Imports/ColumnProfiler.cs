using LeadScoring.Ml.Features;

namespace LeadScoring.Sidecar.Imports;

/// <summary>What the values of each column look like, for the dry-run report.</summary>
internal sealed class ColumnProfiler(CsvTable table)
{
    private const int MaxDistinct = 1_000;
    private readonly Column[] columns = [.. table.Header.Select(_ => new Column())];

    internal void Add(CsvRow row)
    {
        if (row.Fault is not null) return;
        for (var i = 0; i < columns.Length; i++) columns[i].Add(row.Cells[i]);
    }

    internal IReadOnlyList<ColumnSummary> Summaries(Func<int, string> role) =>
        [.. columns.Select((c, i) => new ColumnSummary(table.Written[i], c.Kind, c.Missing, c.Distinct.Count, role(i), table.Header[i] == table.Written[i] ? null : table.Header[i]))];

    private sealed class Column
    {
        private static readonly HashSet<string> Truths = new(StringComparer.OrdinalIgnoreCase) { "0", "1", "true", "false", "yes", "no" };
        private long values;
        private long numbers;
        private long dates;

        internal HashSet<string> Distinct { get; } = new(StringComparer.Ordinal);

        internal long Missing { get; private set; }

        // A few odd values do not make a column of numbers one of text: they will be missing values.
        internal string Kind => values == 0 ? "empty"
            : Distinct.Count == 2 && Distinct.All(Truths.Contains) ? "truth_value"
            : dates >= 0.95 * values ? "date"
            : numbers >= 0.95 * values ? "number"
            : "text";

        internal void Add(string cell)
        {
            if (NumberText.IsMissingToken(cell))
            {
                Missing++;
                return;
            }

            values++;
            if (Distinct.Count < MaxDistinct) Distinct.Add(cell.Trim());
            if (DateText.TryParse(cell, out _)) dates++;
            else if (!double.IsNaN(NumberText.Parse(cell))) numbers++;
        }
    }
}
