using Dapper;
using LeadScoring.Ml.Experiments;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Models;

/// <summary>The version that is tried beside the champion: what scoring has to know of an experiment.</summary>
internal sealed record ModelTrial
{
    public string ExperimentId { get; init; } = "";
    public string Kind { get; init; } = "";
    public int Champion { get; init; }
    public int Version { get; init; }
    public string Salt { get; init; } = "";
    public double Share { get; init; }
    public long StartedAtMs { get; init; }

    internal const string Split = "split";
    internal const string Shadow = "shadow";

    internal ExperimentKind ReadKind() => Enum.Parse<ExperimentKind>(Kind, ignoreCase: true);
}

/// <summary>Trials under way, one an organization at most. Experiments begin and end them; a promotion ends them, since they hold against a champion that is none any more.</summary>
internal sealed class ModelTrialStore(Database database)
{
    private const string Columns = "experiment_id as ExperimentId, kind as Kind, champion as Champion, version as Version, salt as Salt, share as Share, started_at_ms as StartedAtMs";

    /// <summary>Null when there is none.</summary>
    internal async Task<ModelTrial?> GetAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from model_trials where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<ModelTrial>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
    }

    /// <summary>While <see cref="ModelStore.LockAsync"/> holds the models: what is scored from now on is scored under it.</summary>
    internal static Task BeginAsync(WriteTransaction transaction, string organizationId, ModelTrial trial, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into model_trials (organization_id, experiment_id, kind, champion, version, salt, share, started_at_ms)
            values (@organizationId, @ExperimentId, @Kind, @Champion, @Version, @Salt, @Share, @StartedAtMs)
            """;
        return transaction.ExecuteAsync(Sql, new { organizationId, trial.ExperimentId, trial.Kind, trial.Champion, trial.Version, trial.Salt, trial.Share, trial.StartedAtMs }, cancellationToken);
    }

    internal static Task EndAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync("delete from model_trials where organization_id = @organizationId", new { organizationId }, cancellationToken);
}
