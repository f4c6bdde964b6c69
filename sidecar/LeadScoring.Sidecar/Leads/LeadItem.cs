using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Leads;

/// <summary>A lead as it comes in.</summary>
/// <param name="LeadId">1 to 200 characters, no control characters.</param>
/// <param name="Attributes">At most 500 names with text, number, truth value or a list of those. Given names overwrite, null removes, the rest stays.</param>
/// <param name="CreatedAt">When the lead came into the pipeline; default: the moment it is first stored.</param>
/// <param name="OrganizationId">Must be the caller's own when given.</param>
public sealed record LeadItem(
    [property: Description("1 to 200 characters, no control characters.")] string LeadId,
    [property: Description("Names with text, number, truth value or a list of those. Given names overwrite, null removes, the rest stays.")] Dictionary<string, JsonElement> Attributes,
    [property: Description("When the lead came into the pipeline; default: the moment it is first stored.")] DateTimeOffset? CreatedAt = null,
    string? OrganizationId = null)
{
    internal const int MaxIdLength = 200;

    /// <summary>Reads an item; null when <see cref="ItemReader.Errors"/> says why not.</summary>
    /// <param name="leadId">The id when the address has it already.</param>
    internal static LeadWrite? Read(ItemReader item, string? leadId, long nowMs)
    {
        if (item.Errors.Count > 0) return null;
        leadId ??= item.Text("lead_id", MaxIdLength, required: true);
        var createdAtMs = item.Moment("created_at");
        if (createdAtMs > nowMs + FutureToleranceMs) item.Fault("created_at", "created_at is in the future.");
        if (item.Member("attributes") is not { } attributes)
        {
            item.Fault("attributes", "attributes is required: an object, {} when there are none.");
            return null;
        }

        LeadAttributes.Read(item, attributes, JsonPointer.Append(item.Pointer, "attributes"));
        return item.Errors.Count > 0 ? null : new LeadWrite(leadId!, LeadAttributes.Format(attributes), createdAtMs);
    }

    /// <summary>How far a sender's clock may be ahead: 5 minutes.</summary>
    internal const long FutureToleranceMs = 300_000;
}
