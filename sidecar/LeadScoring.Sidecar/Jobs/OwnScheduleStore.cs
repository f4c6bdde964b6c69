using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Jobs;

/// <summary>When an organization wants a job to run.</summary>
internal sealed record OwnSchedule
{
    public string OrganizationId { get; init; } = "";
    public string Job { get; init; } = "";

    /// <summary>Null for never.</summary>
    public string? Cron { get; init; }

    public string TimeZone { get; init; } = "";
    public long? NextAtMs { get; init; }
}

/// <summary>Schedules of organizations' own; a job without one runs by the install's.</summary>
internal sealed class OwnScheduleStore(Database database, AuditLog audit, TimeProvider time)
{
    private const string Columns = "organization_id as OrganizationId, job as Job, cron as Cron, time_zone as TimeZone, next_at_ms as NextAtMs";

    internal async Task<IReadOnlyDictionary<string, OwnSchedule>> ListAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from job_schedules where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<OwnSchedule>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))).ToDictionary(s => s.Job, StringComparer.Ordinal);
    }

    /// <summary>Organizations that the install's schedule of a job leaves alone.</summary>
    internal async Task<IReadOnlySet<string>> OrganizationsAsync(string job, CancellationToken cancellationToken)
    {
        const string Sql = "select organization_id from job_schedules where job = @job";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<string>(new CommandDefinition(Sql, new { job }, cancellationToken: cancellationToken))).ToHashSet(StringComparer.Ordinal);
    }

    internal Task PutAsync(OwnSchedule schedule, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into job_schedules (organization_id, job, cron, time_zone, next_at_ms, changed_at_ms) values (@OrganizationId, @Job, @Cron, @TimeZone, @NextAtMs, @nowMs)
            on conflict (organization_id, job) do update set cron = excluded.cron, time_zone = excluded.time_zone, next_at_ms = excluded.next_at_ms, changed_at_ms = excluded.changed_at_ms
            """;
        var values = new { schedule.OrganizationId, schedule.Job, schedule.Cron, schedule.TimeZone, schedule.NextAtMs, nowMs = time.NowMs() };
        return database.WriteAsync(transaction =>
        {
            audit.Append(transaction, schedule.OrganizationId, AuditKind.ScheduleChanged, "job " + schedule.Job, new { schedule.Cron, schedule.TimeZone });
            return transaction.ExecuteAsync(Sql, values, cancellationToken);
        }, cancellationToken);
    }

    internal Task DeleteAsync(string organizationId, string job, CancellationToken cancellationToken)
    {
        const string Sql = "delete from job_schedules where organization_id = @organizationId and job = @job";
        return database.WriteAsync(async transaction =>
        {
            if (await transaction.ExecuteAsync(Sql, new { organizationId, job }, cancellationToken) > 0) audit.Append(transaction, organizationId, AuditKind.ScheduleChanged, "job " + job);
        }, cancellationToken);
    }

    /// <summary>What is due, of all organizations, the one that waits longest first.</summary>
    internal async Task<IReadOnlyList<OwnSchedule>> DueAsync(CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from job_schedules where next_at_ms <= @nowMs order by next_at_ms, organization_id, job limit 1000";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<OwnSchedule>(new CommandDefinition(Sql, new { nowMs = time.NowMs() }, cancellationToken: cancellationToken))];
    }

    /// <summary>Moves it to its next moment, unless somebody has changed it meanwhile.</summary>
    internal Task AdvanceAsync(OwnSchedule due, long? nextAtMs, CancellationToken cancellationToken)
    {
        const string Sql = "update job_schedules set next_at_ms = @then where organization_id = @OrganizationId and job = @Job and next_at_ms = @NextAtMs";
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { then = nextAtMs, due.OrganizationId, due.Job, due.NextAtMs }, cancellationToken), cancellationToken);
    }
}
