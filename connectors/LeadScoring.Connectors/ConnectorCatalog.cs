using LeadScoring.Connectors.Http;

namespace LeadScoring.Connectors;

/// <summary>What a connector gets from its host.</summary>
/// <param name="Account">Name of the account.</param>
/// <param name="Settings">Its settings.</param>
/// <param name="Tokens">Where rotated tokens are kept.</param>
/// <param name="Time">The clock.</param>
public sealed record ConnectorHost(string Account, ConnectorSettings Settings, ITokenStore Tokens, TimeProvider Time);

/// <summary>Makes the connector of one account.</summary>
/// <param name="host">What it gets.</param>
/// <exception cref="ConnectorException">A setting is missing or cannot be used.</exception>
public delegate IConnector MakeConnector(ConnectorHost host);

/// <summary>The vendors there are. A new one is a folder and a line here.</summary>
public static class ConnectorCatalog
{
    /// <summary>Name of the vendor in the settings, and what makes its connector.</summary>
    public static IReadOnlyDictionary<string, MakeConnector> Vendors { get; } = new Dictionary<string, MakeConnector>(StringComparer.OrdinalIgnoreCase)
    {
        ["hubspot"] = HubSpot.HubSpotConnector.Create,
        ["salesforce"] = Salesforce.SalesforceConnector.Create,
        ["pipedrive"] = Pipedrive.PipedriveConnector.Create,
        ["dynamics"] = Dynamics.DynamicsConnector.Create,
        ["mailchimp"] = Mailchimp.MailchimpConnector.Create,
        ["sendgrid"] = SendGrid.SendGridConnector.Create,
        ["klaviyo"] = Klaviyo.KlaviyoConnector.Create,
        ["http"] = Generic.GenericConnector.Create,
    };

    /// <summary>Makes the connector of an account.</summary>
    /// <param name="host">What it gets.</param>
    /// <exception cref="ConnectorException">There is no such vendor, or a setting is missing.</exception>
    public static IConnector Create(ConnectorHost host)
    {
        var vendor = string.IsNullOrWhiteSpace(host.Settings.Vendor) ? host.Account : host.Settings.Vendor;
        return Vendors.TryGetValue(vendor, out var make) ? make(host)
            : throw new ConnectorException(host.Account, ConnectorFailure.Misconfigured, $"there is no vendor '{vendor}'; there are {string.Join(", ", Vendors.Keys.Order(StringComparer.Ordinal))}");
    }
}
