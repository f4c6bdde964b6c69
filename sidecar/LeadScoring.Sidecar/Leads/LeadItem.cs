using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Leads;

/// <summary>A lead as it comes in.</summary>
/// <param name="LeadId">1 to 200 characters, no control characters, and not . or .. alone.</param>
/// <param name="Attributes">At most 500 names with text, number, truth value or a list of those. Given names overwrite, null removes, the rest stays.</param>
/// <param name="CreatedAt">When the lead came into the pipeline; default: the moment it is first stored.</param>
/// <param name="OrganizationId">Must be the caller's own when given.</param>
public sealed record LeadItem(
    [property: Description("1 to 200 characters, no control characters, and not . or .. alone. In addresses escape what must be, such as a slash as %2F.")] string LeadId,
    [property: Description("Names with text, number, truth value or a list of those. Given names overwrite, null removes, the rest stays.")] Dictionary<string, JsonElement> Attributes,
    [property: Description("When the lead came into the pipeline; default: the moment it is first stored.")] DateTimeOffset? CreatedAt = null,
    string? OrganizationId = null)
{
    internal const int MaxIdLength = 200;

    /// <summary>Null when the text can be a lead's id, else what is wrong with it.</summary>
    /// <param name="name">Member or column that it is in.</param>
    /// <param name="id">The text.</param>
    // Addresses drop these two as steps between folders, however they are written.
    internal static string? IdFault(string name, string id) => id is "." or ".." ? $"{name} must not be \"{id}\": no address can name such a lead." : ItemReader.Check(name, id, MaxIdLength);

    /// <summary>The id of an item; null when <see cref="ItemReader.Errors"/> says why not.</summary>
    internal static string? ReadId(ItemReader item, bool required = true)
    {
        var id = item.Text("lead_id", MaxIdLength, required);
        if (id is null || IdFault("lead_id", id) is not { } fault) return id;
        item.Fault("lead_id", fault);
        return null;
    }

    /// <summary>Reads an item; null when <see cref="ItemReader.Errors"/> says why not.</summary>
    /// <param name="leadId">The id when the address has it already.</param>
    internal static LeadWrite? Read(ItemReader item, string? leadId, long nowMs)
    {
        if (item.Errors.Count > 0) return null;
        leadId ??= ReadId(item);
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
