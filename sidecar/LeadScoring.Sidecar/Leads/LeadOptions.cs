using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Leads;

/// <summary>How leads are kept at hand. Section <c>LeadScoring:Leads</c>.</summary>
public sealed class LeadOptions
{
    public const string Section = "LeadScoring:Leads";

    /// <summary>Leads that a process keeps in memory ready for scoring, about 6 kB each; 0 keeps none. Default 10,000; up to 10,000,000.</summary>
    [Range(0, 10_000_000)]
    public int CacheSize { get; set; } = 10_000;

    /// <summary>How long a lead in memory is used without asking the database, so how late a change that another process made may be seen; own changes are seen at once. Default 1 s; from 0 to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan CacheTime { get; set; } = TimeSpan.FromSeconds(1);
}
