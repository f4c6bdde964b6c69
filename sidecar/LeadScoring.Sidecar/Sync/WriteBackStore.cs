using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Sync;

/// <summary>A record whose fields are to be written.</summary>
internal sealed record WriteBackRow
{
    public string RecordId { get; init; } = "";
    public string LeadId { get; init; } = "";
    public int Attempts { get; init; }
    public string? Failure { get; init; }
    public long NextAttemptMs { get; init; }
}

/// <summary>What became of a try.</summary>
/// <param name="Score">Score that was written; null when nothing was.</param>
/// <param name="Failure">Why nothing was written; null when it was.</param>
/// <param name="IsFinal">Trying again would change nothing.</param>
internal sealed record WriteBackResult(WriteBackRow Row, double? Score, string? Grade, string? Failure, bool IsFinal, bool IsGone = false);

/// <summary>The queue of write-backs: put in with the score, taken by any replica, given up visibly.</summary>
internal sealed class WriteBackStore(Database database, ConnectorAccounts accounts, IOptions<SyncOptions> options, TimeProvider time)
{
    private const string Columns = "record_id as RecordId, lead_id as LeadId, attempts as Attempts, failure as Failure, next_attempt_ms as NextAttemptMs";
    private static readonly TimeSpan LongestRetry = TimeSpan.FromHours(1);

