using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Api;

/// <summary>
/// How much an address may ask for without a good key, and how often it may be wrong about one. Requests with a good key are not counted here but by their key: behind a proxy or an n8n server many share an address.
/// </summary>
internal sealed class AddressLimits(TimeProvider time, IOptions<ApiOptions> options)
{
    // What is remembered of addresses stays small whatever comes; those that are as good as new go first.
    private const int Most = 50_000;
    private const int MinuteOfSeconds = 60;

    private readonly ConcurrentDictionary<UInt128, RateAllowance> requests = new();
    private readonly ConcurrentDictionary<UInt128, RateAllowance> failures = new();

    /// <summary>Counts a request that shows no good key.</summary>
    /// <exception cref="ProblemException">Too many.</exception>
    internal void Count(HttpContext http)
    {
        if (Key(http) is not { } key) return;
        Refuse(Of(requests, key).Take(time.GetTimestamp(), options.Value.AddressRequestsPerSecond, time.TimestampFrequency), "This address asks for more than LEADSCORING__API__ADDRESSREQUESTSPERSECOND without a key.");
    }

    /// <exception cref="ProblemException">The address has shown so many wrong keys that no further one is looked at now.</exception>
    internal void DemandTrust(HttpContext http)
    {
        if (Key(http) is { } key && failures.TryGetValue(key, out var allowance))
            Refuse(allowance.Look(time.GetTimestamp(), options.Value.FailedKeysPerMinute, Minute), "Too many wrong keys came from this address. Keys that were good of late go on working; others are looked at again in a moment.");
    }

    /// <summary>Counts a key that was not good.</summary>
    internal void CountFailure(HttpContext http)
    {
        if (Key(http) is { } key) Of(failures, key).Take(time.GetTimestamp(), options.Value.FailedKeysPerMinute, Minute);
    }

    private long Minute => time.TimestampFrequency * MinuteOfSeconds;

    internal static ProblemException TooMany(long ticks, long frequency, string detail) => new(ProblemKind.TooMuch, detail) { RetryAfterSeconds = (int)Math.Max(1, Math.Ceiling(ticks / (double)frequency)) };

    private void Refuse(long ticks, string detail)
    {
        if (ticks > 0) throw TooMany(ticks, time.TimestampFrequency, detail);
    }

    private RateAllowance Of(ConcurrentDictionary<UInt128, RateAllowance> known, UInt128 key)
    {
        if (known.TryGetValue(key, out var allowance)) return allowance;
        if (known.Count >= Most) Forget(known);
        return known.GetOrAdd(key, static _ => new RateAllowance());
    }

    private void Forget(ConcurrentDictionary<UInt128, RateAllowance> known)
    {
        var now = time.GetTimestamp();
        foreach (var (key, allowance) in known)
        {
            if (allowance.IsFull(now)) known.TryRemove(key, out _);
        }

        // All of them busy at once: better to count anew than to grow.
        if (known.Count >= Most) known.Clear();
    }

    /// <summary>The address; of IPv6 the first half, as one customer has that many. Null: nobody is on the other side, such as in tests.</summary>
    private static UInt128? Key(HttpContext http)
    {
        if (http.Connection.RemoteIpAddress is not { } address) return null;
        Span<byte> bytes = stackalloc byte[16];
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        address.TryWriteBytes(bytes, out _);
        // The bit above keeps the two families apart.
        return address.AddressFamily == AddressFamily.InterNetwork ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt64BigEndian(bytes) + (UInt128.One << 64);
    }
}
