using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Jobs;

internal static class PostJobRun
{
    /// <param name="RunId">Under this id GET /v1/jobs shows it, as soon as it has begun.</param>
    public sealed record Response(string Job, string RunId);

    internal static Task<Accepted<Response>> HandleAsync(string name, Caller caller, JobSchedules schedules, JobScheduler scheduler, JobRunStore runs, CancellationToken cancellationToken) =>
        RequestAsync(name, part: null, caller, schedules, scheduler, runs, cancellationToken);

    internal static async Task<Accepted<Response>> RequestAsync(string name, string? part, Caller caller, JobSchedules schedules, JobScheduler scheduler, JobRunStore runs, CancellationToken cancellationToken)
    {
        if (schedules.Jobs.All(j => j.Name != name)) throw new ProblemException(ProblemKind.NotFound, $"There is no job {name}. Jobs are {string.Join(", ", schedules.Jobs.Select(j => j.Name))}.");
        if (!scheduler.CanRun) throw new ProblemException(ProblemKind.Conflict, "This process runs no jobs (LEADSCORING__JOBS__RUNHERE is false). Ask one that does.");
        if (await runs.IsRunningAsync(caller.OrganizationId, name, cancellationToken)) throw new ProblemException(ProblemKind.Conflict, $"The job {name} is running. GET /v1/jobs shows when it has ended.");
        var runId = runs.NewRunId();
        await scheduler.RequestAsync(name, caller.OrganizationId, runId, part, cancellationToken);
        return TypedResults.Accepted("/v1/jobs", new Response(name, runId));
    }
}
