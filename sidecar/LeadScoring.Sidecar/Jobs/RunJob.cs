using System.Diagnostics.Metrics;
using System.Globalization;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Telemetry;
using Quartz;

namespace LeadScoring.Sidecar.Jobs;

/// <summary>One firing of a job: the work for one organization after the other, each with its row in the history. One at a time, whatever replicas do.</summary>
[DisallowConcurrentExecution]
internal sealed class RunJob(IServiceProvider services, JobSchedules schedules, OwnScheduleStore owned, JobRunStore runs, ListOrganizations organizations, TimeProvider time, ILogger<RunJob> logger) : IJob
{
    /// <summary>Names in the data of a firing that somebody asked for.</summary>
    internal const string Organization = "organization";

    internal const string RunId = "run_id";

    internal const string Part = "part";

    /// <summary>In the data of a firing by an organization's own schedule: when it was due, Unix ms.</summary>
    internal const string Due = "due";

    /// <summary>The job that looks every minute which organizations' own schedules are due.</summary>
    internal const string Own = "own_schedules";

    private static readonly Histogram<double> Durations = Instruments.Meter.CreateHistogram<double>("leadscoring.jobs.duration", "s", "Runs of scheduled jobs, one organization each, by job and result");

    // Later than this is not "at its time" any more.
    private static readonly TimeSpan Late = TimeSpan.FromMinutes(1);

    // Due ones are looked for every minute.
    private static readonly TimeSpan OwnLate = TimeSpan.FromMinutes(2);

    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        if (context.JobDetail.Key.Name == Own)
        {
            await FireOwnAsync((job, data, token) => context.Scheduler.TriggerJob(new JobKey(job), data, token).AsTask(), cancellationToken);
            return;
        }

        var job = schedules.Jobs.FirstOrDefault(j => j.Name == context.JobDetail.Key.Name);
        // A job of another version of the program, still in a schedule that is shared.
        if (job is null) return;
        var data = context.MergedJobDataMap;
        if (data.TryGetValue(Organization, out var asked) && asked is string organizationId)
        {
            var dueAtMs = data.TryGetValue(Due, out var due) && due is string text ? long.Parse(text, CultureInfo.InvariantCulture) : (long?)null;
            var cause = dueAtMs is null ? JobCause.Request : context.Recovering ? JobCause.Recovery : time.GetUtcNow() - Moment.Of(dueAtMs.Value) > OwnLate ? JobCause.Missed : JobCause.Schedule;
            await RunOneAsync(job, organizationId, data.TryGetValue(Part, out var part) ? part as string : null, (string)data[RunId]!, cause, dueAtMs, cancellationToken);
        }
        else await RunAsync(job, context.Recovering, cancellationToken);
    }

    /// <summary>A firing of the schedule.</summary>
    internal async Task RunAsync(ScheduledJob job, bool isRecovery, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var due = await runs.LastScheduledAsync(job.Name, cancellationToken) is { } last ? schedules.NextAfter(job.Name, last) : null;
        var cause = isRecovery ? JobCause.Recovery : due is { } at && now - at > Late ? JobCause.Missed : JobCause.Schedule;
        if (cause == JobCause.Missed) JobLog.Missed(logger, job.Name, due!.Value);
        var dueAtMs = due is { } moment && moment <= now ? moment.ToUnixTimeMilliseconds() : (long?)null;
        var own = await owned.OrganizationsAsync(job.Name, cancellationToken);
        foreach (var organizationId in (await organizations(cancellationToken)).Where(id => !own.Contains(id)))
            await RunOneAsync(job, organizationId, null, runs.NewRunId(), cause, dueAtMs, cancellationToken);
    }

    /// <summary>Begins what is due by organizations' own schedules. Begun first, then moved on: a process that dies between the two begins it twice, which does no harm, rather than never.</summary>
    /// <returns>How many.</returns>
    internal async Task<int> FireOwnAsync(Func<string, JobDataMap, CancellationToken, Task> begin, CancellationToken cancellationToken)
    {
        var due = await owned.DueAsync(cancellationToken);
        foreach (var one in due)
        {
            var known = schedules.Jobs.Any(j => j.Name == one.Job);
            if (known) await begin(one.Job, new JobDataMap { [Organization] = one.OrganizationId, [RunId] = runs.NewRunId(), [Due] = one.NextAtMs!.Value.ToString(CultureInfo.InvariantCulture) }, cancellationToken);
            // What was missed while nobody looked is made up for by one run.
            var next = known ? new CronExpression(one.Cron!, TimeZoneInfo.FindSystemTimeZoneById(one.TimeZone)).GetNextValidTimeAfter(time.GetUtcNow()) : null;
            await owned.AdvanceAsync(one, next?.ToUnixTimeMilliseconds(), cancellationToken);
        }

        return due.Count;
    }

    private async Task RunOneAsync(ScheduledJob job, string organizationId, string? part, string runId, JobCause cause, long? dueAtMs, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Actor.Is($"job {job.Name}");
        await runs.StartAsync(organizationId, job.Name, runId, cause, dueAtMs, cancellationToken);
        string? result = null, error = null;
        var begun = time.GetTimestamp();
        try
        {
            var work = services.GetRequiredService(job.Work);
            result = part is null ? await ((IOrganizationJob)work).RunAsync(organizationId, cancellationToken) : await ((IPartialJob)work).RunPartAsync(organizationId, part, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            error = "Stopped with the process.";
            throw;
        }
        catch (Exception e)
        {
            // One organization's trouble is not the next one's. Messages of this program are written for people; others may hold anything.
            error = e is ProblemException ? e.Message : $"{e.GetType().Name}; the log of the process says more.";
            JobLog.Failed(logger, job.Name, organizationId, e.GetType().Name, e.StackTrace ?? "");
        }
        finally
        {
            Durations.Record(time.GetElapsedTime(begun).TotalSeconds, new("job_name", job.Name), new("result", error is null ? "succeeded" : "failed"));
            await runs.EndAsync(organizationId, job.Name, runId, result, error, CancellationToken.None);
        }
    }
}

internal static partial class JobLog
{
    [LoggerMessage(70, LogLevel.Warning, "Job {Job} was due at {Due:u} and could not run then; it runs once now")]
    internal static partial void Missed(ILogger logger, string job, DateTimeOffset due);

    [LoggerMessage(71, LogLevel.Error, "Job {Job} of {OrganizationId}: {Failure} {Stack}")]
    internal static partial void Failed(ILogger logger, string job, string organizationId, string failure, string stack);
}
