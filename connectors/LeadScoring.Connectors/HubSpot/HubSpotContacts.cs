using System.Globalization;

namespace LeadScoring.Connectors.HubSpot;

/// <summary>What of a HubSpot contact is read, and what it is called here.</summary>
internal static class HubSpotContacts
{
    internal const string Type = "contacts";
    internal const string Modified = "lastmodifieddate";
    private const string Company = "associatedcompanyid";

    /// <summary>Properties of HubSpot and the names that profiles know them by. What reveals the outcome (lifecycle stage, lead status) is left out: ask for it with PROPERTIES if you must.</summary>
    private static readonly (string HubSpot, string Name)[] Mapped =
    [
        ("email", "email"), ("phone", "phone"), ("firstname", "first_name"), ("lastname", "last_name"), ("jobtitle", "job_title"), ("city", "city"), ("state", "state"), ("zip", "zip_code"),
        ("country", "country"), ("company", "company"), ("industry", "industry"), ("hs_analytics_source", "lead_source"), ("hs_analytics_num_visits", "website_sessions"),
        ("hs_analytics_average_page_views", "avg_pages_viewed"), ("num_conversion_events", "forms_completed"), ("hs_timezone", "time_zone"), ("hs_email_optout", "email_opt_out"),
    ];

    private static readonly (string HubSpot, string Name)[] OfCompany =
    [
        ("industry", "company_industry"), ("numberofemployees", "company_employees"), ("annualrevenue", "company_annual_revenue"), ("country", "company_country"), ("type", "company_type"),
    ];

    private static readonly string[] Plumbing = ["hs_object_id", "createdate", Company, "hs_additional_emails", "hs_merged_object_ids", "hs_calculated_merged_vids", "hs_email_delivered", "hs_email_open", "hs_email_click"];

    internal static string[] CompanyProperties { get; } = [.. OfCompany.Select(m => m.HubSpot)];

    internal static string[] PropertiesWith(IEnumerable<string> more) => [.. Mapped.Select(m => m.HubSpot).Concat(Plumbing).Concat(more).Distinct(StringComparer.Ordinal)];

    internal static string? CompanyOf(CrmObject contact) => Value(contact, Company);

    internal static ContactRecord Read(CrmObject o, IEnumerable<string> more, CrmObject? company)
    {
        if (o.Archived) return new ContactRecord(o.Id, null, new Dictionary<string, string?>()) { IsDeleted = true };
        var properties = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, known) in Mapped) properties[known] = Value(o, name);
        foreach (var name in more) properties[name] = Value(o, name);
        foreach (var (name, known) in OfCompany) properties[known] = company is null ? null : Value(company, name);
        properties["email_open_rate"] = Rate(o, "hs_email_open", "hs_email_delivered");
        properties["click_rate"] = Rate(o, "hs_email_click", "hs_email_delivered");
        return new ContactRecord(o.Id, Value(o, "email"), properties, Moment(o, "createdate") ?? o.CreatedAt)
        {
            MergedIds = Merged(o), OtherEmails = [.. (Value(o, "hs_additional_emails") ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)],
        };
    }

    internal static string? Value(CrmObject o, string name) => o.Properties is { } p && p.TryGetValue(name, out var value) && !string.IsNullOrWhiteSpace(value) ? value : null;

    internal static double? Number(CrmObject o, string name) => double.TryParse(Value(o, name), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    /// <summary>A moment, which comes as ISO 8601 or as Unix milliseconds.</summary>
    internal static DateTimeOffset? Moment(CrmObject o, string name) => Value(o, name) switch
    {
        null => null,
        { Length: >= 10 and <= 14 } text when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) => DateTimeOffset.FromUnixTimeMilliseconds(ms),
        var text => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null,
    };

    private static string? Rate(CrmObject o, string part, string whole) =>
        Number(o, whole) is > 0 and var all ? Math.Min(1, (Number(o, part) ?? 0) / all).ToString("0.####", CultureInfo.InvariantCulture) : null;

    /// <summary>Ids alone since merges make objects anew; before, ids with the moment of the merge.</summary>
    private static string[] Merged(CrmObject o) =>
    [
        .. new[] { Value(o, "hs_merged_object_ids"), Value(o, "hs_calculated_merged_vids") }.SelectMany(v => (v ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Select(v => v.Split(':')[0]).Where(id => id != o.Id).Distinct(StringComparer.Ordinal),
    ];
}
