using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>An API key as stored.</summary>
internal sealed record KeyRow
{
    internal const string Columns = """
        organization_id as OrganizationId, key_id as KeyId, name as Name, scope as Scope, secret_sha256 as SecretSha256, created_at_ms as CreatedAtMs, revoked_at_ms as RevokedAtMs,
        expires_at_ms as ExpiresAtMs, previous_sha256 as PreviousSha256, previous_until_ms as PreviousUntilMs, last_used_at_ms as LastUsedAtMs
        """;

    public string OrganizationId { get; init; } = "";
    public string KeyId { get; init; } = "";
    public string Name { get; init; } = "";
    public string Scope { get; init; } = "";
    public byte[] SecretSha256 { get; init; } = [];
    public long CreatedAtMs { get; init; }
    public long? RevokedAtMs { get; init; }
    public long? ExpiresAtMs { get; init; }
    public byte[]? PreviousSha256 { get; init; }
    public long? PreviousUntilMs { get; init; }
    public long? LastUsedAtMs { get; init; }

    /// <summary>Until when a secret is good, Unix ms; null when it is not one of this key's. Both secrets are compared to the end, whichever is right.</summary>
    internal long? GoodUntilMs(byte[] secretHash)
    {
        var isCurrent = CryptographicOperations.FixedTimeEquals(SecretSha256, secretHash);
        var isPrevious = CryptographicOperations.FixedTimeEquals(PreviousSha256 ?? [], secretHash);
        if (!isCurrent && !isPrevious) return null;
        return Math.Min(ExpiresAtMs ?? long.MaxValue, isCurrent ? long.MaxValue : PreviousUntilMs ?? 0);
    }

    internal Caller ToCaller(RateAllowance? allowance) => new(OrganizationId, KeyId, Enum.Parse<ApiScope>(Scope, ignoreCase: true)) { Allowance = allowance };
}

/// <summary>API keys, and the check of presented ones.</summary>
internal sealed class ApiKeyStore(Database database, KeyUse uses, AuditLog audit, RefusedAccess refused, AddressLimits addresses, TimeProvider time, IOptions<ApiOptions> options)
{
    private const int CacheLimit = 10_000;
    private readonly ConcurrentDictionary<UInt128, Verified> verified = new();

    /// <param name="UntilMs">Trusted without a look into the database until then.</param>
    /// <param name="GoodUntilMs">Not good after that, whatever the database says or whether it is there.</param>
    private sealed record Verified(Caller Caller, KeyUse.Entry Use, long UntilMs, long GoodUntilMs);

