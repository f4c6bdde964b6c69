using System.Globalization;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Pipedrive;

/// <summary>Pipedrive. Persons with their organization and leads, activities, deals; writes custom fields of persons, which it makes.</summary>
internal sealed class PipedriveConnector : IConnector
{
    private readonly PipedriveClient client;
    private readonly PipedrivePersons persons;
    private readonly PipedriveDeals deals;
    private readonly PipedriveFields fieldsOfOurs;
    private readonly PipedriveWebhook webhook;
    private readonly PipedriveWalk<ContactRecord> personWalk;
    private readonly PipedriveWalk<ActivityRecord> activityWalk;
    private readonly PipedriveWalk<DealRecord> dealWalk;
    private readonly string[] more;

    private PipedriveConnector(ConnectorHost host)
    {
        Name = host.Account;
        more = host.Settings.PropertyNames;
        client = new PipedriveClient(host);
        fieldsOfOurs = new PipedriveFields(client);
        persons = new PipedrivePersons(client, fieldsOfOurs, more);
        deals = new PipedriveDeals(client);
        webhook = new PipedriveWebhook(host.Settings.WebhookSecret, () => fieldsOfOurs.CodesWith(host.Settings.FieldPrefix));
        personWalk = new PipedriveWalk<ContactRecord>(Name, host.Time, persons.Sources);
        activityWalk = new PipedriveWalk<ActivityRecord>(Name, host.Time, new PipedriveActivity(client).Sources);
        dealWalk = new PipedriveWalk<DealRecord>(Name, host.Time, deals.Sources);
    }

    /// <summary>Makes the connector; see <see cref="MakeConnector"/>.</summary>
    internal static IConnector Create(ConnectorHost host) => new PipedriveConnector(host);

    public string Name { get; }

    public ConnectorAbilities Abilities { get; } = new(Contacts: true, Activity: true, Deals: true, WriteBack: true, Inbound: true, PipedriveClient.Batch, PipedriveClient.WriteBatch);

    public RequestBudget Budget => client.Budget;

    public Task<Page<ContactRecord>> ReadContactsAsync(string? cursor, CancellationToken cancellationToken) => personWalk.ReadAsync(cursor, cancellationToken);

    public Task<IReadOnlyList<ContactRecord>> FetchContactsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => persons.FetchAsync(ids, cancellationToken);

    public Task<Page<ActivityRecord>> ReadActivityAsync(string? cursor, CancellationToken cancellationToken) => activityWalk.ReadAsync(cursor, cancellationToken);

    public Task<Page<DealRecord>> ReadDealsAsync(string? cursor, CancellationToken cancellationToken) => dealWalk.ReadAsync(cursor, cancellationToken);

    public Task<IReadOnlyList<DealRecord>> FetchDealsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) => deals.FetchAsync(ids, cancellationToken);

    public Task<FieldReport> EnsureFieldsAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken) => fieldsOfOurs.EnsureAsync(fields, cancellationToken);

    public Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken) => fieldsOfOurs.WriteAsync(writes, cancellationToken);

    public InboundResult ReadInbound(InboundRequest request) => webhook.Read(request);

    public async Task<ConnectorCheck> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        string? account = null;
        IReadOnlyList<CheckStep>? found = null;
        var steps = new List<CheckStep>
        {
            await CheckStep.TryAsync("credentials", "the token is refused", async () => account = (await client.MeAsync(cancellationToken)) is { } me ? string.Create(CultureInfo.InvariantCulture, $"company {me.CompanyId}") : null),
            await CheckStep.TryAsync("read persons", "give it the scope contacts:read", () => client.ListAsync("persons", "limit=1", null, PipedriveJson.Default.Persons, RequestPriority.Foreground, cancellationToken)),
            await CheckStep.TryAsync("read activities", "give it the scope activities:read", () => client.ListAsync("activities", "limit=1", null, PipedriveJson.Default.Activities, RequestPriority.Foreground, cancellationToken)),
            await CheckStep.TryAsync("read deals", "give it the scope deals:read", () => client.ListAsync("deals", "limit=1", null, PipedriveJson.Default.Deals, RequestPriority.Foreground, cancellationToken)),
            await CheckStep.TryAsync("read leads", "give it the scope leads:read", () => client.LeadsAsync("limit=1", cancellationToken)),
        };
        steps.Add(await CheckStep.TryAsync("read fields", "give it the scope contacts:read", async () => found = await fieldsOfOurs.CheckAsync(fields, cancellationToken)));
        if (found is not null && more.Length > 0)
        {
            string[] unknown = [.. more.Except((await fieldsOfOurs.NamedAsync(more, cancellationToken)).Select(n => n.Name))];
            if (unknown.Length > 0) steps.Add(new CheckStep("properties", false, $"PROPERTIES names fields that persons do not have: {string.Join(", ", unknown)}"));
        }

        return new ConnectorCheck(account, [.. steps, .. found ?? []]);
    }

    public void Dispose() => client.Dispose();
}
