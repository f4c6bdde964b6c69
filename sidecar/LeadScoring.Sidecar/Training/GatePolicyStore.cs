using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Training;

/// <summary>How organizations judge new models; one row per organization that has set its own.</summary>
internal sealed class GatePolicyStore(Database database, AuditLog audit, TimeProvider time)
{
    /// <summary>The organization's own; null when it has none.</summary>
    internal async Task<GateSettings?> GetAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select settings from gate_policies where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<string?>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken)) is { } json
            ? JsonSerializer.Deserialize<GateSettings>(json, TrainingSettingsJson.Strict) : null;
    }

    internal Task PutAsync(string organizationId, GateSettings settings, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into gate_policies (organization_id, settings, changed_at_ms) values (@organizationId, @json, @nowMs)
            on conflict (organization_id) do update set settings = excluded.settings, changed_at_ms = excluded.changed_at_ms
            """;
        return database.WriteAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync(Sql, new { organizationId, json = JsonSerializer.Serialize(settings, TrainingSettingsJson.Strict), nowMs = time.NowMs() }, cancellationToken);
                audit.Append(transaction, organizationId, AuditKind.GatesChanged, null, settings);
            },
            cancellationToken);
    }

    internal Task DeleteAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "delete from gate_policies where organization_id = @organizationId";
        return database.WriteAsync(
            async transaction =>
            {
                if (await transaction.ExecuteAsync(Sql, new { organizationId }, cancellationToken) > 0) audit.Append(transaction, organizationId, AuditKind.GatesChanged, null, new { to = "default" });
            },
            cancellationToken);
    }
}
