using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>The webhooks section of the OpenAPI document: what receivers get.</summary>
internal static class WebhookDocument
{
    private static readonly (string Type, Type Body, string Summary)[] Events =
    [
        (WebhookEventTypes.ScoreUpdated, typeof(WebhookEvent<LeadEventData>), "A lead was scored, and score, grade or model are others than before."),
        (WebhookEventTypes.GradeChanged, typeof(WebhookEvent<LeadEventData>), "A lead has another grade, or its first one."),
        (WebhookEventTypes.ReviewNeeded, typeof(WebhookEvent<LeadEventData>), "A person should look at a lead's score; before, nobody needed to."),
        (WebhookEventTypes.ModelPromoted, typeof(WebhookEvent<ModelPromotedData>), "Another model version is the champion."),
        (WebhookEventTypes.DriftAlert, typeof(WebhookEvent<DriftAlertData>), "A drift check gave an alarm."),
    ];

    internal static async Task DescribeAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Webhooks = new Dictionary<string, IOpenApiPathItem>();
        foreach (var (type, body, summary) in Events)
        {
            var schema = await context.GetOrCreateSchemaAsync(body, null, cancellationToken);
            document.Webhooks[type] = new OpenApiPathItem { Operations = new Dictionary<HttpMethod, OpenApiOperation> { [HttpMethod.Post] = Operation(type, summary, schema) } };
        }
    }

    private static OpenApiOperation Operation(string type, string summary, IOpenApiSchema schema) => new()
    {
        OperationId = "on" + string.Concat(type.Split('.').Select(p => char.ToUpperInvariant(p[0]) + p[1..])),
        Summary = summary,
        Description = "Answer 2xx within 10 s. Anything else is tried again for about 22 hours; 410 ends the subscription. Events of a lead come in order, each at least once.",
        Parameters =
        [
            Header(WebhookSignature.IdHeader, "Event id, the same in every try."),
            Header(WebhookSignature.TimestampHeader, "Unix seconds of this try."),
            Header(WebhookSignature.SignatureHeader, "v1, and the base64 of HMAC-SHA256 over id.timestamp.body; several with blanks between them while a secret is being changed."),
        ],
        RequestBody = new OpenApiRequestBody { Required = true, Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Schema = schema } } },
        Responses = new OpenApiResponses { ["2XX"] = new OpenApiResponse { Description = "Received." }, ["410"] = new OpenApiResponse { Description = "Wants no more: the webhook is disabled." } },
    };

    private static OpenApiParameter Header(string name, string description) =>
        new() { Name = name, In = ParameterLocation.Header, Required = true, Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
}
