using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Jobs;

/// <summary>Why a run began.</summary>
public enum JobCause
{
    /// <summary>It was time.</summary>
    Schedule,

    /// <summary>It had been time while nothing could run it: the process was down or busy. One run makes up for all that were missed.</summary>
    Missed,

    /// <summary>The process that ran it died in the middle.</summary>
    Recovery,

    /// <summary>Somebody asked for it.</summary>
    Request,
}

/// <summary>A run as stored.</summary>
internal sealed record JobRun
{
    public string Job { get; init; } = "";
    public string RunId { get; init; } = "";
    public string Cause { get; init; } = "";
    public long? DueAtMs { get; init; }
    public long StartedAtMs { get; init; }
    public long? EndedAtMs { get; init; }
    public string? Result { get; init; }
    public string? Error { get; init; }
}

/// <summary>History of the jobs, bounded per organization and job.</summary>
internal sealed class JobRunStore(Database database, IOptions<JobOptions> options, TimeProvider time)
{
    private const string Columns = "job as Job, run_id as RunId, cause as Cause, due_at_ms as DueAtMs, started_at_ms as StartedAtMs, ended_at_ms as EndedAtMs, result as Result, error as Error";
    private const string Died = "The process ended before the job did; it is run again.";

    internal string NewRunId() => Guid.CreateVersion7(time.GetUtcNow()).ToString("N");

    /// <summary>Begins a run. Of one job only one runs at a time, so what is still open belongs to a process that died.</summary>
    internal Task StartAsync(string organizationId, string job, string runId, JobCause cause, long? dueAtMs, CancellationToken cancellationToken)
    {
        const string Close = "update job_runs set ended_at_ms = @nowMs, error = @Died where organization_id = @organizationId and job = @job and ended_at_ms is null and run_id <> @runId";
        const string Insert = """
            insert into job_runs (organization_id, job, run_id, cause, due_at_ms, started_at_ms) values (@organizationId, @job, @runId, @cause, @dueAtMs, @nowMs)
            on conflict (organization_id, job, run_id) do update set cause = excluded.cause, started_at_ms = excluded.started_at_ms, ended_at_ms = null, result = null, error = null
            """;
        const string Forget = """
            delete from job_runs where organization_id = @organizationId and job = @job and run_id in (
                select run_id from job_runs where organization_id = @organizationId and job = @job order by started_at_ms desc, run_id desc limit 1000000 offset @keep)
            """;
        var values = new { organizationId, job, runId, cause = cause.ToString().ToLowerInvariant(), dueAtMs, nowMs = time.NowMs(), Died, keep = options.Value.KeepRuns };
        return database.WriteAsync(async transaction =>
        {
            await transaction.ExecuteAsync(Close, values, cancellationToken);
            await transaction.ExecuteAsync(Insert, values, cancellationToken);
            await transaction.ExecuteAsync(Forget, values, cancellationToken);
        }, cancellationToken);
    }

    internal Task EndAsync(string organizationId, string job, string runId, string? result, string? error, CancellationToken cancellationToken)
    {
        const string Sql = "update job_runs set ended_at_ms = @nowMs, result = @result, error = @error where organization_id = @organizationId and job = @job and run_id = @runId";
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { organizationId, job, runId, result, error, nowMs = time.NowMs() }, cancellationToken), cancellationToken);
    }

    /// <summary>Ends what a process that died has left open; for a schedule that no other process shares.</summary>
    internal Task CloseAllAsync(CancellationToken cancellationToken)
    {
        const string Sql = "update job_runs set ended_at_ms = @nowMs, error = @Died where ended_at_ms is null";
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { nowMs = time.NowMs(), Died }, cancellationToken), cancellationToken);
    }

    /// <summary>When the install's schedule last began a job, for any organization; null when it never did.</summary>
    internal async Task<DateTimeOffset?> LastScheduledAsync(string job, CancellationToken cancellationToken)
    {
        const string Sql = "select max(started_at_ms) from job_runs where job = @job and cause <> 'request' and organization_id not in (select organization_id from job_schedules where job = @job)";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return Moment.Of(await connection.ExecuteScalarAsync<long?>(new CommandDefinition(Sql, new { job }, cancellationToken: cancellationToken)));
    }

    internal async Task<bool> IsRunningAsync(string organizationId, string job, CancellationToken cancellationToken)
    {
        const string Sql = "select count(*) from job_runs where organization_id = @organizationId and job = @job and ended_at_ms is null";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long>(new CommandDefinition(Sql, new { organizationId, job }, cancellationToken: cancellationToken)) > 0;
    }

    /// <summary>The newest runs of each job, the newest first.</summary>
    internal async Task<ILookup<string, JobRun>> ListAsync(string organizationId, int runs, CancellationToken cancellationToken)
    {
        const string Sql = $"""
            select {Columns} from (
                select *, row_number() over (partition by job order by started_at_ms desc, run_id desc) as place from job_runs where organization_id = @organizationId) as ranked
            where place <= @runs order by job, place
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<JobRun>(new CommandDefinition(Sql, new { organizationId, runs }, cancellationToken: cancellationToken))).ToLookup(r => r.Job, StringComparer.Ordinal);
    }
}
