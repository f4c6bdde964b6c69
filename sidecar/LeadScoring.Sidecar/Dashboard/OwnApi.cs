using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Dashboard;

/// <summary>
/// The API's own routes, called in this process as the key of the session: what a page shows is what the API answers, what a page does is checked and done as if a workflow had asked for it, and a key may do here what it may do there.
/// </summary>
internal sealed partial class OwnApi(EndpointDataSource endpoints, IOptions<JsonOptions> json)
{
    private readonly Lazy<FrozenDictionary<string, RouteEndpoint>> routes = new(() => endpoints.Endpoints.OfType<RouteEndpoint>()
        .Where(e => e.Metadata.GetMetadata<IEndpointNameMetadata>() is not null && e.Metadata.GetMetadata<RequiredScope>() is not null)
        .ToFrozenDictionary(e => e.Metadata.GetMetadata<IEndpointNameMetadata>()!.EndpointName));

    internal JsonSerializerOptions Json => json.Value.SerializerOptions;

    /// <summary>Calls a route.</summary>
    /// <param name="page">The page's request: services, session and cancellation are its.</param>
    /// <param name="route">Name of the route, such as ListLeads.</param>
    /// <param name="values">Members whose names are in the route's path go there, others into the query; those that are null are left out.</param>
    /// <param name="body">Sent as JSON, or as it is when it is a stream.</param>
    /// <exception cref="ProblemException">What the API would answer instead.</exception>
    internal async Task<T> CallAsync<T>(HttpContext page, string route, object? values = null, object? body = null)
    {
        var (status, bytes) = await SendAsync(page, route, values, body);
        return Read<T>(status, bytes.Span);
    }

    /// <summary>The same for what is no JSON: the answer as it is.</summary>
    internal async Task<byte[]> ReadAsync(HttpContext page, string route, object? values)
    {
        var (status, bytes) = await SendAsync(page, route, values, null);
        if (status >= 400) Read<JsonElement>(status, bytes.Span);
        return bytes.ToArray();
    }

    private async Task<(int Status, ReadOnlyMemory<byte> Answer)> SendAsync(HttpContext page, string route, object? values, object? body)
    {
        var endpoint = routes.Value[route];
        var caller = Caller.Of(page);
        if (caller.Scope < endpoint.Metadata.GetMetadata<RequiredScope>()!.Scope)
            throw new ProblemException(ProblemKind.Forbidden, $"This needs a key with scope {endpoint.Metadata.GetMetadata<RequiredScope>()!.Scope.ToString().ToLowerInvariant()}. Sign in with one.");
        var http = new DefaultHttpContext { RequestServices = page.RequestServices, RequestAborted = page.RequestAborted };
        http.Features.Set(caller);
        http.SetEndpoint(endpoint);
        http.Request.Method = endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods[0];
        Address(http.Request, endpoint, values);
        await using var sent = body is null ? null : Body(http.Request, body);
        using var answer = new MemoryStream();
        http.Response.Body = answer;
        await endpoint.RequestDelegate!(http);
        await http.Response.CompleteAsync();
        return (http.Response.StatusCode, answer.GetBuffer().AsMemory(0, (int)answer.Length));
    }

    private static void Address(HttpRequest request, RouteEndpoint endpoint, object? values)
    {
        var query = new Dictionary<string, string?>();
        var path = endpoint.RoutePattern.Parameters.Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var property in values?.GetType().GetProperties() ?? [])
        {
            if (property.GetValue(values) is not { } value) continue;
            var text = value is bool truth ? (truth ? "true" : "false") : Convert.ToString(value, CultureInfo.InvariantCulture);
            if (path.Contains(property.Name)) request.RouteValues[property.Name] = text;
            else query[property.Name] = text;
        }

        request.Path = Parameter.Replace(endpoint.RoutePattern.RawText!, m => Uri.EscapeDataString(request.RouteValues[m.Groups[1].Value]?.ToString() ?? ""));
        request.QueryString = new QueryString(QueryHelpers.AddQueryString("", query));
    }

    private Stream Body(HttpRequest request, object body)
    {
        var stream = body as Stream ?? new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(body, Json));
        request.ContentType = body is Stream ? "text/csv" : "application/json";
        request.Body = stream;
        request.ContentLength = stream.Length;
        // A request that nobody sent has no body unless somebody says so.
        request.HttpContext.Features.Set<Microsoft.AspNetCore.Http.Features.IHttpRequestBodyDetectionFeature>(new HasBody());
        return stream;
    }

    private T Read<T>(int status, ReadOnlySpan<byte> answer)
    {
        if (status < 400) return answer.IsEmpty ? default! : JsonSerializer.Deserialize<T>(answer, Json)!;
        var problem = JsonSerializer.Deserialize<JsonElement>(answer);
        var errors = problem.TryGetProperty("errors", out var list) ? list.EnumerateArray().Select(e => new FieldError(e.GetProperty("pointer").GetString()!, e.GetProperty("detail").GetString()!)).ToArray() : [];
        throw new ProblemException(ProblemKind.Of(status), problem.GetProperty("detail").GetString()!, errors);
    }

    [GeneratedRegex(@"\{([^}:?*]+)[^}]*\}", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Parameter { get; }

    private sealed class HasBody : Microsoft.AspNetCore.Http.Features.IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => true;
    }
}
