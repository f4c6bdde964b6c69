using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Imports;

namespace LeadScoring.Sidecar.Cli;

/// <summary>A whole CSV file in memory: what the commands that look at all rows at once work on.</summary>
internal sealed class LeadTable
{
    private LeadTable(IReadOnlyList<string> header, List<string[]> rows)
    {
        Header = header;
        Rows = rows;
    }

    internal IReadOnlyList<string> Header { get; }

    internal IReadOnlyList<string[]> Rows { get; }

    /// <exception cref="CsvException">The file cannot be read, or a row has another number of cells than the header.</exception>
    internal static LeadTable Read(string path)
    {
        using var table = CsvTable.Open(path);
        var rows = new List<string[]>();
        foreach (var row in table.Rows())
        {
            if (row.Fault is not null) throw new CsvException($"Line {row.Line}: {row.Fault}");
            rows.Add(row.Cells);
        }

        if (rows.Count == 0) throw new CsvException("The file has a header but no rows.");
        return new LeadTable(table.Header, rows);
    }

    /// <exception cref="CsvException">There is no such column.</exception>
    internal int Require(string column, string option)
    {
        for (var i = 0; i < Header.Count; i++)
        {
            if (Header[i].Equals(column, StringComparison.OrdinalIgnoreCase)) return i;
        }

        throw new CsvException($"{option}: there is no column \"{column}\". Columns: {string.Join(", ", Header.Take(30))}{(Header.Count > 30 ? " ..." : "")}.");
    }

    /// <summary>Labels of all rows: 1, 0, or NaN where the cell is empty.</summary>
    /// <exception cref="CsvException">No such column, or no row is positive.</exception>
    internal float[] Labels(string column, string? positive)
    {
        var at = Require(column, "--label");
        var labels = new LabelColumn(positive);
        labels.Require(Header[at], Rows.Select(r => r[at]));
        return [.. Rows.Select(r => labels.Read(r[at]))];
    }

    /// <summary>Feature values of all rows, row-major, each row's cells taken as the lead's attributes.</summary>
    internal FeatureValue[] Extract(FeatureProfile profile, long asOfMs) => Extract(profile, _ => asOfMs);

    /// <inheritdoc cref="Extract(FeatureProfile, long)" />
    internal FeatureValue[] Extract(FeatureProfile profile, Func<int, long> asOfMs)
    {
        var extractor = new FeatureExtractor(profile);
        var width = profile.Features.Count;
        var values = new FeatureValue[(long)Rows.Count * width];
        for (var r = 0; r < Rows.Count; r++) extractor.Extract(Snapshot(Header, Rows[r]), asOfMs(r), values.AsSpan(r * width, width));
        return values;
    }

    /// <summary>The moment of each row, Unix ms: dates, or numbers that tell the order of the rows.</summary>
    /// <exception cref="CsvException">There is no such column, or a cell that is neither.</exception>
    internal long[] Moments(string column)
    {
        var at = Require(column, "--time-column");
        return [.. Rows.Select((cells, row) => DateText.TryParse(cells[at].Trim(), out var ms) ? ms
            : NumberText.Parse(cells[at]) is var number && double.IsFinite(number) ? DateText.TryFromEpoch(number, out ms) ? ms : (long)number
            : throw new CsvException($"--time-column: row {row} of \"{Header[at]}\" is neither a date nor a number: \"{cells[at]}\". Use 2026-05-31T14:00:00Z or 2026-05-31."))];
    }

    /// <summary>A row as a lead: its cells are the attributes, and there is no activity.</summary>
    internal static LeadSnapshot Snapshot(IReadOnlyList<string> header, string[] cells)
    {
        var attributes = new Dictionary<string, AttributeValue>(header.Count, StringComparer.Ordinal);
        for (var c = 0; c < header.Count; c++) attributes[header[c]] = AttributeValue.From(cells[c]);
        return new LeadSnapshot(attributes, new ActivityState());
    }

    /// <summary>Rows listed in a file: zero-based numbers of data rows, one a line.</summary>
    /// <exception cref="CsvException">Not a number, out of range, twice, or none.</exception>
    internal int[] ReadRowList(string path)
    {
        if (!File.Exists(path)) throw new CsvException($"--test-rows: there is no file {path}.");
        var rows = new SortedSet<int>();
        foreach (var (text, line) in File.ReadLines(path).Select((text, i) => (text.Trim(), i + 1)))
        {
            if (text.Length == 0) continue;
            if (!int.TryParse(text, out var row) || row < 0 || row >= Rows.Count)
                throw new CsvException($"--test-rows: line {line} is not a row number from 0 to {Rows.Count - 1}.");
            if (!rows.Add(row)) throw new CsvException($"--test-rows: row {row} stands twice (line {line}).");
        }

        return rows.Count > 0 ? [.. rows] : throw new CsvException("--test-rows: the file lists no rows.");
    }

    /// <summary>A profile inferred from the given rows only, so that test rows say nothing about it.</summary>
    internal InferredProfile Infer(string name, int[] rows, float[]? labels, IEnumerable<string> excluded)
    {
        var names = excluded.Select(c => Header[Require(c, "--exclude")]).ToHashSet(StringComparer.Ordinal);
        return ProfileInference.Infer(name, Header, [.. rows.Select(r => Rows[r])], labels is null ? null : [.. rows.Select(r => labels[r])], names);
    }
}
