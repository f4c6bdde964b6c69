using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Models;

/// <summary>What asks for a new model.</summary>
public enum RetrainCause
{
    /// <summary>Somebody.</summary>
    Manual,

    /// <summary>The schedule.</summary>
    Weekly,

    /// <summary>The champion ranks matured outcomes worse than it did when it was trained.</summary>
    Performance,

    /// <summary>An alarm of the drift checks.</summary>
    Drift,

    /// <summary>Many outcomes that no model has learned from.</summary>
    Outcomes,
}

/// <summary>A wish for a new model, and what was decided.</summary>
internal sealed record RetrainDecision
{
    public string DecisionId { get; init; } = "";
    public string Cause { get; init; } = "";
    public string Detail { get; init; } = "";
    public long AskedAtMs { get; init; }
    public long? DecidedAtMs { get; init; }
    public bool IsStarted { get; init; }
    public string? Reason { get; init; }
    public string? RunId { get; init; }
}

/// <summary>Wishes for a new model. Whoever sees a need asks here, in the transaction of what it has seen; the training decides.</summary>
internal sealed class RetrainStore(Database database, TimeProvider time)
{
    private const int Kept = 500;
    private const string Columns = "decision_id as DecisionId, cause as Cause, detail as Detail, asked_at_ms as AskedAtMs, decided_at_ms as DecidedAtMs, is_started as IsStarted, reason as Reason, run_id as RunId";

    /// <param name="transaction">Where it was seen.</param>
    /// <param name="organizationId">Whose model.</param>
    /// <param name="cause">What asks. One wish of a cause waits at a time; the first one stands.</param>
    /// <param name="detail">What was seen, in words.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task AskAsync(WriteTransaction transaction, string organizationId, RetrainCause cause, string detail, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into retrain_decisions (organization_id, decision_id, cause, detail, asked_at_ms, is_started)
            select @organizationId, @decisionId, @cause, @detail, @nowMs, 0
            where not exists (select 1 from retrain_decisions where organization_id = @organizationId and cause = @cause and decided_at_ms is null)
            """;
        const string Forget = """
            delete from retrain_decisions where organization_id = @organizationId and decision_id in (
                select decision_id from retrain_decisions where organization_id = @organizationId order by asked_at_ms desc, decision_id desc limit 1000000 offset @Kept)
            """;
        var values = new { organizationId, decisionId = Guid.CreateVersion7(time.GetUtcNow()).ToString("N"), cause = Text(cause), detail, nowMs = time.NowMs(), Kept };
        await transaction.LockAsync($"retrain {organizationId}", cancellationToken);
        await transaction.ExecuteAsync(Sql, values, cancellationToken);
        await transaction.ExecuteAsync(Forget, values, cancellationToken);
    }

    internal Task AskAsync(string organizationId, RetrainCause cause, string detail, CancellationToken cancellationToken) =>
        database.WriteAsync(transaction => AskAsync(transaction, organizationId, cause, detail, cancellationToken), cancellationToken);

    /// <summary>Wishes that nobody has decided on, the oldest first.</summary>
    internal async Task<IReadOnlyList<RetrainDecision>> WaitingAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from retrain_decisions where organization_id = @organizationId and decided_at_ms is null order by asked_at_ms, decision_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<RetrainDecision>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }

    /// <param name="organizationId">Whose.</param>
    /// <param name="decided">Wishes that this answers, all of them.</param>
    /// <param name="runId">The run that begins; null when none does.</param>
    /// <param name="reason">Why none does.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal Task DecideAsync(string organizationId, IReadOnlyList<RetrainDecision> decided, string? runId, string? reason, CancellationToken cancellationToken)
    {
        const string Sql = """
            update retrain_decisions set decided_at_ms = @nowMs, is_started = @isStarted, run_id = @runId, reason = @reason
            where organization_id = @organizationId and decision_id = @DecisionId and decided_at_ms is null
            """;
        return database.WriteAsync(async transaction =>
        {
            foreach (var wish in decided)
                await transaction.ExecuteAsync(Sql, new { organizationId, wish.DecisionId, nowMs = time.NowMs(), isStarted = runId is null ? 0 : 1, runId, reason }, cancellationToken);
        }, cancellationToken);
    }

    internal async Task<IReadOnlyList<RetrainDecision>> ListAsync(string organizationId, int limit, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from retrain_decisions where organization_id = @organizationId order by asked_at_ms desc, decision_id desc limit @limit";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<RetrainDecision>(new CommandDefinition(Sql, new { organizationId, limit }, cancellationToken: cancellationToken))];
    }

    internal static string Text(RetrainCause cause) => cause.ToString().ToLowerInvariant();
}
