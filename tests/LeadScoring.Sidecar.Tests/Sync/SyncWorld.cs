using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Sync;
using LeadScoring.Sidecar.Tests.Scoring;

namespace LeadScoring.Sidecar.Tests.Sync;

/// <summary>The service and a simulated HubSpot that is connected to it, both by one clock that a test moves.</summary>
internal sealed class SyncWorld : IAsyncDisposable
{
    internal const string WebhookUrl = "https://leads.example.com/v1/inbound/hubspot";

    private SyncWorld(TestClock clock, HubSpotSimulator hubspot, SidecarFactory sidecar, TestOrganization organization) => (Clock, HubSpot, Sidecar, Organization) = (clock, hubspot, sidecar, organization);

    internal TestClock Clock { get; }

    internal HubSpotSimulator HubSpot { get; }

    internal SidecarFactory Sidecar { get; }

    internal TestOrganization Organization { get; }

    internal ConnectorAccount Account => Sidecar.Get<ConnectorAccounts>().Find("hubspot")!;

    internal static async Task<SyncWorld> StartAsync(params (string Name, string Value)[] settings)
    {
        var clock = new TestClock();
        var hubspot = await HubSpotSimulator.StartAsync(clock);
        var sidecar = TestClock.Sidecar(clock);
        foreach (var (name, value) in Settings(hubspot).Concat(settings)) sidecar.Settings[name] = value;
        await sidecar.InitializeAsync();
        // The first organization of a factory is org-1.
        return new SyncWorld(clock, hubspot, sidecar, await sidecar.NewOrganizationAsync());
    }

    internal static IEnumerable<(string Name, string Value)> Settings(HubSpotSimulator hubspot, string organization = "org-1") =>
    [
        ("LeadScoring:Connectors:HUBSPOT:Organization", organization), ("LeadScoring:Connectors:HUBSPOT:BaseUrl", hubspot.Url.AbsoluteUri), ("LeadScoring:Connectors:HUBSPOT:Token", HubSpotSimulator.Token),
        ("LeadScoring:Connectors:HUBSPOT:ClientSecret", HubSpotSimulator.ClientSecret), ("LeadScoring:Connectors:HUBSPOT:WebhookUrl", WebhookUrl),
        ("LeadScoring:Connectors:HUBSPOT:RequestsPerSecond", "1000"), ("LeadScoring:Connectors:HUBSPOT:Options:SearchesPerSecond", "1000"),
    ];

    /// <summary>What the job does, a minute later: past the lag of the search index.</summary>
    internal async Task<string> SyncAsync()
    {
        Clock.Advance(TimeSpan.FromMinutes(1));
        return await Sidecar.Get<SyncConnectors>().RunAsync(Organization.Id, CancellationToken.None);
    }

    /// <summary>Scores what changed and writes back what is due; the number of records written.</summary>
    internal async Task<int> ScoreAndWriteAsync()
    {
        var rescore = Sidecar.Get<RescoreChangedLeads>();
        while (await rescore.RunOnceAsync(CancellationToken.None) > 0) { }
        var written = 0;
        for (var batches = 0; batches < 100 && await Sidecar.Get<WriteScoresBack>().RunOnceAsync(Account, CancellationToken.None) is > 0 and var count; batches++) written += count;
        return written;
    }

    /// <summary>A webhook as HubSpot sends it.</summary>
    internal async Task<HttpStatusCode> NotifyAsync(string body, string secret = HubSpotSimulator.ClientSecret)
    {
        var timestamp = Clock.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/inbound/hubspot") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("X-HubSpot-Signature-v3", HubSpotSimulator.Sign(secret, WebhookUrl, body, timestamp));
        request.Headers.Add("X-HubSpot-Request-Timestamp", timestamp);
        using var response = await Sidecar.Anonymous().SendAsync(request);
        return response.StatusCode;
    }

    internal Task<int> WorkOffAsync() => Sidecar.Get<WorkOffInbound>().RunOnceAsync(Account, CancellationToken.None);

    internal async Task<JsonElement> StatusAsync()
    {
        var (status, body) = await Organization.GetAsync("/v1/connectors");
        Assert.Equal(HttpStatusCode.OK, status);
        return body.At("connectors", 0);
    }

    public async ValueTask DisposeAsync()
    {
        await Sidecar.DisposeAsync();
        await HubSpot.DisposeAsync();
    }
}
