using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>Hands everything on to a real sidecar and remembers what passed; it can be told to be busy for a while.</summary>
internal sealed class CountingProxy : IAsyncDisposable
{
    private readonly ConcurrentQueue<(string Call, string? IdempotencyKey)> calls = new();
    private readonly HttpClient sidecar;
    private readonly WebApplication app;
    private int busyAnswersLeft;
    private int lateAnswersLeft;

    private CountingProxy(WebApplication app, Uri sidecar) => (this.app, this.sidecar) = (app, new HttpClient { BaseAddress = sidecar });

    public Uri Url => new(app.Urls.Single());

    /// <summary>Method and path of every call so far, busy ones included.</summary>
    public IReadOnlyList<string> Calls => [.. calls.Select(one => one.Call)];

    /// <summary>The idempotency key of each of these calls, in the order in which they came.</summary>
    public IReadOnlyList<string?> KeysOf(string call) => [.. calls.Where(one => one.Call == call).Select(one => one.IdempotencyKey)];

    public static async Task<CountingProxy> StartAsync(Uri sidecar)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var proxy = new CountingProxy(app, sidecar);
        app.Run(proxy.HandleAsync);
        await app.StartAsync();
        return proxy;
    }

    /// <summary>The next calls get 429 and are asked to come again in a second.</summary>
    public void IsBusyFor(int count) => busyAnswersLeft = count;

    /// <summary>The next calls are done, but the answer comes after the caller has given up.</summary>
    public void IsLateFor(int count) => lateAnswersLeft = count;

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        sidecar.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        calls.Enqueue(($"{context.Request.Method} {context.Request.Path}", context.Request.Headers["Idempotency-Key"]));
        if (Interlocked.Decrement(ref busyAnswersLeft) >= 0)
        {
            await FailingSidecar.BusyAsync(context, retryAfterSeconds: 1);
            return;
        }

        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), context.Request.GetEncodedPathAndQuery());
        if (context.Request.ContentLength > 0 || context.Request.Headers.TransferEncoding.Count > 0) request.Content = new StreamContent(context.Request.Body);
        foreach (var (name, value) in context.Request.Headers.Where(h => !h.Key.Equals("Host", StringComparison.OrdinalIgnoreCase)))
            if (!request.Headers.TryAddWithoutValidation(name, value.ToArray())) request.Content?.Headers.TryAddWithoutValidation(name, value.ToArray());
        if (Interlocked.Decrement(ref lateAnswersLeft) >= 0)
        {
            using var late = await sidecar.SendAsync(request, CancellationToken.None);
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return;
        }

        using var answer = await sidecar.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, value) in answer.Headers.Concat(answer.Content.Headers).Where(h => h.Key is not ("Transfer-Encoding" or "Connection")))
            context.Response.Headers[name] = value.ToArray();
        if (answer.StatusCode != HttpStatusCode.NoContent) await answer.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }
}
