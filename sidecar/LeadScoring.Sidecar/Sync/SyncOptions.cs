using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Sync;

/// <summary>How connectors are driven. Section <c>LeadScoring:Sync</c>; the accounts themselves are in <c>LeadScoring:Connectors</c>.</summary>
public sealed class SyncOptions
{
    public const string Section = "LeadScoring:Sync";

    /// <summary>Whether this process works off webhooks of vendors and writes scores back. Default true. The job <c>sync</c> reads wherever jobs run.</summary>
    public bool RunHere { get; set; } = true;

    /// <summary>Points by which a score must differ from the one written back before it is written again; another grade always is. Default 5; from 0 to 100.</summary>
    [Range(0.0, 100.0)]
    public double WriteBackDelta { get; set; } = 5;

    /// <summary>Pages that one run of the job reads of each walk at most; the next run goes on. Default 2,000; from 1 to 100,000.</summary>
    [Range(1, 100_000)]
    public int PagesPerRun { get; set; } = 2_000;

    /// <summary>Tries before a write-back is set aside as dead. Default 8; from 1 to 50.</summary>
    [Range(1, 50)]
    public int Attempts { get; set; } = 8;

    /// <summary>Wait after the first failure of a record; then twice as long each time, up to an hour. Default 30 s; from 10 ms to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "01:00:00")]
    public TimeSpan FirstRetry { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long notices of webhooks are remembered, so that one that comes again is known; and how long activity of people who are not known yet waits. Default 7 days; from 1 h to a year.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "366.00:00:00")]
    public TimeSpan KeepInbound { get; set; } = TimeSpan.FromDays(7);
}
