using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Connectors.SendGrid;

internal sealed record MessagePage(IReadOnlyList<Message>? Messages);

internal sealed record Message(string MsgId, string ToEmail, string Status, int OpensCount, int ClicksCount, DateTimeOffset LastEventTime);

internal sealed record ContactList(IReadOnlyList<MarketingContact>? Result);

internal sealed record ContactsByEmail(Dictionary<string, EmailHit>? Result);

internal sealed record EmailHit(MarketingContact? Contact);

/// <summary>A contact of Marketing Campaigns. Custom fields are named when read and numbered when written.</summary>
internal sealed record MarketingContact(
    string Id, string? Email, string? FirstName, string? LastName, string? City, string? StateProvinceRegion, string? Country, string? PostalCode, string? PhoneNumber, string? PhoneNumberId, string? ExternalId,
    string? AnonymousId, IReadOnlyList<string>? AlternateEmails, Dictionary<string, JsonElement>? CustomFields, string? CreatedAt);

internal sealed record ContactIds(IReadOnlyList<string> Ids);

internal sealed record ContactEmails(IReadOnlyList<string> Emails);

internal sealed record FieldDefinitions(IReadOnlyList<CustomField>? CustomFields);

internal sealed record CustomField(string Id, string Name, string FieldType);

internal sealed record NewField(string Name, string FieldType);

internal sealed record ContactUpsert(IReadOnlyList<UpsertedContact> Contacts);

/// <summary>All identifiers that the contact has: with one missing SendGrid would make another contact.</summary>
internal sealed record UpsertedContact(string? Email, string? PhoneNumberId, string? ExternalId, string? AnonymousId, Dictionary<string, JsonElement> CustomFields);

internal sealed record UpsertJob(string JobId);

internal sealed record JobState(string Status);

internal sealed record ScopeList(IReadOnlyList<string> Scopes);

/// <summary>An event of the webhook; custom arguments lie beside these.</summary>
internal sealed record MailEvent(string? Email, long Timestamp, string? Event, string? SgEventId, bool? SgMachineOpen, string? Useragent, string? Url);

/// <summary>Where the walk over messages stands.</summary>
/// <param name="FromMs">Start of the window.</param>
/// <param name="SpanMs">Its length; 0: to now.</param>
/// <param name="StartedMs">When this walk began; 0: the next one begins.</param>
internal sealed record MessageCursor(long FromMs, long SpanMs = 0, long StartedMs = 0);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(MessagePage))]
[JsonSerializable(typeof(ContactList))]
[JsonSerializable(typeof(ContactsByEmail))]
[JsonSerializable(typeof(ContactIds))]
[JsonSerializable(typeof(ContactEmails))]
[JsonSerializable(typeof(FieldDefinitions))]
[JsonSerializable(typeof(NewField))]
[JsonSerializable(typeof(ContactUpsert))]
[JsonSerializable(typeof(UpsertJob))]
[JsonSerializable(typeof(JobState))]
[JsonSerializable(typeof(ScopeList))]
[JsonSerializable(typeof(IReadOnlyList<MailEvent>))]
[JsonSerializable(typeof(MessageCursor))]
internal sealed partial class SendGridJson : JsonSerializerContext;
