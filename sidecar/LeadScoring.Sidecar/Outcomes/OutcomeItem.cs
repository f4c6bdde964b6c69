using System.ComponentModel;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Outcomes;

/// <summary>A change of what became of a lead. One outcome stands per lead and source.</summary>
/// <param name="AsOfMs">The decision moment to which training replays the lead's features; not after the outcome.</param>
/// <param name="Reversed">Takes the outcome back; only LeadId and Source count.</param>
/// <param name="IsFinal">Whether a non-conversion is for good; null when nothing was said.</param>
internal sealed record OutcomeWrite(
    string LeadId, string Source, bool Converted, long OccurredAtMs, long? AsOfMs = null, double? Revenue = null, string? Stage = null, bool Reversed = false, bool? IsFinal = null);

/// <summary>An outcome as it comes in.</summary>
public sealed record OutcomeItem(
    string LeadId,
    [property: Description("Whether the lead converted. Required unless reversed.")] bool? Converted,
    [property: Description("When that became known. Required unless reversed.")] DateTimeOffset? OccurredAt,
    double? Revenue = null,
    string? Stage = null,
    [property: Description("Who says so, such as hubspot. One outcome stands per lead and source; default: default.")] string? Source = null,
    [property: Description("The decision moment to which training replays the features; not after occurred_at.")] DateTimeOffset? AsOf = null,
    [property: Description("Whether a non-conversion is for good. Without it, it counts once the profile's horizon has passed since the decision moment, or when stage says lost. A conversion is always final.")] bool? Final = null,
    [property: Description("True takes this lead's outcome of this source back.")] bool? Reversed = null,
    string? OrganizationId = null)
{
    internal const string DefaultSource = "default";

    internal static OutcomeWrite? Read(ItemReader item, long nowMs)
    {
        if (item.Errors.Count > 0) return null;
        var leadId = item.Text("lead_id", LeadItem.MaxIdLength, required: true);
        var source = item.Text("source", 64) ?? DefaultSource;
        var reversed = item.Flag("reversed") ?? false;
        var converted = item.Flag("converted", required: !reversed);
        var occurredAtMs = item.Moment("occurred_at", required: !reversed);
        var write = new OutcomeWrite(leadId ?? "", source, converted ?? false, occurredAtMs ?? 0, item.Moment("as_of"), item.Number("revenue"), item.Text("stage", 200), reversed, item.Flag("final"));
        if (item.Errors.Count == 0 && !reversed && Check(write, nowMs) is var (member, fault) && fault is not null) item.Fault(member, fault);
        return item.Errors.Count > 0 ? null : write;
    }

    /// <summary>The rules that hold for an outcome wherever it comes from: the member at fault and why, or null.</summary>
    internal static (string Member, string? Fault) Check(OutcomeWrite write, long nowMs) =>
        write.OccurredAtMs > nowMs + LeadItem.FutureToleranceMs ? ("occurred_at", "occurred_at is in the future: an outcome is what has happened.")
        : write.AsOfMs > write.OccurredAtMs ? ("as_of", "as_of must not be after occurred_at: features from after the outcome would give it away.")
        : write.Revenue < 0 ? ("revenue", "revenue must not be negative.")
        : ("", null);
}
