using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Training;

/// <summary>When and how models are trained. Section <c>LeadScoring:Training</c>.</summary>
public sealed class TrainingOptions
{
    public const string Section = "LeadScoring:Training";

    /// <summary>Whether this process takes training runs off the queue. Default true; false for a replica that only scores.</summary>
    public bool RunHere { get; set; } = true;

    /// <summary>Longest time for one run; it is ended and marked failed after it. Default 2 h; from 1 min to 2 days.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "2.00:00:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromHours(2);

    /// <summary>A run whose process gave no sign of life for this long is queued again. Default 60 s; from 10 s to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "01:00:00")]
    public TimeSpan HeartbeatTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Niceness of the training process, 0 (as scoring) to 19 (only idle time). Default 10.</summary>
    [Range(0, 19)]
    public int Niceness { get; set; } = 10;
}
