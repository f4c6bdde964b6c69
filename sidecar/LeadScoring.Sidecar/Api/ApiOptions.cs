using System.ComponentModel.DataAnnotations;

namespace LeadScoring.Sidecar.Api;

/// <summary>Limits of the HTTP edge. Section <c>LeadScoring:Api</c>.</summary>
public sealed class ApiOptions
{
    public const string Section = "LeadScoring:Api";

    /// <summary>Largest JSON body in bytes. Default 10 MB; from 1 kB to 1 GB. CSV imports have their own limit.</summary>
    [Range(1_000, 1_000_000_000)]
    public long MaxBodyBytes { get; set; } = 10_000_000;

    /// <summary>How long a verified key is trusted without asking the database, so how late a revocation may bite. Default 30 s; from 0 to 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan KeyCacheTime { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest time of a request, but for files, streams and what goes over all leads. Default 5 min; from 1 s to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan RequestTime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Requests a second that one key may make of one process, also all at once. Default 50,000, which is more than two cores answer; whoever shares a machine among organizations lowers it. From 0 (no limit) to 1,000,000.
    /// </summary>
    [Range(0, 1_000_000)]
    public int RequestsPerSecond { get; set; } = 50_000;

    /// <summary>Requests a second without a key (dashboard, health, signed webhooks of vendors) from one address. Default 1,000; from 0 (no limit) to 1,000,000.</summary>
    [Range(0, 1_000_000)]
    public int AddressRequestsPerSecond { get; set; } = 1_000;

    /// <summary>Wrong keys a minute from one address before no further one is looked at; keys that were good of late go on. Default 60; from 0 (no limit) to 100,000.</summary>
    [Range(0, 100_000)]
    public int FailedKeysPerMinute { get; set; } = 60;

    /// <summary>Addresses or networks of proxies in front, with commas, such as <c>10.0.0.0/8</c>: who calls is then told by their X-Forwarded-For. Default none: anybody could write that header.</summary>
    public string TrustedProxies { get; set; } = "";

    internal string[] Proxies => TrustedProxies.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
