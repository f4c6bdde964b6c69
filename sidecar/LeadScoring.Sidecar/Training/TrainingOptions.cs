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

    /// <summary>Most memory of the training process in bytes, native memory included; it is ended and its run marked failed beyond it. Default 0: no bound; else from 200 MB.</summary>
    [Range(0, long.MaxValue)]
    public long MaxMemoryBytes { get; set; }

    /// <summary>Most cores that a training uses. Default 0: all; up to 1,024.</summary>
    [Range(0, 1_024)]
    public int Cores { get; set; }

    /// <summary>Outcomes recorded since the last training began from which on a new one is asked for. Default 1,000; from 10 to 100,000,000.</summary>
    [Range(10, 100_000_000)]
    public int RetrainAfterOutcomes { get; set; } = 1_000;

    /// <summary>Share of its AUC by which the champion must fall, beyond chance, before a new model is asked for. Default 0.05; from 0.001 to 0.5.</summary>
    [Range(0.001, 0.5)]
    public double PerformanceDrop { get; set; } = 0.05;

    /// <summary>Least time between two trainings that nobody asked for, weekly ones aside. Default 1 day; from 1 hour to 30 days.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "30.00:00:00")]
    public TimeSpan RetrainPause { get; set; } = TimeSpan.FromDays(1);
}
