using LeadScoring.Connectors.Tests.Simulators;

namespace LeadScoring.Connectors.Tests.Salesforce;

/// <summary>A simulated Salesforce and a connector to it.</summary>
internal sealed class SalesforceWorld : IAsyncDisposable
{
    private SalesforceWorld(SalesforceSimulator salesforce, LeapClock clock, IConnector connector, MemoryTokens tokens) => (Salesforce, Clock, Connector, Tokens) = (salesforce, clock, connector, tokens);

    internal SalesforceSimulator Salesforce { get; }

    internal LeapClock Clock { get; }

    internal IConnector Connector { get; }

    internal MemoryTokens Tokens { get; }

    internal static async Task<SalesforceWorld> StartAsync(Action<ConnectorSettings>? set = null)
    {
        var clock = new LeapClock();
        var salesforce = await SalesforceSimulator.StartAsync(clock);
        var settings = new ConnectorSettings { BaseUrl = salesforce.Url, Token = SalesforceSimulator.Token };
        set?.Invoke(settings);
        var tokens = new MemoryTokens();
        return new SalesforceWorld(salesforce, clock, ConnectorCatalog.Create(new ConnectorHost("salesforce", settings, tokens, clock)), tokens);
    }

    public async ValueTask DisposeAsync()
    {
        Connector.Dispose();
        await Salesforce.DisposeAsync();
    }
}
