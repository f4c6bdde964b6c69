using System.Diagnostics.Metrics;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Telemetry;
using Quartz;

namespace LeadScoring.Sidecar.Jobs;

/// <summary>One firing of a job: the work for one organization after the other, each with its row in the history. One at a time, whatever replicas do.</summary>
[DisallowConcurrentExecution]
internal sealed class RunJob(IServiceProvider services, JobSchedules schedules, JobRunStore runs, ListOrganizations organizations, TimeProvider time, ILogger<RunJob> logger) : IJob
{
    /// <summary>Names in the data of a firing that somebody asked for.</summary>
    internal const string Organization = "organization";

    internal const string RunId = "run_id";

    internal const string Part = "part";

    private static readonly Histogram<double> Durations = Instruments.Meter.CreateHistogram<double>("leadscoring.jobs.duration", "s", "Runs of scheduled jobs, one organization each, by job and result");

    // Later than this is not "at its time" any more.
    private static readonly TimeSpan Late = TimeSpan.FromMinutes(1);

    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        var job = schedules.Jobs.FirstOrDefault(j => j.Name == context.JobDetail.Key.Name);
        // A job of another version of the program, still in a schedule that is shared.
        if (job is null) return;
        var data = context.MergedJobDataMap;
        if (data.TryGetValue(Organization, out var asked) && asked is string organizationId)
            await RunOneAsync(job, organizationId, data.TryGetValue(Part, out var part) ? part as string : null, (string)data[RunId]!, JobCause.Request, null, cancellationToken);
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
        foreach (var organizationId in await organizations(cancellationToken))
            await RunOneAsync(job, organizationId, null, runs.NewRunId(), cause, dueAtMs, cancellationToken);
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
