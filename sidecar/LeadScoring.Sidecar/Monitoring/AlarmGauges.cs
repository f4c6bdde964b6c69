using Dapper;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>Open alarms of drift, by kind.</summary>
internal static class AlarmGauges
{
    private static readonly Gauge Alarms = new("leadscoring.drift.alarms", "{alarm}", "Open alarms, by kind: feature, prediction, performance, concept");
    private static readonly string[] Kinds = ["feature", "prediction", "performance", "concept"];

    private sealed record Row
    {
        public string OrganizationId { get; init; } = "";
        public string? Kind { get; init; }
        public long Open { get; init; }
    }

    internal static GaugeSource Of(Database database) => new([Alarms], async cancellationToken =>
    {
        // An organization without alarms has zeros: what is not there cannot be told from what is not asked.
        const string Sql = """
            select o.organization_id as OrganizationId, a.kind as Kind, count(a.alarm_id) as Open
            from organizations o left join drift_alarms a on a.organization_id = o.organization_id and a.closed_at_ms is null
            group by o.organization_id, a.kind
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.QueryAsync<Row>(new CommandDefinition(Sql, cancellationToken: cancellationToken));
        return [.. rows.GroupBy(r => r.OrganizationId).SelectMany(o => Kinds.Select(kind => new Reading(Alarms, o.Where(r => r.Kind == kind).Sum(r => r.Open), o.Key, ("kind", kind))))];
    });
}
