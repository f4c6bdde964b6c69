using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Telemetry;

/// <summary>What the service tells about itself, and to whom. Section <c>LeadScoring:Telemetry</c>.</summary>
public sealed class TelemetryOptions
{
    public const string Section = "LeadScoring:Telemetry";

    /// <summary>Text that Prometheus sends as bearer token to read <c>/metrics</c>; at least 16 characters. Blank, the default: there is no <c>/metrics</c>.</summary>
    [MinLength(16, ErrorMessage = "LEADSCORING__TELEMETRY__METRICSTOKEN: at least 16 characters, such as: openssl rand -hex 24")]
    public string? MetricsToken { get; set; }

    /// <summary>Address of an OpenTelemetry collector (OTLP over gRPC), such as <c>http://collector:4317</c>, for metrics and traces. Blank, the default: nothing is sent.</summary>
    [Url(ErrorMessage = "LEADSCORING__TELEMETRY__OTLPENDPOINT: an address such as http://collector:4317")]
    public string? OtlpEndpoint { get; set; }

    /// <summary>How often the state of queues, models and connectors is read. Default 15 s; from 1 s to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan ReadEvery { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Organizations that have gauges of their own, by name; those beyond are left off and counted. Default 100.</summary>
    [Range(1, 10_000)]
    public int MostOrganizations { get; set; } = 100;

    internal bool IsOn => !string.IsNullOrEmpty(MetricsToken) || !string.IsNullOrEmpty(OtlpEndpoint);
}
