using System.ComponentModel.DataAnnotations;
using LeadScoring.Ml.Ensemble;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>How leads are scored. Section <c>LeadScoring:Scoring</c>.</summary>
public sealed class ScoringOptions
{
    public const string Section = "LeadScoring:Scoring";

    /// <summary>Below this confidence a score is marked for human review. Default 0.7; from 0 to 1.</summary>
    [Range(0.0, 1.0)]
    public double ConfidenceThreshold { get; set; } = 0.7;

    /// <summary>How long a stored score of an unchanged lead is given out again. Default 1 h; from 0 to 30 days.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "30.00:00:00")]
    public TimeSpan ScoreTtl { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Stored scores that a process keeps in memory, about 8 kB each; 0 keeps none. Default 10,000; up to 10,000,000.</summary>
    [Range(0, 10_000_000)]
    public int ScoreCacheSize { get; set; } = 10_000;

    /// <summary>Requests that are explained together when they come at the same time, at most. Default 128; from 1, one by one, to 256.</summary>
    [Range(1, 256)]
    public int ExplainTogether { get; set; } = 128;

    /// <summary>Lowest score of grade A. Default 85.</summary>
    [Range(0.0, 100.0)]
    public double GradeA { get; set; } = 85;

    /// <summary>Lowest score of grade B. Default 70.</summary>
    [Range(0.0, 100.0)]
    public double GradeB { get; set; } = 70;

    /// <summary>Lowest score of grade C. Default 50.</summary>
    [Range(0.0, 100.0)]
    public double GradeC { get; set; } = 50;

    /// <summary>An open lead that nothing happened to is scored again when its score is this old: interest fades with time. Default 1 day; from 1 minute to 365 days.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "365.00:00:00")]
    public TimeSpan RescoreAfter { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How often the bounds of percentile and capacity grades are worked out anew. Default 1 h; from 1 minute to 30 days.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00")]
    public TimeSpan MoveGradeBoundsEvery { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Changed leads are rescored in the background. Default true.</summary>
    public bool RescoreChangedLeads { get; set; } = true;

    /// <summary>How many workers of this process rescore at a time. Default 2; from 1 to 32.</summary>
    [Range(1, 32)]
    public int RescoreWorkers { get; set; } = 2;

    internal GradeScale Grades => new() { A = GradeA, B = GradeB, C = GradeC };
}
