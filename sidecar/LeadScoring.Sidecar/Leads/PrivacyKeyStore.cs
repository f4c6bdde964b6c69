using System.Collections.Concurrent;
using System.Security.Cryptography;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Leads;

/// <summary>Keys of an organization.</summary>
/// <param name="Hash">32 bytes; hashes whom the organization has erased, so that nobody with the database alone can look for a name.</param>
/// <param name="Signing">PKCS #8 of an ECDSA key on P-256; signs receipts.</param>
/// <param name="Public">SubjectPublicKeyInfo of the same.</param>
internal sealed record PrivacyKeys(byte[] Hash, byte[] Signing, byte[] Public);

/// <summary>The keys that erasure needs, made when an organization erases for the first time. They go with the database, sealed, so that all replicas and every restored backup know the same people.</summary>
internal sealed class PrivacyKeyStore(Database database, SecretBox box, TimeProvider time)
{
    private const int HashBytes = 32;

    // They never change.
    private readonly ConcurrentDictionary<string, PrivacyKeys> known = new(StringComparer.Ordinal);

    private sealed record Row
    {
        public byte[] HashKey { get; init; } = [];
        public byte[] SigningKey { get; init; } = [];
        public byte[] PublicKey { get; init; } = [];
    }

    private const string Select = "select hash_key as HashKey, signing_key as SigningKey, public_key as PublicKey from privacy_keys where organization_id = @organizationId";

    /// <summary>Null when the organization has erased nobody yet.</summary>
    /// <exception cref="StorageException">They were sealed with another key than this process has.</exception>
    internal async ValueTask<PrivacyKeys?> FindAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken)
    {
        if (known.TryGetValue(organizationId, out var keys)) return keys;
        if (await transaction.Connection.QuerySingleOrDefaultAsync<Row>(transaction.Command(Select, new { organizationId }, cancellationToken)) is not { } row) return null;
        // What this transaction sees may never be committed, and is remembered only if it is.
        return await FindAsync(organizationId, cancellationToken) ?? Open(organizationId, row);
    }

    /// <summary>The same of what is committed.</summary>
    internal async Task<PrivacyKeys?> FindAsync(string organizationId, CancellationToken cancellationToken)
    {
        if (known.TryGetValue(organizationId, out var keys)) return keys;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<Row>(new CommandDefinition(Select, new { organizationId }, cancellationToken: cancellationToken)) is { } row
            ? known.GetOrAdd(organizationId, Open(organizationId, row)) : null;
    }

    /// <summary>Makes them where there are none; two that do so at once have the same ones.</summary>
    internal async Task<PrivacyKeys> EnsureAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Insert = """
            insert into privacy_keys (organization_id, hash_key, signing_key, public_key, created_at_ms) values (@organizationId, @hash, @signing, @publicKey, @nowMs)
            on conflict (organization_id) do nothing
            """;
        if (await FindAsync(organizationId, cancellationToken) is { } keys) return keys;
        using var signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var row = new
        {
            organizationId, nowMs = time.NowMs(), publicKey = signing.ExportSubjectPublicKeyInfo(),
            hash = box.Seal(RandomNumberGenerator.GetBytes(HashBytes), Place(organizationId, "hash")), signing = box.Seal(signing.ExportPkcs8PrivateKey(), Place(organizationId, "signing")),
        };
        await database.WriteAsync(transaction => transaction.ExecuteAsync(Insert, row, cancellationToken), cancellationToken);
        return (await FindAsync(organizationId, cancellationToken))!;
    }

    private PrivacyKeys Open(string organizationId, Row row) => new(box.Open(row.HashKey, Place(organizationId, "hash")), box.Open(row.SigningKey, Place(organizationId, "signing")), row.PublicKey);

    private static string Place(string organizationId, string use) => $"privacy_keys/{organizationId}/{use}";
}
