using System.Text.Json.Serialization;

namespace LeadScoring.Connectors.HubSpot;

internal sealed record CrmObject(string Id, Dictionary<string, string?>? Properties, DateTimeOffset? CreatedAt, bool Archived, Dictionary<string, Associations>? Associations);

internal sealed record Associations(IReadOnlyList<AssociatedId> Results, Paging? Paging);

internal sealed record AssociatedId(string Id);

internal sealed record Paging(PagingNext? Next);

internal sealed record PagingNext(string After);

internal sealed record ObjectPage(IReadOnlyList<CrmObject> Results, Paging? Paging);

internal sealed record SearchBody(IReadOnlyList<FilterGroup> FilterGroups, IReadOnlyList<SortBy> Sorts, IReadOnlyList<string> Properties, int Limit);

internal sealed record FilterGroup(IReadOnlyList<Filter> Filters);

internal sealed record Filter(string PropertyName, string Operator, string Value);

internal sealed record SortBy(string PropertyName, string Direction);

internal sealed record BatchIds(IReadOnlyList<BatchId> Inputs, IReadOnlyList<string>? Properties = null);

internal sealed record BatchId(string Id, string? After = null);

internal sealed record BatchUpdate(IReadOnlyList<BatchUpdateInput> Inputs);

internal sealed record BatchUpdateInput(string Id, IReadOnlyDictionary<string, string> Properties);

internal sealed record BatchAnswer(IReadOnlyList<CrmObject>? Results, IReadOnlyList<BatchError>? Errors);

internal sealed record BatchError(string? Category, Dictionary<string, IReadOnlyList<string>>? Context);

internal sealed record AssociationAnswer(IReadOnlyList<AssociationPair> Results);

internal sealed record AssociationPair(AssociatedId From, IReadOnlyList<AssociationTo> To, Paging? Paging);

// Since version 4 associations name numbers here; lists of objects name texts.
internal sealed record AssociationTo([property: JsonNumberHandling(JsonNumberHandling.AllowReadingFromString)] long ToObjectId);

internal sealed record PropertyList(IReadOnlyList<PropertyInfo> Results);

internal sealed record PropertyInfo(string Name, string? GroupName);

internal sealed record PropertyBody(string Name, string Label, string Type, string FieldType, string GroupName, IReadOnlyList<PropertyOption>? Options = null);

internal sealed record PropertyOption(string Label, string Value, int DisplayOrder, bool Hidden = false);

internal sealed record GroupBody(string Name, string Label);

internal sealed record PipelineList(IReadOnlyList<Pipeline> Results);

internal sealed record Pipeline(string Id, IReadOnlyList<PipelineStage> Stages);

internal sealed record PipelineStage(string Id, string Label, Dictionary<string, string>? Metadata);

internal sealed record EventPage(IReadOnlyList<EventOccurrence> Results, Paging? Paging);

internal sealed record EventOccurrence(string Id, string ObjectId, string EventType, DateTimeOffset OccurredAt, Dictionary<string, string>? Properties);

internal sealed record AccountDetails(long PortalId);

internal sealed record TokenAnswer(string AccessToken, long ExpiresIn, string? RefreshToken);

internal sealed record ErrorBody(string? Category, string? PolicyName);

/// <summary>An event of a webhook. Numbers may be larger than JavaScript's.</summary>
internal sealed record WebhookEvent(long EventId, long SubscriptionId, long OccurredAt, string? SubscriptionType, long? ObjectId, string? ObjectTypeId, string? PropertyName, IReadOnlyList<long>? MergedObjectIds, long? PrimaryObjectId);

/// <summary>Where a walk stands; see <see cref="HubSpotWalk"/>.</summary>
/// <param name="Phase">What is walked now.</param>
/// <param name="After">Next page of a list.</param>
/// <param name="FromMs">Start of the window of changes.</param>
/// <param name="LastId">Last id seen in it.</param>
/// <param name="StartedMs">When the walk over it began.</param>
/// <param name="ArchivedMs">When archived objects were last listed.</param>
/// <param name="SideFromMs">Start of the window of what is walked beside it: companies, or events.</param>
/// <param name="EventType">Which type of events.</param>
internal sealed record WalkCursor(string Phase, string? After = null, long FromMs = 0, long LastId = 0, long StartedMs = 0, long ArchivedMs = 0, long SideFromMs = 0, int EventType = 0);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ObjectPage))]
[JsonSerializable(typeof(SearchBody))]
[JsonSerializable(typeof(BatchIds))]
[JsonSerializable(typeof(BatchUpdate))]
[JsonSerializable(typeof(BatchAnswer))]
[JsonSerializable(typeof(AssociationAnswer))]
[JsonSerializable(typeof(PropertyList))]
[JsonSerializable(typeof(PropertyBody))]
[JsonSerializable(typeof(GroupBody))]
[JsonSerializable(typeof(PipelineList))]
[JsonSerializable(typeof(EventPage))]
[JsonSerializable(typeof(AccountDetails))]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(IReadOnlyList<WebhookEvent>))]
[JsonSerializable(typeof(WalkCursor))]
internal sealed partial class HubSpotJson : JsonSerializerContext;

/// <summary>The token endpoint alone speaks snake case.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TokenAnswer))]
internal sealed partial class HubSpotTokenJson : JsonSerializerContext;
