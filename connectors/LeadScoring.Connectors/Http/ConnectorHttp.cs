using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;

namespace LeadScoring.Connectors.Http;

/// <summary>An answer, read to its end.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Headers">Its headers.</param>
/// <param name="Body">The whole body.</param>
public sealed record ConnectorResponse(HttpStatusCode Status, HttpResponseHeaders Headers, byte[] Body);

/// <summary>What a vendor's client says of its HTTP.</summary>
/// <param name="Account">Name of the account.</param>
/// <param name="BaseUrl">Address of the API; asked anew for every request, as OAuth may assign one.</param>
/// <param name="Tokens">What authorizes.</param>
/// <param name="Budget">Rate and daily budget.</param>
/// <param name="Authorize">Puts the token into a request.</param>
/// <param name="Timeout">Longest wait for a whole answer.</param>
public sealed record ConnectorHttpOptions(string Account, Func<Uri> BaseUrl, IAccessTokens Tokens, RequestBudget Budget, Action<HttpRequestMessage, string> Authorize, TimeSpan Timeout)
{
    /// <summary>Tries of a request, the first included. Default 5.</summary>
    public int Tries { get; init; } = 5;

    /// <summary>Wait after the first failure; then twice as long each time, give or take. Default 0.5 s.</summary>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a vendor's own rule or header asks to wait; default <c>Retry-After</c> alone.</summary>
    public Func<ConnectorResponse, TimeSpan?>? WaitOf { get; init; }

    /// <summary>Reads what headers tell of the budget.</summary>
    public Action<HttpResponseHeaders>? Observe { get; init; }

    /// <summary>The vendor's own code of an error body, such as VALIDATION_ERROR; must not give out anything else of it.</summary>
    public Func<byte[], string?>? CodeOf { get; init; }

    /// <summary>What a request costs of the day where the vendor counts tokens; default 1 each.</summary>
    public Func<HttpRequestMessage, int>? CostOf { get; init; }

    /// <summary>A budget that some requests have besides the account's, such as a search's; default none.</summary>
    public Func<HttpRequestMessage, RequestBudget?>? AlsoOf { get; init; }

    /// <summary>Failures in a row of half of all requests, at least 10 within half a minute, after which nothing is sent for so long. Default 30 s.</summary>
    public TimeSpan BreakFor { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>
/// HTTP to one account: budget, credentials, timeouts, retries with growing waits or the wait that the vendor asks for, and a circuit breaker. An answer counts when it was read to its end:
/// a body that is cut off or too slow is a failure like no answer.
/// </summary>
/// <remarks>Only requests that may be done twice go through here: reads, and writes of values.</remarks>
public sealed class ConnectorHttp : IDisposable
{
    private const int MostBytes = 64 * 1024 * 1024;

    private readonly ConnectorHttpOptions options;
    private readonly TimeProvider time;
    private readonly HttpMessageInvoker http;
    private readonly ResiliencePipeline<ConnectorResponse> pipeline;

    /// <param name="options">What the client says.</param>
    /// <param name="time">Clock of waits and of the breaker.</param>
    public ConnectorHttp(ConnectorHttpOptions options, TimeProvider time)
    {
        (this.options, this.time) = (options, time);
        http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            // A token must not follow a redirect to somewhere else.
            AllowAutoRedirect = false, UseCookies = false, AutomaticDecompression = DecompressionMethods.All, PooledConnectionLifetime = TimeSpan.FromMinutes(2), MaxConnectionsPerServer = 8,
        });
        pipeline = Pipeline(options, time);
    }

    /// <summary>What is used of the budget.</summary>
    public BudgetStatus Budget => options.Budget.Status;

