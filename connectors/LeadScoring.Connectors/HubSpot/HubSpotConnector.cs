using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.HubSpot;

/// <summary>HubSpot. Contacts with their company, deals, e-mails and forms, events where the plan has them; writes custom properties of contacts.</summary>
internal sealed class HubSpotConnector : IConnector
{
    /// <summary>The group that our properties are made in: by it they are known again, and a property of the name elsewhere is somebody else's.</summary>
    internal const string Group = "lead_scoring";

    // Events that are activity of a lead, besides those of the contact itself; OPTIONS__EVENTS changes it.
    private const string DefaultEvents = "e_visited_page=page_view";
    private const int CompaniesPerPage = 25;
    private const string CompanyPhase = "companies";
    private const string EventPhase = "events";

    private readonly HubSpotClient client;
    private readonly HubSpotWebhook webhook;
    private readonly HubSpotDeals deals;
    private readonly HubSpotWalk contactWalk;
    private readonly HubSpotWalk dealWalk;
    private readonly string[] more;
    private readonly string[] contactProperties;
    private readonly (string Event, string Type)[] events;
    private readonly TimeProvider time;

    private HubSpotConnector(ConnectorHost host)
    {
        (Name, time) = (host.Account, host.Time);
        var settings = host.Settings;
        client = new HubSpotClient(host);
        webhook = new HubSpotWebhook(settings.WebhookSecret ?? settings.ClientSecret, settings.FieldPrefix, time);
        deals = new HubSpotDeals(client);
        more = settings.PropertyNames;
        contactProperties = HubSpotContacts.PropertiesWith(more.Concat(HubSpotActivity.Properties));
        contactWalk = new HubSpotWalk(client, HubSpotContacts.Type, HubSpotContacts.Modified, contactProperties, time);
        dealWalk = new HubSpotWalk(client, HubSpotDeals.Type, HubSpotDeals.Modified, HubSpotDeals.Properties, time) { Associations = HubSpotContacts.Type };
        events = [.. settings.Options.GetValueOrDefault("Events", DefaultEvents).Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(e => e.Split('=')).Where(p => p.Length == 2).Select(p => (p[0].Trim(), p[1].Trim()))];
    }

    /// <summary>Makes the connector; see <see cref="MakeConnector"/>.</summary>
    internal static IConnector Create(ConnectorHost host) => new HubSpotConnector(host);

    public string Name { get; }

    public ConnectorAbilities Abilities { get; } = new(Contacts: true, Activity: true, Deals: true, WriteBack: true, Inbound: true, HubSpotClient.Batch, HubSpotClient.Batch);

    public RequestBudget Budget => client.Budget;

