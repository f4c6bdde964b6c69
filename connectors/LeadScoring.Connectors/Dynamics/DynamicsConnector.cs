using System.Text.Json;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Dynamics;

/// <summary>Dynamics 365 Sales. Leads and opportunities by change tracking; writes score and grade of leads into the native table of predictive scores.</summary>
/// <remarks><c>BASEURL</c> is the environment, <c>OPTIONS__TENANTID</c> the tenant of the app registration. Change tracking must be on for both tables, as it is unless somebody turned it off.</remarks>
internal sealed class DynamicsConnector : IConnector
{
    private readonly DynamicsClient client;
    private readonly DynamicsScores scores;
    private readonly string[] more;
    private readonly string leadColumns;

    private DynamicsConnector(ConnectorHost host)
    {
        Name = host.Account;
        client = new DynamicsClient(host);
        scores = new DynamicsScores(client, host.Settings.FieldPrefix);
        more = host.Settings.PropertyNames;
        leadColumns = DynamicsRecords.LeadColumns(more);
    }

    /// <summary>Makes the connector; see <see cref="MakeConnector"/>.</summary>
    internal static IConnector Create(ConnectorHost host) => new DynamicsConnector(host);

    public string Name { get; }

    public ConnectorAbilities Abilities { get; } = new(Contacts: true, Activity: false, Deals: true, WriteBack: true, Inbound: false, DynamicsClient.Batch, DynamicsClient.Batch);

    public RequestBudget Budget => client.Budget;

