namespace LeadScoring.Connectors;

/// <summary>Why a vendor did not do what it should, in terms that a caller can act on.</summary>
public enum ConnectorFailure
{
    /// <summary>The credentials are not taken, also not after they were renewed.</summary>
    Unauthorized,

    /// <summary>The credentials are fine and do not allow this: a scope or a plan is missing.</summary>
    Forbidden,

    /// <summary>The vendor, or our own daily budget, allows no more for now.</summary>
    RateLimited,

    /// <summary>There is no such thing.</summary>
    NotFound,

    /// <summary>The request was refused and would be again.</summary>
    Rejected,

    /// <summary>No answer, or none that makes sense, after several tries.</summary>
    Unavailable,

    /// <summary>A setting is missing or wrong.</summary>
    Misconfigured,
}

/// <summary>A vendor did not do what it should.</summary>
/// <remarks>Never carries a body, an address with a query, a token or a value: bodies of CRMs hold personal data, and this message is logged.</remarks>
/// <param name="connector">Name of the account.</param>
/// <param name="failure">Why.</param>
/// <param name="detail">For people; method, path without ids, status and the vendor's code.</param>
/// <param name="inner">What was behind it.</param>
public sealed class ConnectorException(string connector, ConnectorFailure failure, string detail, Exception? inner = null)
    : Exception($"{connector}: {failure}: {detail}", inner)
{
    /// <summary>Name of the account.</summary>
    public string Connector { get; } = connector;

    /// <summary>Why.</summary>
    public ConnectorFailure Failure { get; } = failure;

    /// <summary>When to come again; null: not said.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>HTTP status; null when there was no answer.</summary>
    public int? Status { get; init; }

    /// <summary>What whoever runs this should do.</summary>
    public string Advice => Failure switch
    {
        ConnectorFailure.Unauthorized => "Make a new token at the vendor and set it; run: connectors check " + Connector,
        ConnectorFailure.Forbidden => "The token lacks a permission, or the plan the feature; run: connectors check " + Connector,
        ConnectorFailure.RateLimited => "Nothing: it goes on by itself. When it happens every day, raise DAILYBUDGET if the vendor's plan allows more.",
        ConnectorFailure.Misconfigured => "Correct the setting and start again.",
        ConnectorFailure.Unavailable => "Nothing at first: it is tried again by itself. When it stays, look at the vendor's status page and at the network.",
        _ => "Report it: the vendor refused what we sent.",
    };
}
