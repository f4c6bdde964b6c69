using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Experiments;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Experiments;

/// <summary>Where an experiment stands.</summary>
public enum ExperimentState
{
    /// <summary>Under way.</summary>
    Running,

    /// <summary>The rule has decided.</summary>
    Decided,

    /// <summary>Ended without a decision by the rule; the champion stays.</summary>
    Stopped,
}

/// <summary>What became of the challenger.</summary>
public enum ExperimentDecision
{
    /// <summary>It won.</summary>
    Promote,

    /// <summary>The champion stays.</summary>
    Keep,
}

/// <summary>What follows when the challenger wins: another experiment with the same versions.</summary>
internal sealed record NextStage(ExperimentKind Kind, double Share, ExperimentRule Rule);

/// <summary>An experiment as stored.</summary>
internal sealed record StoredExperiment
{
    public string OrganizationId { get; init; } = "";
    public string ExperimentId { get; init; } = "";
    public string Name { get; init; } = "";
    public string Kind { get; init; } = "";
    public int Champion { get; init; }
    public int Challenger { get; init; }
    public double Share { get; init; }
    public string Salt { get; init; } = "";
    public string Rule { get; init; } = "{}";
    public bool Promotes { get; init; }
    public string? Next { get; init; }
    public string Forecast { get; init; } = "{}";
    public string State { get; init; } = "";
    public string? Decision { get; init; }
    public string? Reason { get; init; }
    public string? Figures { get; init; }
    public long StartedAtMs { get; init; }
    public long? CheckedAtMs { get; init; }
    public long? EndedAtMs { get; init; }

    /// <summary>Whether scoring still goes by it; not any more as soon as another model is the champion.</summary>
    public bool HasTrial { get; init; }

    internal ExperimentKind ReadKind() => Enum.Parse<ExperimentKind>(Kind, ignoreCase: true);

    internal ExperimentRule ReadRule() => ExperimentStore.Read<ExperimentRule>(Rule);

    internal NextStage? ReadNext() => Next is null ? null : ExperimentStore.Read<NextStage>(Next);

    internal ExperimentFigures? ReadFigures() => Figures is null ? null : ExperimentStore.Read<ExperimentFigures>(Figures);
}

/// <summary>Experiments of all organizations.</summary>
internal sealed class ExperimentStore(Database database)
{
    private const string Columns = """
        organization_id as OrganizationId, experiment_id as ExperimentId, name as Name, kind as Kind, champion as Champion, challenger as Challenger, share as Share, salt as Salt, rule as Rule, promotes as Promotes,
        next as Next, forecast as Forecast, state as State, decision as Decision, reason as Reason, figures as Figures, started_at_ms as StartedAtMs, checked_at_ms as CheckedAtMs, ended_at_ms as EndedAtMs,
        case when exists (select 1 from model_trials as t where t.organization_id = experiments.organization_id and t.experiment_id = experiments.experiment_id) then 1 else 0 end as HasTrial
        """;

    private const string RunningSql = $"select {Columns} from experiments where organization_id = @organizationId and state = 'running'";

    private static readonly JsonSerializerOptions Json = new(BundleManifest.Json) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) } };

    internal static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, Json)!;

    internal static string Write<T>(T value) => JsonSerializer.Serialize(value, Json);

    /// <summary>All, the newest first.</summary>
    internal async Task<IReadOnlyList<StoredExperiment>> ListAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from experiments where organization_id = @organizationId order by started_at_ms desc, experiment_id desc";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StoredExperiment>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }

    /// <summary>Null when there is no such one.</summary>
    internal async Task<StoredExperiment?> GetAsync(string organizationId, string experimentId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from experiments where organization_id = @organizationId and experiment_id = @experimentId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<StoredExperiment>(new CommandDefinition(Sql, new { organizationId, experimentId }, cancellationToken: cancellationToken));
    }

    /// <summary>The one under way; null when there is none.</summary>
    internal async Task<StoredExperiment?> RunningAsync(string organizationId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<StoredExperiment>(new CommandDefinition(RunningSql, new { organizationId }, cancellationToken: cancellationToken));
    }

    /// <summary>The same from inside a write that holds the models.</summary>
    internal static Task<StoredExperiment?> RunningAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken) =>
        transaction.Connection.QuerySingleOrDefaultAsync<StoredExperiment?>(transaction.Command(RunningSql, new { organizationId }, cancellationToken));

    internal static Task AddAsync(WriteTransaction transaction, StoredExperiment experiment, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into experiments (organization_id, experiment_id, name, kind, champion, challenger, share, salt, rule, promotes, next, forecast, state, started_at_ms)
            values (@OrganizationId, @ExperimentId, @Name, @Kind, @Champion, @Challenger, @Share, @Salt, @Rule, @promotes, @Next, @Forecast, 'running', @StartedAtMs)
            """;
        var e = experiment;
        return transaction.ExecuteAsync(Sql, new { e.OrganizationId, e.ExperimentId, e.Name, e.Kind, e.Champion, e.Challenger, e.Share, e.Salt, e.Rule, promotes = e.Promotes ? 1 : 0, e.Next, e.Forecast, e.StartedAtMs }, cancellationToken);
    }

    /// <summary>Figures of an experiment that goes on.</summary>
    internal Task SetFiguresAsync(StoredExperiment experiment, ExperimentFigures figures, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = "update experiments set figures = @figures, checked_at_ms = @nowMs where organization_id = @OrganizationId and experiment_id = @ExperimentId and state = 'running'";
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { experiment.OrganizationId, experiment.ExperimentId, figures = Write(figures), nowMs }, cancellationToken), cancellationToken);
    }

    /// <summary>False when it has ended already.</summary>
    internal static async Task<bool> EndAsync(
        WriteTransaction transaction, StoredExperiment experiment, ExperimentState state, ExperimentDecision decision, string reason, ExperimentFigures? figures, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            update experiments set state = @state, decision = @decision, reason = @reason, figures = coalesce(@figures, figures), checked_at_ms = case when @figures is null then checked_at_ms else @nowMs end, ended_at_ms = @nowMs
            where organization_id = @OrganizationId and experiment_id = @ExperimentId and state = 'running'
            """;
        return await transaction.ExecuteAsync(Sql, new
        {
            experiment.OrganizationId, experiment.ExperimentId, state = Text(state), decision = Text(decision), reason, figures = figures is null ? null : Write(figures), nowMs,
        }, cancellationToken) == 1;
    }

    internal static string Text<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
