using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Rules;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Models;

/// <summary>What the first outcomes say about each organization's rules.</summary>
internal sealed class RulePosteriorStore(Database database, TimeProvider time)
{
    private sealed record Row
    {
        public string State { get; init; } = "";
        public long LearnedAtMs { get; init; }
    }

    /// <summary>When the posterior of these rules was learned, Unix ms; null when there is none.</summary>
    internal async Task<long?> LearnedAtMsAsync(string organizationId, string rulesHash, CancellationToken cancellationToken)
    {
        const string Sql = "select learned_at_ms from rule_posteriors where organization_id = @organizationId and rules_hash = @rulesHash";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<long?>(new CommandDefinition(Sql, new { organizationId, rulesHash }, cancellationToken: cancellationToken));
    }

    /// <summary>The posterior of the profile's rules; null when there is none, or none that can be used.</summary>
    internal async Task<RulePosterior?> GetAsync(string organizationId, FeatureProfile profile, CancellationToken cancellationToken)
    {
        const string Sql = "select state as State, learned_at_ms as LearnedAtMs from rule_posteriors where organization_id = @organizationId and rules_hash = @RulesHash";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var row = await connection.QuerySingleOrDefaultAsync<Row>(new CommandDefinition(Sql, new { organizationId, profile.RulesHash }, cancellationToken: cancellationToken));
        try
        {
            return row is null || JsonSerializer.Deserialize<RulePosteriorState>(row.State) is not { } state ? null : new RulePosterior(profile, state);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            // Written by another version: the rules alone score until the next training.
            return null;
        }
    }

    internal Task PutAsync(WriteTransaction transaction, string organizationId, RulePosterior posterior, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into rule_posteriors (organization_id, rules_hash, state, learned_at_ms) values (@organizationId, @RulesHash, @state, @nowMs)
            on conflict (organization_id) do update set rules_hash = excluded.rules_hash, state = excluded.state, learned_at_ms = excluded.learned_at_ms
            """;
        return transaction.ExecuteAsync(Sql, new { organizationId, posterior.State.RulesHash, state = JsonSerializer.Serialize(posterior.State), nowMs = time.NowMs() }, cancellationToken);
    }
}
