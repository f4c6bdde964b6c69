using Quartz;

namespace LeadScoring.Sidecar.Jobs;

/// <summary>The schedule in force: each job's own, or what the settings say.</summary>
internal sealed class JobSchedules
{
    private const string Setting = "LEADSCORING__JOBS__SCHEDULES";
    private const string Off = "off";

    private readonly Dictionary<string, CronExpression?> crons;

    /// <exception cref="ArgumentException">The settings name no job, no cron expression or no zone; the message says what to write.</exception>
    internal JobSchedules(JobOptions options, IEnumerable<ScheduledJob> jobs)
    {
        Jobs = [.. jobs.OrderBy(j => j.Name, StringComparer.Ordinal)];
        Zone = FindZone(options.TimeZone);
        crons = Jobs.ToDictionary(j => j.Name, CronExpression? (j) => Parse(j.Name, j.Cron), StringComparer.Ordinal);
        foreach (var part in options.Schedules.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var (name, cron) = part.Split('=', 2, StringSplitOptions.TrimEntries) is [var n, var c] ? (n, c) : throw new ArgumentException($"{Setting}: '{part}' is not of the form name=cron.");
            if (!crons.ContainsKey(name)) throw new ArgumentException($"{Setting}: there is no job '{name}'. Jobs are {string.Join(", ", crons.Keys)}.");
            crons[name] = cron.Equals(Off, StringComparison.OrdinalIgnoreCase) ? null : Parse(name, cron);
        }
    }

    internal IReadOnlyList<ScheduledJob> Jobs { get; }

    internal TimeZoneInfo Zone { get; }

    /// <summary>Null when the job is off.</summary>
    internal CronExpression? CronOf(string job) => crons[job];

    /// <summary>When it runs next; null when it is off, or never again.</summary>
    internal DateTimeOffset? NextAfter(string job, DateTimeOffset moment) => crons[job]?.GetNextValidTimeAfter(moment)?.ToUniversalTime();

    private CronExpression Parse(string name, string cron)
    {
        try
        {
            return new CronExpression(cron, Zone);
        }
        catch (FormatException e)
        {
            throw new ArgumentException($"{Setting}: the schedule of '{name}' is no cron expression: {e.Message} Write six fields, seconds first, as in '0 30 2 * * ?' for every day at 2:30, or 'off'.");
        }
    }

    private static TimeZoneInfo FindZone(string id)
    {
        try
        {
            return TimeZoneInfo.FindSystemTimeZoneById(id);
        }
        catch (Exception e) when (e is TimeZoneNotFoundException or InvalidTimeZoneException)
        {
            throw new ArgumentException($"LEADSCORING__JOBS__TIMEZONE: this machine knows no zone '{id}'. Write a name such as Europe/Berlin or UTC; the package tzdata brings them.");
        }
    }
}
