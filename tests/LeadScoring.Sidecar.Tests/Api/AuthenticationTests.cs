using System.Net;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Tests.Api;

public sealed class AuthenticationTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    [Fact]
    public async Task Authenticate_XApiKeyHeader_IsTaken()
    {
        var organization = await sidecar.NewOrganizationAsync(ApiScope.Score);
        var client = sidecar.Anonymous();
        client.DefaultRequestHeaders.Add("X-API-Key", organization.Key.Reveal());
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/v1/leads")).StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("lsk_")]
    [InlineData("lsk_000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("something else altogether that is quite long")]
    public async Task Authenticate_UnknownKey_Is401(string key)
    {
        var client = sidecar.Anonymous();
        client.DefaultRequestHeaders.TryAddWithoutValidation("X-API-Key", key);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/leads")).StatusCode);
    }

    [Fact]
    public async Task Authenticate_RightIdWrongSecret_Is401()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var client = sidecar.With(organization.Key with { Secret = new string('A', 43) });
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/v1/leads")).StatusCode);
    }

    [Fact]
    public async Task Authenticate_OtherOrganizationsLead_IsNotThere()
    {
        var mine = await sidecar.NewOrganizationAsync();
        var theirs = await sidecar.NewOrganizationAsync();
        await theirs.PutLeadAsync("shared-id", new { secret = "theirs" });
        Assert.Equal(HttpStatusCode.NotFound, (await mine.GetAsync("/v1/leads/shared-id")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await mine.SendAsync(HttpMethod.Delete, "/v1/leads/shared-id")).Status);
        Assert.NotNull(await theirs.LeadAsync("shared-id"));
    }

    [Fact]
    public async Task Health_WithoutKey_Answers()
    {
        Assert.Equal(HttpStatusCode.OK, (await sidecar.Anonymous().GetAsync("/healthz")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await sidecar.Anonymous().GetAsync("/readyz")).StatusCode);
    }
}
