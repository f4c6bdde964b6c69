using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Training;

/// <summary>Trainings by what became of them. They run in processes of their own: what they did stands in the database.</summary>
internal static class TrainingGauges
{
    private static readonly Gauge Runs = new("leadscoring.training.runs", "{run}", "Training runs of the last 30 days and those under way, by status");
    private static readonly string[] Statuses = ["queued", "running", "succeeded", "failed", "cancelled"];

    private sealed record Row
    {
        public string Status { get; init; } = "";
        public long Runs { get; init; }
    }

    internal static GaugeSource Of(Database database, TimeProvider time) => new([Runs], async cancellationToken =>
    {
        const string Sql = "select status as Status, count(*) as Runs from training_runs where finished_at_ms is null or finished_at_ms >= @sinceMs group by status";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var sinceMs = time.NowMs() - (long)TimeSpan.FromDays(30).TotalMilliseconds;
        var rows = (await connection.QueryAsync<Row>(new CommandDefinition(Sql, new { sinceMs }, cancellationToken: cancellationToken))).ToDictionary(r => r.Status, r => r.Runs, StringComparer.Ordinal);
        return [.. Statuses.Select(status => new Reading(Runs, rows.GetValueOrDefault(status), Label: ("status", status)))];
    });
}
