using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>How thorough an erasure is at once. Section <c>LeadScoring:Erasure</c>.</summary>
public sealed class ErasureOptions
{
    public const string Section = "LeadScoring:Erasure";

    /// <summary>
    /// Largest embedded database, in megabytes, whose file is rebuilt with each erasure, so that no byte of the person is left in it when the call returns. Default 64 (about a second); from 0 (never) to 100,000.
    /// A larger one is rebuilt in the night after, by the job <c>scrub</c>. Deleted rows are overwritten at once in either case.
    /// </summary>
    [Range(0, 100_000)]
    public int ScrubAtOnceMegabytes { get; set; } = 64;
}
