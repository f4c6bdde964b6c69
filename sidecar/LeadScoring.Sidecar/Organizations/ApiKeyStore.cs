using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>API keys, and the check of presented ones.</summary>
internal sealed class ApiKeyStore(Database database, TimeProvider time, IOptions<ApiOptions> options)
{
    private const int CacheLimit = 10_000;
    private readonly ConcurrentDictionary<UInt128, (Caller Caller, DateTimeOffset Until)> verified = new();

    internal sealed record KeyRow
    {
        public string OrganizationId { get; init; } = "";
        public string KeyId { get; init; } = "";
        public string Name { get; init; } = "";
        public string Scope { get; init; } = "";
        public byte[] SecretSha256 { get; init; } = [];
        public long CreatedAtMs { get; init; }
        public long? RevokedAtMs { get; init; }
    }

    internal async Task<ApiKey> CreateAsync(string organizationId, string name, ApiScope scope, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into api_keys (organization_id, key_id, name, scope, secret_sha256, created_at_ms)
            values (@organizationId, @KeyId, @name, @scope, @hash, @nowMs)
            """;
        var key = ApiKey.Create();
        var row = new { organizationId, key.KeyId, name, scope = scope.ToString().ToLowerInvariant(), hash = key.SecretHash(), nowMs = time.NowMs() };
        await database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, row, cancellationToken), cancellationToken);
        return key;
    }

    internal async Task<IReadOnlyList<KeyRow>> ListAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = """
            select organization_id as OrganizationId, key_id as KeyId, name as Name, scope as Scope, created_at_ms as CreatedAtMs, revoked_at_ms as RevokedAtMs
            from api_keys where organization_id = @organizationId order by created_at_ms, key_id
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<KeyRow>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }

    /// <returns>What the key may do; null when the organization has no such key that is still good.</returns>
    internal async Task<Caller?> FindAsync(string organizationId, string keyId, CancellationToken cancellationToken)
    {
        const string Sql = "select scope from api_keys where organization_id = @organizationId and key_id = @keyId and revoked_at_ms is null";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<string?>(new CommandDefinition(Sql, new { organizationId, keyId }, cancellationToken: cancellationToken)) is { } scope
            ? new Caller(organizationId, keyId, Enum.Parse<ApiScope>(scope, ignoreCase: true))
            : null;
    }

    /// <returns>False when the organization has no such key that is still good.</returns>
    internal async Task<bool> RevokeAsync(string organizationId, string keyId, CancellationToken cancellationToken)
    {
        const string Sql = "update api_keys set revoked_at_ms = @nowMs where organization_id = @organizationId and key_id = @keyId and revoked_at_ms is null";
        var parameters = new { organizationId, keyId, nowMs = time.NowMs() };
        var rows = await database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, parameters, cancellationToken), cancellationToken);
        // Other replicas, and a server beside a CLI, notice when their cache entry ends.
        verified.Clear();
        return rows > 0;
    }

    internal ValueTask<Caller?> VerifyAsync(string presented, CancellationToken cancellationToken)
    {
        // The hash is the cache key: a memory dump shows no usable key. Half of it: 128 bits cannot be met by chance or by trying either.
        if (presented.Length > ApiKey.MaxLength) return default;
        var cacheKey = Hash(presented);
        if (verified.TryGetValue(cacheKey, out var hit) && hit.Until > time.GetUtcNow()) return new(hit.Caller);
        return CheckAsync(presented, cacheKey, hit.Caller, cancellationToken);
    }

    private static UInt128 Hash(string presented)
    {
        Span<byte> text = stackalloc byte[ApiKey.MaxLength * 3];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text[..Encoding.UTF8.GetBytes(presented, text)], hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    private async ValueTask<Caller?> CheckAsync(string presented, UInt128 cacheKey, Caller? before, CancellationToken cancellationToken)
    {
        if (!ApiKey.TryParse(presented, out var key)) return null;
        const string Sql = """
            select organization_id as OrganizationId, key_id as KeyId, scope as Scope, secret_sha256 as SecretSha256
            from api_keys where key_id = @KeyId and revoked_at_ms is null
            """;
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
            // The database is away: a key that was good goes on, so that what needs no database does too.
            return before;
        }

        if (row is null || !CryptographicOperations.FixedTimeEquals(row.SecretSha256, key.SecretHash())) return null;
        var caller = new Caller(row.OrganizationId, row.KeyId, Enum.Parse<ApiScope>(row.Scope, ignoreCase: true));
        if (verified.Count >= CacheLimit) verified.Clear();
        verified[cacheKey] = (caller, time.GetUtcNow() + options.Value.KeyCacheTime);
        return caller;
    }
}
