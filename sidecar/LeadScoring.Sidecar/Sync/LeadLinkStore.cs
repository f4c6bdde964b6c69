using System.Security.Cryptography;
using System.Text;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Which lead a record of an account is.</summary>
internal sealed record LeadLink
{
    public string RecordId { get; init; } = "";
    public string LeadId { get; init; } = "";
    public bool IsPrimary { get; init; }
    public bool IsDeleted { get; init; }

    /// <summary>The lead was erased by a version that kept the record's id to know it by; <see cref="SealErasedLinks"/> makes a tombstone of it.</summary>
    internal bool IsErased => LeadId.Length == 0;
}

/// <summary>Who is who: records of accounts to leads, addresses (by their hash) to leads.</summary>
internal sealed class LeadLinkStore(TimeProvider time)
{
    internal static string HashOf(string email) => Trace.HashOfEmail(email);

    /// <summary>Leads that a lead was merged with, and what is known of who it is.</summary>
    internal static async Task<(IReadOnlyList<string> LeadIds, IReadOnlyList<Trace> Traces)> TracesAsync(WriteTransaction transaction, string organizationId, string leadId, CancellationToken cancellationToken)
    {
        const string Merges = """
            select lead_id from lead_merges where organization_id = @organizationId and merged_lead_id = @leadId and undone_at_ms is null
            union select merged_lead_id from lead_merges where organization_id = @organizationId and lead_id = @leadId and undone_at_ms is null
            """;
        const string Records = "select connector, record_id from lead_links where organization_id = @organizationId and lead_id = @leadId";
        const string Emails = "select email_hash from lead_emails where organization_id = @organizationId and lead_id = @leadId";
        var values = new { organizationId, leadId };
        var merged = await transaction.Connection.QueryAsync<string>(transaction.Command(Merges, values, cancellationToken));
        var records = await transaction.Connection.QueryAsync<(string Connector, string RecordId)>(transaction.Command(Records, values, cancellationToken));
        var emails = await transaction.Connection.QueryAsync<string>(transaction.Command(Emails, values, cancellationToken));
        return ([.. merged], [.. records.Select(r => Trace.Record(r.Connector, r.RecordId)), .. emails.Select(Trace.EmailHash)]);
    }

    internal static string AnyOf(WriteTransaction transaction, string parameter) => transaction.IsPostgres ? $"= any(@{parameter})" : $"in @{parameter}";

    internal static async Task<Dictionary<string, LeadLink>> LinksAsync(WriteTransaction transaction, ConnectorAccount account, IEnumerable<string> recordIds, CancellationToken cancellationToken)
    {
        var sql = $"""
            select record_id as RecordId, lead_id as LeadId, is_primary as IsPrimary, is_deleted as IsDeleted from lead_links
            where organization_id = @OrganizationId and connector = @Name and record_id {AnyOf(transaction, "ids")}
            """;
        var links = new Dictionary<string, LeadLink>(StringComparer.Ordinal);
        foreach (var ids in recordIds.Distinct(StringComparer.Ordinal).Chunk(500))
        {
            foreach (var link in await transaction.Connection.QueryAsync<LeadLink>(transaction.Command(sql, new { account.OrganizationId, account.Name, ids }, cancellationToken))) links[link.RecordId] = link;
        }

        return links;
    }

    internal static async Task<Dictionary<string, string>> LeadsOfEmailsAsync(WriteTransaction transaction, string organizationId, IEnumerable<string> hashes, CancellationToken cancellationToken)
    {
        var sql = $"select email_hash as Hash, lead_id as LeadId from lead_emails where organization_id = @organizationId and email_hash {AnyOf(transaction, "hashes")}";
        var leads = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in hashes.Distinct(StringComparer.Ordinal).Chunk(500))
        {
            foreach (var (hash, leadId) in await transaction.Connection.QueryAsync<(string Hash, string LeadId)>(transaction.Command(sql, new { organizationId, hashes = part }, cancellationToken))) leads[hash] = leadId;
        }

        return leads;
    }

    /// <summary>Whether the lead has a record of any account already.</summary>
    internal static async Task<HashSet<string>> LinkedAsync(WriteTransaction transaction, string organizationId, IEnumerable<string> leadIds, CancellationToken cancellationToken)
    {
        var sql = $"select distinct lead_id from lead_links where organization_id = @organizationId and lead_id {AnyOf(transaction, "ids")}";
        var linked = new HashSet<string>(StringComparer.Ordinal);
        foreach (var ids in leadIds.Distinct(StringComparer.Ordinal).Chunk(500)) linked.UnionWith(await transaction.Connection.QueryAsync<string>(transaction.Command(sql, new { organizationId, ids }, cancellationToken)));
        return linked;
    }

    internal async Task PutLinksAsync(WriteTransaction transaction, ConnectorAccount account, IEnumerable<(LeadLink Link, string By)> links, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into lead_links (organization_id, connector, record_id, lead_id, is_primary, is_deleted, linked_by, linked_at_ms) values (@organizationId, @connector, @recordId, @leadId, @isPrimary, @isDeleted, @by, @nowMs)
            on conflict (organization_id, connector, record_id) do update set lead_id = excluded.lead_id, is_deleted = excluded.is_deleted
            """;
        using var put = transaction.Prepare(Sql, "organizationId", "connector", "recordId", "leadId", "isPrimary", "isDeleted", "by", "nowMs").Set(0, account.OrganizationId).Set(1, account.Name).Set(7, time.NowMs());
        foreach (var (link, by) in links)
            await put.Set(2, link.RecordId).Set(3, link.LeadId).Set(4, link.IsPrimary ? (short)1 : (short)0).Set(5, link.IsDeleted ? (short)1 : (short)0).Set(6, by).ExecuteAsync(cancellationToken);
    }

    internal static async Task PutEmailsAsync(WriteTransaction transaction, string organizationId, IEnumerable<KeyValuePair<string, string>> leadsByHash, CancellationToken cancellationToken)
    {
        const string Sql = "insert into lead_emails (organization_id, email_hash, lead_id) values (@organizationId, @hash, @leadId) on conflict (organization_id, email_hash) do nothing";
        using var put = transaction.Prepare(Sql, "organizationId", "hash", "leadId").Set(0, organizationId);
        foreach (var (hash, leadId) in leadsByHash.OrderBy(l => l.Key, StringComparer.Ordinal)) await put.Set(1, hash).Set(2, leadId).ExecuteAsync(cancellationToken);
    }
}
