using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;

namespace LeadScoring.Sidecar.Imports;

/// <summary>One lead a row. An empty cell says nothing and leaves what is known; the label column becomes an outcome.</summary>
internal sealed class LeadRows : RowReader
{
    internal const string LabelSource = "import";

    private readonly int createdColumn;
    private readonly int labelColumn = -1;
    private readonly int outcomeAtColumn = -1;
    private readonly LabelColumn labels;

    internal LeadRows(CsvTable table, ImportMapping mapping) : base(table, mapping)
    {
        createdColumn = Take("created_at", "created_at", "createdat", "create date", "created date", "date created");
        labels = new LabelColumn(mapping.Positive);
        if (mapping.LabelColumn is { } label)
        {
            labelColumn = Require(label, "--label");
            if (labelColumn == IdColumn) throw new CsvException("--label: the label cannot be the id column.");
            Assign(labelColumn, "label");
            outcomeAtColumn = Take("outcome_at", "outcome_at", "converted_at", "closed_at", "close date");
        }
        else if (mapping.Positive is not null)
        {
            throw new CsvException("--positive needs --label.");
        }

        var attributes = table.Header.Count - Enumerable.Range(0, table.Header.Count).Count(HasRole);
        if (attributes > LeadAttributes.MaxCount) throw new CsvException($"The file has {attributes:N0} attribute columns; a lead has at most {LeadAttributes.MaxCount}.");
    }

    protected override string OtherRole => "attribute";

    protected override ImportItem Read(CsvRow row, string leadId, long startedAtMs)
    {
        if (Moment(row, createdColumn, out var createdAtMs) is { } badCreated) return new ImportItem(row.Line, Fault: badCreated);
        if (Moment(row, outcomeAtColumn, out var outcomeAtMs) is { } badOutcome) return new ImportItem(row.Line, Fault: badOutcome);
        var attributes = new SortedDictionary<string, string?>(StringComparer.Ordinal);
        for (var i = 0; i < row.Cells.Length; i++)
        {
            if (HasRole(i)) continue;
            var text = row.Cells[i].Trim();
            if (text.Length == 0) continue;
            if (text.Length > LeadAttributes.MaxTextLength) return new ImportItem(row.Line, Fault: $"{Table.Header[i]} has more than {LeadAttributes.MaxTextLength:N0} characters.");
            attributes[Table.Header[i]] = LeadAttributes.FromText(text);
        }

        var lead = new LeadWrite(leadId, attributes, createdAtMs);
        if (labelColumn < 0 || Cell(row, labelColumn) is not { Length: > 0 } label) return new ImportItem(row.Line, lead);
        var outcome = new OutcomeWrite(leadId, LabelSource, labels.IsPositive(label), outcomeAtMs ?? startedAtMs,
            // A label without a time tells what became of the lead, not how things stand.
            IsFinal: outcomeAtMs is null ? true : null);
        return OutcomeItem.Check(outcome, startedAtMs) is (_, { } fault) ? new ImportItem(row.Line, Fault: fault) : new ImportItem(row.Line, lead, Outcome: outcome);
    }
}
