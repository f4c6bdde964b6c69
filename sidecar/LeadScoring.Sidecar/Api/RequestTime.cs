using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Api;

/// <summary>Endpoint metadata: takes as long as what comes in or goes out is long, or is bounded by itself; the server's own bound on slow bodies holds all the same.</summary>
internal sealed record Unhurried;

/// <summary>Ends requests that take too long, so that none holds a connection or a lock for good.</summary>
internal sealed class RequestTime(RequestDelegate next, IOptions<ApiOptions> options, TimeProvider time)
{
    public Task InvokeAsync(HttpContext http) =>
        http.GetEndpoint() is { } endpoint && endpoint.Metadata.GetMetadata<Unhurried>() is null && http.Request.Path.StartsWithSegments(Authentication.Prefix) ? RunAsync(http) : next(http);

    private async Task RunAsync(HttpContext http)
    {
        var before = http.RequestAborted;
        using var limit = new CancellationTokenSource(options.Value.RequestTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, before);
        http.RequestAborted = either.Token;
        try
        {
            await next(http);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !before.IsCancellationRequested)
        {
            throw new ProblemException(ProblemKind.TookTooLong, $"It was ended after {options.Value.RequestTime.TotalSeconds:0} s, LEADSCORING__API__REQUESTTIME. Nothing of it was stored. Ask for less at once.");
        }
        finally
        {
            http.RequestAborted = before;
        }
    }
}