    public async Task<Page<ContactRecord>> ReadContactsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var at = Parse(cursor);
        var (rows, next, hasMore) = await ReadAsync(DynamicsRecords.Leads, leadColumns, at.Link, cancellationToken);
        return new Page<ContactRecord>(await RecordsAsync(rows, cancellationToken), Text(at with { Link = next }), hasMore);
    }

    public async Task<IReadOnlyList<ContactRecord>> FetchContactsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        await RecordsAsync(await client.FetchAsync(DynamicsRecords.Leads, DynamicsRecords.LeadKey, leadColumns, ids, RequestPriority.Background, cancellationToken), cancellationToken);

    /// <summary>A merged lead is told as part of the one that it was merged into.</summary>
    private async Task<IReadOnlyList<ContactRecord>> RecordsAsync(IReadOnlyList<Dictionary<string, JsonElement>> rows, CancellationToken cancellationToken)
    {
        var merged = rows.Where(r => !DynamicsRecords.IsDeleted(r) && DynamicsRecords.MasterOf(r) is not null).ToLookup(r => DynamicsRecords.MasterOf(r)!, r => DynamicsRecords.IdOf(r, DynamicsRecords.LeadKey), StringComparer.OrdinalIgnoreCase);
        List<ContactRecord> records = [.. rows.Where(r => DynamicsRecords.IsDeleted(r) || DynamicsRecords.MasterOf(r) is null).Select(r => DynamicsRecords.Lead(r, more))];
        foreach (var ids in merged.Select(m => m.Key).Chunk(DynamicsClient.Batch))
        {
            foreach (var row in await client.FetchAsync(DynamicsRecords.Leads, DynamicsRecords.LeadKey, leadColumns, ids, RequestPriority.Background, cancellationToken))
            {
                var record = DynamicsRecords.Lead(row, more);
                records.RemoveAll(r => r.Id == record.Id);
                records.Add(record with { MergedIds = [.. merged[record.Id]] });
            }
        }

        return records;
    }

    public Task<Page<ActivityRecord>> ReadActivityAsync(string? cursor, CancellationToken cancellationToken) => Task.FromResult(new Page<ActivityRecord>([], cursor ?? "", false));

    /// <summary>Opportunities, then leads for those that were disqualified.</summary>
    public async Task<Page<DealRecord>> ReadDealsAsync(string? cursor, CancellationToken cancellationToken)
    {
        var at = Parse(cursor);
        var (rows, next, hasMore) = at.IsSecond ? await ReadAsync(DynamicsRecords.Leads, DynamicsRecords.LeadStateColumns, at.Link, cancellationToken)
            : await ReadAsync(DynamicsRecords.Opportunities, DynamicsRecords.OpportunityColumns, at.Link, cancellationToken);
        DealRecord[] deals = [.. rows.Select(r => at.IsSecond ? DynamicsRecords.OfLead(r) : DynamicsRecords.Opportunity(r))];
        return hasMore ? new Page<DealRecord>(deals, Text(at with { Link = next }), true) : new Page<DealRecord>(deals, Text(new LinkCursor(at.Other, !at.IsSecond, next)), !at.IsSecond);
    }

    public async Task<IReadOnlyList<DealRecord>> FetchDealsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken) =>
        [.. (await client.FetchAsync(DynamicsRecords.Opportunities, DynamicsRecords.OpportunityKey, DynamicsRecords.OpportunityColumns, ids, RequestPriority.Background, cancellationToken)).Select(DynamicsRecords.Opportunity)];

    public Task<FieldReport> EnsureFieldsAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken) => scores.EnsureAsync(fields, cancellationToken);

    public Task<IReadOnlyList<WriteResult>> WriteAsync(IReadOnlyList<RecordWrite> writes, CancellationToken cancellationToken) => scores.WriteAsync(writes, cancellationToken);

    public InboundResult ReadInbound(InboundRequest request) => InboundResult.Refused("there are no webhooks of this vendor");

    public async Task<ConnectorCheck> CheckAsync(IReadOnlyList<FieldDefinition> fields, CancellationToken cancellationToken)
    {
        string? account = null;
        return new ConnectorCheck(account, [
            await CheckStep.TryAsync("credentials", "make the app registration an application user of the environment", async () => account = $"organization {await client.OrganizationAsync(cancellationToken)}"),
            await CheckStep.TryAsync("read leads", "give the application user a role that reads leads of the organization", () => client.TryAsync(DynamicsRecords.Leads, leadColumns, cancellationToken)),
            await CheckStep.TryAsync("read opportunities", "give the application user a role that reads opportunities of the organization", () => client.TryAsync(DynamicsRecords.Opportunities, DynamicsRecords.OpportunityColumns, cancellationToken)),
            await CheckStep.TryAsync(
                "score table: score and grade, it has no place for the other fields", "give the application user a role that creates and writes predictive scores, such as system customizer; the table comes with Dynamics 365 Sales Enterprise or Premium",
                () => client.TryAsync(DynamicsScores.Table, "msdyn_score,msdyn_grade", cancellationToken)),
        ]) { Account = account };
    }

    /// <summary>A page and the link to the next one, or to what changes after the last. A link that is too old (seven days, unless changed) begins again with everything: deletions before that are not told.</summary>
    private async Task<(IReadOnlyList<Dictionary<string, JsonElement>> Rows, string? Next, bool HasMore)> ReadAsync(string table, string columns, string? link, CancellationToken cancellationToken)
    {
        var page = (link is null ? null : await client.FollowAsync(link, table, cancellationToken)) ?? await client.TrackAsync(table, columns, cancellationToken);
        if (page.NextLink is not null) return (page.Value, client.Local(page.NextLink), true);
        // Without one change tracking is off: everything is read each time.
        return (page.Value, page.DeltaLink is null ? null : client.Local(page.DeltaLink), false);
    }

    private LinkCursor Parse(string? cursor)
    {
        if (cursor is null) return new LinkCursor();
        try
        {
            return JsonSerializer.Deserialize(cursor, DynamicsJson.Default.LinkCursor) ?? new LinkCursor();
        }
        catch (JsonException e)
        {
            throw new ConnectorException(Name, ConnectorFailure.Misconfigured, "the stored cursor cannot be read", e);
        }
    }

    private static string Text(LinkCursor cursor) => JsonSerializer.Serialize(cursor, DynamicsJson.Default.LinkCursor);

    public void Dispose() => client.Dispose();
}
