using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Recommendations;

/// <summary>How an organization's contact norms are learned. Section <c>LeadScoring:Recommendations</c>.</summary>
public sealed class RecommendationOptions
{
    public const string Section = "LeadScoring:Recommendations";

    /// <summary>From how many leads, those that changed last. Default 20,000; from 100 to 1,000,000.</summary>
    [Range(100, 1_000_000)]
    public int LeadsToLearnFrom { get; set; } = 20_000;
}
