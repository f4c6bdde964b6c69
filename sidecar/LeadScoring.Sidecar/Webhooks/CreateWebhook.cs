using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Net;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Webhooks;

internal static class CreateWebhook
{
    /// <param name="Url">http or https; an address in a private network must be named in LEADSCORING__WEBHOOKS__ALLOWEDPRIVATEHOSTS.</param>
    public sealed record Request(
        [property: Required, StringLength(2_000, MinimumLength = 1)] string? Url,
        [property: Required, MinLength(1), Description("score.updated, grade.changed, review.needed, model.promoted, drift.alert.")] IReadOnlyList<string>? Events,
        [property: Description("Only events of leads that have, or had before, one of these grades. Absent: all.")] IReadOnlyList<string>? Grades = null,
        [property: StringLength(500)] string? Description = null,
        bool Enabled = true,
        [property: Description("At least 32 bytes: whsec_ and base64, or a text. Absent: one is made.")] string? Secret = null);

    /// <param name="Secret">Shown this once. Absent when the request brought its own.</param>
    public sealed record Response(ListWebhooks.Item Webhook, string? Secret);

    internal static async Task<Created<Response>> HandleAsync(Request request, Caller caller, WebhookStore webhooks, IOptions<WebhookOptions> options, CancellationToken cancellationToken)
    {
        var settings = Read(request.Url, request.Events, request.Grades, request.Description, request.Enabled, options.Value);
        if (request.Secret is { } given && !WebhookSignature.TryReadSecret(given, out _))
            throw ProblemException.Invalid("/secret", $"Send whsec_ and base64, or a text; {WebhookSignature.MinSecretBytes} to {WebhookSignature.MaxSecretBytes} bytes. Or leave it out, and one is made.");
        var secret = request.Secret ?? WebhookSignature.NewSecret();
        var id = await webhooks.AddAsync(caller.OrganizationId, settings, secret, cancellationToken);
        var webhook = await webhooks.GetAsync(caller.OrganizationId, id, cancellationToken);
        return TypedResults.Created($"/v1/webhooks/{id}", new Response(ListWebhooks.Of(webhook, null), request.Secret is null ? secret : null));
    }

    /// <exception cref="ProblemException">Something in it is wrong.</exception>
    internal static WebhookSettings Read(string? url, IReadOnlyList<string>? events, IReadOnlyList<string>? grades, string? description, bool isEnabled, WebhookOptions options)
    {
        var errors = new List<FieldError>();
        if (UrlFault(url, options) is { } fault) errors.Add(new FieldError("/url", fault));
        if (events!.Except(WebhookEventTypes.All).FirstOrDefault() is { } unknown) errors.Add(new FieldError("/events", $"\"{unknown}\" is no event. There are {string.Join(", ", WebhookEventTypes.All)}."));
        if (grades is not null && (grades.Count == 0 || grades.Except(["A", "B", "C", "D"]).Any())) errors.Add(new FieldError("/grades", "Grades are A, B, C and D; leave grades out for all."));
        if (errors.Count > 0) throw ProblemException.Invalid(errors);
        return new WebhookSettings(url!, description, string.Join(' ', events!.Distinct()), grades is null ? null : string.Concat(grades.Distinct().Order(StringComparer.Ordinal)), isEnabled);
    }

    private static string? UrlFault(string? text, WebhookOptions options)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0) return "Send an address that starts with https:// or http://.";
        if (url.UserInfo.Length > 0) return "Leave user and password out of the address: it is shown in lists. Let the receiver check the signature.";
        // Names are checked when they are connected to; for an address that is written out it can be said at once.
        var isPrivate = url.IsLoopback || (IPAddress.TryParse(url.DnsSafeHost, out var address) && PrivateAddress.Is(address));
        return isPrivate && !options.PrivateHosts.Contains(url.DnsSafeHost) ? PrivateAddress.Refusal(url.DnsSafeHost) : null;
    }
}
