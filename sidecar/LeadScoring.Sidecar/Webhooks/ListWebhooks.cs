using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Webhooks;

internal static class ListWebhooks
{
    /// <param name="Reason">Status or kind of failure; never what the receiver wrote.</param>
    public sealed record Failure(DateTimeOffset At, string Reason);

    /// <param name="Grades">Absent: all.</param>
    /// <param name="DisabledReason">Why it was disabled by itself.</param>
    /// <param name="PausedUntil">The receiver asked for patience until then.</param>
    /// <param name="Pending">Events that wait to be sent, those between two tries included.</param>
    /// <param name="Dead">Events that were given up; POST /v1/webhooks/{id}/replay sends them again.</param>
    public sealed record Item(
        string WebhookId, string Url, IReadOnlyList<string> Events, IReadOnlyList<string>? Grades, string? Description, bool Enabled, string? DisabledReason, DateTimeOffset? PausedUntil,
        DateTimeOffset? LastSuccess, Failure? LastFailure, long Pending, long Dead, DateTimeOffset CreatedAt);

    public sealed record Response(IReadOnlyList<Item> Webhooks);

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, WebhookStore webhooks, DeliveryStore deliveries, CancellationToken cancellationToken)
    {
        var rows = await webhooks.ListAsync(caller.OrganizationId, cancellationToken);
        var counts = await deliveries.CountAsync(caller.OrganizationId, cancellationToken);
        return TypedResults.Ok(new Response([.. rows.Select(r => Of(r, counts.GetValueOrDefault(r.WebhookId)))]));
    }

    internal static Item Of(WebhookRow row, DeliveryCounts? counts) => new(
        row.WebhookId, row.Url, row.EventTypes.Split(' '), row.Grades is null ? null : [.. row.Grades.Select(g => g.ToString())], row.Description, row.IsEnabled, row.DisabledReason,
        row.PausedUntilMs == 0 ? null : Moment.Of(row.PausedUntilMs), Moment.Of(row.LastSuccessMs), row.LastFailureMs is { } at ? new Failure(Moment.Of(at), row.LastFailure ?? "") : null,
        counts?.Pending ?? 0, counts?.Dead ?? 0, Moment.Of(row.CreatedAtMs));
}
