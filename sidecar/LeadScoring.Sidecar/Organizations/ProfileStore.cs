using System.Collections.Concurrent;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>A profile in use.</summary>
internal sealed record ActiveProfile(FeatureProfile Profile, int Version);

/// <summary>Feature profiles: numbered versions, one of them active per organization.</summary>
internal sealed class ProfileStore(Database database, AuditLog audit, TimeProvider time)
{
    private static readonly ConcurrentDictionary<string, FeatureProfile> Parsed = new(StringComparer.Ordinal);
    private static readonly Lazy<FeatureProfile> DefaultProfile = new(() => Load("real-estate"));

    /// <summary>The real-estate profile that every organization starts with. Copied at that moment: an upgrade never changes features under a model.</summary>
    internal static FeatureProfile Default => DefaultProfile.Value;

    /// <summary>A profile that ships with the product, by name: real-estate, generic ...</summary>
    internal static FeatureProfile Load(string name) => FeatureProfile.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "profiles", name + ".yml")));

    private sealed record Row
    {
        public string Yaml { get; init; } = "";
        public string Hash { get; init; } = "";
        public int Version { get; init; }
    }

    internal async Task<ActiveProfile> GetActiveAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select hash as Hash, version as Version, yaml as Yaml from profiles where organization_id = @organizationId and is_active = 1";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var row = await connection.QuerySingleOrDefaultAsync<Row>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
        return row is null ? new ActiveProfile(Default, 0) : new ActiveProfile(Parsed.GetOrAdd(row.Hash, static (_, yaml) => FeatureProfile.Parse(yaml), row.Yaml), row.Version);
    }

    /// <summary>Makes a profile the active one. The profile that is active already is left alone.</summary>
    internal Task<ActiveProfile> PutAsync(string organizationId, FeatureProfile profile, CancellationToken cancellationToken) =>
        database.WriteAsync(async transaction => new ActiveProfile(profile, await AddAsync(transaction, organizationId, profile, cancellationToken)), cancellationToken);

    internal async Task<int> AddAsync(WriteTransaction transaction, string organizationId, FeatureProfile profile, CancellationToken cancellationToken)
    {
        const string Active = "select version from profiles where organization_id = @organizationId and is_active = 1 and hash = @Hash";
        const string Retire = "update profiles set is_active = 0 where organization_id = @organizationId and is_active = 1";
        const string Last = "select coalesce(max(version), 0) from profiles where organization_id = @organizationId";
        const string Insert = """
            insert into profiles (organization_id, version, name, yaml, hash, is_active, created_at_ms)
            values (@organizationId, @version, @Name, @Yaml, @Hash, 1, @nowMs)
            """;
        await transaction.LockAsync($"profiles {organizationId}", cancellationToken);
        var same = await transaction.Connection.QuerySingleOrDefaultAsync<int?>(transaction.Command(Active, new { organizationId, profile.Hash }, cancellationToken));
        if (same is { } active) return active;
        await transaction.ExecuteAsync(Retire, new { organizationId }, cancellationToken);
        var version = 1 + await transaction.Connection.ExecuteScalarAsync<int>(transaction.Command(Last, new { organizationId }, cancellationToken));
        await transaction.ExecuteAsync(Insert, new { organizationId, version, profile.Name, profile.Yaml, profile.Hash, nowMs = time.NowMs() }, cancellationToken);
        audit.Append(transaction, organizationId, AuditKind.ProfileChanged, $"profile {version}", new { profile.Name, profile.Hash });
        return version;
    }
}
