using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>How long is kept what grows with time. Section <c>LeadScoring:Retention</c>.</summary>
public sealed class RetentionOptions
{
    public const string Section = "LeadScoring:Retention";

    /// <summary>
    /// Whole calendar months (UTC) before the running one whose events are kept. Default 0: all, for ever; up to 1,200. Scores and what leads have folded stay as they are; training sees only what is kept, so at least its
    /// oldest decision moment and the history before that should be.
    /// </summary>
    [Range(0, 1_200)]
    public int EventsMonths { get; set; }

    /// <summary>The same for the score ledger; the latest row of a lead is always kept. Default 0: all, for ever; up to 1,200 months.</summary>
    [Range(0, 1_200)]
    public int LedgerMonths { get; set; }
}
