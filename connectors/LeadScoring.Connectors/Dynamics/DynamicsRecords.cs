using System.Globalization;
using System.Text.Json;

namespace LeadScoring.Connectors.Dynamics;

/// <summary>Leads and opportunities of Dynamics 365 Sales, and what their columns are called here.</summary>
internal static class DynamicsRecords
{
    internal const string Leads = "leads";
    internal const string LeadKey = "leadid";
    internal const string Opportunities = "opportunities";
    internal const string OpportunityKey = "opportunityid";

    private const int Disqualified = 2;

    /// <summary>Columns of a lead and the names that profiles know them by. What reveals the outcome (status, rating, the vendor's own score) is left out: ask for it with PROPERTIES if you must.</summary>
    private static readonly (string Column, string Name)[] Mapped =
    [
        ("emailaddress1", "email"), ("telephone1", "phone"), ("firstname", "first_name"), ("lastname", "last_name"), ("jobtitle", "job_title"), ("address1_city", "city"), ("address1_stateorprovince", "state"),
        ("address1_postalcode", "zip_code"), ("address1_country", "country"), ("companyname", "company"), ("industrycode", "industry"), ("leadsourcecode", "lead_source"), ("numberofemployees", "company_employees"),
        ("revenue", "company_annual_revenue"), ("donotbulkemail", "email_opt_out"),
    ];

    internal static string LeadColumns(IEnumerable<string> more) => string.Join(',', Mapped.Select(m => m.Column).Concat([LeadKey, "createdon", "statecode", "merged", "_masterid_value", "emailaddress2", "emailaddress3"]).Concat(more).Distinct(StringComparer.Ordinal));

    internal const string LeadStateColumns = "leadid,statecode,merged";

    internal const string OpportunityColumns = "opportunityid,statecode,actualclosedate,actualvalue,estimatedvalue,stepname,_originatingleadid_value";

    internal static bool IsDeleted(Dictionary<string, JsonElement> row) => Text(row, "@odata.context")?.EndsWith("/$deletedEntity", StringComparison.Ordinal) == true || (Text(row, "reason") is not null && Text(row, "id") is not null);

    internal static string IdOf(Dictionary<string, JsonElement> row, string key) => Text(row, key) ?? Text(row, "id") ?? "";

    /// <summary>The lead that this one was merged into; null: none.</summary>
    internal static string? MasterOf(Dictionary<string, JsonElement> row) => Text(row, "merged") == "true" ? Text(row, "_masterid_value") : null;

    internal static ContactRecord Lead(Dictionary<string, JsonElement> row, IEnumerable<string> more)
    {
        if (IsDeleted(row)) return new ContactRecord(IdOf(row, LeadKey), null, new Dictionary<string, string?>()) { IsDeleted = true };
        var properties = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (column, name) in Mapped) properties[name] = Read(row, column);
        foreach (var column in more) properties[column] = Read(row, column);
        return new ContactRecord(IdOf(row, LeadKey), Text(row, "emailaddress1"), properties, Moment(row, "createdon")) { OtherEmails = [.. new[] { Text(row, "emailaddress2"), Text(row, "emailaddress3") }.OfType<string>()] };
    }

    /// <summary>A lead that was disqualified is lost; any other state of a lead is no deal, and takes back the one that was.</summary>
    internal static DealRecord OfLead(Dictionary<string, JsonElement> row)
    {
        var id = IdOf(row, LeadKey);
        return !IsDeleted(row) && Number(row, "statecode") is Disqualified && Text(row, "merged") != "true" ? new DealRecord(id, DealState.Lost, [id], null, null, "Disqualified") : new DealRecord(id, DealState.Deleted, [], null, null, null);
    }

    internal static DealRecord Opportunity(Dictionary<string, JsonElement> row)
    {
        var id = IdOf(row, OpportunityKey);
        if (IsDeleted(row)) return new DealRecord(id, DealState.Deleted, [], null, null, null);
        var state = Number(row, "statecode") switch { 1 => DealState.Won, 2 => DealState.Lost, _ => DealState.Open };
        return new DealRecord(
            id, state, Text(row, "_originatingleadid_value") is { } lead ? [lead] : [], state == DealState.Open ? null : Moment(row, "actualclosedate"), state == DealState.Won ? Number(row, "actualvalue") : Number(row, "estimatedvalue"),
            Text(row, "stepname"));
    }

    /// <summary>What people read, where the column is a choice.</summary>
    private static string? Read(Dictionary<string, JsonElement> row, string column) => row.TryGetValue(column, out var value) && value.ValueKind == JsonValueKind.Number && column.EndsWith("code", StringComparison.Ordinal)
        ? Text(row, column + DynamicsClient.Formatted) ?? Text(row, column) : Text(row, column);

    private static string? Text(Dictionary<string, JsonElement> row, string name) => !row.TryGetValue(name, out var value) ? null : value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => value.ToString() is var text && !string.IsNullOrWhiteSpace(text) ? text : null,
    };

    private static double? Number(Dictionary<string, JsonElement> row, string name) => double.TryParse(Text(row, name), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static DateTimeOffset? Moment(Dictionary<string, JsonElement> row, string name) =>
        DateTimeOffset.TryParse(Text(row, name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;
}
