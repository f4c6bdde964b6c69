using System.Diagnostics;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>
/// Loads all champions and sends made-up requests through the scoring endpoint, the store and the server itself, so that the first real score is as fast
/// as the next. Ready afterwards.
/// </summary>
internal sealed class WarmUp(
    OrganizationStore organizations, ApiKeyStore keys, ActiveModels models, LeadStore leads, EndpointDataSource routes, IServiceScopeFactory scopes,
    IServer server, IHostApplicationLifetime application, ILogger<WarmUp> logger) : BackgroundService
{
    // Enough calls for the runtime to compile the hot path anew; bounded in time for slow machines and many organizations.
    private const int Requests = 100;
    private const int StoredLeads = 10;
    private const int Calls = 10;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);
    private static readonly byte[] Body = Encoding.UTF8.GetBytes("""{"lead_id":"warm-up","save":false,"include_factors":true,"lead":{"age":40,"website_sessions":5},"events":[{"type":"page_view","source":"website","occurred_at":"2026-01-01T00:00:00Z"}]}""");

    private volatile bool isDone;

    internal string? WhyNotReady => isDone ? null : "models are being loaded";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Before the start there are no routes yet.
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = application.ApplicationStarted.Register(() => started.TrySetResult());
        await started.Task.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            var clock = Stopwatch.StartNew();
            var endpoint = routes.Endpoints.OfType<RouteEndpoint>().Single(e => e.Metadata.GetMetadata<IEndpointNameMetadata>()?.EndpointName == "ScoreLead");
            foreach (var organizationId in await organizations.ListAsync(stoppingToken))
            {
                await KnockAsync(stoppingToken);
                await models.GetAsync(organizationId, stoppingToken);
                if (clock.Elapsed > Longest) continue;
                await RescoreAsync(endpoint, organizationId, stoppingToken);
                for (var i = 0; i < Requests && clock.Elapsed < Longest; i++) await ScoreAsync(endpoint, organizationId, Body, stoppingToken);
            }

            await CallAsync(stoppingToken);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            // Slow first scores are better than a service that never gets ready.
            ScoringLog.WarmUpFailed(logger, e.GetType().Name, e.StackTrace ?? "");
        }

        isDone = true;
    }

    /// <summary>Binding, scoring and writing the answer as for a real request; no key is needed, as it never leaves the process.</summary>
    private async Task ScoreAsync(RouteEndpoint endpoint, string organizationId, byte[] body, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var http = new DefaultHttpContext { RequestServices = scope.ServiceProvider, RequestAborted = cancellationToken };
        http.Features.Set<IHttpRequestBodyDetectionFeature>(new HasBody());
        http.Features.Set(new Caller(organizationId, "warm-up", ApiScope.Score));
        http.Request.Method = HttpMethods.Post;
        http.Request.ContentType = "application/json";
        http.Request.ContentLength = body.Length;
        http.Request.Body = new MemoryStream(body);
        http.Response.Body = Stream.Null;
        await endpoint.RequestDelegate!(http);
    }

    /// <summary>A key that nobody has: the check without its end, and nobody is told that he was refused.</summary>
    private async Task KnockAsync(CancellationToken cancellationToken) => await keys.VerifyAsync(ApiKey.Create().Reveal(), new DefaultHttpContext(), cancellationToken);

    /// <summary>Some stored leads as for a real request: reading, scoring and writing. They get the score that they would get on the next call anyway.</summary>
    private async Task RescoreAsync(RouteEndpoint endpoint, string organizationId, CancellationToken cancellationToken)
    {
        var left = StoredLeads;
        await foreach (var lead in leads.StreamAllAsync(organizationId, cancellationToken))
        {
            if (left-- == 0) return;
            await ScoreAsync(endpoint, organizationId, JsonSerializer.SerializeToUtf8Bytes(new { lead_id = lead.LeadId, include_factors = true }), cancellationToken);
        }
    }

    /// <summary>A few calls over the wire, so that the server's own code is compiled too. They carry no key, so they end at the door.</summary>
    private async Task CallAsync(CancellationToken cancellationToken)
    {
        if (server.Features.Get<IServerAddressesFeature>() is not { } listening) return;
        if (!Uri.TryCreate(listening.Addresses.FirstOrDefault()?.Replace("://*", "://127.0.0.1", StringComparison.Ordinal).Replace("://+", "://127.0.0.1", StringComparison.Ordinal).Replace("://0.0.0.0", "://127.0.0.1", StringComparison.Ordinal).Replace("://[::]", "://127.0.0.1", StringComparison.Ordinal), UriKind.Absolute, out var url)) return;
        using var client = new HttpClient { BaseAddress = url, Timeout = Longest };
        for (var i = 0; i < Calls; i++)
        {
            using var content = new ByteArrayContent(Body);
            content.Headers.ContentType = new("application/json");
            using var answer = await client.PostAsync(new Uri("/v1/score", UriKind.Relative), content, cancellationToken);
        }
    }

    // Without a server there is nobody else to say so, and binding would take the body for absent.
    private sealed class HasBody : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => true;
    }
}
