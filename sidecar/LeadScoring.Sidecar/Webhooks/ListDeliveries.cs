using System.ComponentModel;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>Where an event stands with a webhook.</summary>
public enum DeliveryStatus
{
    /// <summary>Waits to be sent, or for its next try.</summary>
    Pending,

    /// <summary>The receiver answered 2xx.</summary>
    Delivered,

    /// <summary>Given up after its last try.</summary>
    Dead,
}

internal static class ListDeliveries
{
    /// <param name="Failure">Of the last try.</param>
    /// <param name="Payload">The event as it is sent.</param>
    public sealed record Item(
        string EventId, string Type, DeliveryStatus Status, DateTimeOffset OccurredAt, int Attempts, DateTimeOffset? NextAttempt, DateTimeOffset? FinishedAt, string? Failure, JsonElement Payload);

    public sealed record Response(IReadOnlyList<Item> Deliveries);

    internal static async Task<Ok<Response>> HandleAsync(
        string webhookId, Caller caller, WebhookStore webhooks, DeliveryStore deliveries, CancellationToken cancellationToken,
        [Description("pending, delivered or dead.")] string status = "dead", [Description("1 to 500.")] int limit = 100)
    {
        if (!Enum.TryParse<DeliveryStatus>(status, ignoreCase: true, out var parsed) || !Enum.IsDefined(parsed)) throw ProblemException.Invalid("?status", "status is pending, delivered or dead.");
        if (limit is < 1 or > 500) throw ProblemException.Invalid("?limit", "1 to 500.");
        await webhooks.GetAsync(caller.OrganizationId, webhookId, cancellationToken);
        var rows = await deliveries.ListAsync(caller.OrganizationId, webhookId, parsed.ToString().ToLowerInvariant(), limit, cancellationToken);
        return TypedResults.Ok(new Response([.. rows.Select(r => new Item(
            r.EventId, r.EventType, parsed, Moment.Of(r.OccurredAtMs), r.Attempts, parsed == DeliveryStatus.Pending ? Moment.Of(r.NextAttemptMs) : null, Moment.Of(r.FinishedAtMs), r.Failure, JsonElement.Parse(r.Body)))]));
    }
}

internal static class ReplayDeliveries
{
    /// <param name="Replayed">Dead events that are pending again, with all their tries.</param>
    public sealed record Response(int Replayed);

    internal static async Task<Ok<Response>> HandleAsync(
        string webhookId, Caller caller, WebhookStore webhooks, DeliveryStore deliveries, CancellationToken cancellationToken, [Description("One dead event; absent: all of them.")] string? event_id = null)
    {
        await webhooks.GetAsync(caller.OrganizationId, webhookId, cancellationToken);
        var replayed = await deliveries.ReplayAsync(caller.OrganizationId, webhookId, event_id, cancellationToken);
        if (replayed == 0 && event_id is not null) throw new ProblemException(ProblemKind.NotFound, "The webhook has no such dead event. GET /v1/webhooks/{id}/deliveries?status=dead lists them.");
        return TypedResults.Ok(new Response(replayed));
    }
}
