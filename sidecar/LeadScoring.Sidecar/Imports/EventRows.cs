using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;

namespace LeadScoring.Sidecar.Imports;

/// <summary>One event a row: lead id, type, occurred_at; event_id and source if there are such columns; the rest are properties.</summary>
internal sealed class EventRows : RowReader
{
    private readonly int eventId;
    private readonly int type;
    private readonly int source;
    private readonly int occurredAt;

    internal EventRows(CsvTable table, ImportMapping mapping) : base(table, mapping)
    {
        eventId = Take("event_id", "event_id", "eventid", "event id");
        type = TakeRequired("type", "type", "event_type", "event", "event type", "activity type");
        source = Take("source", "source", "channel");
        occurredAt = TakeRequired("occurred_at", "occurred_at", "timestamp", "occurredat", "date", "event_date", "activity date", "created_at");
    }

    protected override string OtherRole => "property";

    protected override ImportItem Read(CsvRow row, string leadId, long startedAtMs)
    {
        if (Moment(row, occurredAt, out var occurredAtMs) is { } bad) return new ImportItem(row.Line, Fault: bad);
        if (occurredAtMs is null) return new ImportItem(row.Line, Fault: $"{Table.Header[occurredAt]} is empty.");
        Dictionary<string, AttributeValue>? properties = null;
        for (var i = 0; i < row.Cells.Length; i++)
        {
            if (!HasRole(i) && AttributeValue.From(row.Cells[i]) is { IsMissing: false } value) (properties ??= new(StringComparer.Ordinal))[Table.Header[i]] = value;
        }

        var id = Cell(row, eventId);
        if (id.Length > 0 && Api.ItemReader.Check("event_id", id, Leads.LeadItem.MaxIdLength) is { } badId) return new ImportItem(row.Line, Fault: badId);
        // Without a column for it: most exports of activity come from a CRM.
        var from = source < 0 ? "crm" : Cell(row, source).ToLowerInvariant();
        var (e, _, fault) = EventItem.Check(id.Length > 0 ? id : null, leadId, Snake(Cell(row, type)), from, occurredAtMs.Value, properties, startedAtMs);
        return new ImportItem(row.Line, Event: e, Fault: fault);
    }

    // "Page View" and "page-view" are page_view: exports are written for people.
    private static string Snake(string type) => type.Trim().ToLowerInvariant().Replace(' ', '_').Replace('-', '_');
}
