using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>Stands in for a sidecar that does nothing for anybody, for good: below one address it is always busy, below the other it never answers.</summary>
internal sealed class FailingSidecar : IAsyncDisposable
{
    private readonly WebApplication app;

    private FailingSidecar(WebApplication app) => this.app = app;

    /// <summary>Answers 429, and lets the caller come again at once: nobody waits for what is in vain.</summary>
    public Uri BusyUrl => new($"{app.Urls.Single()}/busy");

    /// <summary>Takes every call and never answers.</summary>
    public Uri StuckUrl => new($"{app.Urls.Single()}/stuck");

    public static async Task<FailingSidecar> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.Map("/busy/{**path}", context => BusyAsync(context, retryAfterSeconds: 0));
        app.Map("/stuck/{**path}", context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        await app.StartAsync();
        return new FailingSidecar(app);
    }

    /// <summary>What the real one says when more comes in than it can take.</summary>
    public static Task BusyAsync(HttpContext context, int retryAfterSeconds)
    {
        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        context.Response.Headers.RetryAfter = $"{retryAfterSeconds}";
        var problem = new { type = "/problems/too-much-at-once", title = "More comes in than can be taken at the moment", status = 429, detail = "Come again." };
        return context.Response.WriteAsJsonAsync(problem, options: null, contentType: "application/problem+json");
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
