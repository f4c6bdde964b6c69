using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>What can be subscribed to. The names are part of the API: receivers branch on them.</summary>
internal static class WebhookEventTypes
{
    internal const string ScoreUpdated = "score.updated";
    internal const string GradeChanged = "grade.changed";
    internal const string ReviewNeeded = "review.needed";
    internal const string ModelPromoted = "model.promoted";
    internal const string DriftAlert = "drift.alert";

    /// <summary>Sent by POST /v1/webhooks/{id}/test; nobody subscribes to it.</summary>
    internal const string Test = "webhook.test";

    internal static readonly string[] All = [ScoreUpdated, GradeChanged, ReviewNeeded, ModelPromoted, DriftAlert];
}

/// <summary>The body of every webhook.</summary>
/// <param name="Id">The same for every try and every webhook that the event goes to; the header webhook-id says it too. Whoever has seen it has seen the event.</param>
public sealed record WebhookEvent<TData>(string Id, string Type, string OrganizationId, DateTimeOffset OccurredAt, [property: Required] TData Data);

/// <summary>What score.updated, grade.changed and review.needed tell. No attribute of the person.</summary>
/// <param name="PreviousGrade">Absent for the lead's first score.</param>
/// <param name="NextBestAction">Absent where bounds between grades moved and the lead was not scored anew.</param>
/// <param name="ModelVersion">Absent when rules scored.</param>
public sealed record LeadEventData(
    string LeadId,
    double Score,
    string Grade,
    string? PreviousGrade,
    double ConversionProbability,
    double Confidence,
    bool NeedsReview,
    string? ReviewReason,
    string? NextBestAction,
    int? ModelVersion,
    string ScoredBy);

/// <param name="PreviousVersion">Absent for the first champion.</param>
/// <param name="Reason">Why it became the champion.</param>
public sealed record ModelPromotedData(int Version, int? PreviousVersion, string Reason);

/// <param name="Kind">What drifted: feature, prediction, performance or concept.</param>
/// <param name="Feature">Name of the feature; absent when it is not about one.</param>
/// <param name="Value">The measure that gave the alarm.</param>
/// <param name="Threshold">The bound that it is beyond.</param>
/// <param name="Detail">In words.</param>
public sealed record DriftAlertData(
    [property: Description("feature, prediction, performance or concept.")] string Kind, string? Feature, double Value, double Threshold, string Detail);

public sealed record WebhookTestData(string WebhookId, string Message);

internal static class WebhookJson
{
    internal static readonly JsonSerializerOptions Options = Make();

    internal static string NewEventId() => $"evt_{Guid.CreateVersion7():N}";

    internal static string Write<TData>(string eventId, string type, string organizationId, long occurredAtMs, TData data) =>
        JsonSerializer.Serialize(new WebhookEvent<TData>(eventId, type, organizationId, Moment.Of(occurredAtMs), data), Options);

    private static JsonSerializerOptions Make()
    {
        var json = new JsonSerializerOptions { RespectNullableAnnotations = false };
        ApiServices.Configure(json);
        json.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        return json;
    }
}
