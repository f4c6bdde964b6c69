using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Bundles;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Webhooks;

namespace LeadScoring.Sidecar.Models;

/// <summary>A version in the registry, without its bundle.</summary>
internal sealed record ModelRow
{
    public int Version { get; init; }
    public string Origin { get; init; } = "";
    public string FeaturesHash { get; init; } = "";
    public string Manifest { get; init; } = "";
    public long CreatedAtMs { get; init; }
    public bool IsChampion { get; init; }
    public string? RunId { get; init; }
    public int? ChampionThen { get; init; }
    public string? Card { get; init; }

    internal BundleManifest ReadManifest() => JsonSerializer.Deserialize<BundleManifest>(Manifest, ModelStore.ManifestJson)!;

    internal ModelCard? ReadCard() => Card is null ? null : JsonSerializer.Deserialize<ModelCard>(Card, ModelStore.ManifestJson);
}

/// <summary>The registry: immutable, numbered versions per organization, and which of them is the champion.</summary>
internal sealed class ModelStore(Database database, Outbox outbox, AuditLog audit, TimeProvider time)
{
    internal static readonly JsonSerializerOptions ManifestJson = BundleManifest.Json;

    private const string Champion = "(select version from promotions where organization_id = @organizationId order by change desc limit 1)";

    private const string Columns = $"""
        version as Version, origin as Origin, features_hash as FeaturesHash, manifest as Manifest, created_at_ms as CreatedAtMs, run_id as RunId, champion_then as ChampionThen, card as Card,
        case when version = {Champion} then 1 else 0 end as IsChampion
        """;

