using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Api;

/// <summary>Limits of the HTTP edge. Section <c>LeadScoring:Api</c>.</summary>
public sealed class ApiOptions
{
    public const string Section = "LeadScoring:Api";

    /// <summary>Largest JSON body in bytes. Default 10 MB; from 1 kB to 1 GB. CSV imports have their own limit.</summary>
    [Range(1_000, 1_000_000_000)]
    public long MaxBodyBytes { get; set; } = 10_000_000;

    /// <summary>How long a verified key is trusted without asking the database, so how late a revocation may bite. Default 30 s; from 0 to 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan KeyCacheTime { get; set; } = TimeSpan.FromSeconds(30);
}
