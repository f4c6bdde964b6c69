using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace LeadScoring.Connectors.Http;

/// <summary>How long a vendor asks to be left alone.</summary>
internal static class RetryWait
{
    internal static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>A longer wait is left to whoever asked: he has better to do than to hold the line.</summary>
    internal static readonly TimeSpan LongestHeld = TimeSpan.FromMinutes(2);

    /// <summary><c>Retry-After</c> as seconds or date; null when there is none that makes sense.</summary>
    internal static TimeSpan? Of(HttpResponseHeaders headers, DateTimeOffset now) => headers.RetryAfter switch
    {
        { Delta: { } delta } => Bounded(delta),
        { Date: { } date } => Bounded(date - now),
        _ => null,
    };

    /// <summary>A moment in Unix seconds, as <c>X-RateLimit-Reset</c> of many vendors is; null when it is none.</summary>
    internal static TimeSpan? OfEpoch(string? seconds, DateTimeOffset now) =>
        long.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var at) && at < 253_402_300_800 ? Bounded(DateTimeOffset.FromUnixTimeSeconds(at) - now) : null;

    /// <summary>Whether the same request may be answered next time.</summary>
    internal static bool IsPassing(HttpStatusCode status) => status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway
        or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    private static TimeSpan Bounded(TimeSpan wait) => wait < TimeSpan.Zero ? TimeSpan.Zero : wait > Longest ? Longest : wait;
}
