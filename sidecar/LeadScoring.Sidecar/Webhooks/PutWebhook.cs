using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Webhooks;

internal static class PutWebhook
{
    public sealed record Request(
        [property: Required, StringLength(2_000, MinimumLength = 1)] string? Url,
        [property: Required, MinLength(1), Description("score.updated, grade.changed, review.needed, model.promoted, drift.alert.")] IReadOnlyList<string>? Events,
        IReadOnlyList<string>? Grades = null,
        [property: StringLength(500)] string? Description = null,
        bool Enabled = true);

    internal static async Task<Ok<ListWebhooks.Item>> HandleAsync(
        string webhookId, Request request, Caller caller, WebhookStore webhooks, DeliveryStore deliveries, IOptions<WebhookOptions> options, CancellationToken cancellationToken)
    {
        var settings = CreateWebhook.Read(request.Url, request.Events, request.Grades, request.Description, request.Enabled, options.Value);
        if (!await webhooks.UpdateAsync(caller.OrganizationId, webhookId, settings, cancellationToken)) throw WebhookStore.Unknown();
        var counts = await deliveries.CountAsync(caller.OrganizationId, cancellationToken);
        return TypedResults.Ok(ListWebhooks.Of(await webhooks.GetAsync(caller.OrganizationId, webhookId, cancellationToken), counts.GetValueOrDefault(webhookId)));
    }
}

internal static class DeleteWebhook
{
    internal static async Task<NoContent> HandleAsync(string webhookId, Caller caller, WebhookStore webhooks, CancellationToken cancellationToken) =>
        await webhooks.DeleteAsync(caller.OrganizationId, webhookId, cancellationToken) ? TypedResults.NoContent() : throw WebhookStore.Unknown();
}
