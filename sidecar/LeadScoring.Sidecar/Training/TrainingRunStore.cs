using System.Data.Common;
using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Training;

/// <summary>Where a run stands.</summary>
public enum TrainingStatus
{
    /// <summary>Waiting for a process.</summary>
    Queued,

    /// <summary>Being trained.</summary>
    Running,

    /// <summary>A new model version exists.</summary>
    Succeeded,

    /// <summary>No model came of it; the reason says why.</summary>
    Failed,

    /// <summary>Stopped by somebody.</summary>
    Cancelled,
}

/// <summary>Whether the new model becomes the champion.</summary>
public enum PromotionMode
{
    /// <summary>If the gates pass.</summary>
    Auto,

    /// <summary>In any case.</summary>
    Always,

    /// <summary>Not by itself.</summary>
    Never,
}

/// <summary>A training run.</summary>
internal sealed record TrainingRun
{
    public string OrganizationId { get; init; } = "";
    public string RunId { get; init; } = "";
    public string Status { get; init; } = "";
    public string Stage { get; init; } = "";
    public double Fraction { get; init; }
    public string Settings { get; init; } = "{}";
    public string Promote { get; init; } = "";
    public string Evaluation { get; init; } = "{}";
    public int? ModelVersion { get; init; }
    public bool IsPromoted { get; init; }
    public string? Reason { get; init; }
    public string? Notes { get; init; }
    public string Cause { get; init; } = "";
    public long CreatedAtMs { get; init; }
    public long? StartedAtMs { get; init; }
    public long? FinishedAtMs { get; init; }

    internal TrainingSettings ReadSettings() => JsonSerializer.Deserialize<TrainingSettings>(Settings, BundleManifest.Json)!;

    internal EvaluationSettings ReadEvaluation() => JsonSerializer.Deserialize<EvaluationSettings>(Evaluation, BundleManifest.Json)!;

    internal PromotionMode ReadPromote() => Enum.Parse<PromotionMode>(Promote, ignoreCase: true);
}

/// <summary>The queue and history of training runs. One open run per organization, held by a unique index.</summary>
internal sealed class TrainingRunStore(Database database, TimeProvider time)
{
    private const string Columns = """
        organization_id as OrganizationId, run_id as RunId, status as Status, stage as Stage, fraction as Fraction, settings as Settings, promote as Promote,
        model_version as ModelVersion, is_promoted as IsPromoted, reason as Reason, created_at_ms as CreatedAtMs, started_at_ms as StartedAtMs, finished_at_ms as FinishedAtMs,
        evaluation as Evaluation, notes as Notes, cause as Cause
        """;

    /// <exception cref="ProblemException">The organization has an open run, or there is no such organization.</exception>
    internal Task<TrainingRun> CreateAsync(string organizationId, TrainingSettings settings, PromotionMode promote, bool isRunning, CancellationToken cancellationToken) =>
        CreateAsync(organizationId, settings, new EvaluationSettings(), promote, null, isRunning, cancellationToken);

