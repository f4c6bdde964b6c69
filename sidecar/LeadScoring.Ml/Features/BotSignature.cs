namespace LeadScoring.Ml.Features;

/// <summary>Why an event does not count. Names are those of the API.</summary>
public enum BotReason
{
    /// <summary>It says so itself: is_bot, or a sender's own word for it.</summary>
    Declared,

    /// <summary>Its user agent is that of a crawler, a mail scanner or a script.</summary>
    UserAgent,

    /// <summary>It came from a host of a crawler or a mail scanner.</summary>
    Host,

    /// <summary>Opens or clicks faster than a person can: <see cref="EmailTouches"/>.</summary>
    Burst,
}

/// <summary>Tells machines from people by an event alone, so that live traffic and replay decide alike, in any order.</summary>
/// <remarks>
/// Read properties: is_bot, sg_machine_open (SendGrid), filteredEvent (HubSpot); user_agent, useragent; host, hostname, reverse_dns.
/// Proxies that fetch pictures when a person opens a mail (GoogleImageProxy, YahooMailProxy) are people here.
/// </remarks>
public static class BotSignature
{
    private static readonly string[] Flags = ["is_bot", "sg_machine_open", "filteredEvent"];
    private static readonly string[] AgentNames = ["user_agent", "useragent"];
    private static readonly string[] HostNames = ["host", "hostname", "reverse_dns"];

    /// <summary>Parts of user agents, any case.</summary>
    private static readonly string[] Agents =
    [
        "bot/", "bot;", "bot)", "googlebot", "bingbot", "slurp", "crawler", "spider", "headlesschrome", "phantomjs", "python-requests", "python-urllib", "aiohttp", "curl/", "wget/",
        "go-http-client", "libwww-perl", "apache-httpclient", "barracuda", "mimecast", "proofpoint", "messagelabs", "trendmicro", "safelinks", "bitdefender", "facebookexternalhit", "slackbot",
        "urlscan", "scanner",
    ];

    /// <summary>Ends of host names: the domain itself and everything under it.</summary>
    private static readonly string[] Hosts =
    [
        "googlebot.com", "search.msn.com", "crawl.yahoo.net", "pphosted.com", "ppe-hosted.com", "proofpoint.com", "mimecast.com", "barracudanetworks.com", "messagelabs.com",
        "protection.outlook.com", "fireeyecloud.com", "trendmicro.com", "cloud-sec-av.com", "sophos.com",
    ];

    /// <summary>Why the event alone is a machine's; null when nothing speaks for it.</summary>
    public static BotReason? Of(ActivityEvent e)
    {
        if (e.Properties is not { Count: > 0 }) return null;
        if (Array.Exists(Flags, f => e.Property(f).AsNumber() == 1)) return BotReason.Declared;
        if (Array.Exists(AgentNames, n => e.Property(n).AsText() is { } agent && Array.Exists(Agents, part => agent.Contains(part, StringComparison.OrdinalIgnoreCase)))) return BotReason.UserAgent;
        return Array.Exists(HostNames, n => e.Property(n).AsText() is { } host && Array.Exists(Hosts, domain => IsUnder(host.TrimEnd('.'), domain))) ? BotReason.Host : null;
    }

    private static bool IsUnder(string host, string domain) =>
        host.EndsWith(domain, StringComparison.OrdinalIgnoreCase) && (host.Length == domain.Length || host[^(domain.Length + 1)] == '.');
}
