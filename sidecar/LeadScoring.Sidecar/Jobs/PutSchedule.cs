using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;
using Quartz;

namespace LeadScoring.Sidecar.Jobs;

internal static class PutSchedule
{
    // Looked for once a minute; what runs more often than this would hardly end before it begins again.
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMinutes(5);
    private const int Looked = 100;

    public sealed record Request(
        [property: StringLength(120), Description("Six fields, seconds first, as in '0 30 2 * * ?' for every day at 2:30. Not needed when it is not enabled.")] string? Schedule = null,
        [property: StringLength(64), Description("Zone that it is meant in, such as Europe/Berlin. Default UTC.")] string TimeZone = "UTC",
        [property: Description("false: the job never runs for the organization by itself.")] bool Enabled = true);

    /// <param name="NextRunAt">Absent when it never runs.</param>
    public sealed record Response(string Job, string? Schedule, string TimeZone, DateTimeOffset? NextRunAt);

    internal static async Task<Ok<Response>> HandleAsync(string name, Request request, Caller caller, JobSchedules schedules, OwnScheduleStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(request.TimeZone, out var zone)) throw ProblemException.Invalid("/time_zone", $"This machine knows no zone '{request.TimeZone}'. Write a name such as Europe/Berlin or UTC.");
        var cron = request.Enabled ? Read(request.Schedule, zone, time.GetUtcNow()) : null;
        Demand(name, schedules);
        var next = cron?.GetNextValidTimeAfter(time.GetUtcNow())?.ToUniversalTime();
        await store.PutAsync(new OwnSchedule { OrganizationId = caller.OrganizationId, Job = name, Cron = cron?.CronExpressionString, TimeZone = zone.Id, NextAtMs = next?.ToUnixTimeMilliseconds() }, cancellationToken);
        return TypedResults.Ok(new Response(name, cron?.CronExpressionString, zone.Id, next));
    }

    internal static void Demand(string name, JobSchedules schedules)
    {
        if (schedules.Jobs.All(j => j.Name != name)) throw new ProblemException(ProblemKind.NotFound, $"There is no job {name}. Jobs are {string.Join(", ", schedules.Jobs.Select(j => j.Name))}.");
    }

    private static CronExpression Read(string? text, TimeZoneInfo zone, DateTimeOffset now)
    {
        if (string.IsNullOrWhiteSpace(text)) throw ProblemException.Invalid("/schedule", "Give a schedule such as '0 30 2 * * ?' for every day at 2:30, or set enabled to false.");
        CronExpression cron;
        try
        {
            cron = new CronExpression(text.Trim(), zone);
        }
        catch (FormatException e)
        {
            throw ProblemException.Invalid("/schedule", $"This is no cron expression: {e.Message} Write six fields, seconds first, as in '0 30 2 * * ?' for every day at 2:30.");
        }

        if (cron.GetNextValidTimeAfter(now) is not { } at) throw ProblemException.Invalid("/schedule", "By this schedule the job would never run. Set enabled to false if that is meant.");
        for (var looked = 0; looked < Looked && cron.GetNextValidTimeAfter(at) is { } then; looked++, at = then)
        {
            if (then - at < ShortestPause) throw ProblemException.Invalid("/schedule", $"Between two runs lie at least {ShortestPause.TotalMinutes:0} minutes; by this schedule one begins at {MomentConverter.Text(at.ToUniversalTime())} and the next at {MomentConverter.Text(then.ToUniversalTime())}.");
        }

        return cron;
    }
}

internal static class DeleteSchedule
{
    internal static async Task<NoContent> HandleAsync(string name, Caller caller, JobSchedules schedules, OwnScheduleStore store, CancellationToken cancellationToken)
    {
        PutSchedule.Demand(name, schedules);
        await store.DeleteAsync(caller.OrganizationId, name, cancellationToken);
        return TypedResults.NoContent();
    }
}
