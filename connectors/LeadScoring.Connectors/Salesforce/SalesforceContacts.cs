namespace LeadScoring.Connectors.Salesforce;

/// <summary>Leads and contacts of Salesforce, and what their fields are called here. A lead that was converted, and a record that was merged, live on in another one.</summary>
internal sealed class SalesforceContacts(SalesforceClient client, SalesforceSchema schema, IReadOnlyList<string> more)
{
    internal const string Lead = "Lead";
    internal const string Contact = "Contact";
    private const string LeadPrefix = "00Q";
    private const string ContactPrefix = "003";
    private const int MostHops = 5;

    private static readonly string[] Plumbing = ["Id", "IsDeleted", "MasterRecordId", "CreatedDate", "SystemModstamp", "IsConverted", "ConvertedDate", "ConvertedContactId", "ConvertedOpportunityId"];

    /// <summary>Fields of a lead and the names that profiles know them by. What reveals the outcome (Status, Rating) is left out: ask for it with PROPERTIES if you must.</summary>
    private static readonly (string Salesforce, string Name)[] OfLead =
    [
        ("Email", "email"), ("Phone", "phone"), ("FirstName", "first_name"), ("LastName", "last_name"), ("Title", "job_title"), ("City", "city"), ("State", "state"), ("PostalCode", "zip_code"), ("Country", "country"),
        ("Company", "company"), ("Industry", "industry"), ("LeadSource", "lead_source"), ("NumberOfEmployees", "company_employees"), ("AnnualRevenue", "company_annual_revenue"), ("HasOptedOutOfEmail", "email_opt_out"),
    ];

    private static readonly (string Salesforce, string Name)[] OfContact =
    [
        ("Email", "email"), ("Phone", "phone"), ("FirstName", "first_name"), ("LastName", "last_name"), ("Title", "job_title"), ("MailingCity", "city"), ("MailingState", "state"), ("MailingPostalCode", "zip_code"),
        ("MailingCountry", "country"), ("LeadSource", "lead_source"), ("HasOptedOutOfEmail", "email_opt_out"), ("Account.Name", "company"), ("Account.Industry", "industry"), ("Account.Industry", "company_industry"),
        ("Account.NumberOfEmployees", "company_employees"), ("Account.AnnualRevenue", "company_annual_revenue"), ("Account.BillingCountry", "company_country"), ("Account.Type", "company_type"),
    ];

    internal static string? TypeOf(string id) => id.StartsWith(LeadPrefix, StringComparison.Ordinal) ? Lead : id.StartsWith(ContactPrefix, StringComparison.Ordinal) ? Contact : null;

    internal SalesforceSource[] Sources =>
    [
        new SalesforceSource(Lead, token => FieldsAsync(Lead, token)) { WithDeletions = true },
        new SalesforceSource(Contact, token => FieldsAsync(Contact, token)) { WithDeletions = true },
        // Contacts carry what their account says.
        new SalesforceSource(Contact, token => FieldsAsync(Contact, token)) { Stamp = "Account.SystemModstamp", IsOnlyChanges = true },
    ];

    private Task<IReadOnlyList<string>> FieldsAsync(string type, CancellationToken cancellationToken)
    {
        var wanted = Plumbing.Concat((type == Lead ? OfLead : OfContact).Select(m => m.Salesforce)).Concat(more);
        return schema.ThereAsync(type, type == Contact ? wanted.Append("Account.SystemModstamp") : wanted, cancellationToken);
    }

    /// <summary>The records of these ids as they are now, under the id that they live on with. What was deleted for good is left out.</summary>
    internal async Task<IReadOnlyList<ContactRecord>> FetchAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => await ReadAsync(await RowsAsync(ids, cancellationToken), cancellationToken);

    /// <summary>What has become of records that are told to be deleted: merged, restored, or gone.</summary>
    internal async Task<IReadOnlyList<ContactRecord>> FetchDeletedAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var rows = new List<SalesforceRow>();
        foreach (var part in ids.Chunk(SalesforceClient.Batch)) rows.AddRange(await RowsAsync(part, cancellationToken));
        var there = rows.Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        return [.. await ReadAsync(rows, cancellationToken), .. ids.Where(i => !there.Contains(i)).Select(Gone)];
    }

    internal async Task<IReadOnlyList<ContactRecord>> ReadAsync(IReadOnlyList<SalesforceRow> rows, CancellationToken cancellationToken)
    {
        var known = new Dictionary<string, SalesforceRow>(StringComparer.Ordinal);
        foreach (var row in rows) known[row.Id] = row;
        for (var hop = 0; hop < MostHops; hop++)
        {
            string[] unknown = [.. known.Values.Select(SuccessorOf).OfType<string>().Where(id => !known.ContainsKey(id)).Distinct(StringComparer.Ordinal)];
            if (unknown.Length == 0) break;
            foreach (var part in unknown.Chunk(SalesforceClient.Batch))
            {
                foreach (var row in await RowsAsync(part, cancellationToken)) known[row.Id] = row;
            }
        }

        var merged = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        var records = new List<ContactRecord>();
        foreach (var row in rows)
        {
            var last = LastOf(row, known);
            if (!merged.TryGetValue(last.Id, out var into)) merged[last.Id] = into = [];
            if (last.Id != row.Id) into.Add(row.Id);
        }

        foreach (var (id, into) in merged)
        {
            var row = known[id];
            // Only an end that is deleted is: its predecessors went with it.
            if (row.IsDeleted) records.AddRange(into.Prepend(id).Select(Gone));
            else records.Add(Read(row) with { MergedIds = [.. into.Distinct(StringComparer.Ordinal)] });
        }

        return records;
    }

    private static ContactRecord Gone(string id) => new(id, null, new Dictionary<string, string?>()) { IsDeleted = true };

    private static string? SuccessorOf(SalesforceRow row) => row.IsDeleted ? row.Text("MasterRecordId") : row.Flag("IsConverted") ? row.Text("ConvertedContactId") : null;

    private static SalesforceRow LastOf(SalesforceRow row, Dictionary<string, SalesforceRow> known)
    {
        for (var hop = 0; hop < MostHops && SuccessorOf(row) is { } id && known.TryGetValue(id, out var next); hop++) row = next;
        return row;
    }

    private async Task<IReadOnlyList<SalesforceRow>> RowsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        var rows = new List<SalesforceRow>();
        foreach (var group in ids.Where(SalesforceClient.IsId).GroupBy(TypeOf))
        {
            if (group.Key is not { } type) continue;
            rows.AddRange(await client.AllAsync($"SELECT {string.Join(',', await FieldsAsync(type, cancellationToken))} FROM {type} WHERE Id IN ({SalesforceClient.In(group)})", withDeleted: true, cancellationToken));
        }

        return rows;
    }

    private ContactRecord Read(SalesforceRow row)
    {
        var properties = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, known) in TypeOf(row.Id) == Lead ? OfLead : OfContact) properties[known] = row.Text(name);
        foreach (var name in more) properties[name] = row.Text(name);
        return new ContactRecord(row.Id, row.Text("Email"), properties, row.Moment("CreatedDate"));
    }
}
