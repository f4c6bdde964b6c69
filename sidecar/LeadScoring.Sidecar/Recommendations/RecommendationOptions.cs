using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Recommendations;

/// <summary>How an organization's contact norms are learned. Section <c>LeadScoring:Recommendations</c>.</summary>
public sealed class RecommendationOptions
{
    public const string Section = "LeadScoring:Recommendations";

    /// <summary>Whether this process learns them. Default true; false for a replica that only scores.</summary>
    public bool LearnHere { get; set; } = true;

    /// <summary>How often each organization's are learned anew. Default 1 day; from 10 min to 30 days.</summary>
    [Range(typeof(TimeSpan), "00:10:00", "30.00:00:00")]
    public TimeSpan LearnEvery { get; set; } = TimeSpan.FromDays(1);

    /// <summary>From how many leads, those that changed last. Default 20,000; from 100 to 1,000,000.</summary>
    [Range(100, 1_000_000)]
    public int LeadsToLearnFrom { get; set; } = 20_000;
}
