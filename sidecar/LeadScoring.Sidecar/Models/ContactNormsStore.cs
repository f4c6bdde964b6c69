using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Models;

/// <summary>The contact_norms table: what is learned of an organization's leads beside the model, and used without one too.</summary>
internal sealed class ContactNormsStore(Database database)
{
    private sealed record Row
    {
        public long LearnedAtMs { get; init; }
        public string Norms { get; init; } = "";
    }

    /// <summary>The norms as they stand; <paramref name="known"/> itself when they are still those.</summary>
    internal async Task<ContactNorms?> GetAsync(string organizationId, ContactNorms? known, CancellationToken cancellationToken)
    {
        const string Sql = "select learned_at_ms as LearnedAtMs, norms as Norms from contact_norms where organization_id = @organizationId and learned_at_ms <> @knownAtMs";
        const string Exists = "select learned_at_ms from contact_norms where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var row = await connection.QuerySingleOrDefaultAsync<Row>(new CommandDefinition(Sql, new { organizationId, knownAtMs = known?.LearnedAtMs ?? -1 }, cancellationToken: cancellationToken));
        if (row is not null) return JsonSerializer.Deserialize<ContactNorms>(row.Norms);
        return known is null || await connection.ExecuteScalarAsync<long?>(new CommandDefinition(Exists, new { organizationId }, cancellationToken: cancellationToken)) is null ? null : known;
    }

    internal Task SetAsync(string organizationId, ContactNorms norms, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into contact_norms (organization_id, learned_at_ms, norms) values (@organizationId, @LearnedAtMs, @json)
            on conflict (organization_id) do update set learned_at_ms = excluded.learned_at_ms, norms = excluded.norms
            """;
        return database.WriteAsync(
            transaction => transaction.ExecuteAsync(Sql, new { organizationId, norms.LearnedAtMs, json = JsonSerializer.Serialize(norms) }, cancellationToken), cancellationToken);
    }
}
