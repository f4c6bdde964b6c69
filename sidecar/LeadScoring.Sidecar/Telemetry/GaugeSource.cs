namespace LeadScoring.Sidecar.Telemetry;

/// <param name="Name">As OpenTelemetry writes it, with dots.</param>
/// <param name="Unit">s, By or 1; a thing in braces, such as {lead}.</param>
internal sealed record Gauge(string Name, string Unit, string Description);

/// <summary>One value of a gauge; labels only of sets that the program bounds, and the organization.</summary>
internal readonly record struct Reading(Gauge Gauge, double Value, string? OrganizationId = null, (string Name, string Value)? Label = null);

/// <summary>What a slice knows about its state. Asked every few seconds in the background, never by a request.</summary>
internal sealed record GaugeSource(IReadOnlyList<Gauge> Gauges, Func<CancellationToken, Task<IReadOnlyList<Reading>>> ReadAsync);
