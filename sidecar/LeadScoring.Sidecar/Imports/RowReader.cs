using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;

namespace LeadScoring.Sidecar.Imports;

/// <summary>What one row says: at least one of the three, or the reason why nothing.</summary>
internal sealed record ImportItem(long Line, LeadWrite? Lead = null, LeadEvent? Event = null, OutcomeWrite? Outcome = null, string? Fault = null);

/// <summary>Turns rows into leads, events or outcomes. Made once per file: a mapping that does not fit is refused before anything is stored.</summary>
internal abstract class RowReader
{
    private static readonly string[] IdNames = ["lead_id", "leadid", "lead id", "id", "contact_id", "contactid", "contact id", "record id", "record_id", "customer_id", "prospect id", "prospect_id", "lead number"];
    private readonly Dictionary<int, string> roles = [];

    protected RowReader(CsvTable table, ImportMapping mapping)
    {
        Table = table;
        IdColumn = mapping.IdColumn is { } name
            ? Require(name, "--id-column")
            : Find(IdNames) is >= 0 and var found ? found : throw new CsvException($"No column looks like the lead id. Name it with --id-column (id_column over HTTP). Columns: {Columns(table)}.");
        roles[IdColumn] = "id";
        for (var i = 0; i < table.LeftOut.Count; i++)
        {
            if (table.LeftOut[i] && i == IdColumn) throw new CsvException($"map: the column \"{table.Written[i]}\" is the lead id and cannot be left out.");
            if (table.LeftOut[i]) roles[i] = "left_out";
        }
    }

    protected CsvTable Table { get; }

    protected int IdColumn { get; }

    /// <summary>What each column becomes, for the report.</summary>
    internal string Role(int column) => roles.GetValueOrDefault(column, OtherRole);

    protected abstract string OtherRole { get; }

    internal static RowReader For(CsvTable table, ImportMapping mapping) => mapping.Kind switch
    {
        ImportKind.Leads => new LeadRows(table, mapping),
        ImportKind.Events => new EventRows(table, mapping),
        _ => new OutcomeRows(table, mapping),
    };

    /// <param name="startedAtMs">When the import began: stands for "now", so that a resumed import gives the same result.</param>
    internal ImportItem Read(CsvRow row, long startedAtMs)
    {
        if (row.Fault is not null) return new ImportItem(row.Line, Fault: row.Fault);
        var leadId = row.Cells[IdColumn].Trim();
        if (LeadItem.IdFault(Table.Header[IdColumn], leadId) is { } fault) return new ImportItem(row.Line, Fault: fault);
        return Read(row, leadId, startedAtMs);
    }

    protected abstract ImportItem Read(CsvRow row, string leadId, long startedAtMs);

    protected bool HasRole(int column) => roles.ContainsKey(column);

    protected int Take(string role, params string[] names)
    {
        var column = Find(names);
        if (column >= 0 && Table.LeftOut[column]) return -1;
        if (column >= 0) roles.TryAdd(column, role);
        return column;
    }

    protected int TakeRequired(string role, params string[] names) => Take(role, names) is >= 0 and var column
        ? column
        : throw new CsvException($"The file needs a column {names[0]}. Columns: {Columns(Table)}.");

    protected int Require(string name, string option)
    {
        var column = Table.IndexOf(name);
        return column >= 0 ? column : throw new CsvException($"{option}: there is no column \"{name}\". Columns: {Columns(Table)}.");
    }

    protected void Assign(int column, string role) => roles[column] = role;

    protected static string Cell(CsvRow row, int column) => column < 0 ? "" : row.Cells[column].Trim();

    /// <summary>Null and no fault when the cell is empty or says "no value".</summary>
    protected string? Moment(CsvRow row, int column, out long? unixMs)
    {
        unixMs = null;
        var text = Cell(row, column);
        if (NumberText.IsMissingToken(text)) return null;
        if (DateText.TryParse(text, out var ms) || (double.TryParse(text, out var epoch) && DateText.TryFromEpoch(epoch, out ms)))
        {
            unixMs = ms;
            return null;
        }

        return $"{Table.Header[column]} is not a date that can be read. Use 2026-05-31T14:00:00Z or 2026-05-31.";
    }

    private int Find(string[] names) => names.Select(Table.IndexOf).FirstOrDefault(c => c >= 0, -1);

    private static string Columns(CsvTable table) => string.Join(", ", table.Header.Take(30)) + (table.Header.Count > 30 ? " ..." : "");
}
