namespace LeadScoring.Sidecar.Imports;

/// <summary>What a file is imported as.</summary>
public enum ImportKind
{
    /// <summary>One lead a row; every column but the id becomes an attribute.</summary>
    Leads,

    /// <summary>One event a row; columns that are not known become properties.</summary>
    Events,

    /// <summary>One outcome a row.</summary>
    Outcomes,
}

/// <summary>How to read the file.</summary>
/// <param name="IdColumn">Column with the lead id; null finds it by its usual names.</param>
/// <param name="LabelColumn">Leads only: column that says whether the lead converted; it becomes an outcome instead of an attribute.</param>
/// <param name="Positive">Value of the label column that means converted; null takes 1, true, yes, won, converted.</param>
/// <param name="Names">Other names for columns, by those of the file; blank leaves a column out. The id and label columns are named by what they are called here.</param>
internal sealed record ImportMapping(ImportKind Kind, string? IdColumn = null, string? LabelColumn = null, string? Positive = null, IReadOnlyDictionary<string, string>? Names = null);

/// <param name="IsDryRun">Only look, store nothing.</param>
/// <param name="IsStrict">Store nothing when any row is bad.</param>
/// <param name="Again">Import a file once more that was imported to its end before.</param>
internal sealed record ImportRequest(string OrganizationId, string Path, ImportMapping Mapping, bool IsDryRun = false, bool IsStrict = false, bool Again = false);

/// <summary>How an import ended.</summary>
public enum ImportStatus
{
    /// <summary>Looked at only.</summary>
    DryRun,

    /// <summary>Imported to the end.</summary>
    Done,

    /// <summary>This very file was imported before; nothing was done.</summary>
    DoneBefore,

    /// <summary>Refused as a whole because of bad rows (strict); nothing was stored.</summary>
    Refused,
}

/// <param name="Line">Line of the file on which the row ends.</param>
public sealed record RowFault(long Line, string Reason);

/// <param name="Kind">number, date, truth_value, text, list of levels: what the values look like.</param>
/// <param name="Distinct">Different values among the first 1,000.</param>
/// <param name="Role">What the column becomes: id, attribute, label, property ..., or left_out.</param>
/// <param name="ReadAs">The name that map gives it; absent when it keeps its own.</param>
public sealed record ColumnSummary(string Name, string Kind, long Missing, int Distinct, string Role, string? ReadAs = null);

/// <param name="ResumedAtRow">Data row at which an interrupted import went on; 0 when it started at the beginning.</param>
/// <param name="Created">New leads, events or outcomes.</param>
/// <param name="Duplicates">Rows that repeat the id of an earlier row of the file (leads), or events known before.</param>
/// <param name="Faults">The first 20 rejected rows.</param>
public sealed record ImportReport(
    ImportStatus Status, ImportKind Kind, string Encoding, string Delimiter, long ResumedAtRow,
    long Rows, long Created, long Updated, long Unchanged, long Duplicates, long Outcomes, long Rejected,
    IReadOnlyList<RowFault> Faults, IReadOnlyList<ColumnSummary>? Columns = null);
