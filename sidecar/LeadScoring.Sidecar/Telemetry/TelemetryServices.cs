using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using LeadScoring.Sidecar.Api;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace LeadScoring.Sidecar.Telemetry;

/// <summary>Metrics for Prometheus at <c>/metrics</c>, metrics and traces by OTLP; neither without its setting.</summary>
internal static class TelemetryServices
{
    private const string Path = "/metrics";

    // Requests by route, connections, the runtime (collections, threads, exceptions), and the pool of PostgreSQL.
    private static readonly string[] Meters = [Instruments.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime", "Npgsql"];

    internal static IServiceCollection AddTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<TelemetryOptions>().Bind(configuration.GetSection(TelemetryOptions.Section)).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ReadGauges>();
        services.AddHostedService(provider => provider.GetRequiredService<ReadGauges>());
        // Read once here: what is built depends on it. Faulty settings are refused at the start.
        var options = configuration.GetSection(TelemetryOptions.Section).Get<TelemetryOptions>() ?? new TelemetryOptions();
        if (!options.IsOn) return services;
        var isSent = Uri.TryCreate(options.OtlpEndpoint, UriKind.Absolute, out var collector);
        var telemetry = services.AddOpenTelemetry().ConfigureResource(r => r.AddService("lead-scoring"));
        telemetry.WithMetrics(metrics =>
        {
            metrics.AddMeter(Meters);
            if (!string.IsNullOrEmpty(options.MetricsToken)) metrics.AddPrometheusExporter(o => o.ScrapeResponseCacheDurationMilliseconds = 0);
            if (isSent) metrics.AddOtlpExporter(o => o.Endpoint = collector!);
        });
        if (isSent) telemetry.WithTracing(traces => traces.AddSource("Microsoft.AspNetCore", "Npgsql").AddProcessor(new WithoutPersonalData()).AddOtlpExporter(o => o.Endpoint = collector!));
        return services;
    }

    internal static void MapTelemetry(this WebApplication app)
    {
        if (app.Services.GetRequiredService<IOptions<TelemetryOptions>>().Value.MetricsToken is not { Length: > 0 } token) return;
        var expected = Encoding.UTF8.GetBytes("Bearer " + token);
        app.MapPrometheusScrapingEndpoint(Path);
        app.UseWhen(http => http.Request.Path == Path, part => part.Use((http, next) =>
            CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(http.Request.Headers.Authorization.ToString()), expected)
                ? next(http)
                : throw new ProblemException(ProblemKind.Unauthorized, "Send Authorization: Bearer with the token of LEADSCORING__TELEMETRY__METRICSTOKEN; in Prometheus: authorization, credentials_file.")));
    }

    /// <summary>Addresses hold lead ids, and those may be e-mail addresses: the route says what was called.</summary>
    private sealed class WithoutPersonalData : BaseProcessor<Activity>
    {
        private static readonly string[] Tags = ["url.path", "url.query", "url.full", "client.address", "network.peer.address", "user_agent.original"];

        public override void OnEnd(Activity data)
        {
            foreach (var tag in Tags) data.SetTag(tag, null);
        }
    }
}