    internal async Task<ApiKey> CreateAsync(string organizationId, string name, ApiScope scope, CancellationToken cancellationToken, long? expiresAtMs = null)
    {
        const string Sql = """
            insert into api_keys (organization_id, key_id, name, scope, secret_sha256, created_at_ms, expires_at_ms)
            values (@organizationId, @KeyId, @name, @scope, @hash, @nowMs, @expiresAtMs)
            """;
        var key = ApiKey.Create();
        var row = new { organizationId, key.KeyId, name, scope = scope.ToString().ToLowerInvariant(), hash = key.SecretHash(), nowMs = time.NowMs(), expiresAtMs };
        await database.WriteAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync(Sql, row, cancellationToken);
                audit.Append(transaction, organizationId, AuditKind.KeyCreated, $"key {key.KeyId}", new { name, scope, expires_at = Moment.Of(expiresAtMs) });
            },
            cancellationToken);
        return key;
    }

    internal async Task<IReadOnlyList<KeyRow>> ListAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {KeyRow.Columns} from api_keys where organization_id = @organizationId order by created_at_ms, key_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<KeyRow>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }

    /// <returns>What the key may do; null when the organization has no such key that is still good.</returns>
    internal async Task<Caller?> FindAsync(string organizationId, string keyId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {KeyRow.Columns} from api_keys where organization_id = @organizationId and key_id = @keyId and revoked_at_ms is null and (expires_at_ms is null or expires_at_ms > @nowMs)";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await connection.QuerySingleOrDefaultAsync<KeyRow>(new CommandDefinition(Sql, new { organizationId, keyId, nowMs = time.NowMs() }, cancellationToken: cancellationToken)) is not { } row) return null;
        var use = uses.Of(organizationId, keyId);
        use.AtMs = time.NowMs();
        return row.ToCaller(use.Allowance);
    }

    /// <returns>False when the organization has no such key that is still good.</returns>
    internal async Task<bool> RevokeAsync(string organizationId, string keyId, CancellationToken cancellationToken)
    {
        const string Sql = "update api_keys set revoked_at_ms = @nowMs where organization_id = @organizationId and key_id = @keyId and revoked_at_ms is null";
        var parameters = new { organizationId, keyId, nowMs = time.NowMs() };
        var rows = await database.WriteAsync(
            async transaction =>
            {
                var changed = await transaction.ExecuteAsync(Sql, parameters, cancellationToken);
                if (changed > 0) audit.Append(transaction, organizationId, AuditKind.KeyRevoked, $"key {keyId}");
                return changed;
            },
            cancellationToken);
        // Other replicas, and a server beside a CLI, notice when their cache entry ends.
        verified.Clear();
        return rows > 0;
    }

    /// <summary>Gives a key another secret; the one before is good until the overlap ends. A secret from an earlier rotation is not any more.</summary>
    /// <returns>The key with its new secret; null when the organization has no such key that is still good.</returns>
    internal async Task<(ApiKey Key, long PreviousUntilMs)?> RotateAsync(string organizationId, string keyId, TimeSpan overlap, long? expiresAtMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            update api_keys set previous_sha256 = secret_sha256, previous_until_ms = @untilMs, secret_sha256 = @hash, expires_at_ms = coalesce(@expiresAtMs, expires_at_ms)
            where organization_id = @organizationId and key_id = @keyId and revoked_at_ms is null and (expires_at_ms is null or expires_at_ms > @nowMs)
            """;
        var key = ApiKey.Create() with { KeyId = keyId };
        var nowMs = time.NowMs();
        var untilMs = nowMs + (long)overlap.TotalMilliseconds;
        var row = new { organizationId, keyId, untilMs, hash = key.SecretHash(), expiresAtMs, nowMs };
        var rows = await database.WriteAsync(
            async transaction =>
            {
                var changed = await transaction.ExecuteAsync(Sql, row, cancellationToken);
                if (changed > 0) audit.Append(transaction, organizationId, AuditKind.KeyRotated, $"key {keyId}", new { previous_until = Moment.Of(untilMs), expires_at = Moment.Of(expiresAtMs) });
                return changed;
            },
            cancellationToken);
        verified.Clear();
        return rows > 0 ? (key, untilMs) : null;
    }

    /// <inheritdoc cref="VerifyApiKey" />
    internal ValueTask<Caller?> VerifyAsync(string presented, HttpContext http, CancellationToken cancellationToken)
    {
        // The hash is the cache key: a memory dump shows no usable key. Half of it: 128 bits cannot be met by chance or by trying either.
        if (presented.Length > ApiKey.MaxLength)
        {
            addresses.CountFailure(http);
            return default;
        }

        var cacheKey = Hash(presented);
        var nowMs = time.NowMs();
        if (verified.TryGetValue(cacheKey, out var hit) && hit.UntilMs > nowMs)
        {
            hit.Use.AtMs = nowMs;
            return new(hit.Caller);
        }

        return CheckAsync(presented, cacheKey, hit, http, nowMs, cancellationToken);
    }

    private static UInt128 Hash(string presented)
    {
        Span<byte> text = stackalloc byte[ApiKey.MaxLength * 3];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text[..Encoding.UTF8.GetBytes(presented, text)], hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    private async ValueTask<Caller?> CheckAsync(string presented, UInt128 cacheKey, Verified? before, HttpContext http, long nowMs, CancellationToken cancellationToken)
    {
        // Whoever was right of late is looked at whatever others at the same address do.
        if (before is null) addresses.DemandTrust(http);
        if (!ApiKey.TryParse(presented, out var key)) return Refused(null, "", http);
        const string Sql = $"select {KeyRow.Columns} from api_keys where key_id = @KeyId";
        async Task<KeyRow?> ReadAsync()
        {
            await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
            return await connection.QuerySingleOrDefaultAsync<KeyRow>(new CommandDefinition(Sql, new { key.KeyId }));
        }

        KeyRow? row;
        try
        {
            row = before is null ? await ReadAsync().WaitAsync(cancellationToken) : await database.HearAsync(ReadAsync(), cancellationToken);
        }
        catch (Exception e) when (before is not null && StorageFaults.IsAway(e))
        {
            // The database is away: a key that was good goes on, so that what needs no database does too. Not beyond its own end.
            return before.GoodUntilMs > nowMs ? before.Caller : Refused(null, "", http);
        }

        if (row is null) return Refused(null, "", http);
        if (row.GoodUntilMs(key.SecretHash()) is not { } goodUntilMs) return Refused(row, "wrong_secret", http);
        if (row.RevokedAtMs is not null) return Refused(row, "revoked", http);
        if (goodUntilMs <= nowMs) throw Expired(row, goodUntilMs, http);
        var use = uses.Of(row.OrganizationId, row.KeyId);
        use.AtMs = nowMs;
        var caller = row.ToCaller(use.Allowance);
        if (verified.Count >= CacheLimit) verified.Clear();
        verified[cacheKey] = new Verified(caller, use, Math.Min(goodUntilMs, nowMs + (long)options.Value.KeyCacheTime.TotalMilliseconds), goodUntilMs);
        return caller;
    }

    private Caller? Refused(KeyRow? row, string reason, HttpContext http)
    {
        addresses.CountFailure(http);
        if (row is not null) refused.Tell(row.OrganizationId, row.KeyId, reason);
        return null;
    }

    /// <summary>Said only to who has the right secret.</summary>
    private ProblemException Expired(KeyRow row, long goodUntilMs, HttpContext http)
    {
        Refused(row, "expired", http);
        return new ProblemException(ProblemKind.Unauthorized, goodUntilMs == row.ExpiresAtMs
            ? $"This API key expired at {MomentConverter.Text(Moment.Of(goodUntilMs))}. Make another one with keys create, or POST /v1/keys."
            : $"This secret of the API key was replaced, and was good until {MomentConverter.Text(Moment.Of(goodUntilMs))}. Use the one that the rotation showed.");
    }
}
