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
    /// <param name="NextRunAt">Absent when it is off.</param>
    /// <param name="LastRuns">Runs of the organization, the newest first.</param>
    public sealed record Item(string Name, string Summary, string? Schedule, DateTimeOffset? NextRunAt, bool IsRunning, IReadOnlyList<Run> LastRuns);

    /// <param name="TimeZone">Zone of the schedules.</param>
    /// <param name="RunsHere">Whether the process that answers runs jobs.</param>
    public sealed record Response(string TimeZone, bool RunsHere, IReadOnlyList<Item> Jobs);

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller, JobSchedules schedules, JobRunStore store, IOptions<JobOptions> options, TimeProvider time, CancellationToken cancellationToken, int runs = 5)
    {
        if (runs is < 0 or > 100) throw ProblemException.Invalid("?runs", "runs is 0 to 100.");
        var last = await store.ListAsync(caller.OrganizationId, Math.Max(1, runs), cancellationToken);
        return TypedResults.Ok(new Response(schedules.Zone.Id, options.Value.RunHere, [.. schedules.Jobs.Select(job => new Item(
            job.Name, job.Summary, schedules.CronOf(job.Name)?.CronExpressionString, schedules.NextAfter(job.Name, time.GetUtcNow()), last[job.Name].Any(r => r.EndedAtMs is null),
            [.. last[job.Name].Take(runs).Select(Of)]))]));
    }

    private static Run Of(JobRun run) => new(
        run.RunId, Enum.Parse<JobCause>(run.Cause, ignoreCase: true), Moment.Of(run.DueAtMs), Moment.Of(run.StartedAtMs), Moment.Of(run.EndedAtMs), run.Result, run.Error);
}
