using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Connectors.Mailchimp;

internal sealed record AccountRoot(string AccountId);

internal sealed record AudiencePage(IReadOnlyList<Audience> Lists);

internal sealed record Audience(string Id);

internal sealed record MemberPage(IReadOnlyList<Member> Members);

/// <summary>A member of an audience. Moments may be empty texts.</summary>
internal sealed record Member(
    string Id, string? EmailAddress, string? Status, Dictionary<string, JsonElement>? MergeFields, string? LastChanged, string? TimestampSignup, string? TimestampOpt, string? Language, double? MemberRating,
    string? Source, MemberStats? Stats, MemberLocation? Location, string ListId);

internal sealed record MemberStats(double? AvgOpenRate, double? AvgClickRate);

internal sealed record MemberLocation(string? CountryCode, string? Region, string? Timezone);

internal sealed record MergeFieldPage(IReadOnlyList<MergeField> MergeFields);

internal sealed record MergeField(string? Tag, string Name, string Type, string? HelpText = null, bool? Public = null, bool? Required = null);

internal sealed record MemberPatch(Dictionary<string, JsonElement> MergeFields);

internal sealed record ReportPage(IReadOnlyList<Report> Reports);

internal sealed record Report(string Id, string? SendTime, int Unsubscribed);

internal sealed record EmailActivityPage(IReadOnlyList<EmailActivity> Emails);

internal sealed record EmailActivity(string EmailId, string ListId, IReadOnlyList<EmailAction>? Activity);

internal sealed record EmailAction(string Action, DateTimeOffset Timestamp, string? Type = null, string? Url = null);

internal sealed record SentToPage(IReadOnlyList<SentTo> SentTo);

internal sealed record SentTo(string EmailId, string ListId, string? Status);

internal sealed record UnsubscribedPage(IReadOnlyList<Unsubscribed> Unsubscribes);

internal sealed record Unsubscribed(string EmailId, string ListId, DateTimeOffset Timestamp);

internal sealed record Problem(string? Title);

/// <summary>Where the walk over members stands.</summary>
/// <param name="FromMs">Start of the window of changes; 0: all.</param>
/// <param name="StartedMs">When this walk began.</param>
/// <param name="List">Audience that is read; null: the next walk begins.</param>
/// <param name="IsArchived">Whether its archived members are read.</param>
/// <param name="SinceMs">Members that changed after this are next.</param>
/// <param name="Offset">How many of them were read.</param>
internal sealed record MemberCursor(long FromMs = 0, long StartedMs = 0, string? List = null, bool IsArchived = false, long SinceMs = 0, int Offset = 0);

/// <summary>Where the walk over campaigns stands.</summary>
/// <param name="FromMs">Start of the window of activity; 0: all.</param>
/// <param name="StartedMs">When this walk began.</param>
/// <param name="Campaign">Campaign that is read; null: the next walk begins.</param>
/// <param name="SentMs">When it was sent.</param>
/// <param name="HasUnsubscribed">Whether somebody unsubscribed by it.</param>
/// <param name="Phase">What of it is read.</param>
/// <param name="Offset">How much of that was read.</param>
internal sealed record CampaignCursor(long FromMs = 0, long StartedMs = 0, string? Campaign = null, long SentMs = 0, bool HasUnsubscribed = false, string Phase = "", int Offset = 0);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AccountRoot))]
[JsonSerializable(typeof(AudiencePage))]
[JsonSerializable(typeof(MemberPage))]
[JsonSerializable(typeof(Member))]
[JsonSerializable(typeof(MergeFieldPage))]
[JsonSerializable(typeof(MergeField))]
[JsonSerializable(typeof(MemberPatch))]
[JsonSerializable(typeof(ReportPage))]
[JsonSerializable(typeof(EmailActivityPage))]
[JsonSerializable(typeof(SentToPage))]
[JsonSerializable(typeof(UnsubscribedPage))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(MemberCursor))]
[JsonSerializable(typeof(CampaignCursor))]
internal sealed partial class MailchimpJson : JsonSerializerContext;
