using System.Collections.Concurrent;
using LeadScoring.Connectors;

namespace LeadScoring.Sidecar.Sync;

/// <summary>An account of the settings.</summary>
/// <param name="Name">Lower case.</param>
/// <param name="OrganizationId">Whose leads it holds.</param>
internal sealed record ConnectorAccount(string Name, string OrganizationId, ConnectorSettings Settings)
{
    /// <summary>Whether scores go back into it. <c>WRITEBACK=false</c> turns it off.</summary>
    internal bool WritesBack => Settings.WriteBack;
}

/// <summary>The accounts that are set, <c>LEADSCORING__CONNECTORS__{NAME}__...</c>, and their connectors: made when first needed, one a process.</summary>
internal sealed class ConnectorAccounts(IConfiguration configuration, ConnectorTokenStore tokens, TimeProvider time) : IDisposable
{
    internal const string Section = "LeadScoring:Connectors";
    private const string DefaultOrganization = "default";

    private readonly ConcurrentDictionary<string, Lazy<IConnector>> connectors = new(StringComparer.Ordinal);

    internal IReadOnlyList<ConnectorAccount> All { get; } =
    [
        .. configuration.GetSection(Section).GetChildren().Select(section => new ConnectorAccount(
            section.Key.ToLowerInvariant(), section["Organization"] is { Length: > 0 } organization ? organization : DefaultOrganization, section.Get<ConnectorSettings>() ?? new ConnectorSettings()))
            .OrderBy(a => a.Name, StringComparer.Ordinal),
    ];

    internal IEnumerable<ConnectorAccount> Of(string organizationId) => All.Where(a => a.OrganizationId == organizationId);

    internal ConnectorAccount? Find(string name) => All.FirstOrDefault(a => a.Name == name);

    /// <exception cref="ConnectorException">A setting is missing or wrong.</exception>
    internal IConnector Connector(ConnectorAccount account) => connectors.GetOrAdd(
        account.Name, _ => new Lazy<IConnector>(() => ConnectorCatalog.Create(new ConnectorHost(account.Name, account.Settings, tokens.For(account.OrganizationId, account.Name), time)), LazyThreadSafetyMode.PublicationOnly)).Value;

    public void Dispose()
    {
        foreach (var connector in connectors.Values.Where(c => c.IsValueCreated)) connector.Value.Dispose();
    }
}
