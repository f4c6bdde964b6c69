using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>How long the queue of changed leads is, over all organizations.</summary>
internal static class QueueGauges
{
    private static readonly Gauge Queued = new("leadscoring.rescoring.queued", "{lead}", "Leads that wait for a new score");
    private static readonly Gauge Oldest = new("leadscoring.rescoring.oldest", "s", "How long the oldest of them waits");
    private static readonly Gauge SetAside = new("leadscoring.rescoring.set_aside", "{lead}", "Leads that could not be scored several times");

    private sealed record Row
    {
        public long Queued { get; init; }
        public long? OldestMs { get; init; }
        public long SetAside { get; init; }
    }

    internal static GaugeSource Of(Database database, TimeProvider time) => new([Queued, Oldest, SetAside], async cancellationToken =>
    {
        const string Sql = """
            select (select count(*) from leads where is_stale = 1 and closed_at_ms is null and stale_since_ms is not null) as Queued,
                   (select min(stale_since_ms) from leads where is_stale = 1 and closed_at_ms is null and stale_since_ms is not null) as OldestMs,
                   (select count(*) from rescoring_claims where failures >= @Tries) as SetAside
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var row = await connection.QuerySingleAsync<Row>(new CommandDefinition(Sql, new { StaleLeads.Tries }, cancellationToken: cancellationToken));
        return [new(Queued, row.Queued), new(Oldest, row.OldestMs is { } since ? Math.Max(0, time.NowMs() - since) / 1_000.0 : 0), new(SetAside, row.SetAside)];
    });
}
