using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Connectors.Dynamics;

/// <summary>A page of a table. The last page of a tracked list has a link to what changes after it.</summary>
internal sealed record RowPage([property: JsonPropertyName("@odata.nextLink")] string? NextLink, [property: JsonPropertyName("@odata.deltaLink")] string? DeltaLink, IReadOnlyList<Dictionary<string, JsonElement>> Value);

internal sealed record WhoAmI(Guid OrganizationId);

internal sealed record ScoreBody(
    [property: JsonPropertyName("msdyn_score")] int Score, [property: JsonPropertyName("msdyn_grade")] int? Grade, [property: JsonPropertyName("msdyn_scoretrend")] int? Trend = null,
    [property: JsonPropertyName("msdyn_entityid")] string? EntityId = null, [property: JsonPropertyName("msdyn_entitytype")] string? EntityType = null);

internal sealed record ErrorBody([property: JsonPropertyName("error")] ErrorDetail? Error);

internal sealed record ErrorDetail([property: JsonPropertyName("code")] string? Code);

internal sealed record TokenAnswer([property: JsonPropertyName("access_token")] string AccessToken, [property: JsonPropertyName("expires_in")] long ExpiresIn);

/// <summary>Where a walk stands.</summary>
/// <param name="Link">Path and query of the next page, or of what changed; null: everything, from the beginning.</param>
/// <param name="IsSecond">Of two tables the second one is walked now.</param>
/// <param name="Other">Link of the other table.</param>
internal sealed record LinkCursor(string? Link = null, bool IsSecond = false, string? Other = null);

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(RowPage))]
[JsonSerializable(typeof(WhoAmI))]
[JsonSerializable(typeof(ScoreBody))]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(LinkCursor))]
internal sealed partial class DynamicsJson : JsonSerializerContext;
