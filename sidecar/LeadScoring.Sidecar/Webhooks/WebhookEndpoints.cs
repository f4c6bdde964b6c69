using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.OpenApi;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Webhooks;

internal static class WebhookEndpoints
{
    internal static IServiceCollection AddWebhooks(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<WebhookOptions>().Bind(configuration.GetSection(WebhookOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<Outbox>();
        services.AddSingleton<WebhookStore>();
        services.AddSingleton<DeliveryStore>();
        services.AddSingleton<SendWebhook>();
        services.AddHostedService<DeliverWebhooks>();
        services.AddSingleton(provider => OutboxGauges.Of(provider.GetRequiredService<Database>(), provider.GetRequiredService<TimeProvider>()));
        services.Configure<OpenApiOptions>("v1", options => options.AddDocumentTransformer(WebhookDocument.DescribeAsync));
        return services;
    }

    internal static void MapWebhooks(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/webhooks").WithTags("Webhooks").RequireScope(ApiScope.Admin);
        group.MapGet("", ListWebhooks.HandleAsync).WithName("ListWebhooks").WithSummary("Lists webhooks and how delivery goes: last success, last failure, what waits, what is dead.");
        group.MapPost("", CreateWebhook.HandleAsync).WithMetadata(new WriteOnce(AnswerIsSecret: true)).WithName("CreateWebhook").WithSummary("Subscribes an address to events; the secret that signs them is shown this once.");
        group.MapPut("/{webhookId}", PutWebhook.HandleAsync).WithName("PutWebhook").WithSummary("Changes a webhook, or enables it again; what waits is tried at once. The secret stays.");
        group.MapDelete("/{webhookId}", DeleteWebhook.HandleAsync).WithName("DeleteWebhook").WithSummary("Removes a webhook and what was not delivered to it.");
        group.MapPost("/{webhookId}/test", TestWebhook.HandleAsync).WithName("TestWebhook").WithSummary("Sends a signed test event and says what came back.");
        group.MapPost("/{webhookId}/rotate-secret", RotateSecret.HandleAsync).WithMetadata(new WriteOnce(AnswerIsSecret: true)).WithName("RotateWebhookSecret").WithSummary("Makes a new secret; the one before signs as well for a while.");
        group.MapGet("/{webhookId}/deliveries", ListDeliveries.HandleAsync).WithName("ListWebhookDeliveries").WithSummary("Lists events of a webhook by status, the newest first.");
        group.MapPost("/{webhookId}/replay", ReplayDeliveries.HandleAsync).WithName("ReplayWebhook").WithSummary("Sends dead events again: all, or one.");
    }
}
