using System.ComponentModel;
using System.Security.Cryptography;
using System.Text;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

namespace LeadScoring.Sidecar.Feedback;

/// <summary>Feedback to be stored.</summary>
internal sealed record FeedbackGiven(string FeedbackId, string LeadId, bool IsGood, string? Reason, string? By, long GivenAtMs);

/// <summary>What sales say of a lead, as it comes in.</summary>
public sealed record FeedbackItem(
    string LeadId,
    [property: Description("good: worth the call; bad: not.")] string Verdict,
    [property: Description("1 to 150 characters. The same id is the same feedback. Left out: made from lead, verdict, person and moment.")] string? Id = null,
    [property: Description("Why, up to 500 characters.")] string? Reason = null,
    [property: Description("Who says so.")] string? By = null,
    [property: Description("Left out: now. At most 5 minutes ahead. Counts against the score that stood then.")] DateTimeOffset? GivenAt = null,
    string? OrganizationId = null)
{
    internal static FeedbackGiven? Read(ItemReader item, long nowMs)
    {
        if (item.Errors.Count > 0) return null;
        var leadId = item.Text("lead_id", LeadItem.MaxIdLength, required: true);
        var verdict = item.Text("verdict", 20, required: true);
        if (verdict is not (null or "good" or "bad")) item.Fault("verdict", "verdict must be good or bad.");
        var id = item.Text("id", 150);
        var reason = item.Text("reason", 500);
        var by = item.Text("by", 200);
        var atMs = item.Moment("given_at") ?? nowMs;
        if (atMs > nowMs + LeadItem.FutureToleranceMs) item.Fault("given_at", "given_at is more than 5 minutes in the future. Check the sender's clock and time zone.");
        return item.Errors.Count > 0 ? null : new FeedbackGiven(id ?? ContentId($"{leadId}\n{verdict}\n{by}\n{atMs}"), leadId!, verdict == "good", reason, by, Math.Min(atMs, nowMs));
    }

    private static string ContentId(string text) => "sha-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
}
