using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Two leads that are one person.</summary>
/// <param name="LeadId">That goes on.</param>
/// <param name="MergedLeadId">That becomes part of it.</param>
/// <param name="Reason">email or merged_by_vendor.</param>
internal sealed record LeadMerge(string LeadId, string MergedLeadId, string Reason);

/// <summary>A merge as stored.</summary>
internal sealed record StoredMerge
{
    public string MergeId { get; init; } = "";
    public string LeadId { get; init; } = "";
    public string MergedLeadId { get; init; } = "";
    public string Connector { get; init; } = "";
    public string Reason { get; init; } = "";
    public long MergedAtMs { get; init; }
    public long? UndoneAtMs { get; init; }
}

/// <summary>
/// Moves events, records and addresses of a lead to another one, and writes down which, so that it can be undone. The merged lead stays, closed and with the attribute <c>merged_into</c>. What was undone once is never
/// merged again by itself.
/// </summary>
internal sealed class MergeLeads(LeadStore leads, OutcomeStore outcomes, StoreDeals deals, Database database, TimeProvider time)
{
    internal const string Attribute = "merged_into";
    private const string Columns = "merge_id as MergeId, lead_id as LeadId, merged_lead_id as MergedLeadId, connector as Connector, reason as Reason, merged_at_ms as MergedAtMs, undone_at_ms as UndoneAtMs";

    /// <returns>False when the two were merged and parted again before, or one of them is not there.</returns>
    internal async Task<bool> RunAsync(WriteTransaction transaction, ConnectorAccount account, LeadMerge merge, CancellationToken cancellationToken)
    {
        const string Before = "select count(*) from lead_merges where organization_id = @OrganizationId and lead_id = @LeadId and merged_lead_id = @MergedLeadId";
        const string Insert = """
            insert into lead_merges (organization_id, merge_id, lead_id, merged_lead_id, connector, reason, merged_at_ms) values (@OrganizationId, @mergeId, @LeadId, @MergedLeadId, @Name, @Reason, @nowMs)
            """;
        var mergeId = $"mrg_{Guid.CreateVersion7(time.GetUtcNow()):N}";
        var values = new { account.OrganizationId, account.Name, merge.LeadId, merge.MergedLeadId, merge.Reason, mergeId, nowMs = time.NowMs() };
        if (await transaction.Connection.ExecuteScalarAsync<long>(transaction.Command(Before, values, cancellationToken)) > 0) return false;
        if ((await LeadStore.ExistingAsync(transaction, account.OrganizationId, [merge.LeadId, merge.MergedLeadId], cancellationToken)).Count < 2) return false;
        await transaction.ExecuteAsync(Insert, values, cancellationToken);
        await MoveLinksAsync(transaction, account.OrganizationId, mergeId, merge.MergedLeadId, merge.LeadId, cancellationToken);
        await MoveEventsAsync(transaction, account.OrganizationId, mergeId, merge.MergedLeadId, merge.LeadId, cancellationToken);
        await SetMergedAsync(transaction, account.OrganizationId, merge.MergedLeadId, merge.LeadId, cancellationToken);
        await RenewOutcomesAsync(transaction, account, merge.LeadId, merge.MergedLeadId, cancellationToken);
        return true;
    }

    /// <summary>Parts them again: each has its own events, records and addresses back.</summary>
    /// <returns>False when there is no such merge, or it is undone already.</returns>
    internal Task<bool> UndoAsync(string organizationId, string mergeId, ConnectorAccounts accounts, CancellationToken cancellationToken) => database.WriteAsync(
        async transaction =>
        {
            const string Select = $"select {Columns} from lead_merges where organization_id = @organizationId and merge_id = @mergeId and undone_at_ms is null";
            const string Undone = "update lead_merges set undone_at_ms = @nowMs where organization_id = @organizationId and merge_id = @mergeId";
            await LockAsync(transaction, organizationId, cancellationToken);
            var values = new { organizationId, mergeId, nowMs = time.NowMs() };
            if (await transaction.Connection.QuerySingleOrDefaultAsync<StoredMerge>(transaction.Command(Select, values, cancellationToken)) is not { } merge) return false;
            await LeadStore.LockAsync(transaction, organizationId, [merge.LeadId, merge.MergedLeadId], cancellationToken);
            await transaction.ExecuteAsync(Undone, values, cancellationToken);
            await GiveBackAsync(transaction, organizationId, merge, cancellationToken);
            await SetMergedAsync(transaction, organizationId, merge.MergedLeadId, null, cancellationToken);
            foreach (var account in accounts.Of(organizationId)) await RenewOutcomesAsync(transaction, account, merge.LeadId, merge.MergedLeadId, cancellationToken);
            return true;
        },
        cancellationToken);

