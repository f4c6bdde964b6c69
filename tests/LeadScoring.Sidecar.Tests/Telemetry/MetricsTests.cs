using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using LeadScoring.Sidecar.Telemetry;
using LeadScoring.Sidecar.Tests.Training;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Telemetry;

/// <summary>What Prometheus reads at /metrics. Alone: collectors listen to the process, in which other tests' hosts make the same instruments.</summary>
[Collection("Alone"), Trait("Category", "Slow")]
public sealed partial class MetricsTests
{
    private const string Token = "a-token-of-the-tests-0123";

    [GeneratedRegex(@"^(?<name>[a-z_0-9]+)(?:\{(?<labels>.*)\})? (?<value>\S+)", RegexOptions.Multiline)]
    private static partial Regex Line { get; }

    [Fact]
    public async Task Metrics_NoToken_AreNotThere()
    {
        await using var running = await Running.StartAsync([]);
        Assert.Equal(HttpStatusCode.NotFound, (await running.Sidecar.Anonymous().GetAsync("/metrics")).StatusCode);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("another-token-of-24-chars")]
    [InlineData("")]
    public async Task Metrics_WrongToken_Are401AndSayWhatToDo(string? token)
    {
        await using var running = await Running.StartAsync(On);
        var (status, text) = await running.ReadAsync(token);
        Assert.Equal(HttpStatusCode.Unauthorized, status);
        Assert.Contains("LEADSCORING__TELEMETRY__METRICSTOKEN", text, StringComparison.Ordinal);
        Assert.DoesNotContain("leadscoring_", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_AfterWork_TellWhatWasDoneAndWhatWaits()
    {
        await using var running = await Running.StartAsync(On);
        var organization = await running.Sidecar.NewOrganizationAsync();
        var other = await running.Sidecar.NewOrganizationAsync();
        var before = await running.FiguresAsync();
        foreach (var lead in (string[])["a", "b"]) await organization.PutLeadAsync(lead, new { age = 40 });
        await other.PutLeadAsync("c", new { age = 40 });
        object[] events = [.. Enumerable.Range(0, 5).Select(i => new { event_id = $"e{i}", lead_id = "a", type = "page_view", source = "website", occurred_at = TimeProvider.System.GetUtcNow().AddMinutes(-i) })];
        await organization.PostAsync("/v1/events", new { events });
        await organization.PostAsync("/v1/events", new { events });
        var figures = await running.FiguresAsync();
        double Since(string series) => figures.GetValueOrDefault(series) - before.GetValueOrDefault(series);
        Assert.Equal(5, Since("leadscoring_events_total{result=stored}"));
        Assert.Equal(5, Since("leadscoring_events_total{result=duplicate}"));
        Assert.Equal(3, figures["leadscoring_rescoring_queued{}"]);
        Assert.InRange(figures["leadscoring_rescoring_oldest_seconds{}"], 0, 600);
        Assert.Equal(0, figures["leadscoring_webhooks_dead{}"]);
        Assert.Equal(0, figures[$"leadscoring_drift_alarms{{kind=concept,organization={organization.Id}}}"]);
        Assert.Equal(0, figures["leadscoring_training_runs{status=failed}"]);

        await organization.ScoreAsync(new { lead_id = "a" });
        figures = await running.FiguresAsync();
        Assert.Equal(2, figures["leadscoring_rescoring_queued{}"]);
        Assert.Equal(1, Since("leadscoring_scores_total{made=new}"));
        Assert.Equal(0, Since("leadscoring_scores_total{made=stored}"));
        await organization.ScoreAsync(new { lead_id = "a", scoring_type = "quick" });
        await organization.ScoreAsync(new { lead_id = "nobody", lead = new { age = 40 }, save = false });
        figures = await running.FiguresAsync();
        Assert.Equal(1, Since("leadscoring_scores_total{made=stored}"));
        Assert.Equal(2, Since("leadscoring_scores_total{made=new}"));
        // By route, never by address.
        Assert.Contains(figures.Keys, k => k.StartsWith("http_server_request_duration_seconds_count", StringComparison.Ordinal) && k.Contains("http_route=/v1/leads/{leadId}", StringComparison.Ordinal));
        Assert.DoesNotContain(figures.Keys, k => k.Contains("/v1/leads/a", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Metrics_ManyOrganizations_ShowTheFirstAndSayHowManyAreLeftOff()
    {
        await using var running = await Running.StartAsync([.. On, new("LeadScoring:Telemetry:MostOrganizations", "2")]);
        for (var i = 0; i < 4; i++) await running.Sidecar.NewOrganizationAsync();
        var figures = await running.FiguresAsync();
        Assert.Equal(["org-1", "org-2"], figures.Keys.SelectMany(k => Regex.Matches(k, "organization=([^,}]+)").Select(m => m.Groups[1].Value)).Distinct().Order());
        Assert.Equal(2 * 4, figures["leadscoring_gauges_left_off{}"]);
    }

    /// <summary>A query that fails leaves its gauges out, and a board empty: none does.</summary>
    [Fact]
    public async Task Gauges_WithAModelAndAnAccount_AllHaveAValue()
    {
        const string Account = "LeadScoring:Connectors:HUBSPOT:";
        await using var running = await Running.StartAsync([.. On, new(Account + "Organization", "org-1"), new(Account + "BaseUrl", "http://127.0.0.1:9"), new(Account + "Token", "pat-test")]);
        var organization = await running.Sidecar.NewOrganizationAsync();
        var version = await organization.UseModelAsync(await SmallModel.BundleAsync());
        var figures = await running.FiguresAsync();
        var shown = figures.Keys.Select(k => k.Split('{')[0]).ToHashSet(StringComparer.Ordinal);
        // The last sync and the daily budget are there when there was one, and when the vendor has one.
        var missing = running.Sidecar.Services.GetServices<GaugeSource>().SelectMany(s => s.Gauges).Select(Exported).Except(shown).Except(["leadscoring_connector_since_sync_seconds", "leadscoring_connector_budget_left"]);
        Assert.Empty(missing);
        Assert.Equal(version, figures["leadscoring_champion_version{organization=org-1}"]);
        Assert.InRange(figures["leadscoring_champion_auc{organization=org-1}"], 0.6, 1);
        Assert.Equal(0, figures["leadscoring_connector_connected{account=hubspot,organization=org-1}"]);
    }

    /// <summary>A board or an alert over a name that nothing exports is empty for ever, and looks like all is well.</summary>
    [Fact]
    public async Task BoardsAndAlerts_EveryName_IsExported()
    {
        await using var running = await Running.StartAsync(On);
        await (await running.Sidecar.NewOrganizationAsync()).GetAsync("/v1/leads");
        var known = (await running.FiguresAsync()).Keys.Select(k => k.Split('{')[0]).ToHashSet(StringComparer.Ordinal);
        // Counters are exported from their first use on: here those of all slices are made.
        foreach (var type in typeof(Instruments).Assembly.GetTypes().Where(t => t.GetFields(BindingFlags.NonPublic | BindingFlags.Static).Any(f => f.FieldType.IsAssignableTo(typeof(Instrument)))))
            RuntimeHelpers.RunClassConstructor(type.TypeHandle);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (instrument.Meter.Name == Instruments.MeterName) known.UnionWith(Exported(instrument));
        };
        listener.Start();
        var folder = Path.GetFullPath(Path.Combine(SourceFolder(), "../../../sidecar/monitoring"));
        var used = Directory.GetFiles(folder, "*", SearchOption.AllDirectories).SelectMany(file => Name.Matches(File.ReadAllText(file)).Select(m => m.Value)).Distinct().ToArray();
        Assert.InRange(used.Length, 20, 200);
        Assert.Empty(used.Except(known));
    }

    [GeneratedRegex(@"\b(?:leadscoring|http_server|dotnet)_[a-z_]+\b")]
    private static partial Regex Name { get; }

    private static IEnumerable<string> Exported(Instrument instrument)
    {
        var name = Exported(new Gauge(instrument.Name, instrument.Unit ?? "", ""));
        return instrument is Histogram<double> ? [name + "_bucket", name + "_count", name + "_sum"] : instrument is Counter<long> ? [name + "_total"] : [name];
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    /// <summary>Name at /metrics.</summary>
    private static string Exported(Gauge gauge) => gauge.Name.Replace('.', '_') + gauge.Unit switch { "s" => "_seconds", _ => "" };

    [Fact]
    public async Task Start_ShortToken_IsRefusedWithWhatToDo()
    {
        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => Running.StartAsync([new("LeadScoring:Telemetry:MetricsToken", "short")]));
        Assert.Contains("at least 16 characters", refused.Message, StringComparison.Ordinal);
    }

    private static KeyValuePair<string, string?>[] On => [new("LeadScoring:Telemetry:MetricsToken", Token)];

    private sealed class Running : IAsyncDisposable
    {
        internal SidecarFactory Sidecar { get; } = new();

        internal static async Task<Running> StartAsync(IEnumerable<KeyValuePair<string, string?>> settings)
        {
            var running = new Running();
            foreach (var (name, value) in settings) running.Sidecar.Settings[name] = value;
            await running.Sidecar.InitializeAsync();
            return running;
        }

        internal async Task<(HttpStatusCode Status, string Text)> ReadAsync(string? token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
            if (token is not null) request.Headers.Authorization = token.Length == 0 ? new AuthenticationHeaderValue("Bearer") : new AuthenticationHeaderValue("Bearer", token);
            using var response = await Sidecar.Anonymous().SendAsync(request);
            return (response.StatusCode, await response.Content.ReadAsStringAsync());
        }

        /// <summary>Every series by name and sorted labels.</summary>
        internal async Task<Dictionary<string, double>> FiguresAsync()
        {
            await Sidecar.Get<ReadGauges>().ReadOnceAsync(CancellationToken.None);
            var (status, text) = await ReadAsync(Token);
            Assert.Equal(HttpStatusCode.OK, status);
            return Line.Matches(text).GroupBy(Series).ToDictionary(g => g.Key, g => double.Parse(g.First().Groups["value"].Value, CultureInfo.InvariantCulture));
        }

        private static string Series(Match line)
        {
            var labels = Regex.Matches(line.Groups["labels"].Value, "([a-z_]+)=\"([^\"]*)\"").Where(m => m.Groups[1].Value is not "otel_scope_name").Select(m => $"{m.Groups[1].Value}={m.Groups[2].Value}");
            return $"{line.Groups["name"].Value}{{{string.Join(',', labels.Order(StringComparer.Ordinal))}}}";
        }

        public async ValueTask DisposeAsync() => await Sidecar.DisposeAsync();
    }
}
