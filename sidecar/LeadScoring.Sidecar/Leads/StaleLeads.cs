using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Leads;

/// <summary>Leads of one organization that one worker may score for as long as the claim holds.</summary>
/// <param name="Token">Proves the claim when the scores are written: a claim that ran out and was taken by another writes nothing.</param>
internal sealed record LeadClaim(string OrganizationId, string Token, IReadOnlyList<ClaimedLead> Leads);

/// <summary>A claimed lead, at the revision that stood on the queue.</summary>
internal sealed record ClaimedLead
{
    public string LeadId { get; init; } = "";
    public long Revision { get; init; }
}

/// <summary>
/// The queue of leads to score again: a flag on the lead itself, so that it cannot lose or double anything. Workers of any number of processes claim leads for a while;
/// the claim of one that died runs out. No decision hangs on clocks agreeing: one that jumps or differs costs work done twice and thrown away, never a lost or doubled score.
/// </summary>
internal sealed class StaleLeads(Database database, TimeProvider time)
{
    /// <summary>How long a claim holds: many times what a batch takes, and short enough to wait for when a worker dies.</summary>
    internal static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    /// <summary>Tries after which a lead that cannot be scored is set aside.</summary>
    internal const int Tries = 3;

    // Free to take: of nobody, run out, or made by a clock that is ahead of this one, which would hold it for ever.
    private const string IsHeld = """
        select 1 from rescoring_claims c where c.organization_id = leads.organization_id and c.lead_id = leads.lead_id and c.until_ms > @nowMs and c.until_ms <= @latestMs
        """;

    private const string IsQueued = "is_stale = 1 and closed_at_ms is null and stale_since_ms is not null";

    internal const string NextSql = $"select organization_id from leads where organization_id > @after and {IsQueued} order by organization_id, stale_since_ms limit 1";

    internal const string OldestSql =
        $"select lead_id as LeadId, revision as Revision from leads where organization_id = @organizationId and {IsQueued} and not exists ({IsHeld}) order by stale_since_ms, lead_id limit @limit";

    internal const string CountSql = $"select count(*) from (select 1 from leads where organization_id = @organizationId and {IsQueued} order by stale_since_ms limit @most) as waiting";

