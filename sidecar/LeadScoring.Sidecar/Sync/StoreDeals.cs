using Dapper;
using LeadScoring.Connectors;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>
/// Takes deals in, and from all deals of a lead its outcome: converted with the first deal that was won and the revenue of all that were; not converted when deals were lost and none is open or won;
/// else none, and one that stood is taken back.
/// </summary>
internal sealed class StoreDeals(OutcomeStore outcomes, Tombstones tombstones, TimeProvider time)
{
    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public string DealId { get; init; } = "";
        public string State { get; init; } = "";
        public long? ClosedAtMs { get; init; }
        public double? Amount { get; init; }
        public string? Stage { get; init; }
    }

    internal async Task RunAsync(WriteTransaction transaction, ConnectorAccount account, IReadOnlyList<DealRecord> deals, CancellationToken cancellationToken)
    {
        const string Upsert = """
            insert into connector_deals (organization_id, connector, deal_id, state, closed_at_ms, amount, stage) values (@OrganizationId, @Name, @Id, @state, @closedAtMs, @Amount, @Stage)
            on conflict (organization_id, connector, deal_id) do update set state = excluded.state, amount = excluded.amount, stage = excluded.stage,
                closed_at_ms = case when @isDated = 1 or excluded.closed_at_ms is null then excluded.closed_at_ms else coalesce(connector_deals.closed_at_ms, excluded.closed_at_ms) end
            """;
        const string Delete = "delete from connector_deals where organization_id = @OrganizationId and connector = @Name and deal_id = @Id";
        const string Unlink = "delete from connector_deal_contacts where organization_id = @OrganizationId and connector = @Name and deal_id = @Id returning record_id";
        const string Link = "insert into connector_deal_contacts (organization_id, connector, deal_id, record_id) values (@OrganizationId, @Name, @Id, @recordId) on conflict do nothing";
        var affected = new HashSet<string>(StringComparer.Ordinal);
        var erased = (await tombstones.RefuseAsync(transaction, account.OrganizationId, deals.SelectMany(d => d.ContactIds).Select(id => Trace.Record(account.Name, id)), cancellationToken)).Select(t => t.Text).ToHashSet(StringComparer.Ordinal);
        foreach (var deal in deals)
        {
            var values = new
            {
                account.OrganizationId, account.Name, deal.Id, state = deal.State.ToString().ToLowerInvariant(), closedAtMs = ClosedMs(deal), deal.Amount, deal.Stage,
                // Else the moment of the first look stays.
                isDated = deal.ClosedAt <= time.GetUtcNow() ? (short)1 : (short)0,
            };
            affected.UnionWith(await transaction.Connection.QueryAsync<string>(transaction.Command(Unlink, values, cancellationToken)));
            if (deal.State == DealState.Deleted) await transaction.ExecuteAsync(Delete, values, cancellationToken);
            else
            {
                string[] contacts = [.. deal.ContactIds.Distinct(StringComparer.Ordinal).Where(id => !erased.Contains(Trace.Record(account.Name, id).Text))];
                // A deal of erased people alone says something of them alone.
                if (contacts.Length == 0 && deal.ContactIds.Count > 0) continue;
                await transaction.ExecuteAsync(Upsert, values, cancellationToken);
                foreach (var recordId in contacts) await transaction.ExecuteAsync(Link, new { account.OrganizationId, account.Name, deal.Id, recordId }, cancellationToken);
                affected.UnionWith(deal.ContactIds);
            }
        }

        await RenewOutcomesAsync(transaction, account, affected, cancellationToken);
    }

    /// <summary>Erases which deals are the person's, and those that are nobody else's.</summary>
    internal static async Task<int> EraseAsync(WriteTransaction transaction, ErasedPerson person, CancellationToken cancellationToken)
    {
        const string Unlink = "delete from connector_deal_contacts where organization_id = @OrganizationId and connector = @connector and record_id = @recordId returning deal_id";
        const string Orphan = """
            delete from connector_deals where organization_id = @OrganizationId and connector = @connector and deal_id = @dealId and not exists (
                select 1 from connector_deal_contacts c where c.organization_id = @OrganizationId and c.connector = @connector and c.deal_id = @dealId)
            """;
        var rows = 0;
        foreach (var (connector, recordId) in person.Records)
        {
            var deals = (await transaction.Connection.QueryAsync<string>(transaction.Command(Unlink, new { person.OrganizationId, connector, recordId }, cancellationToken))).AsList();
            rows += deals.Count;
            foreach (var dealId in deals) rows += await transaction.ExecuteAsync(Orphan, new { person.OrganizationId, connector, dealId }, cancellationToken);
        }

        return rows;
    }

    /// <summary>What the deals say of the leads of these records.</summary>
    internal async Task RenewOutcomesAsync(WriteTransaction transaction, ConnectorAccount account, IEnumerable<string> recordIds, CancellationToken cancellationToken)
    {
        var links = await LeadLinkStore.LinksAsync(transaction, account, recordIds, cancellationToken);
        string[] leadIds = [.. links.Values.Where(l => !l.IsErased).Select(l => l.LeadId).Distinct(StringComparer.Ordinal)];
        if (leadIds.Length == 0) return;
        var sql = $"""
            select k.lead_id as LeadId, d.deal_id as DealId, d.state as State, d.closed_at_ms as ClosedAtMs, d.amount as Amount, d.stage as Stage
            from lead_links k
            join connector_deal_contacts c on c.organization_id = k.organization_id and c.connector = k.connector and c.record_id = k.record_id
            join connector_deals d on d.organization_id = c.organization_id and d.connector = c.connector and d.deal_id = c.deal_id
            where k.organization_id = @OrganizationId and k.connector = @Name and k.lead_id {LeadLinkStore.AnyOf(transaction, "ids")}
            """;
        var rows = new List<Row>();
        foreach (var ids in leadIds.Chunk(500)) rows.AddRange(await transaction.Connection.QueryAsync<Row>(transaction.Command(sql, new { account.OrganizationId, account.Name, ids }, cancellationToken)));
        // Of two contacts of one lead with the same deal it counts once.
        var byLead = rows.DistinctBy(r => (r.LeadId, r.DealId)).ToLookup(r => r.LeadId);
        await outcomes.WriteAsync(transaction, account.OrganizationId, [.. leadIds.Order(StringComparer.Ordinal).Select(id => OutcomeOf(account, id, [.. byLead[id]]))], cancellationToken);
    }

    private OutcomeWrite OutcomeOf(ConnectorAccount account, string leadId, Row[] deals)
    {
        Row[] won = [.. deals.Where(d => d.State == "won").OrderBy(d => d.ClosedAtMs).ThenBy(d => d.DealId, StringComparer.Ordinal)];
        if (won.Length > 0)
        {
            var revenue = won.Sum(d => Math.Max(0, d.Amount ?? 0));
            return new OutcomeWrite(leadId, account.Name, Converted: true, Moment(won[0]), Revenue: won.Any(d => d.Amount is not null) ? revenue : null, Stage: won[0].Stage);
        }

        Row[] lost = [.. deals.Where(d => d.State == "lost").OrderByDescending(d => d.ClosedAtMs).ThenBy(d => d.DealId, StringComparer.Ordinal)];
        return lost.Length > 0 && lost.Length == deals.Length
            ? new OutcomeWrite(leadId, account.Name, Converted: false, Moment(lost[0]), Stage: lost[0].Stage, IsFinal: true)
            : new OutcomeWrite(leadId, account.Name, Converted: false, 0, Reversed: true);
    }

    private long Moment(Row deal) => deal.ClosedAtMs ?? time.NowMs();

    /// <summary>Close dates are typed in by people, also ones to come: what is decided was decided by now.</summary>
    private long? ClosedMs(DealRecord deal) => deal.State is not (DealState.Won or DealState.Lost) ? null
        : Math.Max(0, Math.Min((deal.ClosedAt ?? time.GetUtcNow()).ToUnixTimeMilliseconds(), time.NowMs()));
}
