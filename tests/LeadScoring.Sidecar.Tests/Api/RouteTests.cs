using System.Net;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>Rules that every route keeps, those that are added later included.</summary>
public sealed class RouteTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private IEnumerable<(string Method, string Path, RouteEndpoint Endpoint)> Routes() =>
        from endpoint in sidecar.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        let path = "/" + endpoint.RoutePattern.RawText!.TrimStart('/')
        where path.StartsWith("/v1/", StringComparison.Ordinal)
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
        select (method, Fill(path), endpoint);

    private static string Fill(string path) => string.Join('/', path.Split('/').Select(p => p.StartsWith('{') ? "1" : p));

    /// <summary>One that the route takes: with another one routing answers 415 before anybody is asked for a key.</summary>
    private static string ContentType(RouteEndpoint endpoint) => endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes[0] ?? "application/json";

    [Fact]
    public void Routes_All_DeclareScopeNameAndSummary() => Assert.All(Routes(), route =>
    {
        // A key, or the signature of a vendor.
        Assert.True(route.Endpoint.Metadata.GetMetadata<RequiredScope>() is not null || route.Endpoint.Metadata.GetMetadata<SignedByVendor>() is not null);
        Assert.NotNull(route.Endpoint.Metadata.GetMetadata<IEndpointNameMetadata>());
        Assert.NotNull(route.Endpoint.Metadata.GetMetadata<IEndpointSummaryMetadata>());
    });

    [Fact]
    public async Task Routes_WithoutKey_Are401()
    {
        foreach (var (method, path, endpoint) in Routes())
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            if (method is "POST" or "PUT") request.Content = new StringContent("{}", Encoding.UTF8, ContentType(endpoint));
            using var response = await sidecar.Anonymous().SendAsync(request);
            Assert.True(response.StatusCode == HttpStatusCode.Unauthorized, $"{method} {path}: {response.StatusCode}");
            Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
        }
    }

    [Theory]
    [InlineData(ApiScope.Score)]
    [InlineData(ApiScope.Write)]
    public async Task Routes_WithLesserScope_Are403(ApiScope scope)
    {
        var organization = await sidecar.NewOrganizationAsync(scope);
        foreach (var (method, path, endpoint) in Routes().Where(r => r.Endpoint.Metadata.GetMetadata<RequiredScope>()?.Scope > scope))
        {
            var (status, problem) = await organization.SendAsync(new HttpMethod(method), path, method is "POST" or "PUT" ? "{}" : null, ContentType(endpoint));
            Assert.True(status == HttpStatusCode.Forbidden, $"{method} {path}: {status}");
            Assert.Contains(endpoint.Metadata.GetMetadata<RequiredScope>()!.Scope.ToString().ToLowerInvariant(), problem.Text("detail"));
        }
    }

    /// <summary>.NET 10 validation silently skips internal request types: each route that takes JSON must refuse all of these.</summary>
    [Fact]
    public async Task Routes_InvalidBodies_AreRefused()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var checkedRoutes = 0;
        foreach (var (method, path, endpoint) in Routes())
        {
            if (endpoint.Metadata.GetMetadata<IAcceptsMetadata>() is not { } accepts || !accepts.ContentTypes.Contains("application/json")) continue;
            checkedRoutes++;
            foreach (var body in (string[])["", "{", "null", "5", "\"text\"", "[5]", "{}", "{\"name\":5}", "{\"attributes\":5}", "{\"leads\":5,\"events\":5,\"outcomes\":5}"])
            {
                var (status, answer) = await organization.SendAsync(new HttpMethod(method), path, body);
                // Every part of a training request has a default.
                if (path == "/v1/training-runs/" && body == "{}") continue;
                var refused = status == HttpStatusCode.BadRequest || (status == HttpStatusCode.OK && body == "[5]" && answer.Int("rejected") == 1);
                Assert.True(refused, $"{method} {path} with {body}: {status} {answer}");
            }
        }

        Assert.True(checkedRoutes >= 6, $"Only {checkedRoutes} routes take JSON?");
    }

    [Fact]
    public void Routes_RequestTypes_ArePublic() => Assert.All(Routes(), route =>
    {
        if (route.Endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType is { } type && type != typeof(JsonElement))
            Assert.True(type.IsPublic || type.IsNestedPublic, type.FullName);
    });
}