    /// <summary>Claims the leads of one organization that have waited longest: of the next one after <paramref name="after"/> that has any, and round.</summary>
    /// <returns>Null when there is nothing to take.</returns>
    internal async Task<LeadClaim?> ClaimAsync(string after, int limit, CancellationToken cancellationToken)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (true)
        {
            string? organizationId;
            await using (var connection = await database.OpenConnectionAsync(cancellationToken))
                organizationId = await connection.ExecuteScalarAsync<string?>(new CommandDefinition(NextSql, new { after }, cancellationToken: cancellationToken));
            if (organizationId is null && after.Length == 0) return null;
            if (organizationId is not null)
            {
                if (!seen.Add(organizationId)) return null;
                if (await ClaimOfAsync(organizationId, limit, cancellationToken) is { Leads.Count: > 0 } claim) return claim;
            }

            after = organizationId ?? "";
        }
    }

    private Task<LeadClaim> ClaimOfAsync(string organizationId, int limit, CancellationToken cancellationToken)
    {
        return database.WriteAsync(
            async transaction =>
            {
                var nowMs = time.NowMs();
                var latestMs = nowMs + (long)Lease.TotalMilliseconds;
                var free = (await transaction.Connection.QueryAsync<ClaimedLead>(transaction.Command($"{OldestSql} {transaction.SkipLocked}", new { organizationId, nowMs, latestMs, limit }, cancellationToken))).AsList();
                var token = Guid.NewGuid().ToString("N");
                var taken = await TakeAsync(transaction, List(transaction, organizationId, free.Select(l => l.LeadId), token, nowMs, latestMs), cancellationToken);
                return new LeadClaim(organizationId, token, [.. free.Where(l => taken.Contains(l.LeadId))]);
            },
            cancellationToken);
    }

    /// <summary>The condition again: who came first since the select has the lead.</summary>
    private static async Task<HashSet<string>> TakeAsync(WriteTransaction transaction, object parameters, CancellationToken cancellationToken)
    {
        var sql = $"""
            insert into rescoring_claims (organization_id, lead_id, token, until_ms, failures)
            select @organizationId, value, @token, @latestMs, 0 from {From(transaction)} where true order by value
            on conflict (organization_id, lead_id) do update set token = excluded.token, until_ms = excluded.until_ms
            where rescoring_claims.until_ms <= @nowMs or rescoring_claims.until_ms > @latestMs
            returning lead_id
            """;
        return (await transaction.Connection.QueryAsync<string>(transaction.Command(sql, parameters, cancellationToken))).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Gives claims up inside the write that they were made for; the leads that were still held.</summary>
    internal static async Task<HashSet<string>> RedeemAsync(WriteTransaction transaction, LeadClaim claim, IReadOnlyList<string> leadIds, CancellationToken cancellationToken)
    {
        var redeem = $"delete from rescoring_claims where organization_id = @organizationId and token = @token and lead_id in (select value from {From(transaction)}) returning lead_id";
        return (await transaction.Connection.QueryAsync<string>(transaction.Command(redeem, List(transaction, claim.OrganizationId, leadIds, claim.Token), cancellationToken))).ToHashSet(StringComparer.Ordinal);
    }

    // A list of ids as one parameter and as rows: arrays where there are any, JSON elsewhere.
    private static string From(WriteTransaction transaction) => transaction.IsPostgres ? "unnest(@ids) as list(value)" : "json_each(@ids)";

    private static object List(WriteTransaction transaction, string organizationId, IEnumerable<string> leadIds, string token = "", long nowMs = 0, long latestMs = 0) => transaction.IsPostgres
        ? new { organizationId, token, nowMs, latestMs, ids = leadIds.ToArray() }
        : new { organizationId, token, nowMs, latestMs, ids = JsonSerializer.Serialize(leadIds) };

    /// <summary>Gives back what was not scored, as when a process ends.</summary>
    internal Task ReleaseAsync(LeadClaim claim, CancellationToken cancellationToken)
    {
        const string Sql = "update rescoring_claims set token = '', until_ms = 0 where organization_id = @OrganizationId and lead_id = @LeadId and token = @Token";
        return database.WriteAsync(
            transaction => transaction.ExecuteAsync(Sql, claim.Leads.Select(l => new { claim.OrganizationId, l.LeadId, claim.Token }), cancellationToken), cancellationToken);
    }

    /// <summary>
    /// A lead that cannot be scored waits a while, twice as long each time, and is set aside after <see cref="Tries"/> tries: off the queue until it changes
    /// (then it gets one more try) or <see cref="RetryAsync"/>.
    /// </summary>
    /// <returns>Whether it was set aside.</returns>
    internal Task<bool> FailAsync(LeadClaim claim, ClaimedLead lead, string reason, CancellationToken cancellationToken)
    {
        const string Fail = """
            update rescoring_claims set token = '', failures = failures + 1, reason = @reason, failed_at_ms = @nowMs,
                until_ms = case when failures + 1 < @Tries then @nowMs + 500 * (failures + 1) else 0 end
            where organization_id = @OrganizationId and lead_id = @LeadId and token = @Token
            """;
        const string SetAside = """
            update leads set stale_since_ms = null where organization_id = @OrganizationId and lead_id = @LeadId and revision = @Revision
                and exists (select 1 from rescoring_claims c where c.organization_id = leads.organization_id and c.lead_id = leads.lead_id and c.failures >= @Tries)
            """;
        return database.WriteAsync(
            async transaction =>
            {
                var parameters = new { claim.OrganizationId, claim.Token, lead.LeadId, lead.Revision, Tries, reason, nowMs = time.NowMs() };
                return await transaction.ExecuteAsync(Fail, parameters, cancellationToken) > 0 && await transaction.ExecuteAsync(SetAside, parameters, cancellationToken) > 0;
            },
            cancellationToken);
    }

    /// <summary>Puts all leads that were set aside on the queue again, as if nothing had failed; how many.</summary>
    internal Task<int> RetryAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Queue = """
            update leads set stale_since_ms = @nowMs
            where organization_id = @organizationId and is_stale = 1 and stale_since_ms is null
                and exists (select 1 from rescoring_claims c where c.organization_id = leads.organization_id and c.lead_id = leads.lead_id and c.failures > 0)
            """;
        const string Forget = "delete from rescoring_claims where organization_id = @organizationId and failures > 0 and token = ''";
        return database.WriteAsync(
            async transaction =>
            {
                var queued = await transaction.ExecuteAsync(Queue, new { organizationId, nowMs = time.NowMs() }, cancellationToken);
                await transaction.ExecuteAsync(Forget, new { organizationId }, cancellationToken);
                return queued;
            },
            cancellationToken);
    }

    /// <summary>Leads that wait, none beyond <paramref name="most"/> counted.</summary>
    internal async Task<int> CountAsync(string organizationId, int most, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<int>(new CommandDefinition(CountSql, new { organizationId, most }, cancellationToken: cancellationToken));
    }

    /// <summary>Puts leads on the queue, whatever their state: a run that could not score them leaves them to it.</summary>
    internal static async Task MarkAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<string> leadIds, long nowMs, CancellationToken cancellationToken)
    {
        var sql = $"""
            update leads set is_stale = 1, stale_since_ms = coalesce(stale_since_ms, @nowMs)
            where organization_id = @organizationId and lead_id in (select value from {From(transaction)})
            """;
        foreach (var leadId in leadIds) transaction.Touch(organizationId, leadId);
        await LeadStore.LockAsync(transaction, organizationId, leadIds, cancellationToken);
        await transaction.ExecuteAsync(sql, List(transaction, organizationId, leadIds, nowMs: nowMs), cancellationToken);
    }

    /// <summary>Puts open leads on the queue whose score is old: time alone changes what a lead is worth.</summary>
    /// <returns>How many, at most <paramref name="limit"/>.</returns>
    internal Task<int> MarkAgedAsync(long scoredBeforeMs, int limit, long nowMs, CancellationToken cancellationToken)
    {
        static string Sql(WriteTransaction transaction) => $"""
            update leads set is_stale = 1, stale_since_ms = @nowMs
            where (organization_id, lead_id) in (
                select organization_id, lead_id from leads where scored_at_ms < @scoredBeforeMs and is_stale = 0 and closed_at_ms is null order by scored_at_ms limit @limit {transaction.SkipLocked})
            """;
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql(transaction), new { scoredBeforeMs, limit, nowMs }, cancellationToken), cancellationToken);
    }
}
