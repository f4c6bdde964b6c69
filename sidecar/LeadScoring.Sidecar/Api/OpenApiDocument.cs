using System.ComponentModel.DataAnnotations;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace LeadScoring.Sidecar.Api;

/// <summary>The machine-readable contract: /openapi/v1.json, checked in as sidecar/openapi.json.</summary>
internal static class OpenApiDocument
{
    private const string Scheme = "ApiKey";

    internal static void AddOpenApiDocument(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.CreateSchemaReferenceId = type => OpenApiOptions.CreateDefaultSchemaReferenceId(type) is { } id ? SchemaName(type.Type, id) : null;
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Lead scoring sidecar",
                Version = "v1",
                Description = "Self-hosted lead scoring for n8n. Errors are RFC 9457 problem details. Scopes of a key: score, write (includes score), admin (includes write).",
            };
            // The address depends on where it runs; the checked-in file must not.
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [Scheme] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "lsk_<key id>_<secret>", Description = "Or the header X-API-Key." },
            };
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer(Describe);
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<RequiredScope>().LastOrDefault() is not { } required) return Task.CompletedTask;
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Scheme, context.Document)] = [] }];
            operation.Description = $"{operation.Description}{(operation.Description is null ? "" : " ")}Needs scope {required.Scope.ToString().ToLowerInvariant()}.";
            operation.Responses ??= [];
            operation.Responses["default"] = new OpenApiResponse { Description = "Problem details (RFC 9457): type, title, status, detail, errors [{pointer, detail}]." };
            if (Idempotency.IsWrite(context.Description.HttpMethod ?? "")) DescribeIdempotency(operation);
            return Task.CompletedTask;
        });
    });

    private static void DescribeIdempotency(OpenApiOperation operation)
    {
        var key = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = Idempotency.MaxKeyLength, Pattern = "^[!-~]+$" };
        (operation.Parameters ??= []).Add(new OpenApiParameter
        {
            Name = Idempotency.Header, In = ParameterLocation.Header, Schema = key,
            Description = $"Makes a retry safe: the same request under the same key is done once, and answered alike for 24 hours, with the header {Idempotency.ReplayedHeader}: true. "
                + "The key with another request is 409, and so is one whose first request still runs (Retry-After). Not with application/x-ndjson.",
        });
        foreach (var (status, response) in operation.Responses ?? [])
        {
            if (!status.StartsWith('2') || response is not OpenApiResponse success) continue;
            (success.Headers ??= new Dictionary<string, IOpenApiHeader>())[Idempotency.ReplayedHeader] =
                new OpenApiHeader { Description = "true when this is the stored answer to an earlier request.", Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
        }
    }

    /// <summary>Two things that the generator cannot know: how moments are written, and that nulls are left out rather than sent.</summary>
    private static Task Describe(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        var type = context.JsonTypeInfo.Type;
        if (type == typeof(DateTimeOffset) || type == typeof(DateTimeOffset?))
        {
            schema.Type = JsonSchemaType.String;
            schema.Format = "date-time";
        }

        if (type.IsEnum) schema.Type = JsonSchemaType.String;
        foreach (var property in context.JsonTypeInfo.Properties)
        {
            var isDemanded = property.AttributeProvider?.IsDefined(typeof(RequiredAttribute), inherit: true) == true;
            if (property.IsGetNullable && !isDemanded) schema.Required?.Remove(property.Name);
        }

        return Task.CompletedTask;
    }

    /// <summary>Every use case has its own Request and Response: PutLead.Request is PutLeadRequest, whatever the order of routes.</summary>
    private static string SchemaName(Type type, string id) => type.DeclaringType is { } useCase && type.IsNested ? useCase.Name + id : id;
}
