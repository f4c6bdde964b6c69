using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace LeadScoring.Sidecar.Imports;

/// <summary>One data row.</summary>
/// <param name="Index">Zero-based number of the data row; faulty rows count.</param>
/// <param name="Line">Line of the file on which the row ends, the header being line 1.</param>
/// <param name="Cells">As many as the header, unless <paramref name="Fault"/> says why the row cannot be used.</param>
internal sealed record CsvRow(long Index, long Line, string[] Cells, string? Fault);

/// <summary>A CSV file read as a stream of rows. Finds encoding and delimiter by itself; knows quoted newlines and byte order marks.</summary>
internal sealed class CsvTable : IDisposable
{
    private const int MaxCell = 1_000_000;
    private const int MaxColumns = 5_000;
    private readonly CsvParser parser;
    private readonly Stream stream;
    private readonly Dictionary<string, int> columns = new(StringComparer.OrdinalIgnoreCase);
    private long nextIndex;

    private CsvTable(CsvDialect dialect, CsvParser parser, Stream stream, string[] written, IReadOnlyDictionary<string, string> names)
    {
        this.stream = stream;
        this.parser = parser;
        Dialect = dialect;
        Written = written;
        if (names.Keys.FirstOrDefault(n => !written.Contains(n, StringComparer.OrdinalIgnoreCase)) is { } unknown) throw new CsvException($"map: there is no column \"{unknown}\". Columns: {string.Join(", ", written.Take(30))}{(written.Length > 30 ? " ..." : "")}.");
        string[] header = [.. written.Select(w => names.FirstOrDefault(n => n.Key.Equals(w, StringComparison.OrdinalIgnoreCase)).Value is { Length: > 0 } name ? name : w)];
        LeftOut = [.. written.Select(w => names.Any(n => n.Value.Length == 0 && n.Key.Equals(w, StringComparison.OrdinalIgnoreCase)))];
        Header = header;
        for (var i = 0; i < header.Length; i++)
        {
            if (!columns.TryAdd(header[i], i)) throw new CsvException($"Two columns are named \"{header[i]}\" (columns {columns[header[i]] + 1} and {i + 1}). Rename one of them.");
        }
    }

    internal CsvDialect Dialect { get; }

    /// <summary>Column names as the file has them, trimmed.</summary>
    internal IReadOnlyList<string> Written { get; }

    /// <summary>Which columns are not to be read.</summary>
    internal IReadOnlyList<bool> LeftOut { get; }

    /// <summary>Column names by which they are read. Distinct also when case is ignored.</summary>
    internal IReadOnlyList<string> Header { get; }

    /// <summary>Position of a column, case ignored; -1 when there is none.</summary>
    internal int IndexOf(string column) => columns.GetValueOrDefault(column, -1);

    /// <summary>Share of the file that has been read, 0 to 1.</summary>
    internal double Share => stream.Length == 0 ? 1 : (double)stream.Position / stream.Length;

    /// <param name="path">The file.</param>
    /// <param name="names">Names by which columns are to be read, by their names in the file; blank for a column that is not to be read. Null: as they are.</param>
    /// <exception cref="CsvException">No such file, empty, not text, or a header that cannot be used.</exception>
    internal static CsvTable Open(string path, IReadOnlyDictionary<string, string>? names = null)
    {
        if (!File.Exists(path)) throw new CsvException($"There is no file {path}.");
        var dialect = CsvDialect.Detect(path);
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16, FileOptions.SequentialScan);
        var reader = new StreamReader(stream, dialect.Encoding, detectEncodingFromByteOrderMarks: true, 1 << 16);
        var parser = new CsvParser(reader, new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = dialect.Delimiter.ToString(),
            // A lone quote inside a cell (5" pipe) is data, not an error.
            BadDataFound = null,
            IgnoreBlankLines = true,
            // An opening quote that is never closed would swallow the rest of the file.
            MaxFieldSize = MaxCell,
        });
        try
        {
            return new CsvTable(dialect, parser, stream, ReadHeader(parser), names ?? new Dictionary<string, string>());
        }
        catch
        {
            parser.Dispose();
            throw;
        }
    }

    /// <summary>All remaining rows, streamed.</summary>
    internal IEnumerable<CsvRow> Rows()
    {
        while (Read() is { } row) yield return row;
    }

    /// <summary>The next row, or null at the end.</summary>
    internal CsvRow? Read()
    {
        if (!Advance(parser)) return null;
        var cells = parser.Record!;
        var (index, line) = (nextIndex++, (long)parser.RawRow);
        return cells.Length == Header.Count
            ? new CsvRow(index, line, cells, null)
            : new CsvRow(index, line, cells, $"The row has {cells.Length} cells, the header has {Header.Count}.");
    }

    public void Dispose() => parser.Dispose();

    private static string[] ReadHeader(CsvParser parser)
    {
        if (!Advance(parser)) throw new CsvException("The file is empty.");
        string[] header = [.. parser.Record!.Select(name => name.Trim())];
        if (header.Length > MaxColumns) throw new CsvException($"The file has {header.Length:N0} columns; the limit is {MaxColumns:N0}.");
        // Exports often end every line with a delimiter: one unnamed last column is dropped by giving it a name nobody asks for.
        for (var i = 0; i < header.Length; i++)
        {
            if (header[i].Length == 0) header[i] = $"column_{i + 1}";
            else if (header[i].Length > 200) throw new CsvException($"The name of column {i + 1} is longer than 200 characters. Is the first line the header?");
        }

        return header;
    }

    private static bool Advance(CsvParser parser)
    {
        try
        {
            return parser.Read();
        }
        catch (MaxFieldSizeException)
        {
            throw new CsvException($"A cell after line {parser.RawRow} is larger than {MaxCell:N0} characters. A quote there is probably opened and never closed.");
        }
    }
}