    /// <param name="externalMembers">Zip with tree members that were trained elsewhere; null: all are trained here.</param>
    /// <inheritdoc cref="CreateAsync(string, TrainingSettings, PromotionMode, bool, CancellationToken)" />
    internal async Task<TrainingRun> CreateAsync(
        string organizationId, TrainingSettings settings, EvaluationSettings evaluation, PromotionMode promote, byte[]? externalMembers, bool isRunning, CancellationToken cancellationToken,
        RetrainCause cause = RetrainCause.Manual)
    {
        const string Sql = """
            insert into training_runs (organization_id, run_id, status, stage, fraction, settings, evaluation, promote, external_members, is_promoted, created_at_ms, started_at_ms, heartbeat_ms, cause)
            values (@organizationId, @runId, @status, @stage, 0, @settings, @evaluation, @promote, @externalMembers, 0, @nowMs, @startedAtMs, @startedAtMs, @cause)
            """;
        var runId = Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
        var nowMs = time.NowMs();
        try
        {
            await database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new
            {
                organizationId, runId, nowMs, status = isRunning ? "running" : "queued", stage = isRunning ? "Starting" : "Waiting",
                settings = JsonSerializer.Serialize(settings, BundleManifest.Json), evaluation = JsonSerializer.Serialize(evaluation, BundleManifest.Json),
                promote = promote.ToString().ToLowerInvariant(), externalMembers, startedAtMs = isRunning ? nowMs : (long?)null, cause = RetrainStore.Text(cause),
            }, cancellationToken), cancellationToken);
        }
        catch (DbException e) when (StorageFaults.Of(e) == StorageFault.Duplicate)
        {
            throw new ProblemException(ProblemKind.Conflict, "A training of this organization is queued or running. GET /v1/training-runs shows it; wait for it to end.");
        }
        catch (DbException e) when (StorageFaults.Of(e) == StorageFault.NoParent)
        {
            // The foreign key: over HTTP the key vouches for its organization, on the command line people type.
            throw new ProblemException(ProblemKind.NotFound, $"There is no organization {organizationId}. keys create makes one.");
        }

        return await GetAsync(organizationId, runId, cancellationToken);
    }

    /// <summary>What the run has to say besides its reason.</summary>
    internal Task NoteAsync(WriteTransaction transaction, TrainingRun run, string notes, CancellationToken cancellationToken)
    {
        const string Sql = "update training_runs set notes = @notes where organization_id = @OrganizationId and run_id = @RunId";
        return transaction.ExecuteAsync(Sql, new { run.OrganizationId, run.RunId, notes }, cancellationToken);
    }

    /// <summary>The zip with members that were trained elsewhere; null when all are trained here.</summary>
    internal async Task<byte[]?> ExternalMembersAsync(TrainingRun run, CancellationToken cancellationToken)
    {
        const string Sql = "select external_members from training_runs where organization_id = @OrganizationId and run_id = @RunId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<byte[]?>(new CommandDefinition(Sql, new { run.OrganizationId, run.RunId }, cancellationToken: cancellationToken));
    }

    /// <exception cref="ProblemException">There is no such run.</exception>
    internal async Task<TrainingRun> GetAsync(string organizationId, string runId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from training_runs where organization_id = @organizationId and run_id = @runId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<TrainingRun>(new CommandDefinition(Sql, new { organizationId, runId }, cancellationToken: cancellationToken))
            ?? throw new ProblemException(ProblemKind.NotFound, "There is no such training run. GET /v1/training-runs lists them.");
    }

    internal async Task<IReadOnlyList<TrainingRun>> ListAsync(string organizationId, int limit, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from training_runs where organization_id = @organizationId order by created_at_ms desc, run_id desc limit @limit";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<TrainingRun>(new CommandDefinition(Sql, new { organizationId, limit }, cancellationToken: cancellationToken))];
    }

    /// <summary>Takes the oldest queued run, or one whose process died; null when there is none.</summary>
    internal Task<TrainingRun?> TakeAsync(TimeSpan heartbeatTimeout, CancellationToken cancellationToken)
    {
        const string Select = $"""
            select {Columns} from training_runs
            where status = 'queued' or (status = 'running' and heartbeat_ms < @deadMs)
            order by created_at_ms limit 1
            """;
        const string Take = """
            update training_runs set status = 'running', stage = 'Starting', fraction = 0, started_at_ms = @nowMs, heartbeat_ms = @nowMs
            where organization_id = @OrganizationId and run_id = @RunId
            """;
        var nowMs = time.NowMs();
        return database.WriteAsync(async transaction =>
        {
            var run = await transaction.Connection.QueryFirstOrDefaultAsync<TrainingRun>(
                transaction.Command($"{Select} {transaction.SkipLocked}", new { deadMs = nowMs - (long)heartbeatTimeout.TotalMilliseconds }, cancellationToken));
            if (run is not null) await transaction.ExecuteAsync(Take, new { run.OrganizationId, run.RunId, nowMs }, cancellationToken);
            return run;
        }, cancellationToken);
    }

    /// <summary>Stops a run that waits or runs; the process that trains it notices within a second or two.</summary>
    /// <returns>False when it has ended.</returns>
    internal async Task<bool> CancelAsync(TrainingRun run, CancellationToken cancellationToken)
    {
        const string Sql = """
            update training_runs set status = 'cancelled', reason = 'Cancelled by hand.', finished_at_ms = @nowMs, external_members = null
            where organization_id = @OrganizationId and run_id = @RunId and status in ('queued', 'running')
            """;
        return await database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { run.OrganizationId, run.RunId, nowMs = time.NowMs() }, cancellationToken), cancellationToken) == 1;
    }

    /// <summary>A sign of life, and how far the run is.</summary>
    /// <returns>False when the run runs no more: it was cancelled.</returns>
    internal async Task<bool> ReportAsync(TrainingRun run, TrainingProgress progress, CancellationToken cancellationToken)
    {
        const string Sql = """
            update training_runs set stage = @Stage, fraction = @Fraction, heartbeat_ms = @nowMs
            where organization_id = @OrganizationId and run_id = @RunId and status = 'running'
            """;
        return await database.WriteAsync(
            transaction => transaction.ExecuteAsync(Sql, new { run.OrganizationId, run.RunId, progress.Stage, progress.Fraction, nowMs = time.NowMs() }, cancellationToken), cancellationToken) == 1;
    }

    internal Task FailAsync(TrainingRun run, string reason, CancellationToken cancellationToken)
    {
        const string Sql = """
            update training_runs set status = 'failed', reason = @reason, finished_at_ms = @nowMs, external_members = null
            where organization_id = @OrganizationId and run_id = @RunId and status = 'running'
            """;
        return database.WriteAsync(
            transaction => transaction.ExecuteAsync(Sql, new { run.OrganizationId, run.RunId, reason, nowMs = time.NowMs() }, cancellationToken), cancellationToken);
    }

    /// <summary>Ends a run in the transaction that adds its model: there is never a model without its run, or the other way round.</summary>
    /// <returns>False when the run is no longer running: another process has taken it over, and this one's result must not count.</returns>
    internal async Task<bool> SucceedAsync(WriteTransaction transaction, TrainingRun run, int modelVersion, bool isPromoted, string reason, CancellationToken cancellationToken)
    {
        const string Sql = """
            update training_runs
            set status = 'succeeded', stage = 'Done', fraction = 1, model_version = @modelVersion, is_promoted = @promoted, reason = @reason, finished_at_ms = @nowMs, external_members = null
            where organization_id = @OrganizationId and run_id = @RunId and status = 'running'
            """;
        return await transaction.ExecuteAsync(
            Sql, new { run.OrganizationId, run.RunId, modelVersion, promoted = isPromoted ? 1 : 0, reason, nowMs = time.NowMs() }, cancellationToken) == 1;
    }
}
