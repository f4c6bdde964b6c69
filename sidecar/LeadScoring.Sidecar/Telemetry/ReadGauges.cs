using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Telemetry;

/// <summary>Reads every slice's gauges in turn and keeps the latest values for whoever collects them.</summary>
internal sealed class ReadGauges : BackgroundService
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private static readonly Gauge LeftOff = new("leadscoring.gauges.left_off", "{value}", "Values of organizations beyond the bound that are not shown");

    private readonly IReadOnlyList<GaugeSource> sources;
    private readonly TelemetryOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<ReadGauges> logger;
    private volatile Dictionary<Gauge, Measurement<double>[]> latest = [];

    public ReadGauges(IEnumerable<GaugeSource> sources, IOptions<TelemetryOptions> options, TimeProvider time, IMeterFactory meters, ILogger<ReadGauges> logger)
    {
        (this.sources, this.options, this.time, this.logger) = ([.. sources], options.Value, time, logger);
        if (!this.options.IsOn) return;
        // A meter of the host: several in one process each show their own.
        var meter = meters.Create(Instruments.MeterName);
        foreach (var gauge in this.sources.SelectMany(s => s.Gauges).Append(LeftOff))
            meter.CreateObservableGauge(gauge.Name, () => latest.GetValueOrDefault(gauge) ?? [], gauge.Unit, gauge.Description);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.IsOn) return;
        while (!stoppingToken.IsCancellationRequested)
        {
            await ReadOnceAsync(stoppingToken);
            await Task.Delay(options.ReadEvery, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>A source that fails shows nothing until it can be read again: an old figure would look like a new one.</summary>
    internal async Task ReadOnceAsync(CancellationToken cancellationToken)
    {
        var readings = new List<Reading>();
        foreach (var source in sources)
        {
            using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            bounded.CancelAfter(Longest);
            try
            {
                readings.AddRange(await source.ReadAsync(bounded.Token));
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                TelemetryLog.Unread(logger, source.Gauges[0].Name, e.GetType().Name);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }

        var shown = readings.Select(r => r.OrganizationId).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Take(options.MostOrganizations).ToHashSet(StringComparer.Ordinal);
        var kept = readings.Where(r => r.OrganizationId is null || shown.Contains(r.OrganizationId)).ToArray();
        var values = kept.GroupBy(r => r.Gauge).ToDictionary(g => g.Key, g => g.Select(Of).ToArray());
        values[LeftOff] = [new Measurement<double>(readings.Count - kept.Length)];
        latest = values;
    }

    private static Measurement<double> Of(Reading reading)
    {
        var labels = new List<KeyValuePair<string, object?>>(2);
        if (reading.OrganizationId is { } organization) labels.Add(new("organization", organization));
        if (reading.Label is { } label) labels.Add(new(label.Name, label.Value));
        return new Measurement<double>(reading.Value, labels);
    }
}

internal static partial class TelemetryLog
{
    [LoggerMessage(120, LogLevel.Warning, "Gauges from {Gauge} on could not be read: {Failure}")]
    internal static partial void Unread(ILogger logger, string gauge, string failure);
}