    public async Task<Page<ContactRecord>> ReadContactsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var at = HubSpotWalk.Parse(Name, cursor);
        if (at?.Phase == CompanyPhase) return await ReadOfChangedCompaniesAsync(at, cancellationToken);
        var (objects, next, hasMore) = await contactWalk.ReadAsync(at, cancellationToken);
        // After a walk over changed contacts, those whose company changed.
        if (!hasMore) (next, hasMore) = (next with { Phase = CompanyPhase, After = null, LastId = 0 }, true);
        return new Page<ContactRecord>(await WithCompaniesAsync(objects, cancellationToken), HubSpotWalk.Text(next), hasMore);
    }

    /// <summary>Contacts of companies that changed since companies were last looked at.</summary>
    private async Task<Page<ContactRecord>> ReadOfChangedCompaniesAsync(WalkCursor at, CancellationToken cancellationToken)
    {
        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        if (at.LastId == 0) at = at with { StartedMs = nowMs, SideFromMs = at.SideFromMs == 0 ? HubSpotWalk.WindowFrom(nowMs) : at.SideFromMs };
        var page = await client.SearchChangedAsync("companies", "hs_lastmodifieddate", at.SideFromMs, at.LastId, ["hs_object_id"], CompaniesPerPage, cancellationToken);
        var contacts = await client.AssociatedAsync("companies", HubSpotContacts.Type, page.Results.Select(o => o.Id), cancellationToken);
        var records = new List<ContactRecord>();
        foreach (var ids in contacts.Values.SelectMany(c => c).Distinct(StringComparer.Ordinal).Chunk(HubSpotClient.Batch)) records.AddRange(await FetchContactsAsync(ids, cancellationToken));
        var last = page.Results.Count > 0 ? page.Results.Max(HubSpotWalk.Id) : 0;
        var hasMore = page.Paging?.Next is not null && last > at.LastId;
        var next = hasMore ? at with { LastId = last } : at with { Phase = HubSpotWalk.Changing, LastId = 0, SideFromMs = HubSpotWalk.WindowFrom(at.StartedMs) };
        return new Page<ContactRecord>(records, HubSpotWalk.Text(next), hasMore);
    }

    public async Task<IReadOnlyList<ContactRecord>> FetchContactsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        await WithCompaniesAsync(await client.ReadAsync(HubSpotContacts.Type, ids, contactProperties, cancellationToken), cancellationToken);

    private async Task<IReadOnlyList<ContactRecord>> WithCompaniesAsync(IReadOnlyList<CrmObject> contacts, CancellationToken cancellationToken)
    {
        var companies = new Dictionary<string, CrmObject>(StringComparer.Ordinal);
        foreach (var ids in contacts.Select(HubSpotContacts.CompanyOf).OfType<string>().Distinct(StringComparer.Ordinal).Chunk(HubSpotClient.Batch))
        {
            foreach (var company in await client.ReadAsync("companies", ids, HubSpotContacts.CompanyProperties, cancellationToken)) companies[company.Id] = company;
        }

        // An open is a change of the contact: it comes with it, and costs no walk of its own.
        return [.. contacts.Select(c => HubSpotContacts.Read(c, more, HubSpotContacts.CompanyOf(c) is { } id ? companies.GetValueOrDefault(id) : null) with { Activity = [.. HubSpotActivity.Read(c)] })];
    }

    /// <summary>Occurrences of the events of the settings, type by type: opens, clicks and forms come with the contacts. Accounts without the Enterprise plan have none.</summary>
    public async Task<Page<ActivityRecord>> ReadActivityAsync(string? cursor, CancellationToken cancellationToken)
    {
        var stored = HubSpotWalk.Parse(Name, cursor);
        var at = stored is { Phase: EventPhase } ? stored : Begin(stored);
        var done = at with { Phase = HubSpotWalk.Changing, After = null, EventType = 0 };
        if (at.EventType >= events.Length) return new Page<ActivityRecord>([], HubSpotWalk.Text(done), false);
        var (name, type) = events[at.EventType];
        EventPage page;
        try
        {
            // The first time all that there are.
            page = await client.EventsAsync(name, DateTimeOffset.FromUnixTimeMilliseconds(at.SideFromMs), at.After, cancellationToken);
        }
        catch (ConnectorException e) when (e.Failure is ConnectorFailure.Forbidden or ConnectorFailure.NotFound or ConnectorFailure.Rejected)
        {
            return new Page<ActivityRecord>([], HubSpotWalk.Text(done), false);
        }

        ActivityRecord[] records = [.. page.Results.Select(e => new ActivityRecord(e.Id, e.ObjectId, null, type, "website", e.OccurredAt, Details(e)))];
        if (page.Paging?.Next is { } next && page.Results.Count > 0) return new Page<ActivityRecord>(records, HubSpotWalk.Text(at with { After = next.After }), true);
        var rest = at.EventType + 1 < events.Length;
        // All types walked: the next time from this walk's window on.
        return new Page<ActivityRecord>(records, HubSpotWalk.Text(rest ? at with { EventType = at.EventType + 1, After = null } : done with { SideFromMs = at.FromMs }), rest);
    }

    /// <summary>A walk over events; a later one goes on where the window of the last one ends.</summary>
    private WalkCursor Begin(WalkCursor? last) => new(EventPhase, FromMs: HubSpotWalk.WindowFrom(time.GetUtcNow().ToUnixTimeMilliseconds()), SideFromMs: last?.SideFromMs ?? 0);

    private static Dictionary<string, string>? Details(EventOccurrence e) =>
        e.Properties?.GetValueOrDefault("hs_url") is { Length: > 0 and < 2_000 } url ? new Dictionary<string, string> { ["url"] = url.Split('?', '#')[0] } : null;

    public async Task<Page<DealRecord>> ReadDealsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var (objects, next, hasMore) = await dealWalk.ReadAsync(HubSpotWalk.Parse(Name, cursor), cancellationToken);
        return new Page<DealRecord>(await deals.ReadAsync(objects, cancellationToken), HubSpotWalk.Text(next), hasMore);
    }

    public async Task<IReadOnlyList<DealRecord>> FetchDealsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        await deals.ReadAsync(await client.ReadAsync(HubSpotDeals.Type, ids, HubSpotDeals.Properties, cancellationToken), cancellationToken);

    public Task<FieldReport> EnsureFieldsAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken) => HubSpotFields.EnsureAsync(client, fields, cancellationToken);

    public Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken) => HubSpotFields.WriteAsync(client, writes, cancellationToken);

    public InboundResult ReadInbound(InboundRequest request) => webhook.Read(request);

    public async Task<ConnectorCheck> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        string? account = null;
        var steps = new List<CheckStep>
        {
            await CheckStep.TryAsync("credentials", "the token is refused", async () => account = $"portal {(await client.AccountAsync(cancellationToken)).PortalId}"),
            await CheckStep.TryAsync("read contacts", "give it the scope crm.objects.contacts.read", () => client.ListAsync(HubSpotContacts.Type, null, ["email"], false, null, RequestPriority.Foreground, cancellationToken, limit: 1)),
            await CheckStep.TryAsync("read companies", "give it the scope crm.objects.companies.read", () => client.ListAsync("companies", null, ["name"], false, null, RequestPriority.Foreground, cancellationToken, limit: 1)),
            await CheckStep.TryAsync("read deals", "give it the scope crm.objects.deals.read", () => client.ListAsync(HubSpotDeals.Type, null, ["amount"], false, null, RequestPriority.Foreground, cancellationToken, limit: 1)),
        };
        PropertyList? there = null;
        steps.Add(await CheckStep.TryAsync("read properties", "give it the scope crm.schemas.contacts.read", async () => there = await client.PropertiesAsync(HubSpotContacts.Type, cancellationToken)));
        if (there is not null) steps.AddRange(HubSpotFields.Check(there, fields));
        return new ConnectorCheck(account, steps);
    }

    public void Dispose() => client.Dispose();
}
