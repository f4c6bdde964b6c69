using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Api;

internal static class ApiServices
{
    internal static IServiceCollection AddApi(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ApiOptions>().Bind(configuration.GetSection(ApiOptions.Section)).ValidateDataAnnotations()
            .Validate(o => o.Proxies.All(p => IPAddress.TryParse(p, out _) || System.Net.IPNetwork.TryParse(p, out _)), "LEADSCORING__API__TRUSTEDPROXIES: addresses or networks with commas between them, such as 10.0.0.5,172.16.0.0/12.").ValidateOnStart();
        services.ConfigureHttpJsonOptions(o => Configure(o.SerializerOptions));
        // Bad bodies become exceptions so that ProblemMiddleware words all of them.
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        services.AddSingleton<IProblemDetailsService, ProblemWriter>();
        services.AddSingleton<AddressLimits>();
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

    /// <summary>Who calls, and whether by TLS, as the proxies in front say it; nobody else is believed.</summary>
    private static void UseTrustedProxies(WebApplication app)
    {
        string[] proxies = app.Services.GetRequiredService<IOptions<ApiOptions>>().Value.Proxies;
        if (proxies.Length == 0) return;
        var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto };
        options.KnownIPNetworks.Clear();
        options.KnownProxies.Clear();
        foreach (var proxy in proxies)
        {
            if (IPAddress.TryParse(proxy, out var address)) options.KnownProxies.Add(address);
            else options.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(proxy));
        }

        app.UseForwardedHeaders(options);
    }

    internal static void UseApi(this WebApplication app)
    {
        UseTrustedProxies(app);
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseMiddleware<EncodedIds>();
        app.UseMiddleware<BodyLimit>();
        app.UseMiddleware<Authentication>();
        app.UseMiddleware<RequestTime>();
        app.UseMiddleware<Idempotency>();
    }
}
