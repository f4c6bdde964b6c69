using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Jobs;

internal static class ListJobs
{
    /// <param name="Cause">Why it began.</param>
    /// <param name="DueAt">When it should have begun; absent when somebody asked for it.</param>
    /// <param name="EndedAt">Absent while it runs.</param>
    /// <param name="Result">What came of it, in words.</param>
    /// <param name="Error">Why nothing came of it.</param>
    public sealed record Run(string RunId, JobCause Cause, DateTimeOffset? DueAt, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? Result, string? Error);

    /// <param name="Schedule">Cron with six fields, seconds first; absent when the job is off.</param>
    /// <param name="TimeZone">Zone that the schedule is meant in.</param>
    /// <param name="IsOwn">Whether the organization has set it; else it is the install's.</param>
    /// <param name="NextRunAt">Absent when it is off.</param>
    /// <param name="LastRuns">Runs of the organization, the newest first.</param>
    public sealed record Item(string Name, string Summary, string? Schedule, string TimeZone, bool IsOwn, DateTimeOffset? NextRunAt, bool IsRunning, IReadOnlyList<Run> LastRuns);

    /// <param name="TimeZone">Zone of the install's schedules.</param>
    /// <param name="RunsHere">Whether the process that answers runs jobs.</param>
    public sealed record Response(string TimeZone, bool RunsHere, IReadOnlyList<Item> Jobs);

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller, JobSchedules schedules, JobRunStore store, OwnScheduleStore owned, IOptions<JobOptions> options, TimeProvider time, CancellationToken cancellationToken, int runs = 5)
    {
        if (runs is < 0 or > 100) throw ProblemException.Invalid("?runs", "runs is 0 to 100.");
        var last = await store.ListAsync(caller.OrganizationId, Math.Max(1, runs), cancellationToken);
        var own = await owned.ListAsync(caller.OrganizationId, cancellationToken);
        return TypedResults.Ok(new Response(schedules.Zone.Id, options.Value.RunHere, [.. schedules.Jobs.Select(ItemOf)]));

        Item ItemOf(ScheduledJob job)
        {
            var (isRunning, shown) = (last[job.Name].Any(r => r.EndedAtMs is null), last[job.Name].Take(runs).Select(Of).ToArray());
            return own.TryGetValue(job.Name, out var set)
                ? new Item(job.Name, job.Summary, set.Cron, set.TimeZone, true, Moment.Of(set.NextAtMs), isRunning, shown)
                : new Item(job.Name, job.Summary, schedules.CronOf(job.Name)?.CronExpressionString, schedules.Zone.Id, false, schedules.NextAfter(job.Name, time.GetUtcNow()), isRunning, shown);
        }
    }

    private static Run Of(JobRun run) => new(
        run.RunId, Enum.Parse<JobCause>(run.Cause, ignoreCase: true), Moment.Of(run.DueAtMs), Moment.Of(run.StartedAtMs), Moment.Of(run.EndedAtMs), run.Result, run.Error);
}
