using System.Collections.Concurrent;
using System.Net;
using System.Text;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Sync;
using LeadScoring.Sidecar.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>Secrets and people planted wherever they come in: no log line at any level, no problem, no metric, no entry of the audit log and no list shows one.</summary>
public sealed class CanaryTests
{
    private const string Email = "canary.person@canary-mail.example";
    private const string Token = "canary-token-5f0c1a2b3c4d5e6f";
    private const string ClientSecret = "canary-client-5f0c1a2b3c4d5e6f";
    private const string HookSecret = "canary-hook-0123456789abcdef0123456789abcdef";
    private const string MetricsToken = "canary-metrics-0123456789abcdef";

    private sealed class Lines : ILoggerProvider, ILogger
    {
        internal ConcurrentQueue<string> All { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull
        {
            All.Enqueue($"scope {state}");
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => All.Enqueue($"{logLevel} {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }

    [Fact]
    public async Task Canaries_EverythingThatIsTold_HoldsNone()
    {
        using var lines = new Lines();
        var sidecar = new SidecarFactory
        {
            Configure = services => services.AddLogging(logging => logging.ClearProviders().AddProvider(lines).SetMinimumLevel(LogLevel.Trace)),
            Settings =
            {
                ["Logging:LogLevel:Default"] = "Trace", ["LeadScoring:Connectors:HUBSPOT:Organization"] = "org-1", ["LeadScoring:Connectors:HUBSPOT:BaseUrl"] = "http://127.0.0.1:9/", ["LeadScoring:Connectors:HUBSPOT:Token"] = Token,
                ["LeadScoring:Connectors:HUBSPOT:ClientSecret"] = ClientSecret, ["LeadScoring:Telemetry:MetricsToken"] = MetricsToken,
            },
        };
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            List<string> canaries = [organization.Key.Secret, Token, ClientSecret, HookSecret, MetricsToken, Email, Uri.EscapeDataString(Email)];
            if (TestPostgres.Server is not null) canaries.Add(new NpgsqlConnectionStringBuilder(sidecar.Get<Database>().Setting).Password!);
            var told = new StringBuilder();
            async Task TellAsync(HttpMethod method, string path, object? body = null, HttpClient? client = null, bool isLead = false)
            {
                using var request = new HttpRequestMessage(method, path);
                if (body is not null) request.Content = new StringContent(body as string ?? System.Text.Json.JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
                using var response = await (client ?? organization.Client).SendAsync(request);
                var text = await response.Content.ReadAsStringAsync();
                // Whoever asks for the lead gets the lead.
                if (!isLead || (int)response.StatusCode >= 400) told.AppendLine($"{method} {path.Split('?')[0].Replace(Uri.EscapeDataString(Email), "LEAD", StringComparison.Ordinal)}: {text}");
            }

            var lead = "/v1/leads/" + Uri.EscapeDataString(Email);
            await TellAsync(HttpMethod.Put, lead, new { attributes = new { email = Email, age = 40 } }, isLead: true);
            await TellAsync(HttpMethod.Post, "/v1/score", new { lead_id = Email, lead = new { email = Email } }, isLead: true);
            await TellAsync(HttpMethod.Put, lead + "/override", new { grade = "A", reason = Email, by = Email }, isLead: true);
            await TellAsync(HttpMethod.Post, "/v1/events", new { events = new[] { new { lead_id = Email, type = "page_view", source = "web", occurred_at = "never", properties = new { email = Email } } } }, isLead: true);
            await TellAsync(HttpMethod.Post, "/v1/webhooks", new { url = "https://canary.example.com/", events = new[] { "grade.changed" }, secret = HookSecret });
            await TellAsync(HttpMethod.Get, "/v1/webhooks");
            // Mistakes of every kind, with what must not come back in them.
            foreach (var path in (string[])["/v1/score", "/v1/score/batch", "/v1/leads/batch", "/v1/events", "/v1/outcomes", "/v1/feedback", "/v1/keys", "/v1/webhooks"])
            {
                await TellAsync(HttpMethod.Post, path, $"{{\"lead_id\": 5, \"x\": \"{Email}\"");
                await TellAsync(HttpMethod.Post, path, $"[\"{Email}\"]");
                await TellAsync(HttpMethod.Post, path, $"{{\"{Email}\":\"{HookSecret}\",\"url\":5,\"name\":5,\"lead_id\":{{}}}}");
            }

            await TellAsync(HttpMethod.Get, "/v1/leads/nobody?q=" + Uri.EscapeDataString(Email));
            await TellAsync(HttpMethod.Get, "/v1/leads", client: sidecar.With(organization.Key with { KeyId = "000000000000" }));
            await TellAsync(HttpMethod.Get, "/v1/leads", client: sidecar.With(organization.Key with { Secret = organization.Key.Secret + "x" }));
            await TellAsync(HttpMethod.Get, "/nowhere?key=" + organization.Key.Reveal());
            try
            {
                // Nobody listens there.
                told.AppendLine(await sidecar.Get<SyncConnectors>().RunAsync(organization.Id, CancellationToken.None));
            }
            catch (Exception e)
            {
                told.AppendLine(e.Message);
            }

            await TellAsync(HttpMethod.Get, "/v1/connectors");
            await TellAsync(HttpMethod.Post, "/v1/inbound/hubspot", new { email = Email });
            await sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None);
            await TellAsync(HttpMethod.Get, "/v1/keys");
            await TellAsync(HttpMethod.Get, "/v1/jobs");
            await TellAsync(HttpMethod.Delete, lead);
            await TellAsync(HttpMethod.Get, "/v1/audit");
            await TellAsync(HttpMethod.Get, "/v1/audit?format=ndjson");
            using var scrape = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { { "Authorization", $"Bearer {MetricsToken}" } } };
            using var metrics = await sidecar.Anonymous().SendAsync(scrape);
            Assert.Equal(HttpStatusCode.OK, metrics.StatusCode);
            told.AppendLine(await metrics.Content.ReadAsStringAsync());
            await TellAsync(HttpMethod.Get, "/readyz");

            Assert.NotEmpty(lines.All);
            foreach (var canary in canaries)
            {
                Assert.DoesNotContain(lines.All, l => l.Contains(canary, StringComparison.OrdinalIgnoreCase));
                Assert.DoesNotContain(told.ToString().Split('\n'), l => l.Contains(canary, StringComparison.OrdinalIgnoreCase));
            }
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }
}
