using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using LeadScoring.Sidecar.Api;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>What came back.</summary>
/// <param name="Status">HTTP status; null when there was no answer.</param>
/// <param name="Failure">Why it does not count as received; null when it does.</param>
/// <param name="RetryAfter">How long the receiver asked to be left alone.</param>
internal sealed record SendResult(int? Status, string? Failure, TimeSpan? RetryAfter)
{
    internal bool IsGone => Status == 410;
}

/// <summary>One signed request. The status line and headers are the acknowledgement: the body of the answer is never looked at, let alone logged.</summary>
internal sealed class SendWebhook : IDisposable
{
    // A short body is read in the background so that the connection can be used again; a longer one ends it.
    private const int MaxDrainBytes = 64 * 1024;
    private const string Closed = "the connection was closed before the answer";
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(24);

    /// <summary>Looks a name up. Anew for each connection.</summary>
    internal Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    private readonly HttpMessageInvoker http;
    private readonly HashSet<string> privateHosts;
    private readonly TimeSpan timeout;
    private readonly TimeProvider time;

    public SendWebhook(IOptions<WebhookOptions> options, TimeProvider time)
    {
        (privateHosts, timeout, this.time) = (options.Value.PrivateHosts, options.Value.Timeout, time);
        http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            // A proxy would connect for us, to addresses that nobody has checked; so would a redirect to a place that nobody has configured.
            AllowAutoRedirect = false, UseProxy = false, UseCookies = false, AutomaticDecompression = DecompressionMethods.None,
            MaxResponseHeadersLength = 16, MaxResponseDrainSize = MaxDrainBytes, ResponseDrainTimeout = DrainTimeout,
            // Names are looked up again after a while.
            PooledConnectionLifetime = TimeSpan.FromMinutes(2), ConnectCallback = ConnectAsync,
        });
    }

    /// <param name="url">Where to.</param>
    /// <param name="keys">Keys to sign with.</param>
    /// <param name="eventId">Header webhook-id.</param>
    /// <param name="body">JSON.</param>
    /// <param name="cancellationToken">Cancels; a timeout is a result.</param>
    internal async Task<SendResult> RunAsync(Uri url, IReadOnlyList<byte[]> keys, string eventId, string body, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        using var request = Request(url, keys, eventId, Encoding.UTF8.GetBytes(body));
        try
        {
            using var response = await http.SendAsync(request, either.Token);
            return Result(response);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new SendResult(null, string.Create(CultureInfo.InvariantCulture, $"no answer within {timeout.TotalSeconds:0.#} s"), null);
        }
        catch (HttpRequestException e)
        {
            return new SendResult(null, Describe(e), null);
        }
    }

    private HttpRequestMessage Request(Uri url, IReadOnlyList<byte[]> keys, string eventId, byte[] body)
    {
        var timestamp = time.GetUtcNow().ToUnixTimeSeconds();
        var request = new HttpRequestMessage(HttpMethod.Post, url) { Version = HttpVersion.Version11, Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("LeadScoring-Webhooks", "1"));
        request.Headers.Add(WebhookSignature.IdHeader, eventId);
        request.Headers.Add(WebhookSignature.TimestampHeader, timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add(WebhookSignature.SignatureHeader, WebhookSignature.Sign(keys, eventId, timestamp, body));
        return request;
    }

    private SendResult Result(HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        var pause = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - time.GetUtcNow(),
            _ => (TimeSpan?)null,
        };
        if (pause is { } asked) pause = asked < TimeSpan.Zero ? null : asked < LongestPause ? asked : LongestPause;
        return status switch
        {
            >= 200 and < 300 => new SendResult(status, null, null),
            >= 300 and < 400 => new SendResult(status, $"answered {status}; redirects are not followed: give the address that it leads to", pause),
            410 => new SendResult(status, "answered 410 (gone): the receiver wants no more", null),
            _ => new SendResult(status, $"answered {status}", pause),
        };
    }

    /// <summary>Looked up and checked here, at the moment of connecting: a name that was public when it was configured may be another today.</summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = await Resolve(host, cancellationToken);
        if (!privateHosts.Contains(host)) addresses = [.. addresses.Where(a => !PrivateAddress.Is(a))];
        if (addresses.Length == 0) throw new PrivateAddressException(PrivateAddress.Refusal(host));
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string Describe(HttpRequestException e)
    {
        for (Exception? inner = e; inner is not null; inner = inner.InnerException)
        {
            if (inner is PrivateAddressException) return inner.Message;
            if (inner is SocketException socket) return socket.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => "connection refused",
                SocketError.ConnectionReset or SocketError.ConnectionAborted => Closed,
                SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "the host name is not known",
                var code => $"no connection ({code})",
            };
        }

        return e.HttpRequestError switch
        {
            HttpRequestError.SecureConnectionError => "no secure connection: the certificate is not trusted, or TLS failed",
            HttpRequestError.ResponseEnded => Closed,
            HttpRequestError.InvalidResponse => "the answer is not HTTP",
            var error => $"no answer ({error})",
        };
    }

    public void Dispose() => http.Dispose();

    private sealed class PrivateAddressException(string message) : Exception(message);
}
