using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Connectors.Klaviyo;

internal sealed record ProfilePage(IReadOnlyList<Profile> Data, PageLinks? Links);

internal sealed record PageLinks(string? Next);

internal sealed record ProfileAnswer(Profile Data);

internal sealed record Profile(string Id, ProfileAttributes Attributes);

internal sealed record ProfileAttributes(
    string? Email, string? PhoneNumber, string? FirstName, string? LastName, string? Organization, string? Title, string? Locale, DateTimeOffset? Created, ProfileLocation? Location, Dictionary<string, JsonElement>? Properties);

internal sealed record ProfileLocation(string? City, string? Region, string? Country, string? Zip, string? Timezone);

internal sealed record ProfilePatch(ProfilePatchData Data);

internal sealed record ProfilePatchData(string Type, string Id, ProfilePatchAttributes Attributes);

internal sealed record ProfilePatchAttributes(Dictionary<string, JsonElement> Properties);

internal sealed record ImportJob(ImportJobData Data);

internal sealed record ImportJobData(string Type, ImportJobAttributes Attributes);

internal sealed record ImportJobAttributes(ImportProfiles Profiles);

internal sealed record ImportProfiles(IReadOnlyList<ProfilePatchData> Data);

internal sealed record JobAnswer(JobState Data);

internal sealed record JobState(string Id, JobStateAttributes? Attributes);

internal sealed record JobStateAttributes(string? Status, int? FailedCount);

internal sealed record ImportErrorPage(IReadOnlyList<ImportError>? Data, PageLinks? Links);

internal sealed record ImportError(ImportErrorAttributes? Attributes);

internal sealed record ImportErrorAttributes(ImportErrorOrigin? OriginalPayload);

internal sealed record ImportErrorOrigin(string? Id);

internal sealed record EventPage(IReadOnlyList<KlaviyoEvent> Data, PageLinks? Links);

internal sealed record KlaviyoEvent(string Id, EventAttributes Attributes, EventRelations? Relationships);

internal sealed record EventAttributes(DateTimeOffset? Datetime, long? Timestamp, Dictionary<string, JsonElement>? EventProperties);

internal sealed record EventRelations(Relation? Profile, Relation? Metric);

internal sealed record Relation(RelationData? Data);

internal sealed record RelationData(string Id);

internal sealed record MetricPage(IReadOnlyList<Metric> Data, PageLinks? Links);

internal sealed record Metric(string Id, MetricAttributes Attributes);

internal sealed record MetricAttributes(string Name);

internal sealed record AccountPage(IReadOnlyList<RelationData> Data);

internal sealed record ErrorBody(IReadOnlyList<ErrorItem>? Errors);

internal sealed record ErrorItem(string? Code);

internal sealed record Delivery(IReadOnlyList<DeliveredEvent>? Data, DeliveryMeta? Meta);

internal sealed record DeliveryMeta(string? KlaviyoWebhookId);

internal sealed record DeliveredEvent(string? ExternalId, string? Topic, EventAnswer? Payload);

internal sealed record EventAnswer(KlaviyoEvent? Data);

/// <summary>Where a walk stands.</summary>
/// <param name="FromMs">Start of the window; 0: all.</param>
/// <param name="StartedMs">When this walk began; 0: the next one begins.</param>
/// <param name="Page">Klaviyo's own cursor of the next page.</param>
internal sealed record WalkCursor(long FromMs = 0, long StartedMs = 0, string? Page = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ProfilePage))]
[JsonSerializable(typeof(ProfileAnswer))]
[JsonSerializable(typeof(ProfilePatch))]
[JsonSerializable(typeof(ImportJob))]
[JsonSerializable(typeof(JobAnswer))]
[JsonSerializable(typeof(ImportErrorPage))]
[JsonSerializable(typeof(EventPage))]
[JsonSerializable(typeof(MetricPage))]
[JsonSerializable(typeof(AccountPage))]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(Delivery))]
[JsonSerializable(typeof(WalkCursor))]
internal sealed partial class KlaviyoJson : JsonSerializerContext;
