using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace LeadScoring.Benchmarks;

/// <summary>What became of one call.</summary>
/// <param name="BeganMs">Unix ms.</param>
/// <param name="EndedMs">Unix ms.</param>
/// <param name="Tries">Requests that it took.</param>
/// <param name="Body">The answer's body; null when there was none of 2xx.</param>
/// <param name="Why">The last failure, when there was one.</param>
internal sealed record Call(long BeganMs, long EndedMs, int Tries, string? Body, string? Why);

/// <summary>
/// What a workflow of n8n with the lead-scoring node is, behind a balancer: after 429 and 503 the node comes again up to three times, when Retry-After says (else 1, 2, 4 s);
/// for no answer n8n's own "Retry On Fail" runs the node again up to three times, 1 s apart. The balancer takes the replicas in turn and goes on to the other where a connection is refused, and for 1 s after that.
/// </summary>
internal sealed class FaultClient(string[] replicas, string key) : IDisposable
{
    private const int NodeRetries = 3;
    private const int Runs = 3;
    private static readonly TimeSpan BetweenRuns = TimeSpan.FromSeconds(1);

    // The node waits for 60 s by default; a balancer less.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(15);

    private readonly HttpClient http = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2), PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30) }) { Timeout = Timeout, DefaultRequestHeaders = { { "X-API-Key", key } } };
    private readonly long[] refusedAt = new long[replicas.Length];
    private int next;

    internal static long NowMs => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    internal async Task<Call> PostAsync(string path, object body)
    {
        var (began, tries, json) = (NowMs, 0, JsonSerializer.Serialize(body));
        string? why = null;
        for (var run = 1; run <= Runs; run++)
        {
            if (run > 1) await Task.Delay(BetweenRuns);
            for (var attempt = 1; attempt <= 1 + NodeRetries; attempt++)
            {
                tries++;
                try
                {
                    using var answer = await ThroughBalancerAsync(path, json);
                    if (answer.IsSuccessStatusCode) return new Call(began, NowMs, tries, await answer.Content.ReadAsStringAsync(), why);
                    why = $"{(int)answer.StatusCode}";
                    if (answer.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable) || attempt == 1 + NodeRetries) break;
                    await Task.Delay(answer.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(Math.Pow(2, attempt - 1)));
                }
                catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
                {
                    why = e is TaskCanceledException ? "no answer in time" : "connection broke";
                    break;
                }
            }
        }

        return new Call(began, NowMs, tries, null, why);
    }

    private async Task<HttpResponseMessage> ThroughBalancerAsync(string path, string json)
    {
        var first = Interlocked.Increment(ref next);
        for (var i = 0; ; i++)
        {
            var replica = (int)((uint)(first + i) % replicas.Length);
            if (i == 0 && Environment.TickCount64 - Volatile.Read(ref refusedAt[replica]) < 1_000) continue;
            try
            {
                using var content = new StringContent(json, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
                return await http.PostAsync(new Uri(replicas[replica] + path), content);
            }
            catch (HttpRequestException e) when (i < replicas.Length && e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            {
                Volatile.Write(ref refusedAt[replica], Environment.TickCount64);
            }
        }
    }

    public void Dispose() => http.Dispose();
}

/// <summary>Everything that clients were told.</summary>
internal sealed class Told
{
    /// <summary>A score of a stored lead, or of facts that came with the request.</summary>
    internal sealed record Score(string LeadId, bool IsInline, Call Call);

    /// <summary>Events of one lead, one at a time.</summary>
    internal sealed record Event(string EventId, string LeadId, Call Call);

    internal ConcurrentQueue<Score> Scores { get; } = new();

    internal ConcurrentQueue<Event> Events { get; } = new();

    internal Stopwatch Clock { get; } = Stopwatch.StartNew();
}
