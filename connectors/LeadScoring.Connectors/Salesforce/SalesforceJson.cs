using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Connectors.Salesforce;

internal sealed record QueryPage(bool Done, long TotalSize, string? NextRecordsUrl, IReadOnlyList<JsonElement> Records);

internal sealed record DeletedPage(IReadOnlyList<DeletedRecord> DeletedRecords);

internal sealed record DeletedRecord(string Id);

internal sealed record ObjectDescription(IReadOnlyList<FieldDescription> Fields);

/// <param name="Name">Name in the API; those of custom fields end in <c>__c</c>.</param>
/// <param name="Type">Such as double, string, picklist, datetime.</param>
/// <param name="Updateable">Whether this user may write it.</param>
/// <param name="Calculated">A formula.</param>
/// <param name="InlineHelpText">What people read beside it.</param>
internal sealed record FieldDescription(string Name, string Type, bool Updateable, bool Calculated, string? InlineHelpText);

internal sealed record SaveResult(string? Id, bool Success, IReadOnlyList<SaveError>? Errors);

internal sealed record SaveError(string? StatusCode);

internal sealed record ErrorEntry(string? ErrorCode);

internal sealed record QueryJobBody(string Operation, string Query);

internal sealed record QueryJob(string Id, string State);

/// <summary>Where a walk stands.</summary>
/// <param name="At">Which of its sources is walked now.</param>
/// <param name="Sources">One cursor a source.</param>
internal sealed record WalkCursor(int At, IReadOnlyList<SourceCursor> Sources);

/// <summary>Where the walk over one source stands; see <see cref="SalesforceWalk"/>.</summary>
/// <param name="Phase">What is done now.</param>
/// <param name="Stamp">Moment of the last record that was read, or the start of the window; null: from the beginning.</param>
/// <param name="LastId">Id of that record; null at the start of a window.</param>
/// <param name="Next">Next page of the query under way; it may be gone, stamp and id are enough to go on.</param>
/// <param name="Job">Bulk job.</param>
/// <param name="Locator">Next part of its results.</param>
/// <param name="Started">When the walk over the window began.</param>
/// <param name="DeletedTo">Until when deletions are known.</param>
internal sealed record SourceCursor(
    string Phase = "", DateTimeOffset? Stamp = null, string? LastId = null, string? Next = null, string? Job = null, string? Locator = null, DateTimeOffset Started = default, DateTimeOffset DeletedTo = default);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(QueryPage))]
[JsonSerializable(typeof(DeletedPage))]
[JsonSerializable(typeof(ObjectDescription))]
[JsonSerializable(typeof(IReadOnlyList<SaveResult>))]
[JsonSerializable(typeof(IReadOnlyList<ErrorEntry>))]
[JsonSerializable(typeof(QueryJobBody))]
[JsonSerializable(typeof(QueryJob))]
[JsonSerializable(typeof(WalkCursor))]
internal sealed partial class SalesforceJson : JsonSerializerContext;

internal sealed record TokenAnswer(string AccessToken, string InstanceUrl, string? RefreshToken);

internal sealed record TokenError(string? Error);

/// <summary>The token endpoint alone speaks snake case.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(TokenError))]
internal sealed partial class SalesforceTokenJson : JsonSerializerContext;
