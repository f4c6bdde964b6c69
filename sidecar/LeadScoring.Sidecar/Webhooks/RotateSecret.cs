using System.ComponentModel;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Webhooks;

internal static class RotateSecret
{
    private const int MaxOverlapHours = 168;

    /// <param name="Secret">The new one, shown this once.</param>
    /// <param name="PreviousUntil">Until then every webhook carries a signature with the secret before, too.</param>
    public sealed record Response(string WebhookId, string Secret, DateTimeOffset PreviousUntil);

    internal static async Task<Ok<Response>> HandleAsync(
        string webhookId, Caller caller, WebhookStore webhooks, CancellationToken cancellationToken, [Description("How long the secret before signs as well: 0 to 168.")] int overlap_hours = 24)
    {
        if (overlap_hours is < 0 or > MaxOverlapHours) throw ProblemException.Invalid("?overlap_hours", $"0 to {MaxOverlapHours}.");
        var webhook = await webhooks.GetAsync(caller.OrganizationId, webhookId, cancellationToken);
        var secret = WebhookSignature.NewSecret();
        var untilMs = await webhooks.RotateAsync(webhook, secret, TimeSpan.FromHours(overlap_hours), cancellationToken);
        return TypedResults.Ok(new Response(webhookId, secret, Moment.Of(untilMs)));
    }
}