    /// <summary>How long records that were taken are nobody else's, unless that is renewed: so long they wait when a process dies.</summary>
    internal static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    /// <summary>Queues records of leads whose grade is another than the one written, or whose score differs by the delta; in the transaction of the scores.</summary>
    internal async Task QueueAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<string> leadIds, CancellationToken cancellationToken)
    {
        string[] connectors = [.. accounts.Of(organizationId).Where(a => a.WritesBack).Select(a => a.Name)];
        if (connectors.Length == 0) return;
        var sql = $"""
            insert into write_backs (organization_id, connector, record_id, lead_id, status, attempts, next_attempt_ms, lease_until_ms)
            select k.organization_id, k.connector, k.record_id, k.lead_id, 'pending', 0, @nowMs, 0
            from lead_links k join leads l on l.organization_id = k.organization_id and l.lead_id = k.lead_id
                left join write_backs w on w.organization_id = k.organization_id and w.connector = k.connector and w.record_id = k.record_id
            where k.organization_id = @organizationId and k.lead_id {LeadLinkStore.AnyOf(transaction, "ids")} and k.connector {LeadLinkStore.AnyOf(transaction, "connectors")} and k.is_deleted = 0 and l.score is not null
                and (w.written_grade is null or w.written_grade <> l.grade or abs(w.written_score - l.score) >= @delta)
            on conflict (organization_id, connector, record_id) do update set status = 'pending', lead_id = excluded.lead_id, attempts = 0, failure = null,
                next_attempt_ms = case when write_backs.status = 'pending' then write_backs.next_attempt_ms else excluded.next_attempt_ms end
            """;
        foreach (var ids in leadIds.Chunk(500))
            await transaction.ExecuteAsync(sql, new { organizationId, ids, connectors, nowMs = time.NowMs(), delta = Math.Max(options.Value.WriteBackDelta, 1e-9) }, cancellationToken);
    }

    /// <summary>Takes due records; nobody else gets them until they are recorded, or the lease ends.</summary>
    internal Task<IReadOnlyList<WriteBackRow>> LeaseAsync(ConnectorAccount account, int limit, string lease, CancellationToken cancellationToken)
    {
        static string Sql(WriteTransaction transaction) => $"""
            update write_backs set lease = @lease, lease_until_ms = @untilMs
            where organization_id = @OrganizationId and connector = @Name and record_id in (
                select record_id from write_backs where organization_id = @OrganizationId and connector = @Name and status = 'pending' and next_attempt_ms <= @nowMs and lease_until_ms <= @nowMs
                order by next_attempt_ms, record_id limit @limit {transaction.SkipLocked})
            returning {Columns}
            """;
        var nowMs = time.NowMs();
        var values = new { account.OrganizationId, account.Name, lease, limit, nowMs, untilMs = nowMs + (long)Lease.TotalMilliseconds };
        return database.WriteAsync<IReadOnlyList<WriteBackRow>>(async transaction => [.. await transaction.Connection.QueryAsync<WriteBackRow>(transaction.Command(Sql(transaction), values, cancellationToken))], cancellationToken);
    }

    /// <summary>They stay whose they are for another while.</summary>
    internal Task RenewAsync(ConnectorAccount account, string lease, CancellationToken cancellationToken)
    {
        const string Sql = "update write_backs set lease_until_ms = @untilMs where organization_id = @OrganizationId and connector = @Name and lease = @lease";
        return database.WriteAsync(
            transaction => transaction.ExecuteAsync(Sql, new { account.OrganizationId, account.Name, lease, untilMs = time.NowMs() + (long)Lease.TotalMilliseconds }, cancellationToken), cancellationToken);
    }

    internal async Task<bool> HasDueAsync(ConnectorAccount account, CancellationToken cancellationToken)
    {
        const string Sql = "select record_id from write_backs where organization_id = @OrganizationId and connector = @Name and status = 'pending' and next_attempt_ms <= @nowMs and lease_until_ms <= @nowMs limit 1";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<string?>(new CommandDefinition(Sql, new { account.OrganizationId, account.Name, nowMs = time.NowMs() }, cancellationToken: cancellationToken)) is not null;
    }

    /// <returns>How many are dead now.</returns>
    internal Task<int> RecordAsync(ConnectorAccount account, string lease, IReadOnlyList<WriteBackResult> results, CancellationToken cancellationToken) => database.WriteAsync(
        async transaction =>
        {
            const string Row = "where organization_id = @OrganizationId and connector = @Name and record_id = @RecordId and lease = @lease";
            // A score that changed while this one was on its way is queued again by the comparison below.
            const string Written = $"""
                update write_backs set status = case when exists (select 1 from leads l where l.organization_id = write_backs.organization_id and l.lead_id = write_backs.lead_id
                        and (l.grade <> @Grade or abs(l.score - @Score) >= @delta)) then 'pending' else 'written' end,
                    written_score = @Score, written_grade = @Grade, written_at_ms = @nowMs, attempts = 0, next_attempt_ms = @nowMs, failure = null, lease = null, lease_until_ms = 0 {Row}
                """;
            const string Again = $"update write_backs set attempts = attempts + 1, next_attempt_ms = @nextMs, failure = @Failure, lease = null, lease_until_ms = 0 {Row}";
            const string Dead = $"update write_backs set status = 'dead', attempts = attempts + 1, failure = @Failure, lease = null, lease_until_ms = 0 {Row}";
            const string Gone = $"delete from write_backs {Row}";
            var dead = 0;
            foreach (var result in results.OrderBy(r => r.Row.RecordId, StringComparer.Ordinal))
            {
                var isDead = result.Failure is not null && !result.IsGone && (result.IsFinal || result.Row.Attempts + 1 >= options.Value.Attempts);
                var values = new
                {
                    account.OrganizationId, account.Name, result.Row.RecordId, lease, result.Score, result.Grade, result.Failure, nowMs = time.NowMs(),
                    nextMs = time.NowMs() + (long)Math.Min(LongestRetry.TotalMilliseconds, options.Value.FirstRetry.TotalMilliseconds * Math.Pow(2, Math.Min(20, result.Row.Attempts))),
                    delta = Math.Max(options.Value.WriteBackDelta, 1e-9),
                };
                await transaction.ExecuteAsync(result.IsGone ? Gone : result.Failure is null ? Written : isDead ? Dead : Again, values, cancellationToken);
                if (isDead) dead++;
            }

            return dead;
        },
        cancellationToken);

    /// <summary>Gives back what was taken: not a record's fault, so it costs it no try.</summary>
    internal Task ReleaseAsync(ConnectorAccount account, string lease, TimeSpan wait, CancellationToken cancellationToken)
    {
        const string Sql = "update write_backs set lease = null, lease_until_ms = 0, next_attempt_ms = @nextMs where organization_id = @OrganizationId and connector = @Name and lease = @lease and status = 'pending'";
        return database.WriteAsync(
            transaction => transaction.ExecuteAsync(Sql, new { account.OrganizationId, account.Name, lease, nextMs = time.NowMs() + (long)wait.TotalMilliseconds }, cancellationToken), cancellationToken);
    }

    internal async Task<(long Pending, long Dead)> CountAsync(ConnectorAccount account, CancellationToken cancellationToken)
    {
        const string Sql = """
            select count(case when status = 'pending' then 1 end), count(case when status = 'dead' then 1 end) from write_backs
            where organization_id = @OrganizationId and connector = @Name and status in ('pending', 'dead')
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleAsync<(long, long)>(new CommandDefinition(Sql, new { account.OrganizationId, account.Name }, cancellationToken: cancellationToken));
    }

    internal async Task<IReadOnlyList<WriteBackRow>> DeadAsync(ConnectorAccount account, int limit, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from write_backs where organization_id = @OrganizationId and connector = @Name and status = 'dead' order by record_id limit @limit";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<WriteBackRow>(new CommandDefinition(Sql, new { account.OrganizationId, account.Name, limit }, cancellationToken: cancellationToken))];
    }

    /// <summary>Dead records are tried again, with all their tries: one of them, or all.</summary>
    internal Task<int> ReplayAsync(ConnectorAccount account, string? recordId, CancellationToken cancellationToken)
    {
        const string Sql = """
            update write_backs set status = 'pending', attempts = 0, next_attempt_ms = @nowMs
            where organization_id = @OrganizationId and connector = @Name and status = 'dead' and (@all = 1 or record_id = @recordId)
            """;
        var values = new { account.OrganizationId, account.Name, recordId = recordId ?? "", all = recordId is null ? 1 : 0, nowMs = time.NowMs() };
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, values, cancellationToken), cancellationToken);
    }
}
