using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Jobs;

/// <summary>When scheduled jobs run. Section <c>LeadScoring:Jobs</c>.</summary>
public sealed class JobOptions
{
    public const string Section = "LeadScoring:Jobs";

    /// <summary>Whether this process runs jobs. Default true; false for a replica that only scores.</summary>
    public bool RunHere { get; set; } = true;

    /// <summary>Zone that schedules are meant in, such as Europe/Berlin. Default UTC.</summary>
    [Required(AllowEmptyStrings = false)]
    public string TimeZone { get; set; } = "UTC";

    /// <summary>
    /// Jobs with another schedule than their own, as <c>name=cron; name=cron</c>: six fields, seconds first, as Quartz reads them; <c>name=off</c> for never. Default blank.
    /// GET /v1/jobs shows names and schedules.
    /// </summary>
    public string Schedules { get; set; } = "";

    /// <summary>Runs that are remembered, per organization and job. Default 100; from 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int KeepRuns { get; set; } = 100;
}

/// <summary>Refuses at the start what would never fire: unknown jobs, bad cron, unknown zones.</summary>
internal sealed class JobOptionsCheck(IEnumerable<ScheduledJob> jobs) : IValidateOptions<JobOptions>
{
    public ValidateOptionsResult Validate(string? name, JobOptions options)
    {
        try
        {
            _ = new JobSchedules(options, jobs);
            return ValidateOptionsResult.Success;
        }
        catch (ArgumentException e)
        {
            return ValidateOptionsResult.Fail(e.Message);
        }
    }
}
