using LeadScoring.Connectors.Tests.Simulators;

namespace LeadScoring.Connectors.Tests.Pipedrive;

/// <summary>A simulated Pipedrive and a connector to it.</summary>
internal sealed class PipedriveWorld : IAsyncDisposable
{
    private PipedriveWorld(PipedriveSimulator pipedrive, LeapClock clock, IConnector connector, MemoryTokens tokens) => (Pipedrive, Clock, Connector, Tokens) = (pipedrive, clock, connector, tokens);

    internal PipedriveSimulator Pipedrive { get; }

    internal LeapClock Clock { get; }

    internal IConnector Connector { get; }

    internal MemoryTokens Tokens { get; }

    internal static async Task<PipedriveWorld> StartAsync(Action<ConnectorSettings>? set = null)
    {
        var clock = new LeapClock();
        var pipedrive = await PipedriveSimulator.StartAsync(clock);
        var settings = new ConnectorSettings { BaseUrl = pipedrive.Url, Token = PipedriveSimulator.Token };
        set?.Invoke(settings);
        var tokens = new MemoryTokens();
        return new PipedriveWorld(pipedrive, clock, ConnectorCatalog.Create(new ConnectorHost("pipedrive", settings, tokens, clock)), tokens);
    }

    public async ValueTask DisposeAsync()
    {
        Connector.Dispose();
        await Pipedrive.DisposeAsync();
    }
}
