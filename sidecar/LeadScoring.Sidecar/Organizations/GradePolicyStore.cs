using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>How an organization grades now.</summary>
/// <param name="Policy">Its rule.</param>
/// <param name="Scale">The bounds in force.</param>
/// <param name="BoundsAtMs">When they were worked out, Unix ms.</param>
internal sealed record ActiveGrades(GradePolicy Policy, GradeScale Scale, long BoundsAtMs);

/// <summary>Grade policies: one per organization that has set its own.</summary>
internal sealed class GradePolicyStore(Database database, TimeProvider time)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    private sealed record Row
    {
        public string Policy { get; init; } = "";
        public double A { get; init; }
        public double B { get; init; }
        public double C { get; init; }
        public long BoundsAtMs { get; init; }
    }

    /// <summary>The organization's own policy; null when it has none.</summary>
    internal async Task<ActiveGrades?> GetAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select policy as Policy, bound_a as A, bound_b as B, bound_c as C, bounds_at_ms as BoundsAtMs from grade_policies where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var row = await connection.QuerySingleOrDefaultAsync<Row>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
        return row is null ? null : new ActiveGrades(JsonSerializer.Deserialize<GradePolicy>(row.Policy, Json)!, new GradeScale { A = row.A, B = row.B, C = row.C }, row.BoundsAtMs);
    }

    /// <summary>Organizations whose bounds move with their leads and were last worked out before a moment.</summary>
    internal async Task<IReadOnlyList<string>> ListMovingAsync(long beforeMs, CancellationToken cancellationToken)
    {
        const string Sql = "select organization_id from grade_policies where bounds_at_ms < @beforeMs and mode <> 'fixed' order by bounds_at_ms";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<string>(new CommandDefinition(Sql, new { beforeMs }, cancellationToken: cancellationToken))];
    }

    internal Task PutAsync(WriteTransaction transaction, string organizationId, GradePolicy policy, GradeScale scale, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into grade_policies (organization_id, mode, policy, bound_a, bound_b, bound_c, bounds_at_ms) values (@organizationId, @mode, @json, @A, @B, @C, @nowMs)
            on conflict (organization_id) do update set mode = excluded.mode, policy = excluded.policy, bound_a = excluded.bound_a, bound_b = excluded.bound_b, bound_c = excluded.bound_c, bounds_at_ms = excluded.bounds_at_ms
            """;
        return transaction.ExecuteAsync(Sql, new { organizationId, mode = JsonNamingPolicy.SnakeCaseLower.ConvertName(policy.Mode.ToString()), json = JsonSerializer.Serialize(policy, Json), scale.A, scale.B, scale.C, nowMs = time.NowMs() }, cancellationToken);
    }
}
