using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LeadScoring.Sidecar.Api;

internal static class ApiServices
{
    internal static IServiceCollection AddApi(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ApiOptions>().Bind(configuration.GetSection(ApiOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.ConfigureHttpJsonOptions(o => Configure(o.SerializerOptions));
        // Bad bodies become exceptions so that ProblemMiddleware words all of them.
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        services.AddSingleton<IProblemDetailsService, ProblemWriter>();
        services.AddSingleton<IdempotencyStore>();
        services.AddSingleton<PurgeIdempotencyKeys>();
        services.AddHostedService(provider => provider.GetRequiredService<PurgeIdempotencyKeys>());
        services.AddOpenApiDocument();
        return services;
    }

    internal static void Configure(JsonSerializerOptions json)
    {
        json.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        json.NumberHandling = JsonNumberHandling.Strict;
        json.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        // The answers are JSON, never pasted into HTML: names with accents stay readable.
        json.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        json.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        json.Converters.Add(new MomentConverter());
    }

    internal static void UseApi(this WebApplication app)
    {
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseMiddleware<EncodedIds>();
        app.UseMiddleware<BodyLimit>();
        app.UseMiddleware<Authentication>();
        app.UseMiddleware<Idempotency>();
    }
}
