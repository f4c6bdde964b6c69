using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>A lead at the moment of its first score, and the version that gave it; null for rules.</summary>
internal sealed record FirstScored(string LeadId, FeatureValue[] Values, int? ModelVersion);

/// <summary>Leads by the moment of their first score: each counts once, and what is known of it then is what the team first acted on.</summary>
internal sealed class FirstScores(LeadStore leads, EventStore events, Database database)
{
    private const int SampleSeed = 29;

    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public long ScoredAtMs { get; init; }
        public int? ModelVersion { get; init; }
    }

    /// <summary>The window's leads, a stable sample when there are more than <paramref name="most"/>, as they were at their first score.</summary>
    internal async Task<IReadOnlyList<FirstScored>> SampleAsync(string organizationId, TimeWindow window, FeatureExtractor extractor, int most, CancellationToken cancellationToken)
    {
        const string Sql = """
            select lead_id as LeadId, scored_at_ms as ScoredAtMs, model_version as ModelVersion from scores
            where organization_id = @organizationId and change = 1 and scored_at_ms >= @StartsAtMs and scored_at_ms < @EndsAtMs
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(Sql, new { organizationId, window.StartsAtMs, window.EndsAtMs }, cancellationToken: cancellationToken));
        var moments = rows.OrderBy(r => StableHash.Unit(r.LeadId, SampleSeed)).ThenBy(r => r.LeadId, StringComparer.Ordinal).Take(most).ToDictionary(r => r.LeadId, StringComparer.Ordinal);
        var stored = await leads.GetManyAsync(organizationId, moments.Keys, cancellationToken);
        var own = stored.Keys.ToDictionary(id => id, _ => new List<ActivityEvent>(), StringComparer.Ordinal);
        await foreach (var (leadId, e) in events.ReadForLeadsAsync(organizationId, stored.Keys, cancellationToken)) own[leadId].Add(e);
        return
        [
            .. from lead in stored.Values
               orderby lead.LeadId
               let first = moments[lead.LeadId]
               select new FirstScored(lead.LeadId, extractor.Extract(lead.Snapshot with { Activity = ActivityState.Replay(own[lead.LeadId], first.ScoredAtMs) }, first.ScoredAtMs), first.ModelVersion),
        ];
    }
}