    /// <summary>Sends a request and reads its answer.</summary>
    /// <param name="request">Makes the request; called for every try. Relative to the base address.</param>
    /// <param name="what">What it does, for messages: a path without ids.</param>
    /// <param name="priority">Who asks.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <param name="expected">Statuses that are answers and no failures; default 2xx.</param>
    /// <exception cref="ConnectorException">No answer, or another one.</exception>
    public async Task<ConnectorResponse> SendAsync(
        Func<HttpRequestMessage> request, string what, RequestPriority priority, CancellationToken cancellationToken, params HttpStatusCode[] expected)
    {
        ConnectorResponse response;
        try
        {
            response = await pipeline.ExecuteAsync(async token => await TryAsync(request, priority, token), cancellationToken);
        }
        catch (BrokenCircuitException e)
        {
            throw new ConnectorException(options.Account, ConnectorFailure.Unavailable, $"{what}: it failed too often just now", e) { RetryAfter = e.RetryAfter };
        }
        catch (Exception e) when (e is HttpRequestException or IOException or TimeoutException)
        {
            // Messages of the network name the host at most; those of HttpRequestException may name the address: none of them is passed on.
            throw new ConnectorException(options.Account, ConnectorFailure.Unavailable, $"{what}: {(e is TimeoutException ? $"no whole answer within {options.Timeout.TotalSeconds:0.#} s" : "the connection failed")}", e);
        }

        return (int)response.Status is >= 200 and < 300 || expected.Contains(response.Status) ? response : throw Failure(response, what);
    }

    /// <summary>Sends a request and reads its answer as JSON.</summary>
    /// <inheritdoc cref="SendAsync"/>
    /// <param name="request">Makes the request.</param>
    /// <param name="type">Generated description of the answer.</param>
    /// <param name="what">What it does, for messages.</param>
    /// <param name="priority">Who asks.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<T> SendAsync<T>(Func<HttpRequestMessage> request, JsonTypeInfo<T> type, string what, RequestPriority priority, CancellationToken cancellationToken)
    {
        return Read(await SendAsync(request, what, priority, cancellationToken), type, what);
    }

    /// <summary>An answer as JSON.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="type">Generated description of it.</param>
    /// <param name="what">What the request did, for messages.</param>
    /// <exception cref="ConnectorException">It is not the JSON that it should be.</exception>
    public T Read<T>(ConnectorResponse response, JsonTypeInfo<T> type, string what)
    {
        try
        {
            return JsonSerializer.Deserialize(response.Body, type) ?? throw new JsonException("null");
        }
        catch (JsonException)
        {
            // Without the reason: it quotes the body.
            throw new ConnectorException(options.Account, ConnectorFailure.Unavailable, $"{what}: the answer is not the JSON that it should be") { Status = (int)response.Status };
        }
    }

    private async Task<ConnectorResponse> TryAsync(Func<HttpRequestMessage> make, RequestPriority priority, CancellationToken cancellationToken)
    {
        var token = await options.Tokens.GetAsync(cancellationToken);
        var response = await SendOnceAsync(make, token, priority, cancellationToken);
        if (response.Status == HttpStatusCode.Unauthorized && await options.Tokens.RenewAsync(token, cancellationToken))
            response = await SendOnceAsync(make, await options.Tokens.GetAsync(cancellationToken), priority, cancellationToken);
        if (response.Status == HttpStatusCode.TooManyRequests) options.Budget.Pause(WaitOf(response) ?? TimeSpan.FromSeconds(1));
        return response;
    }

    private async Task<ConnectorResponse> SendOnceAsync(Func<HttpRequestMessage> make, string token, RequestPriority priority, CancellationToken cancellationToken)
    {
        using var request = make();
        await options.Budget.TakeAsync(priority, cancellationToken, options.CostOf?.Invoke(request) ?? 1);
        // For every try: one that is made again counts again.
        if (options.AlsoOf?.Invoke(request) is { } also) await also.TakeAsync(priority, cancellationToken);
        request.RequestUri = new Uri(options.BaseUrl(), request.RequestUri!);
        options.Authorize(request, token);
        using var limit = new CancellationTokenSource(options.Timeout);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            using var response = await http.SendAsync(request, either.Token);
            options.Observe?.Invoke(response.Headers);
            return new ConnectorResponse(response.StatusCode, response.Headers, await ReadAsync(response.Content, either.Token));
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException("no whole answer in time", e);
        }
    }

    private static async Task<byte[]> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > MostBytes) throw new HttpRequestException("The answer is too long.");
        await using var stream = await content.ReadAsStreamAsync(cancellationToken);
        using var whole = new MemoryStream();
        var part = new byte[16 * 1024];
        while (await stream.ReadAsync(part, cancellationToken) is > 0 and var read)
        {
            whole.Write(part, 0, read);
            if (whole.Length > MostBytes) throw new HttpRequestException("The answer is too long.");
        }

        return whole.ToArray();
    }

    private TimeSpan? WaitOf(ConnectorResponse response) => RetryWait.Of(response.Headers, time.GetUtcNow()) ?? options.WaitOf?.Invoke(response);

    private ConnectorException Failure(ConnectorResponse response, string what)
    {
        var failure = response.Status switch
        {
            HttpStatusCode.Unauthorized => ConnectorFailure.Unauthorized,
            HttpStatusCode.Forbidden or HttpStatusCode.PaymentRequired => ConnectorFailure.Forbidden,
            HttpStatusCode.NotFound or HttpStatusCode.Gone => ConnectorFailure.NotFound,
            HttpStatusCode.TooManyRequests => ConnectorFailure.RateLimited,
            var passing when RetryWait.IsPassing(passing) => ConnectorFailure.Unavailable,
            var s when (int)s >= 500 => ConnectorFailure.Unavailable,
            _ => ConnectorFailure.Rejected,
        };
        var code = options.CodeOf?.Invoke(response.Body);
        return new ConnectorException(options.Account, failure, $"{what}: {(int)response.Status}{(code is null ? "" : " " + code)}") { Status = (int)response.Status, RetryAfter = WaitOf(response) };
    }

    private ResiliencePipeline<ConnectorResponse> Pipeline(ConnectorHttpOptions options, TimeProvider time)
    {
        var failed = new PredicateBuilder<ConnectorResponse>().Handle<HttpRequestException>().Handle<IOException>().Handle<TimeoutException>();
        return new ResiliencePipelineBuilder<ConnectorResponse> { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions<ConnectorResponse>
            {
                ShouldHandle = failed.HandleResult(r => RetryWait.IsPassing(r.Status) && !(WaitOf(r) > RetryWait.LongestHeld)), MaxRetryAttempts = options.Tries - 1, BackoffType = DelayBackoffType.Exponential, UseJitter = true,
                Delay = options.FirstWait, MaxDelay = TimeSpan.FromMinutes(1),
                // Null: the growing wait.
                DelayGenerator = a => new ValueTask<TimeSpan?>(a.Outcome.Result is { } r ? WaitOf(r) : null),
            })
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<ConnectorResponse>
            {
                // Not by 429: that is a vendor in order, and the budget waits for it.
                ShouldHandle = new PredicateBuilder<ConnectorResponse>().Handle<HttpRequestException>().Handle<IOException>().Handle<TimeoutException>().HandleResult(r => (int)r.Status >= 500),
                FailureRatio = 0.5, MinimumThroughput = 10, SamplingDuration = TimeSpan.FromSeconds(30), BreakDuration = options.BreakFor,
            })
            .Build();
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();
}
