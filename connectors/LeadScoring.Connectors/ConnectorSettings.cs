using System.Diagnostics.CodeAnalysis;

namespace LeadScoring.Connectors;

/// <summary>Settings of one account, as read from <c>LEADSCORING__CONNECTORS__{NAME}__{SETTING}</c>.</summary>
public sealed class ConnectorSettings
{
    /// <summary>Which vendor; default: the account's name.</summary>
    public string? Vendor { get; set; }

    /// <summary>Address of the vendor's API; default: the vendor's own.</summary>
    public Uri? BaseUrl { get; set; }

    /// <summary>Key or token that does not change.</summary>
    public string? Token { get; set; }

    /// <summary>OAuth: id of the app.</summary>
    public string? ClientId { get; set; }

    /// <summary>OAuth: secret of the app; also what HubSpot signs webhooks with.</summary>
    public string? ClientSecret { get; set; }

    /// <summary>OAuth: first refresh token. Later ones are kept by the token store.</summary>
    public string? RefreshToken { get; set; }

    /// <summary>Secret or public key that webhooks are checked with; default: <see cref="ClientSecret"/> where the vendor does so.</summary>
    public string? WebhookSecret { get; set; }

    /// <summary>Address at which the vendor finds our webhook, where a proxy stands in front; default: the address of the request.</summary>
    public Uri? WebhookUrl { get; set; }

    /// <summary>Prefix of the fields that are written. Default <c>lead_scoring_</c>.</summary>
    public string FieldPrefix { get; set; } = "lead_scoring_";

    /// <summary>Whether scores are written back. Default true.</summary>
    public bool WriteBack { get; set; } = true;

    /// <summary>Further properties of contacts to read, separated by commas.</summary>
    public string Properties { get; set; } = "";

    /// <summary>Most requests a second; default: the vendor's published limit with a margin.</summary>
    public double? RequestsPerSecond { get; set; }

    /// <summary>Most requests a day; default: the vendor's, where one is published for all.</summary>
    public long? DailyBudget { get; set; }

    /// <summary>Share of the daily budget that reading leaves to write-back and checks. Default 0.1; 0 to 0.9.</summary>
    public double Reserve { get; set; } = 0.1;

    /// <summary>Longest wait for one answer. Default 30 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>What only one vendor knows, by name: see its folder.</summary>
    public Dictionary<string, string> Options { get; set; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Further properties as a list.</summary>
    internal string[] PropertyNames => Properties.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>A setting that there must be.</summary>
    /// <param name="account">Name of the account, for the message.</param>
    /// <param name="name">Name of the setting, for the message.</param>
    /// <param name="value">Its value.</param>
    /// <exception cref="ConnectorException">It is missing.</exception>
    internal static string Required(string account, string name, [NotNull] string? value) => !string.IsNullOrWhiteSpace(value) ? value
        : throw new ConnectorException(account, ConnectorFailure.Misconfigured, $"LEADSCORING__CONNECTORS__{account.ToUpperInvariant()}__{name.ToUpperInvariant()} is not set");
}
