using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>Sampling policies: one per organization that has set its own.</summary>
internal sealed class SamplingPolicyStore(Database database, AuditLog audit, TimeProvider time)
{
    internal static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    /// <summary>The organization's own, else the default, which draws nobody.</summary>
    internal async Task<SamplingPolicy> GetAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select settings from sampling_policies where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<string?>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken)) is { } json
            ? JsonSerializer.Deserialize<SamplingPolicy>(json, Json)! : new SamplingPolicy();
    }

    internal Task PutAsync(string organizationId, SamplingPolicy policy, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into sampling_policies (organization_id, settings, changed_at_ms) values (@organizationId, @json, @nowMs)
            on conflict (organization_id) do update set settings = excluded.settings, changed_at_ms = excluded.changed_at_ms
            """;
        return database.WriteAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync(Sql, new { organizationId, json = JsonSerializer.Serialize(policy, Json), nowMs = time.GetUtcNow().ToUnixTimeMilliseconds() }, cancellationToken);
                audit.Append(transaction, organizationId, AuditKind.SamplingChanged, null, policy);
            },
            cancellationToken);
    }
}
