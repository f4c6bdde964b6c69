using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>What waits in the outbox, over all organizations.</summary>
internal static class OutboxGauges
{
    private static readonly Gauge Waiting = new("leadscoring.webhooks.waiting", "{event}", "Events that wait to be delivered");
    private static readonly Gauge Oldest = new("leadscoring.webhooks.oldest", "s", "How long the oldest of them waits");
    private static readonly Gauge Dead = new("leadscoring.webhooks.dead", "{event}", "Events that were given up and can be replayed");

    private sealed record Row
    {
        public long Waiting { get; init; }
        public long? OldestMs { get; init; }
        public long Dead { get; init; }
    }

    internal static GaugeSource Of(Database database, TimeProvider time) => new([Waiting, Oldest, Dead], async cancellationToken =>
    {
        const string Sql = """
            select (select count(*) from webhook_deliveries where status = 'pending') as Waiting,
                   (select min(occurred_at_ms) from webhook_deliveries where status = 'pending') as OldestMs,
                   (select count(*) from webhook_deliveries where status = 'dead') as Dead
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var row = await connection.QuerySingleAsync<Row>(new CommandDefinition(Sql, cancellationToken: cancellationToken));
        return [new(Waiting, row.Waiting), new(Oldest, row.OldestMs is { } since ? Math.Max(0, time.NowMs() - since) / 1_000.0 : 0), new(Dead, row.Dead)];
    });
}
