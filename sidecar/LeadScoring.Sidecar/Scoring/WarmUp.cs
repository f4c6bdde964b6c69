using System.Diagnostics;
using System.Text;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Http.Features;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>
/// Loads all champions and sends made-up requests through the scoring endpoint itself, so that the first real score is as fast as the next. Ready afterwards.
/// </summary>
internal sealed class WarmUp(
    OrganizationStore organizations, ActiveModels models, VerifyApiKey verify, EndpointDataSource routes, IServiceScopeFactory scopes, ILogger<WarmUp> logger) : BackgroundService
{
    // Enough calls for the runtime to compile the hot path anew; bounded in time for slow machines and many organizations.
    private const int Requests = 100;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);
    private static readonly byte[] Body = Encoding.UTF8.GetBytes("""{"lead_id":"warm-up","save":false,"include_factors":true,"lead":{"age":40,"website_sessions":5},"events":[{"type":"page_view","source":"website","occurred_at":"2026-01-01T00:00:00Z"}]}""");

    private volatile bool isDone;

    internal string? WhyNotReady => isDone ? null : "models are being loaded";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            var clock = Stopwatch.StartNew();
            await verify("lsk_000000000000_none", stoppingToken);
            var endpoint = routes.Endpoints.OfType<RouteEndpoint>().FirstOrDefault(e => e.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName == "ScoreLead");
            foreach (var organizationId in await organizations.ListAsync(stoppingToken))
            {
                await models.GetAsync(organizationId, stoppingToken);
                for (var i = 0; i < Requests && clock.Elapsed < Longest && endpoint is not null; i++) await ScoreAsync(endpoint, organizationId, stoppingToken);
            }
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            // Slow first scores are better than a service that never gets ready.
            ScoringLog.WarmUpFailed(logger, e.GetType().Name, e.StackTrace ?? "");
        }

        isDone = true;
    }

    /// <summary>Binding, scoring and writing as for a real request; nothing is stored and no key is needed, as it never leaves the process.</summary>
    private async Task ScoreAsync(RouteEndpoint endpoint, string organizationId, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var http = new DefaultHttpContext { RequestServices = scope.ServiceProvider, RequestAborted = cancellationToken };
        http.Features.Set<IHttpRequestBodyDetectionFeature>(new HasBody());
        http.Features.Set(new Caller(organizationId, "warm-up", ApiScope.Score));
        http.Request.Method = HttpMethods.Post;
        http.Request.ContentType = "application/json";
        http.Request.ContentLength = Body.Length;
        http.Request.Body = new MemoryStream(Body);
        http.Response.Body = Stream.Null;
        await endpoint.RequestDelegate!(http);
    }

    // Without a server there is nobody else to say so, and binding would take the body for absent.
    private sealed class HasBody : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => true;
    }
}
