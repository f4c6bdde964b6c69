using System.Diagnostics;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Webhooks;

internal static class TestWebhook
{
    /// <param name="Delivered">Whether the receiver answered 2xx.</param>
    /// <param name="Status">Its HTTP status; absent when there was no answer.</param>
    /// <param name="Failure">What is wrong and, where that is known, what to do.</param>
    /// <param name="DurationMs">How long it took.</param>
    public sealed record Response(string EventId, bool Delivered, int? Status, string? Failure, int DurationMs);

    internal static async Task<Ok<Response>> HandleAsync(string webhookId, Caller caller, WebhookStore webhooks, SendWebhook send, TimeProvider time, CancellationToken cancellationToken)
    {
        var webhook = await webhooks.GetAsync(caller.OrganizationId, webhookId, cancellationToken);
        var eventId = WebhookJson.NewEventId();
        var body = WebhookJson.Write(eventId, WebhookEventTypes.Test, caller.OrganizationId, time.NowMs(), new WebhookTestData(webhookId, "A test: nothing happened."));
        var since = Stopwatch.GetTimestamp();
        SendResult sent;
        try
        {
            sent = await send.RunAsync(new Uri(webhook.Url), webhooks.Keys(webhook), eventId, body, cancellationToken);
        }
        catch (StorageException e)
        {
            throw new ProblemException(ProblemKind.Conflict, e.Message);
        }

        return TypedResults.Ok(new Response(eventId, sent.Failure is null, sent.Status, sent.Failure, (int)Stopwatch.GetElapsedTime(since).TotalMilliseconds));
    }
}
