using System.Net;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Api;

/// <summary>How much a key, and an address without one, may ask for; and what every answer says to browsers.</summary>
public sealed class RateLimitTests
{
    /// <summary>An address is what the test says it is: in-process requests have none.</summary>
    private sealed class AddressFrom : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((http, go) =>
            {
                if (http.Request.Headers.TryGetValue("Test-Address", out var address)) http.Connection.RemoteIpAddress = IPAddress.Parse(address.ToString());
                return go();
            });
            next(app);
        };
    }

    private static async Task RunAsync(Func<SidecarFactory, Task> test, params (string Name, string Value)[] settings)
    {
        var sidecar = new SidecarFactory { Configure = services => services.AddSingleton<IStartupFilter, AddressFrom>() };
        foreach (var (name, value) in settings) sidecar.Settings["LeadScoring:Api:" + name] = value;
        await sidecar.InitializeAsync();
        try
        {
            await test(sidecar);
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    private static async Task<HttpStatusCode> GetAsync(HttpClient client, string path, string address)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Test-Address", address } } };
        using var response = await client.SendAsync(request);
        if (response.StatusCode == HttpStatusCode.TooManyRequests)
        {
            Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
            Assert.Contains("/problems/too-much-at-once", await response.Content.ReadAsStringAsync());
        }

        return response.StatusCode;
    }

    [Fact]
    public Task Key_TooManyRequests_Is429AndOthersGoOn() => RunAsync(
        async sidecar =>
        {
            var (busy, quiet) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
            var answers = new List<HttpStatusCode>();
            for (var i = 0; i < 40; i++) answers.Add(await GetAsync(busy.Client, "/v1/leads", "192.0.2.1"));
            Assert.InRange(answers.Count(a => a == HttpStatusCode.OK), 5, 35);
            Assert.Contains(HttpStatusCode.TooManyRequests, answers);
            Assert.Equal(HttpStatusCode.OK, await GetAsync(quiet.Client, "/v1/leads", "192.0.2.1"));
        },
        ("RequestsPerSecond", "5"));

    [Fact]
    public Task Address_WrongKeys_AreNotLookedAtAnyMore() => RunAsync(
        async sidecar =>
        {
            var known = await sidecar.NewOrganizationAsync();
            Assert.Equal(HttpStatusCode.OK, await GetAsync(known.Client, "/v1/leads", "192.0.2.1"));
            var answers = new List<HttpStatusCode>();
            for (var i = 0; i < 30; i++) answers.Add(await GetAsync(sidecar.With(ApiKey.Create()), "/v1/leads", "192.0.2.1"));
            Assert.Equal(10, answers.Count(a => a == HttpStatusCode.Unauthorized));
            Assert.Equal(20, answers.Count(a => a == HttpStatusCode.TooManyRequests));
            // A right one that is new here has to wait as well, or guesses would be looked at; one that was good of late goes on, and so does another address.
            var fresh = await known.WithScopeAsync(ApiScope.Score);
            Assert.Equal(HttpStatusCode.TooManyRequests, await GetAsync(fresh.Client, "/v1/leads", "192.0.2.1"));
            Assert.Equal(HttpStatusCode.OK, await GetAsync(known.Client, "/v1/leads", "192.0.2.1"));
            Assert.Equal(HttpStatusCode.OK, await GetAsync(fresh.Client, "/v1/leads", "192.0.2.2"));
        },
        ("FailedKeysPerMinute", "10"));

    [Fact]
    public Task Address_WithoutKey_IsLimitedAndKeysAreNot() => RunAsync(
        async sidecar =>
        {
            var organization = await sidecar.NewOrganizationAsync();
            var answers = new List<HttpStatusCode>();
            for (var i = 0; i < 40; i++) answers.Add(await GetAsync(sidecar.Anonymous(), "/healthz", "2001:db8::1"));
            Assert.Contains(HttpStatusCode.TooManyRequests, answers);
            Assert.Equal(HttpStatusCode.OK, await GetAsync(organization.Client, "/v1/leads", "2001:db8::1"));
            // One customer of a provider has 2^64 addresses: they count as one.
            Assert.Equal(HttpStatusCode.TooManyRequests, await GetAsync(sidecar.Anonymous(), "/healthz", "2001:db8::2"));
            Assert.Equal(HttpStatusCode.OK, await GetAsync(sidecar.Anonymous(), "/healthz", "2001:db8:0:1::1"));
        },
        ("AddressRequestsPerSecond", "3"));

    [Theory]
    [InlineData("", "198.51.100.7", true)]
    [InlineData("192.0.2.0/24", "198.51.100.7", false)]
    public Task Proxy_ForwardedAddress_IsBelievedWhenTrustedOnly(string trusted, string forwarded, bool isShared) => RunAsync(
        async sidecar =>
        {
            async Task<HttpStatusCode> FromAsync(string client)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, "/healthz") { Headers = { { "Test-Address", "192.0.2.1" }, { "X-Forwarded-For", client } } };
                using var response = await sidecar.Anonymous().SendAsync(request);
                return response.StatusCode;
            }

            for (var i = 0; i < 20; i++) await FromAsync("203.0.113.9");
            Assert.Equal(isShared ? HttpStatusCode.TooManyRequests : HttpStatusCode.OK, await FromAsync(forwarded));
        },
        ("AddressRequestsPerSecond", "2"), ("TrustedProxies", trusted));

    [Fact]
    public async Task Request_ThatTakesTooLong_IsEnded()
    {
        var seen = new List<string>();
        foreach (var endpoint in (Endpoint[])[new Endpoint(null, new EndpointMetadataCollection(), "slow"), new Endpoint(null, new EndpointMetadataCollection(new Unhurried()), "a file")])
        {
            var middleware = new RequestTime(http => Task.Delay(TimeSpan.FromMilliseconds(400), http.RequestAborted), Microsoft.Extensions.Options.Options.Create(new ApiOptions { RequestTime = TimeSpan.FromMilliseconds(50) }), TimeProvider.System);
            var http = new DefaultHttpContext();
            http.SetEndpoint(endpoint);
            http.Request.Path = "/v1/slow";
            try
            {
                await middleware.InvokeAsync(http);
                seen.Add("done");
            }
            catch (ProblemException e)
            {
                seen.Add(e.Kind.Slug);
            }
        }

        Assert.Equal(["took-too-long", "done"], seen);
    }

    [Fact]
    public void Allowance_EvenlyAndAtOnce_GivesTheRate()
    {
        var allowance = new RateAllowance();
        // A hundred a second of a clock with a thousand ticks: all at once, then one every ten.
        Assert.Equal(100, Enumerable.Range(0, 500).Count(_ => allowance.Take(10_000, 100, 1_000) == 0));
        Assert.Equal(10, allowance.Take(10_000, 100, 1_000));
        Assert.Equal(0, allowance.Take(10_010, 100, 1_000));
        Assert.True(allowance.Take(10_010, 100, 1_000) > 0);
        Assert.Equal(100, Enumerable.Range(0, 500).Count(_ => allowance.Take(20_000, 100, 1_000) == 0));
        Assert.Equal(0, allowance.Take(20_000, 0, 1_000));
    }

    [Fact]
    public Task Answers_All_TellBrowsersToKeepOff() => RunAsync(async sidecar =>
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var (client, path) in ((HttpClient, string)[])[(organization.Client, "/v1/leads"), (organization.Client, "/v1/leads/none"), (sidecar.Anonymous(), "/v1/leads"), (sidecar.Anonymous(), "/nowhere"), (sidecar.Anonymous(), "/healthz"), (sidecar.Anonymous(), "/dashboard/login")])
        {
            using var response = await client.GetAsync(path);
            Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
            Assert.Contains("frame-ancestors 'none'", response.Headers.GetValues("Content-Security-Policy").Single());
            Assert.True(response.Headers.CacheControl!.NoStore, path);
            Assert.False(response.Headers.Contains("Server"));
        }
    });
}
