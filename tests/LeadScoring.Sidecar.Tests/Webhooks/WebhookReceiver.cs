using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Webhooks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Sidecar.Tests.Webhooks;

/// <summary>A request as it came in.</summary>
internal sealed record Received(string EventId, string Timestamp, string Signature, byte[] Body, int Status)
{
    internal JsonElement Json => JsonElement.Parse(Encoding.UTF8.GetString(Body));

    internal string Type => Json.Text("type")!;

    internal JsonElement Data => Json.GetProperty("data");

    internal bool IsSignedWith(string secret, TimeProvider? time = null)
    {
        Assert.True(WebhookSignature.TryReadSecret(secret, out var key));
        return WebhookSignature.Verify(key, EventId, Timestamp, Signature, Body, (time ?? TimeProvider.System).GetUtcNow().ToUnixTimeSeconds(), TimeSpan.FromMinutes(5));
    }
}

/// <summary>Somebody else's server, on a real socket of this machine.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly WebApplication app;

    private WebhookReceiver(WebApplication app) => this.app = app;

    /// <summary>All requests, in the order in which they were answered.</summary>
    internal ConcurrentQueue<Received> Requests { get; } = [];

    /// <summary>Those that were answered 2xx.</summary>
    internal IEnumerable<Received> Accepted => Requests.Where(r => r.Status is >= 200 and < 300);

    /// <summary>Says how to answer; the status is what it has set.</summary>
    internal Func<HttpContext, Task> Respond { get; set; } = _ => Task.CompletedTask;

    internal Uri Url => new(app.Urls.Single() + "/hook");

    internal static async Task<WebhookReceiver> StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrel(k => k.Listen(IPAddress.Loopback, port));
        var receiver = new WebhookReceiver(builder.Build());
        receiver.app.Run(receiver.HandleAsync);
        await receiver.app.StartAsync();
        return receiver;
    }

    /// <summary>Waits until the requests satisfy a condition.</summary>
    internal Task UntilAsync(Func<WebhookReceiver, bool> condition, string what) => Waiting.UntilAsync(() => condition(this), () => $"{what}: {Requests.Count} requests, {Accepted.Count()} accepted");

    private async Task HandleAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        body.Position = 0;
        http.Request.Body = body;
        try
        {
            await Respond(http);
        }
        finally
        {
            string Header(string name) => http.Request.Headers[name].ToString();
            Requests.Enqueue(new Received(Header("webhook-id"), Header("webhook-timestamp"), Header("webhook-signature"), body.ToArray(), http.RequestAborted.IsCancellationRequested && !http.Response.HasStarted ? 0 : http.Response.StatusCode));
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }
}

internal static class Waiting
{
    /// <summary>Waits, at most half a minute, until something is so.</summary>
    internal static async Task UntilAsync(Func<bool> condition, Func<string> what)
    {
        for (var waits = 0; !condition(); waits++)
        {
            Assert.True(waits < 3_000, what());
            await Task.Delay(10);
        }
    }

    internal static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        for (var waits = 0; !await condition(); waits++)
        {
            Assert.True(waits < 1_000, what);
            await Task.Delay(30);
        }
    }
}
