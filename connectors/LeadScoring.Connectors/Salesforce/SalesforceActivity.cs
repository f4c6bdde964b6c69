namespace LeadScoring.Connectors.Salesforce;

/// <summary>Tasks that are done: e-mails that went out, calls, and the rest.</summary>
internal sealed class SalesforceActivity(SalesforceSchema schema)
{
    internal const string Task = "Task";

    private static readonly string[] Fields = ["Id", "IsDeleted", "SystemModstamp", "CreatedDate", "WhoId", "TaskSubtype", "Type", "IsClosed", "CompletedDateTime", "ActivityDate", "CallDurationInSeconds"];

    internal SalesforceSource[] Sources => [new SalesforceSource(Task, token => schema.ThereAsync(Task, Fields, token)) { Where = "IsClosed = true AND WhoId != null" }];

    internal static IEnumerable<ActivityRecord> Read(IEnumerable<SalesforceRow> rows)
    {
        foreach (var row in rows)
        {
            if (row.IsDeleted || row.Text("WhoId") is not { } who || SalesforceContacts.TypeOf(who) is null) continue;
            if ((row.Moment("CompletedDateTime") ?? row.Moment("ActivityDate") ?? row.Moment("CreatedDate")) is not { } at) continue;
            var (type, source) = KindOf(row);
            yield return new ActivityRecord(row.Id, who, null, type, source, at);
        }
    }

    private static (string Type, string Source) KindOf(SalesforceRow row) => (row.Text("TaskSubtype") ?? row.Text("Type")) switch
    {
        "Email" or "ListEmail" => ("email_sent", "email"),
        // A call of no length that was logged by telephony is one that nobody took.
        "Call" => (row.Number("CallDurationInSeconds") is 0 ? "call_attempted" : "phone_call", "phone"),
        _ => ("task_completed", "crm"),
    };
}
