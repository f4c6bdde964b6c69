using LeadScoring.Connectors.Tests.Simulators;

namespace LeadScoring.Connectors.Tests.HubSpot;

/// <summary>A simulated HubSpot and a connector to it.</summary>
internal sealed class HubSpotWorld : IAsyncDisposable
{
    private HubSpotWorld(HubSpotSimulator hubspot, LeapClock clock, IConnector connector, MemoryTokens tokens) => (HubSpot, Clock, Connector, Tokens) = (hubspot, clock, connector, tokens);

    internal HubSpotSimulator HubSpot { get; }

    internal LeapClock Clock { get; }

    internal IConnector Connector { get; }

    internal MemoryTokens Tokens { get; }

    internal static async Task<HubSpotWorld> StartAsync(Action<ConnectorSettings>? set = null)
    {
        var clock = new LeapClock();
        var hubspot = await HubSpotSimulator.StartAsync(clock);
        var settings = new ConnectorSettings { BaseUrl = hubspot.Url, Token = HubSpotSimulator.Token };
        set?.Invoke(settings);
        var tokens = new MemoryTokens();
        return new HubSpotWorld(hubspot, clock, ConnectorCatalog.Create(new ConnectorHost("hubspot", settings, tokens, clock)), tokens);
    }

    /// <summary>All that there is from a cursor on, until the walk has caught up, and the cursor after it.</summary>
    internal static async Task<(List<T> Items, string Cursor, int Pages)> WalkAsync<T>(Func<string?, CancellationToken, Task<Page<T>>> read, string? cursor = null)
    {
        var items = new List<T>();
        for (var pages = 1; pages <= 1_000; pages++)
        {
            var page = await read(cursor, CancellationToken.None);
            items.AddRange(page.Items);
            cursor = page.Cursor;
            if (!page.HasMore) return (items, cursor, pages);
        }

        throw new InvalidOperationException("The walk does not end.");
    }

    public async ValueTask DisposeAsync()
    {
        Connector.Dispose();
        await HubSpot.DisposeAsync();
    }
}
