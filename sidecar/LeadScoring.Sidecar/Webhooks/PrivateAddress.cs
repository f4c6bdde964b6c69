using System.Net;
using System.Net.Sockets;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>Addresses that are not of the public internet: an URL from outside must not make this process reach what only its own network can.</summary>
/// <remarks>Source: the IANA special-purpose address registries (RFC 6890 and its updates).</remarks>
internal static class PrivateAddress
{
    private static readonly IPNetwork[] V4 =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        }.Select(IPNetwork.Parse),
    ];

    // Only 2000::/3 is given out as public; of it, these are not, or hide an IPv4 address that nobody has checked (Teredo, 6to4).
    private static readonly IPNetwork PublicV6 = IPNetwork.Parse("2000::/3");
    private static readonly IPNetwork[] V6 = [.. new[] { "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20" }.Select(IPNetwork.Parse)];

    internal static bool Is(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return address.AddressFamily switch
        {
            AddressFamily.InterNetwork => V4.Any(n => n.Contains(address)),
            AddressFamily.InterNetworkV6 => !PublicV6.Contains(address) || V6.Any(n => n.Contains(address)),
            _ => true,
        };
    }

    /// <summary>What to tell whoever meant it.</summary>
    internal static string Refusal(string host) =>
        $"{host} is an address of a private network, and webhooks do not go there unless the host is named: set LEADSCORING__WEBHOOKS__ALLOWEDPRIVATEHOSTS={host} (several with commas) and start again.";
}
