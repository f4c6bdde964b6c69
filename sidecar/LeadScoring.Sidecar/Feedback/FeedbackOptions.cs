using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Feedback;

/// <summary>Which scores people look at. Section <c>LeadScoring:Feedback</c>.</summary>
public sealed class FeedbackOptions
{
    public const string Section = "LeadScoring:Feedback";

    /// <summary>Share of scores that are drawn for review at random, besides all of low confidence. Default 0.05; from 0 to 1.</summary>
    [Range(0.0, 1.0)]
    public double ReviewShare { get; set; } = 0.05;
}
