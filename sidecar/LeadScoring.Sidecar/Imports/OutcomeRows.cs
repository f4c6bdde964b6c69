using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Outcomes;

namespace LeadScoring.Sidecar.Imports;

/// <summary>One outcome a row: lead id, converted, occurred_at; revenue, stage, source and as_of if there are such columns.</summary>
internal sealed class OutcomeRows : RowReader
{
    private readonly int converted;
    private readonly int occurredAt;
    private readonly int asOf;
    private readonly int revenue;
    private readonly int stage;
    private readonly int source;
    private readonly int final;

    internal OutcomeRows(CsvTable table, ImportMapping mapping) : base(table, mapping)
    {
        if (mapping.LabelColumn is not null) throw new CsvException("--label is for leads. A file of outcomes has the column converted.");
        converted = TakeRequired("converted", "converted", "is_converted", "won", "is_won", "outcome");
        occurredAt = TakeRequired("occurred_at", "occurred_at", "date", "closed_at", "close date", "timestamp");
        asOf = Take("as_of", "as_of");
        revenue = Take("revenue", "revenue", "amount", "deal value");
        stage = Take("stage", "stage", "deal stage");
        source = Take("source", "source");
        final = Take("final", "final", "is_final");
    }

    protected override string OtherRole => "ignored";

    protected override ImportItem Read(CsvRow row, string leadId, long startedAtMs)
    {
        if (Moment(row, occurredAt, out var occurredAtMs) is { } bad) return new ImportItem(row.Line, Fault: bad);
        if (occurredAtMs is null) return new ImportItem(row.Line, Fault: $"{Table.Header[occurredAt]} is empty.");
        if (Moment(row, asOf, out var asOfMs) is { } badAsOf) return new ImportItem(row.Line, Fault: badAsOf);
        var label = NumberText.Parse(Cell(row, converted));
        if (label is not (0 or 1)) return new ImportItem(row.Line, Fault: $"{Table.Header[converted]} must be true or false (1 or 0, yes or no).");
        var finalCell = Cell(row, final);
        var isFinal = NumberText.Parse(finalCell);
        if (!NumberText.IsMissingToken(finalCell) && isFinal is not (0 or 1)) return new ImportItem(row.Line, Fault: $"{Table.Header[final]} must be true or false (1 or 0, yes or no), or empty.");
        var amount = Cell(row, revenue);
        var value = NumberText.Parse(amount);
        if (!NumberText.IsMissingToken(amount) && double.IsNaN(value)) return new ImportItem(row.Line, Fault: $"{Table.Header[revenue]} is not a number.");
        var from = Cell(row, source) is { Length: > 0 } given ? given : OutcomeItem.DefaultSource;
        if ((Api.ItemReader.Check("source", from, 64) ?? (Cell(row, stage).Length > 200 ? "stage has more than 200 characters." : null)) is { } badText) return new ImportItem(row.Line, Fault: badText);
        var outcome = new OutcomeWrite(
            leadId, from, label == 1, occurredAtMs.Value, asOfMs, double.IsNaN(value) ? null : value, Cell(row, stage) is { Length: > 0 } text ? text : null,
            IsFinal: double.IsNaN(isFinal) ? null : isFinal == 1);
        return OutcomeItem.Check(outcome, startedAtMs) is (_, { } fault) ? new ImportItem(row.Line, Fault: fault) : new ImportItem(row.Line, Outcome: outcome);
    }
}
