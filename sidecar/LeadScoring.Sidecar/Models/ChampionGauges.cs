using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Models;

/// <summary>Each organization's champion: which, how old, and how good it was in training.</summary>
internal static class ChampionGauges
{
    private static readonly Gauge Version = new("leadscoring.champion.version", "{version}", "Version of the model in force");
    private static readonly Gauge Age = new("leadscoring.champion.age", "s", "Since it took over");
    private static readonly Gauge Auc = new("leadscoring.champion.auc", "1", "Area under its ROC curve, out of fold in training");
    private static readonly Gauge Ece = new("leadscoring.champion.calibration_error", "1", "Its expected calibration error, out of fold in training");

    private sealed record Row
    {
        public string OrganizationId { get; init; } = "";
        public int Version { get; init; }
        public long PromotedAtMs { get; init; }
    }

    internal static GaugeSource Of(Database database, ActiveModels models, TimeProvider time) => new([Version, Age, Auc, Ece], async cancellationToken =>
    {
        const string Sql = """
            select organization_id as OrganizationId, version as Version, promoted_at_ms as PromotedAtMs from promotions p
            where change = (select max(change) from promotions where organization_id = p.organization_id)
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var readings = new List<Reading>();
        foreach (var row in await connection.QueryAsync<Row>(new CommandDefinition(Sql, cancellationToken: cancellationToken)))
        {
            readings.Add(new(Version, row.Version, row.OrganizationId));
            readings.Add(new(Age, Math.Max(0, time.NowMs() - row.PromotedAtMs) / 1_000.0, row.OrganizationId));
            if ((await models.GetAsync(row.OrganizationId, cancellationToken)).Bundle?.Manifest.OutOfFold?.Ensemble is not { Rows: > 0 } quality) continue;
            readings.Add(new(Auc, quality.RocAuc, row.OrganizationId));
            readings.Add(new(Ece, quality.Ece, row.OrganizationId));
        }

        return readings;
    });
}
