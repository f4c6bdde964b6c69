using System.Globalization;
using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors.Mailchimp;

/// <summary>
/// What members did with campaigns: campaign by campaign who got it, opens, clicks and bounces since the last walk, and who unsubscribed by it.
/// </summary>
/// <remarks>The feed of a member would be a request a member; a campaign's report is a request a thousand. Windows overlap by an hour, as reports lag behind; the ids of activity make it once.</remarks>
internal sealed class MailchimpCampaigns(MailchimpClient client, string account, TimeProvider time)
{
    private const string SentPhase = "sent";
    private const string ActivityPhase = "activity";
    private const string UnsubscribedPhase = "unsubscribed";

    // An e-mail is hardly ever opened for the first time after so long.
    private static readonly TimeSpan Watched = TimeSpan.FromDays(90);
    private static readonly TimeSpan Overlap = TimeSpan.FromHours(1);

    // A large campaign is under way for hours.
    private static readonly TimeSpan LongestSending = TimeSpan.FromDays(1);

    internal async Task<Page<ActivityRecord>> ReadAsync(string? cursor, CancellationToken cancellationToken)
    {
        var at = StoredCursor.Read(account, cursor, MailchimpJson.Default.CampaignCursor) ?? new CampaignCursor();
        if (at.Campaign is null)
        {
            at = await NextCampaignAsync(at with { StartedMs = time.GetUtcNow().ToUnixTimeMilliseconds() }, cancellationToken);
            if (at.Campaign is null) return new Page<ActivityRecord>([], Text(at), false);
        }

        var (records, isFull) = await ReadPhaseAsync(at, cancellationToken);
        var next = isFull ? at with { Offset = at.Offset + MailchimpClient.PageSize } : NextPhase(at) ?? await NextCampaignAsync(at, cancellationToken);
        return new Page<ActivityRecord>(records, Text(next), next.Campaign is not null);
    }

    private async Task<(IReadOnlyList<ActivityRecord> Records, bool IsFull)> ReadPhaseAsync(CampaignCursor at, CancellationToken cancellationToken)
    {
        var campaign = at.Campaign!;
        switch (at.Phase)
        {
            case SentPhase:
                var sent = await client.SentToAsync(campaign, at.Offset, cancellationToken);
                var sentAt = DateTimeOffset.FromUnixTimeMilliseconds(at.SentMs);
                return ([.. sent.SentTo.Select(s => Record(campaign, s.ListId, s.EmailId, "email_sent", sentAt))], sent.SentTo.Count == MailchimpClient.PageSize);
            case UnsubscribedPhase:
                var gone = await client.UnsubscribedAsync(campaign, at.Offset, cancellationToken);
                return ([.. gone.Unsubscribes.Select(u => Record(campaign, u.ListId, u.EmailId, "email_unsubscribed", u.Timestamp))], gone.Unsubscribes.Count == MailchimpClient.PageSize);
            default:
                var activity = await client.EmailActivityAsync(campaign, at.FromMs, at.Offset, cancellationToken);
                return ([.. activity.Emails.SelectMany(e => (e.Activity ?? []).Select(a => Record(campaign, e, a))).OfType<ActivityRecord>()], activity.Emails.Count == MailchimpClient.PageSize);
        }
    }

    private static CampaignCursor? NextPhase(CampaignCursor at) => at.Phase switch
    {
        SentPhase => at with { Phase = ActivityPhase, Offset = 0 },
        ActivityPhase when at.HasUnsubscribed => at with { Phase = UnsubscribedPhase, Offset = 0 },
        _ => null,
    };

    /// <summary>The campaign after the cursor's; without one the walk is at its end.</summary>
    private async Task<CampaignCursor> NextCampaignAsync(CampaignCursor at, CancellationToken cancellationToken)
    {
        var reports = await client.ReportsAsync(DateTimeOffset.FromUnixTimeMilliseconds(at.StartedMs) - Watched, cancellationToken);
        var next = reports.FirstOrDefault(r => MailchimpMembers.Moment(r.SendTime) is not null && string.CompareOrdinal(r.Id, at.Campaign) > 0);
        if (next is null) return new CampaignCursor(FromMs: at.StartedMs - (long)Overlap.TotalMilliseconds);
        var sentMs = MailchimpMembers.Moment(next.SendTime)!.Value.ToUnixTimeMilliseconds();
        var isNew = sentMs >= at.FromMs - (long)LongestSending.TotalMilliseconds;
        return at with { Campaign = next.Id, SentMs = sentMs, HasUnsubscribed = next.Unsubscribed > 0, Phase = isNew ? SentPhase : ActivityPhase, Offset = 0 };
    }

    private static ActivityRecord? Record(string campaign, EmailActivity email, EmailAction action)
    {
        var type = action.Action switch { "open" => "email_opened", "click" => "email_clicked", "bounce" => "email_bounced", _ => null };
        if (type is null) return null;
        // Without its query: that may name the person.
        var url = action.Url is { Length: > 0 and < 2_000 } u ? u.Split('?', '#')[0] : null;
        var record = Record(campaign, email.ListId, email.EmailId, type, action.Timestamp, url is null ? "" : "-" + MailchimpMembers.Hash(action.Url!)[..8]);
        return url is null ? record : record with { Properties = new Dictionary<string, string> { ["url"] = url } };
    }

    private static ActivityRecord Record(string campaign, string list, string hash, string type, DateTimeOffset at, string what = "")
    {
        // Who got a campaign and who left by it is told once, whatever moment it says.
        var moment = type is "email_sent" or "email_unsubscribed" ? "" : at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return new ActivityRecord($"{campaign}-{hash}-{type}-{moment}{what}", MailchimpMembers.Id(list, hash), null, type, "email", at);
    }

    private static string Text(CampaignCursor cursor) => System.Text.Json.JsonSerializer.Serialize(cursor, MailchimpJson.Default.CampaignCursor);
}
