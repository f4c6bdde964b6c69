using System.Globalization;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Salesforce;

/// <summary>Salesforce. Leads and contacts with their account, tasks, opportunities and conversions; writes custom fields of leads and contacts that an administrator made.</summary>
/// <remarks>
/// <c>OPTIONS__ORGANIZATIONID</c> is the organization whose outbound messages are believed; <c>OPTIONS__BULKFROM</c> the number of records from which on the first walk is a bulk query (10,000).
/// </remarks>
internal sealed class SalesforceConnector : IConnector
{
    private const long DefaultBulkFrom = 10_000;

    private readonly SalesforceClient client;
    private readonly SalesforceContacts contacts;
    private readonly SalesforceDeals deals;
    private readonly SalesforceFields fieldsOfOurs;
    private readonly SalesforceSchema schema;
    private readonly SalesforceWebhook webhook;
    private readonly SalesforceWalk contactWalk;
    private readonly SalesforceWalk activityWalk;
    private readonly SalesforceWalk dealWalk;
    private readonly string[] more;

    private SalesforceConnector(ConnectorHost host)
    {
        Name = host.Account;
        var settings = host.Settings;
        more = settings.PropertyNames;
        client = new SalesforceClient(host);
        schema = new SalesforceSchema(client, host.Time);
        contacts = new SalesforceContacts(client, schema, more);
        deals = new SalesforceDeals(client, schema);
        fieldsOfOurs = new SalesforceFields(client, schema);
        webhook = new SalesforceWebhook(settings.WebhookSecret, settings.Options.GetValueOrDefault("OrganizationId"));
        var bulkFrom = long.TryParse(settings.Options.GetValueOrDefault("BulkFrom"), NumberStyles.None, CultureInfo.InvariantCulture, out var from) ? from : DefaultBulkFrom;
        contactWalk = new SalesforceWalk(Name, client, bulkFrom, host.Time, contacts.Sources);
        activityWalk = new SalesforceWalk(Name, client, bulkFrom, host.Time, new SalesforceActivity(schema).Sources);
        dealWalk = new SalesforceWalk(Name, client, bulkFrom, host.Time, deals.Sources);
    }

    /// <summary>Makes the connector; see <see cref="MakeConnector"/>.</summary>
    internal static IConnector Create(ConnectorHost host) => new SalesforceConnector(host);

    public string Name { get; }

    public ConnectorAbilities Abilities { get; } = new(Contacts: true, Activity: true, Deals: true, WriteBack: true, Inbound: true, SalesforceClient.Batch, SalesforceClient.Batch);

    public RequestBudget Budget => client.Budget;

    public async Task<Page<ContactRecord>> ReadContactsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var page = await contactWalk.ReadAsync(cursor, cancellationToken);
        IReadOnlyList<ContactRecord> records = [.. await contacts.ReadAsync(page.Rows, cancellationToken), .. await contacts.FetchDeletedAsync(page.Deleted, cancellationToken)];
        return new Page<ContactRecord>(records, page.Next, page.HasMore);
    }

    public Task<IReadOnlyList<ContactRecord>> FetchContactsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => contacts.FetchAsync(ids, cancellationToken);

    public async Task<Page<ActivityRecord>> ReadActivityAsync(string? cursor, CancellationToken cancellationToken)
    {
        var page = await activityWalk.ReadAsync(cursor, cancellationToken);
        return new Page<ActivityRecord>([.. SalesforceActivity.Read(page.Rows)], page.Next, page.HasMore);
    }

    public async Task<Page<DealRecord>> ReadDealsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var page = await dealWalk.ReadAsync(cursor, cancellationToken);
        return new Page<DealRecord>(await deals.ReadAsync(page, cancellationToken), page.Next, page.HasMore);
    }

    public Task<IReadOnlyList<DealRecord>> FetchDealsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => deals.FetchAsync(ids, cancellationToken);

    public Task<FieldReport> EnsureFieldsAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken) => fieldsOfOurs.EnsureAsync(fields, cancellationToken);

    public Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken) => fieldsOfOurs.WriteAsync(writes, cancellationToken);

    public InboundResult ReadInbound(InboundRequest request) => webhook.Read(request);

    public async Task<ConnectorCheck> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        string? account = null;
        Task<CheckStep> Reads(string type) => CheckStep.TryAsync(
            $"read {type}", $"let the user of this connection read {type}", () => client.QueryAsync($"SELECT Id FROM {type} LIMIT 1", withDeleted: false, RequestPriority.Foreground, cancellationToken));
        var steps = new List<CheckStep>
        {
            await CheckStep.TryAsync("credentials", "the token is refused", async () =>
            {
                var page = await client.QueryAsync("SELECT Id, Name FROM Organization", withDeleted: false, RequestPriority.Foreground, cancellationToken);
                account = page.Records.Count > 0 ? $"organization {SalesforceRow.Of(page.Records[0]).Id}" : null;
            }),
            await Reads("Lead"), await Reads("Contact"), await Reads("Opportunity"), await Reads("Task"),
        };
        steps.Add(await CheckStep.TryAsync("properties", "let the user of this connection describe Lead and Contact", async () =>
        {
            var lead = await schema.FieldsAsync(SalesforceContacts.Lead, cancellationToken);
            var contact = await schema.FieldsAsync(SalesforceContacts.Contact, cancellationToken);
            string[] unknown = [.. more.Where(m => !m.Contains('.') && !lead.ContainsKey(m) && !contact.ContainsKey(m))];
            if (unknown.Length > 0) throw new ConnectorException(Name, ConnectorFailure.Misconfigured, $"PROPERTIES names fields that neither leads nor contacts have: {string.Join(", ", unknown)}");
        }));
        IReadOnlyList<CheckStep>? found = null;
        steps.Add(await CheckStep.TryAsync("describe", "let the user of this connection describe Lead and Contact", async () => found = await fieldsOfOurs.CheckAsync(fields, cancellationToken)));
        return new ConnectorCheck(account, [.. steps, .. found ?? []]);
    }

    public void Dispose() => client.Dispose();
}
