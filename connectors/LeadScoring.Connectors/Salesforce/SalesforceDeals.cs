namespace LeadScoring.Connectors.Salesforce;

/// <summary>Opportunities with the people of their contact roles and the leads that they were made of; and leads that were converted without one, which are won at that.</summary>
internal sealed class SalesforceDeals(SalesforceClient client, SalesforceSchema schema)
{
    internal const string Opportunity = "Opportunity";
    private const string Role = "OpportunityContactRole";
    private const string OpportunityPrefix = "006";

    private static readonly string[] Fields = ["Id", "IsDeleted", "SystemModstamp", "IsWon", "IsClosed", "Amount", "CloseDate", "StageName", "LastStageChangeDate", "ContactId"];
    private static readonly string[] RoleFields = ["Id", "IsDeleted", "SystemModstamp", "OpportunityId", "ContactId"];
    private static readonly string[] LeadFields = ["Id", "IsDeleted", "SystemModstamp", "IsConverted", "ConvertedDate", "ConvertedContactId", "ConvertedOpportunityId"];

    internal SalesforceSource[] Sources =>
    [
        new SalesforceSource(Opportunity, token => schema.ThereAsync(Opportunity, Fields, token)) { WithDeletions = true },
        // A person who is added to an opportunity does not change it.
        new SalesforceSource(Role, _ => Task.FromResult<IReadOnlyList<string>>(RoleFields)) { IsOnlyChanges = true },
        new SalesforceSource(SalesforceContacts.Lead, _ => Task.FromResult<IReadOnlyList<string>>(LeadFields)) { Where = "IsConverted = true", WithDeletions = true },
    ];

    internal async Task<IReadOnlyList<DealRecord>> ReadAsync(SalesforcePage page, CancellationToken cancellationToken)
    {
        List<DealRecord> deals = [.. page.Deleted.Select(Gone)];
        switch (page.Source.Type)
        {
            case Opportunity:
                deals.AddRange(await OfOpportunitiesAsync(page.Rows, cancellationToken));
                break;
            case Role:
                foreach (var ids in page.Rows.Select(r => r.Text("OpportunityId")).OfType<string>().Distinct(StringComparer.Ordinal).Chunk(SalesforceClient.Batch)) deals.AddRange(await FetchAsync(ids, cancellationToken));
                break;
            default:
                deals.AddRange(OfLeads(page.Rows));
                // The opportunity may have been there before the lead.
                foreach (var ids in page.Rows.Select(r => r.Text("ConvertedOpportunityId")).OfType<string>().Distinct(StringComparer.Ordinal).Chunk(SalesforceClient.Batch)) deals.AddRange(await FetchAsync(ids, cancellationToken));
                break;
        }

        return deals;
    }

    internal async Task<IReadOnlyList<DealRecord>> FetchAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        string[] opportunities = [.. ids.Where(i => i.StartsWith(OpportunityPrefix, StringComparison.Ordinal) && SalesforceClient.IsId(i))];
        string[] leads = [.. ids.Where(i => SalesforceContacts.TypeOf(i) == SalesforceContacts.Lead && SalesforceClient.IsId(i))];
        var deals = new List<DealRecord>();
        if (opportunities.Length > 0)
        {
            var fields = string.Join(',', await schema.ThereAsync(Opportunity, Fields, cancellationToken));
            deals.AddRange(await OfOpportunitiesAsync(await client.AllAsync($"SELECT {fields} FROM {Opportunity} WHERE Id IN ({SalesforceClient.In(opportunities)})", withDeleted: true, cancellationToken), cancellationToken));
        }

        if (leads.Length > 0)
            deals.AddRange(OfLeads(await client.AllAsync($"SELECT {string.Join(',', LeadFields)} FROM Lead WHERE IsConverted = true AND Id IN ({SalesforceClient.In(leads)})", withDeleted: true, cancellationToken)));
        return deals;
    }

    private static DealRecord Gone(string id) => new(id, DealState.Deleted, [], null, null, null);

    private static IEnumerable<DealRecord> OfLeads(IEnumerable<SalesforceRow> rows) => rows.Where(r => r.Text("ConvertedOpportunityId") is null).Select(r => r.IsDeleted ? Gone(r.Id)
        : new DealRecord(r.Id, DealState.Won, [.. new[] { r.Id, r.Text("ConvertedContactId") }.OfType<string>()], r.Moment("ConvertedDate"), null, "Converted"));

    private async Task<IReadOnlyList<DealRecord>> OfOpportunitiesAsync(IReadOnlyList<SalesforceRow> rows, CancellationToken cancellationToken)
    {
        var people = new HashSet<(string Opportunity, string Person)>();
        foreach (var ids in rows.Where(r => !r.IsDeleted).Select(r => r.Id).Chunk(SalesforceClient.Batch))
        {
            var list = SalesforceClient.In(ids);
            foreach (var row in await client.AllAsync($"SELECT OpportunityId,ContactId FROM {Role} WHERE OpportunityId IN ({list})", withDeleted: false, cancellationToken))
            {
                if (row.Text("OpportunityId") is { } of && row.Text("ContactId") is { } contact) people.Add((of, contact));
            }

            foreach (var row in await client.AllAsync($"SELECT Id,ConvertedOpportunityId FROM Lead WHERE ConvertedOpportunityId IN ({list})", withDeleted: false, cancellationToken))
            {
                if (row.Text("ConvertedOpportunityId") is { } of) people.Add((of, row.Id));
            }
        }

        var byOpportunity = people.ToLookup(p => p.Opportunity, p => p.Person, StringComparer.Ordinal);
        return [.. rows.Select(r => r.IsDeleted ? Gone(r.Id) : Of(r, byOpportunity[r.Id]))];
    }

    private static DealRecord Of(SalesforceRow row, IEnumerable<string> people)
    {
        var state = row.Flag("IsWon") ? DealState.Won : row.Flag("IsClosed") ? DealState.Lost : DealState.Open;
        return new DealRecord(
            row.Id, state, [.. people.Concat(new[] { row.Text("ContactId") }.OfType<string>()).Distinct(StringComparer.Ordinal)], state == DealState.Open ? null : ClosedAt(row), row.Number("Amount"), row.Text("StageName"));
    }

    /// <summary>The close date is a day, and may lie ahead of the moment at which the stage was closed.</summary>
    private static DateTimeOffset? ClosedAt(SalesforceRow row) => (row.Moment("CloseDate"), row.Moment("LastStageChangeDate")) switch
    {
        ({ } day, { } moment) when day.UtcDateTime.Date >= moment.UtcDateTime.Date => moment,
        ({ } day, _) => day,
        var (_, moment) => moment,
    };
}
