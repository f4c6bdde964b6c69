using System.Security.Cryptography;
using System.Text;
using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Api;

/// <summary>A request that was sent with a key, as stored.</summary>
internal sealed record IdempotentRequest
{
    public string Method { get; init; } = "";
    public string Path { get; init; } = "";
    public string State { get; init; } = "";
    public byte[]? BodySha256 { get; init; }
    public int? Status { get; init; }
    public string? Headers { get; init; }
    public byte[]? Reply { get; init; }
    public bool IsSealed { get; init; }
}

/// <summary>Who holds a key now.</summary>
internal sealed record IdempotencyClaim(string OrganizationId, string Key, string Claim);

/// <summary>Keys of requests and the replies to them: rows, so that replicas share them and a crash does not lose them.</summary>
internal sealed class IdempotencyStore(Database database, TimeProvider time)
{
    internal const string Running = "running";
    internal const string Written = "written";
    internal const string Done = "done";

    /// <summary>How long an attempt that gives no sign of life keeps its key.</summary>
    internal static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    internal static readonly TimeSpan KeepFor = TimeSpan.FromHours(24);

    /// <summary>What is kept of an address, with its query: enough to know it again. An address may hold the id of a person.</summary>
    internal static string PathHash(string key, string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{key}\n{path}")));

    private const string Held = "organization_id = @OrganizationId and idempotency_key = @Key and claim = @Claim";

    /// <summary>Takes the key, also from an attempt that has died in the middle of the same request.</summary>
    /// <returns>Null when it is taken; else the request that has it.</returns>
    internal Task<IdempotentRequest?> ClaimAsync(IdempotencyClaim claim, string method, string address, CancellationToken cancellationToken)
    {
        const string Claim = """
            insert into idempotency_keys (organization_id, idempotency_key, claim, method, path, state, lease_until_ms, expires_at_ms, is_sealed)
            values (@OrganizationId, @Key, @Claim, @method, @path, 'running', @leaseMs, @expiresMs, 0)
            on conflict (organization_id, idempotency_key) do update set claim = excluded.claim, method = excluded.method, path = excluded.path, state = excluded.state,
                lease_until_ms = excluded.lease_until_ms, expires_at_ms = excluded.expires_at_ms, body_sha256 = null, status = null, headers = null, reply = null, is_sealed = 0
            where idempotency_keys.expires_at_ms <= @nowMs
                or (idempotency_keys.state = 'running' and idempotency_keys.lease_until_ms <= @nowMs and idempotency_keys.method = excluded.method and idempotency_keys.path = excluded.path)
            """;
        const string Read = """
            select method as Method, path as Path, state as State, body_sha256 as BodySha256, status as Status, headers as Headers, reply as Reply, is_sealed as IsSealed
            from idempotency_keys where organization_id = @OrganizationId and idempotency_key = @Key
            """;
        var (nowMs, path) = (time.NowMs(), PathHash(claim.Key, address));
        var parameters = new
        {
            claim.OrganizationId, claim.Key, claim.Claim, method, path, nowMs, leaseMs = nowMs + (long)Lease.TotalMilliseconds, expiresMs = nowMs + (long)KeepFor.TotalMilliseconds,
        };
        return database.WriteAsync(
            async transaction => await transaction.ExecuteAsync(Claim, parameters, cancellationToken) == 1 ? null
                // Given back this very moment: as good as still running.
                : await transaction.Connection.QuerySingleOrDefaultAsync<IdempotentRequest>(transaction.Command(Read, parameters, cancellationToken)) ?? new IdempotentRequest { Method = method, Path = path, State = Running },
            cancellationToken);
    }

    /// <summary>A sign of life.</summary>
    internal Task ExtendAsync(IdempotencyClaim claim, CancellationToken cancellationToken)
    {
        const string Sql = $"update idempotency_keys set lease_until_ms = @leaseMs where {Held} and state = 'running'";
        var parameters = new { claim.OrganizationId, claim.Key, claim.Claim, leaseMs = time.NowMs() + (long)Lease.TotalMilliseconds };
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, parameters, cancellationToken), cancellationToken);
    }

    /// <summary>Says inside the write itself that it is done.</summary>
    /// <exception cref="ProblemException">Somebody else holds the key by now; the write is undone.</exception>
    internal static async Task MarkAsync(WriteTransaction transaction, IdempotencyClaim claim, CancellationToken cancellationToken)
    {
        const string Sql = $"update idempotency_keys set state = 'written' where {Held} and state <> 'done'";
        if (await transaction.ExecuteAsync(Sql, claim, cancellationToken) != 1)
            throw new ProblemException(ProblemKind.IdempotencyRunning, "The request took so long that another one with the same Idempotency-Key has taken its place. Nothing was stored here.");
    }

    internal Task FinishAsync(IdempotencyClaim claim, IdempotentRequest reply, CancellationToken cancellationToken)
    {
        const string Sql = $"""
            update idempotency_keys set state = 'done', body_sha256 = @BodySha256, status = @Status, headers = @Headers, reply = @Reply, is_sealed = @isSealed
            where {Held}
            """;
        var parameters = new { claim.OrganizationId, claim.Key, claim.Claim, reply.BodySha256, reply.Status, reply.Headers, reply.Reply, isSealed = reply.IsSealed ? 1 : 0 };
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, parameters, cancellationToken), cancellationToken);
    }

    /// <summary>Gives the key back: nothing was done under it. A write that was marked as done keeps it.</summary>
    internal Task ReleaseAsync(IdempotencyClaim claim, CancellationToken cancellationToken)
    {
        const string Sql = $"delete from idempotency_keys where {Held} and state = 'running'";
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, claim, cancellationToken), cancellationToken);
    }

    /// <summary>Removes up to a batch of keys that are past their time.</summary>
    internal Task<int> PurgeAsync(int batch, CancellationToken cancellationToken)
    {
        const string Sql = """
            delete from idempotency_keys where (organization_id, idempotency_key) in (
                select organization_id, idempotency_key from idempotency_keys where expires_at_ms <= @nowMs order by expires_at_ms limit @batch)
            """;
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { batch, nowMs = time.NowMs() }, cancellationToken), cancellationToken);
    }
}

/// <summary>Removes keys that are past their time.</summary>
internal sealed class PurgeIdempotencyKeys(IdempotencyStore store, TimeProvider time, ILogger<PurgeIdempotencyKeys> logger) : BackgroundService
{
    private const int Batch = 500;
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    /// <summary>All that are past their time, a batch a transaction; how many.</summary>
    internal async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        for (var purged = 0; ;)
        {
            var rows = await store.PurgeAsync(Batch, cancellationToken);
            purged += rows;
            if (rows < Batch) return purged;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await RunOnceAsync(stoppingToken);
                }
                catch (System.Data.Common.DbException e)
                {
                    ApiLog.Idempotency(logger, e.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // How a server ends.
        }
    }
}
