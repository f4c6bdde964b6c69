using System.Diagnostics.Metrics;

namespace LeadScoring.Sidecar.Telemetry;

/// <summary>What is counted as it happens. Costs next to nothing while nobody collects it.</summary>
internal static class Instruments
{
    internal const string MeterName = "LeadScoring";

    internal static readonly Meter Meter = new(MeterName);
}
