using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Models;

/// <summary>Names that move from version to version. The champion is the one that scores, and moves by promotion and rollback only.</summary>
public enum ModelAlias
{
    /// <summary>Scores the leads.</summary>
    Champion,

    /// <summary>Next in line.</summary>
    Challenger,

    /// <summary>Watched beside the champion.</summary>
    Shadow,
}

/// <summary>The aliases besides the champion, one version each.</summary>
internal sealed class ModelAliasStore(Database database, AuditLog audit, TimeProvider time)
{
    private sealed record Row
    {
        public string Alias { get; init; } = "";
        public int Version { get; init; }
    }

    internal async Task<IReadOnlyDictionary<ModelAlias, int>> ListAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select alias as Alias, version as Version from model_aliases where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<Row>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken)))
            .ToDictionary(r => Enum.Parse<ModelAlias>(r.Alias, ignoreCase: true), r => r.Version);
    }

    /// <exception cref="ProblemException">There is no such version, or it is the champion.</exception>
    internal Task PointAsync(string organizationId, ModelAlias alias, int version, CancellationToken cancellationToken) =>
        database.WriteAsync(transaction => PointAsync(transaction, organizationId, alias, version, cancellationToken), cancellationToken);

    /// <inheritdoc cref="PointAsync(string, ModelAlias, int, CancellationToken)" />
    internal async Task PointAsync(WriteTransaction transaction, string organizationId, ModelAlias alias, int version, CancellationToken cancellationToken)
    {
        const string Known = "select count(*) from models where organization_id = @organizationId and version = @version";
        const string Sql = """
            insert into model_aliases (organization_id, alias, version, moved_at_ms) values (@organizationId, @alias, @version, @nowMs)
            on conflict (organization_id, alias) do update set version = excluded.version, moved_at_ms = excluded.moved_at_ms
            """;
        await ModelStore.LockAsync(transaction, organizationId, cancellationToken);
        if (await transaction.Connection.ExecuteScalarAsync<long>(transaction.Command(Known, new { organizationId, version }, cancellationToken)) == 0) throw ModelStore.Unknown(version);
        if (await ModelStore.ChampionVersionAsync(transaction, organizationId, cancellationToken) == version)
            throw new ProblemException(ProblemKind.Conflict, $"Version {version} is the champion; {Text(alias)} is another one.");
        await transaction.ExecuteAsync(Sql, new { organizationId, alias = Text(alias), version, nowMs = time.NowMs() }, cancellationToken);
        audit.Append(transaction, organizationId, AuditKind.AliasMoved, $"alias {Text(alias)}", new { version });
    }

    internal Task RemoveAsync(string organizationId, ModelAlias alias, CancellationToken cancellationToken)
    {
        const string Sql = "delete from model_aliases where organization_id = @organizationId and alias = @alias";
        return database.WriteAsync(
            async transaction =>
            {
                if (await transaction.ExecuteAsync(Sql, new { organizationId, alias = Text(alias) }, cancellationToken) > 0) audit.Append(transaction, organizationId, AuditKind.AliasMoved, $"alias {Text(alias)}");
            },
            cancellationToken);
    }

    /// <summary>A version that becomes the champion is no challenger any more.</summary>
    internal static Task RemoveAsync(WriteTransaction transaction, string organizationId, int version, CancellationToken cancellationToken)
    {
        const string Sql = "delete from model_aliases where organization_id = @organizationId and version = @version";
        return transaction.ExecuteAsync(Sql, new { organizationId, version }, cancellationToken);
    }

    private static string Text(ModelAlias alias) => alias.ToString().ToLowerInvariant();
}
