using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Calibration;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Models;

/// <summary>The anchor in force.</summary>
internal sealed record ModelAnchor
{
    public int Change { get; init; }
    public string Anchor { get; init; } = "{}";
    public string Origin { get; init; } = "";
    public long CreatedAtMs { get; init; }

    internal Anchor Read() => JsonSerializer.Deserialize<Anchor>(Anchor, BundleManifest.Json)!;
}

/// <summary>Anchors of the models: what the base rate has done since the training. Append-only; the newest counts.</summary>
internal sealed class AnchorStore(Database database, TimeProvider time)
{
    internal const string FromTraining = "training";
    internal const string FromOutcomes = "outcomes";

    /// <summary>Null when the version has none.</summary>
    internal async Task<ModelAnchor?> GetAsync(string organizationId, int version, CancellationToken cancellationToken)
    {
        const string Sql = """
            select change as Change, anchor as Anchor, origin as Origin, created_at_ms as CreatedAtMs
            from model_anchors where organization_id = @organizationId and version = @version order by change desc limit 1
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QueryFirstOrDefaultAsync<ModelAnchor>(new CommandDefinition(Sql, new { organizationId, version }, cancellationToken: cancellationToken));
    }

    /// <summary>The version's anchors before a change, by change number.</summary>
    internal async Task<IReadOnlyDictionary<int, Anchor>> EarlierAsync(string organizationId, int version, int before, CancellationToken cancellationToken)
    {
        const string Sql = "select change as Change, anchor as Anchor from model_anchors where organization_id = @organizationId and version = @version and change < @before";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<ModelAnchor>(new CommandDefinition(Sql, new { organizationId, version, before }, cancellationToken: cancellationToken))).ToDictionary(a => a.Change, a => a.Read());
    }

    internal async Task AddAsync(WriteTransaction transaction, string organizationId, int version, Anchor anchor, string origin, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into model_anchors (organization_id, version, change, anchor, origin, created_at_ms)
            select @organizationId, @version, coalesce(max(change), 0) + 1, @anchor, @origin, @nowMs from model_anchors where organization_id = @organizationId and version = @version
            """;
        await ModelStore.LockAsync(transaction, organizationId, cancellationToken);
        await transaction.ExecuteAsync(
            Sql, new { organizationId, version, anchor = JsonSerializer.Serialize(anchor, BundleManifest.Json), origin, nowMs = time.GetUtcNow().ToUnixTimeMilliseconds() }, cancellationToken);
    }
}
