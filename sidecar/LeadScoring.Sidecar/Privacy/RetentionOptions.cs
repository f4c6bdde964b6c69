using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>How long is kept what grows with time. Section <c>LeadScoring:Retention</c>.</summary>
public sealed class RetentionOptions : IValidatableObject
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

    /// <summary>
    /// The same for other tables, by name: <c>feedback=24, reviews=12</c>. Default: none; each 1 to 1,200 months. There are actions_taken, anonymous_leads, feedback, imports (finished ones), outcome_history, overrides (not a lead's
    /// newest), recommended_actions (not a lead's newest) and reviews.
    /// </summary>
    public string TableMonths { get; set; } = "";

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        string fault;
        try
        {
            AgedTable.Parse(TableMonths);
            yield break;
        }
        catch (FormatException e)
        {
            fault = e.Message;
        }

        yield return new ValidationResult($"{Section}:{nameof(TableMonths)} {fault}");
    }
}
