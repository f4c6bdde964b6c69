using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace LeadScoring.Connectors.Mailchimp;

/// <summary>What of a member is read, and what it is called here. A member's id is that of the audience and the hash of the address: one address may be in several audiences.</summary>
internal static class MailchimpMembers
{
    /// <summary>Merge fields that every audience begins with, and their names here; others keep theirs in lower case.</summary>
    private static readonly Dictionary<string, string> Mapped = new(StringComparer.OrdinalIgnoreCase)
    {
        ["FNAME"] = "first_name", ["LNAME"] = "last_name", ["PHONE"] = "phone", ["COMPANY"] = "company", ["JOBTITLE"] = "job_title",
    };

    internal static string Id(string list, string hash) => $"{list}-{hash}";

    internal static (string List, string Hash)? Parts(string id) => id.LastIndexOf('-') is > 0 and var at && at < id.Length - 1 ? (id[..at], id[(at + 1)..]) : null;

    /// <summary>MD5 of the address in lower case is what Mailchimp knows a member by; no secret depends on it.</summary>
    internal static string Hash(string email) => Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(email.Trim().ToLowerInvariant())));

    internal static ContactRecord Read(Member m)
    {
        var id = Id(m.ListId, m.Id);
        if (m.Status == "archived") return new ContactRecord(id, null, new Dictionary<string, string?>()) { IsDeleted = true };
        var properties = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["subscription"] = m.Status, ["language"] = Text(m.Language), ["lead_source"] = Text(m.Source), ["member_rating"] = m.MemberRating?.ToString(CultureInfo.InvariantCulture),
            ["email_open_rate"] = m.Stats?.AvgOpenRate?.ToString("0.####", CultureInfo.InvariantCulture), ["click_rate"] = m.Stats?.AvgClickRate?.ToString("0.####", CultureInfo.InvariantCulture),
            ["country"] = Text(m.Location?.CountryCode), ["region"] = Text(m.Location?.Region), ["time_zone"] = Text(m.Location?.Timezone),
        };
        foreach (var (tag, value) in m.MergeFields ?? [])
        {
            // Ours: else what we write would be a change.
            if (tag.StartsWith(MailchimpFields.TagPrefix, StringComparison.OrdinalIgnoreCase)) continue;
            var name = Mapped.TryGetValue(tag, out var known) ? known : tag.ToLowerInvariant();
            if (value.ValueKind is JsonValueKind.String or JsonValueKind.Number) properties[name] = Text(value.ToString());
        }

        return new ContactRecord(id, Text(m.EmailAddress), properties, Moment(m.TimestampSignup) ?? Moment(m.TimestampOpt));
    }

    internal static DateTimeOffset? Moment(string? text) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;

    private static string? Text(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
