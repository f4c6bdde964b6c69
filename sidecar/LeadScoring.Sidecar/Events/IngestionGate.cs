using System.Collections.Concurrent;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Events;

/// <summary>Keeps memory and queue bounded: what is too much is turned away before its body is read.</summary>
internal sealed class IngestionGate(StaleLeads stale, IOptions<EventOptions> options, TimeProvider time)
{
    /// <summary>What a request of undeclared length, or a stream, counts for: about what it holds at a time.</summary>
    internal const long UndeclaredBytes = 4_000_000;

    // A queue cannot grow far in this time, and counting it costs milliseconds.
    private static readonly TimeSpan TrustCountFor = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<string, (long CountedAt, bool IsFull)> queues = new(StringComparer.Ordinal);
    private long pendingBytes;

    /// <summary>Lets a request in and counts its bytes until the result is disposed.</summary>
    /// <exception cref="ProblemException">429: too much is under way, or the organization's queue is too long.</exception>
    internal async ValueTask<IDisposable> EnterAsync(string organizationId, long bytes, CancellationToken cancellationToken)
    {
        // A request larger than the whole bound gets in when nothing else is under way.
        if (Interlocked.Add(ref pendingBytes, bytes) is var sum && sum > options.Value.MaxPendingBytes && sum != bytes)
        {
            Interlocked.Add(ref pendingBytes, -bytes);
            throw new ProblemException(ProblemKind.TooMuch, "More events are on their way than this process can hold. Nothing of this request was stored; send it again.") { RetryAfterSeconds = 1 };
        }

        var stay = new Stay(this, bytes);
        if (!await IsQueueFullAsync(organizationId, cancellationToken)) return stay;
        stay.Dispose();
        throw new ProblemException(ProblemKind.TooMuch, $"More than {options.Value.MaxQueuedLeads:N0} leads wait for a new score. Nothing of this request was stored; send it again.") { RetryAfterSeconds = 5 };
    }

    internal async ValueTask<bool> IsQueueFullAsync(string organizationId, CancellationToken cancellationToken)
    {
        if (queues.TryGetValue(organizationId, out var known) && time.GetElapsedTime(known.CountedAt) < TrustCountFor) return known.IsFull;
        var most = options.Value.MaxQueuedLeads;
        var isFull = await stale.CountAsync(organizationId, most + 1, cancellationToken) > most;
        queues[organizationId] = (time.GetTimestamp(), isFull);
        return isFull;
    }

    private sealed class Stay(IngestionGate gate, long bytes) : IDisposable
    {
        private long left = bytes;

        public void Dispose() => Interlocked.Add(ref gate.pendingBytes, -Interlocked.Exchange(ref left, 0));
    }
}

/// <summary>A handler that takes this lets a request in before its body is read; it is out when the answer is.</summary>
internal sealed record Ingestion
{
    public static async ValueTask<Ingestion> BindAsync(HttpContext http)
    {
        var caller = await Caller.BindAsync(http);
        var isStream = http.Request.ContentType?.StartsWith(EventStream.ContentType, StringComparison.OrdinalIgnoreCase) == true;
        var bytes = isStream ? IngestionGate.UndeclaredBytes : http.Request.ContentLength ?? IngestionGate.UndeclaredBytes;
        http.Response.RegisterForDispose(await http.RequestServices.GetRequiredService<IngestionGate>().EnterAsync(caller.OrganizationId, bytes, http.RequestAborted));
        return new Ingestion();
    }
}