    internal async Task<IReadOnlyList<StoredMerge>> ListAsync(string organizationId, int limit, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from lead_merges where organization_id = @organizationId order by merged_at_ms desc, merge_id desc limit @limit";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StoredMerge>(new CommandDefinition(Sql, new { organizationId, limit }, cancellationToken: cancellationToken))];
    }

    /// <summary>Who is who is told by one writer of an organization at a time.</summary>
    internal static Task LockAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken) => transaction.LockAsync("sync/" + organizationId, cancellationToken);

    private static async Task MoveLinksAsync(WriteTransaction transaction, string organizationId, string mergeId, string from, string to, CancellationToken cancellationToken)
    {
        const string Links = """
            insert into lead_merge_parts (organization_id, merge_id, kind, connector, part_id)
            select organization_id, @mergeId, 'link', connector, record_id from lead_links where organization_id = @organizationId and lead_id = @from
            """;
        const string Emails = """
            insert into lead_merge_parts (organization_id, merge_id, kind, connector, part_id)
            select organization_id, @mergeId, 'email', '', email_hash from lead_emails where organization_id = @organizationId and lead_id = @from
            """;
        const string MoveLinks = "update lead_links set lead_id = @to, is_primary = 0 where organization_id = @organizationId and lead_id = @from";
        const string MoveEmails = "update lead_emails set lead_id = @to where organization_id = @organizationId and lead_id = @from";
        const string MoveWrites = "update write_backs set lead_id = @to, written_grade = null, written_score = null where organization_id = @organizationId and lead_id = @from";
        foreach (var sql in (string[])[Links, Emails, MoveLinks, MoveEmails, MoveWrites]) await transaction.ExecuteAsync(sql, new { organizationId, mergeId, from, to }, cancellationToken);
    }

    private async Task MoveEventsAsync(WriteTransaction transaction, string organizationId, string mergeId, string from, string to, CancellationToken cancellationToken)
    {
        const string Parts = """
            insert into lead_merge_parts (organization_id, merge_id, kind, connector, part_id)
            select organization_id, @mergeId, 'event', '', event_id from events where organization_id = @organizationId and lead_id = @from
            """;
        var moved = await EventStore.ReadAsync(transaction, organizationId, from, cancellationToken);
        if (moved.Count == 0) return;
        await transaction.ExecuteAsync(Parts, new { organizationId, mergeId, from }, cancellationToken);
        await transaction.ExecuteAsync("update events set lead_id = @to where organization_id = @organizationId and lead_id = @from", new { organizationId, from, to }, cancellationToken);
        // On top of what the other has, which may hold events that retention has removed.
        var locked = await LeadFold.LockAsync(transaction, organizationId, [to], cancellationToken);
        await LeadFold.WriteAsync(transaction, organizationId, new Dictionary<string, List<ActivityEvent>> { [to] = moved }, locked, time.NowMs(), cancellationToken);
        await RefoldAsync(transaction, organizationId, [from], cancellationToken);
    }

    private async Task GiveBackAsync(WriteTransaction transaction, string organizationId, StoredMerge merge, CancellationToken cancellationToken)
    {
        const string Of = "(select part_id from lead_merge_parts p where p.organization_id = @organizationId and p.merge_id = @MergeId and p.kind =";
        const string Events = $"update events set lead_id = @MergedLeadId where organization_id = @organizationId and lead_id = @LeadId and event_id in {Of} 'event')";
        const string Emails = $"update lead_emails set lead_id = @MergedLeadId where organization_id = @organizationId and lead_id = @LeadId and email_hash in {Of} 'email')";
        const string Links = """
            update lead_links set lead_id = @MergedLeadId, is_primary = 1 where organization_id = @organizationId and lead_id = @LeadId and exists (
                select 1 from lead_merge_parts p where p.organization_id = @organizationId and p.merge_id = @MergeId and p.kind = 'link' and p.connector = lead_links.connector and p.part_id = lead_links.record_id)
            """;
        const string Writes = """
            update write_backs set lead_id = @MergedLeadId, written_grade = null, written_score = null where organization_id = @organizationId and lead_id = @LeadId and exists (
                select 1 from lead_merge_parts p where p.organization_id = @organizationId and p.merge_id = @MergeId and p.kind = 'link' and p.connector = write_backs.connector and p.part_id = write_backs.record_id)
            """;
        foreach (var sql in (string[])[Events, Emails, Links, Writes]) await transaction.ExecuteAsync(sql, new { organizationId, merge.MergeId, merge.LeadId, merge.MergedLeadId }, cancellationToken);
        await RefoldAsync(transaction, organizationId, [merge.LeadId, merge.MergedLeadId], cancellationToken);
    }

    private async Task RefoldAsync(WriteTransaction transaction, string organizationId, string[] leadIds, CancellationToken cancellationToken)
    {
        var states = new Dictionary<string, ActivityState>(StringComparer.Ordinal);
        foreach (var leadId in leadIds) states[leadId] = ActivityState.Replay(await EventStore.ReadAsync(transaction, organizationId, leadId, cancellationToken), long.MaxValue);
        await LeadStore.SetActivityAsync(transaction, organizationId, states, ActivityState.FoldVersion, time.NowMs(), cancellationToken);
    }

    /// <summary>The merged lead is on no list and not scored any more; or is again.</summary>
    private async Task SetMergedAsync(WriteTransaction transaction, string organizationId, string leadId, string? into, CancellationToken cancellationToken)
    {
        const string Standing = "select count(*) from outcomes where organization_id = @organizationId and lead_id = @leadId";
        await leads.UpsertAsync(transaction, organizationId, [new LeadWrite(leadId, new Dictionary<string, string?> { [Attribute] = into is null ? null : LeadAttributes.FromText(into) })], cancellationToken);
        var isDecided = await transaction.Connection.ExecuteScalarAsync<long>(transaction.Command(Standing, new { organizationId, leadId }, cancellationToken)) > 0;
        await leads.SetClosedAsync(transaction, organizationId, [(leadId, into is not null || isDecided)], cancellationToken);
    }

    private async Task RenewOutcomesAsync(WriteTransaction transaction, ConnectorAccount account, string leadId, string mergedLeadId, CancellationToken cancellationToken)
    {
        const string Records = "select record_id from lead_links where organization_id = @OrganizationId and connector = @Name and lead_id in (@leadId, @mergedLeadId)";
        const string Left = "select count(*) from lead_links where organization_id = @OrganizationId and connector = @Name and lead_id = @mergedLeadId";
        var values = new { account.OrganizationId, account.Name, leadId, mergedLeadId };
        var records = (await transaction.Connection.QueryAsync<string>(transaction.Command(Records, values, cancellationToken))).AsList();
        // What its deals said of it, they say of the other lead now.
        if (await transaction.Connection.ExecuteScalarAsync<long>(transaction.Command(Left, values, cancellationToken)) == 0)
        {
            await outcomes.WriteAsync(transaction, account.OrganizationId, [new OutcomeWrite(mergedLeadId, account.Name, Converted: false, 0, Reversed: true)], cancellationToken);
            await leads.SetClosedAsync(transaction, account.OrganizationId, [(mergedLeadId, true)], cancellationToken);
        }

        await deals.RenewOutcomesAsync(transaction, account, records, cancellationToken);
    }
}
