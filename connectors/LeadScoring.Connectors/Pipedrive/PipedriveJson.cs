using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Connectors.Pipedrive;

internal sealed record PageOf<T>(IReadOnlyList<T>? Data, AdditionalData? AdditionalData);

internal sealed record OneOf<T>(T? Data);

internal sealed record AdditionalData(string? NextCursor, StartPaging? Pagination);

/// <summary>Paging of version 1.</summary>
internal sealed record StartPaging(bool MoreItemsInCollection, long? NextStart);

internal sealed record Person(
    long Id, string? Name, string? FirstName, string? LastName, long? OrgId, DateTimeOffset? AddTime, IReadOnlyList<Labelled>? Emails, IReadOnlyList<Labelled>? Phones, bool IsDeleted, string? JobTitle, Address? PostalAddress,
    Dictionary<string, JsonElement>? CustomFields);

internal sealed record Labelled(string? Value, bool Primary);

internal sealed record Address(string? Country, string? Locality, string? PostalCode, [property: JsonPropertyName("admin_area_level_1")] string? AdminAreaLevel1);

internal sealed record Company(long Id, string? Name, Address? Address, double? AnnualRevenue, double? EmployeeCount);

internal sealed record Lead(string Id, long? PersonId, string? SourceName, LeadValue? Value);

internal sealed record LeadValue(double Amount);

internal sealed record Deal(
    long Id, double? Value, long? PersonId, long? StageId, string? Status, bool IsDeleted, DateTimeOffset? WonTime, DateTimeOffset? LostTime, DateTimeOffset? CloseTime);

internal sealed record Stage(long Id, string? Name);

internal sealed record DoneActivity(
    long Id, string? Type, bool IsDeleted, bool Done, long? PersonId, DateTimeOffset? MarkedAsDoneTime, DateTimeOffset? UpdateTime, DateTimeOffset? AddTime, IReadOnlyList<Participant>? Participants);

internal sealed record Participant(long? PersonId, bool Primary);

internal sealed record PersonField(string FieldName, string FieldCode, string FieldType, bool IsCustomField, IReadOnlyList<FieldOption>? Options);

internal sealed record FieldOption(JsonElement Id, string? Label);

internal sealed record NewField(string FieldName, string FieldType, IReadOnlyList<NewOption>? Options);

internal sealed record NewOption(string Label);

internal sealed record Me(long CompanyId, string? CompanyName);

internal sealed record ErrorBody(string? Code);

internal sealed record TokenAnswer(string AccessToken, long ExpiresIn, string? RefreshToken, string? ApiDomain);

/// <summary>A webhook of version 2.</summary>
internal sealed record Notice(NoticeMeta? Meta, JsonElement? Data, JsonElement? Previous);

internal sealed record NoticeMeta(string? Id, string? Action, string? Entity, string? EntityId, string? Version, string? MergedToId);

internal sealed record NoticeLead(long? PersonId);

/// <summary>Where a walk stands.</summary>
/// <param name="At">Which source is walked now.</param>
/// <param name="Sources">One cursor a source.</param>
internal sealed record WalkCursor(int At, IReadOnlyList<SourceCursor> Sources);

/// <summary>Where the walk over one source stands; see <see cref="PipedriveWalk{T}"/>.</summary>
/// <param name="From">Begin of the window of changes; null: everything.</param>
/// <param name="Next">Next page: a cursor, or with version 1 the number of its first record.</param>
/// <param name="Started">When the walk over the window began.</param>
internal sealed record SourceCursor(DateTimeOffset? From = null, string? Next = null, DateTimeOffset Started = default);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PageOf<Person>), TypeInfoPropertyName = "Persons")]
[JsonSerializable(typeof(PageOf<Company>), TypeInfoPropertyName = "Companies")]
[JsonSerializable(typeof(PageOf<Lead>), TypeInfoPropertyName = "Leads")]
[JsonSerializable(typeof(PageOf<Deal>), TypeInfoPropertyName = "Deals")]
[JsonSerializable(typeof(PageOf<Stage>), TypeInfoPropertyName = "Stages")]
[JsonSerializable(typeof(PageOf<DoneActivity>), TypeInfoPropertyName = "Activities")]
[JsonSerializable(typeof(PageOf<PersonField>), TypeInfoPropertyName = "PersonFields")]
[JsonSerializable(typeof(OneOf<PersonField>), TypeInfoPropertyName = "OneField")]
[JsonSerializable(typeof(OneOf<Me>), TypeInfoPropertyName = "Myself")]
[JsonSerializable(typeof(NewField))]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(Notice))]
[JsonSerializable(typeof(NoticeLead))]
[JsonSerializable(typeof(DoneActivity))]
[JsonSerializable(typeof(WalkCursor))]
internal sealed partial class PipedriveJson : JsonSerializerContext;