    internal async Task<IReadOnlyList<ModelRow>> ListAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"""
            select {Columns} from models where organization_id = @organizationId order by version desc
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<ModelRow>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }

    /// <exception cref="ProblemException">There is no such version.</exception>
    internal async Task<ModelRow> GetAsync(string organizationId, int version, CancellationToken cancellationToken)
    {
        const string Sql = $"""
            select {Columns} from models where organization_id = @organizationId and version = @version
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<ModelRow>(new CommandDefinition(Sql, new { organizationId, version }, cancellationToken: cancellationToken)) ?? throw Unknown(version);
    }

    /// <exception cref="ProblemException">There is no such version.</exception>
    internal async Task<byte[]> GetBundleAsync(string organizationId, int version, CancellationToken cancellationToken)
    {
        const string Sql = "select bundle from model_bundles where organization_id = @organizationId and version = @version";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<byte[]?>(new CommandDefinition(Sql, new { organizationId, version }, cancellationToken: cancellationToken)) ?? throw Unknown(version);
    }

    /// <summary>Versions that are or were the champion.</summary>
    internal async Task<IReadOnlySet<int>> ChampionsAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select distinct version from promotions where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<int>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))).ToHashSet();
    }

    internal async Task<int?> ChampionVersionAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Champion}";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<int?>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
    }

    /// <summary>When the champion changed for the first time after a moment, Unix ms; null when it did not.</summary>
    internal async Task<long?> PromotedAfterAsync(string organizationId, long afterMs, CancellationToken cancellationToken)
    {
        const string Sql = "select min(promoted_at_ms) from promotions where organization_id = @organizationId and promoted_at_ms > @afterMs";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long?>(new CommandDefinition(Sql, new { organizationId, afterMs }, cancellationToken: cancellationToken));
    }

    /// <summary>Until the transaction ends nobody promotes; others may hold the champion too. Before any row is locked.</summary>
    internal static Task HoldChampionAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken) =>
        transaction.ShareAsync(LockName(organizationId), cancellationToken);

    /// <summary>Until the transaction ends nobody adds versions or anchors, promotes or stores a score. Before any row is locked.</summary>
    internal static Task LockAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken) =>
        transaction.LockAsync(LockName(organizationId), cancellationToken);

    private static string LockName(string organizationId) => $"models {organizationId}";

    /// <summary>The same from inside a write: the champion stays while <see cref="HoldChampionAsync"/> or <see cref="LockAsync"/> hold it.</summary>
    internal static Task<int?> ChampionVersionAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken) =>
        transaction.Connection.ExecuteScalarAsync<int?>(transaction.Command($"select {Champion}", new { organizationId }, cancellationToken));

    /// <summary>Adds a version. Nothing of it can be changed afterwards.</summary>
    internal Task<int> AddAsync(WriteTransaction transaction, string organizationId, NewVersion model, string origin, CancellationToken cancellationToken) =>
        AddAsync(transaction, organizationId, model, origin, null, cancellationToken);

    /// <param name="runId">Training run that it comes from; null when it was imported.</param>
    /// <inheritdoc cref="AddAsync(WriteTransaction, string, NewVersion, string, CancellationToken)" />
    internal async Task<int> AddAsync(WriteTransaction transaction, string organizationId, NewVersion model, string origin, string? runId, CancellationToken cancellationToken)
    {
        const string Next = "select coalesce(max(version), 0) + 1 from models where organization_id = @organizationId";
        const string Model = $"""
            insert into models (organization_id, version, origin, features_hash, manifest, created_at_ms, run_id, champion_then)
            values (@organizationId, @version, @origin, @featuresHash, @manifest, @nowMs, @runId, {Champion})
            """;
        const string Bundle = "insert into model_bundles (organization_id, version, bundle) values (@organizationId, @version, @bundle)";
        await LockAsync(transaction, organizationId, cancellationToken);
        var version = await transaction.Connection.ExecuteScalarAsync<int>(transaction.Command(Next, new { organizationId }, cancellationToken));
        await transaction.ExecuteAsync(Model, new { organizationId, version, origin, featuresHash = model.FeaturesHash, manifest = model.Manifest, nowMs = time.NowMs(), runId }, cancellationToken);
        await transaction.ExecuteAsync(Bundle, new { organizationId, version, bundle = model.Bundle }, cancellationToken);
        audit.Append(transaction, organizationId, runId is null ? AuditKind.ModelImported : AuditKind.ModelAdded, $"model {version}", new { origin, run_id = runId, sha256 = model.Sha256 });
        return version;
    }

    /// <summary>How a version was judged, as <see cref="CardOf"/> writes it, and what it learned from; in the transaction that adds it.</summary>
    internal static async Task DescribeAsync(WriteTransaction transaction, string organizationId, int version, string card, byte[] learnedFrom, CancellationToken cancellationToken)
    {
        const string Card = "update models set card = @card where organization_id = @organizationId and version = @version and card is null";
        const string Learned = "update model_bundles set learned_from = @learnedFrom where organization_id = @organizationId and version = @version and learned_from is null";
        await transaction.ExecuteAsync(Card, new { organizationId, version, card }, cancellationToken);
        await transaction.ExecuteAsync(Learned, new { organizationId, version, learnedFrom }, cancellationToken);
    }

    internal static string CardOf(ModelCard card) => JsonSerializer.Serialize(card, ManifestJson);

    /// <summary>Hashes of the leads that a version learned from, sorted; null when nobody kept them.</summary>
    internal async Task<long[]?> LearnedAsync(string organizationId, int version, CancellationToken cancellationToken)
    {
        const string Sql = "select learned_from from model_bundles where organization_id = @organizationId and version = @version";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<byte[]?>(new CommandDefinition(Sql, new { organizationId, version }, cancellationToken: cancellationToken)) is { } bytes ? LearnedLeads.Read(bytes) : null;
    }

    /// <summary>Makes a version the champion and returns the one before; the same version again changes nothing.</summary>
    internal async Task<int?> PromoteAsync(WriteTransaction transaction, string organizationId, int version, string reason, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into promotions (organization_id, change, version, previous, reason, promoted_at_ms)
            select @organizationId, coalesce(max(change), 0) + 1, @version, @previous, @reason, @nowMs from promotions where organization_id = @organizationId
            """;
        await LockAsync(transaction, organizationId, cancellationToken);
        var previous = await ChampionVersionAsync(transaction, organizationId, cancellationToken);
        if (previous == version) return previous;
        await transaction.ExecuteAsync(Sql, new { organizationId, version, previous, reason, nowMs = time.NowMs() }, cancellationToken);
        await ModelAliasStore.RemoveAsync(transaction, organizationId, version, cancellationToken);
        await ModelTrialStore.EndAsync(transaction, organizationId, cancellationToken);
        audit.Append(transaction, organizationId, AuditKind.ModelPromoted, $"model {version}", new { previous, reason });
        await outbox.PutModelPromotedAsync(transaction, organizationId, new ModelPromotedData(version, previous, reason), cancellationToken);
        return previous;
    }

    /// <summary>The champion before the current one; null when there is none to go back to.</summary>
    internal static async Task<int?> PreviousAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select version, reason from promotions where organization_id = @organizationId order by change";
        // Each way back is a promotion too. Going back twice must not return to where one came from: what was left by a way back is left for good.
        var champions = new Stack<int>();
        foreach (var (version, reason) in await transaction.Connection.QueryAsync<(int, string)>(transaction.Command(Sql, new { organizationId }, cancellationToken)))
        {
            if (reason == RollbackReason) champions.TryPop(out _);
            else champions.Push(version);
        }

        champions.TryPop(out _);
        return champions.TryPeek(out var previous) ? previous : null;
    }

    internal const string RollbackReason = "rollback";

    internal static ProblemException Unknown(int version) => new(ProblemKind.NotFound, $"There is no model version {version}. GET /v1/models lists them.");
}
