using System.Net;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Api;

public sealed class ProblemTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    /// <summary>What people send by mistake: address, body, expected status, problem, pointer.</summary>
    public static TheoryData<string, string, string, int, string, string?> BadInput { get; } = new()
    {
        { "PUT", "/v1/leads/a", "{\"attributes\":{\"x\":1}", 400, "malformed-json", null },
        { "PUT", "/v1/leads/a", "{\"attributes\":{\"x\":NaN}}", 400, "malformed-json", null },
        { "PUT", "/v1/leads/a", "{\"attributes\":{\"x\":Infinity}}", 400, "malformed-json", null },
        { "PUT", "/v1/leads/a", "", 400, "validation", null },
        { "PUT", "/v1/leads/a", "null", 400, "validation", "" },
        { "PUT", "/v1/leads/a", "[]", 400, "validation", "" },
        { "PUT", "/v1/leads/a", "{}", 400, "validation", "/attributes" },
        { "PUT", "/v1/leads/a", "{\"attributes\":[1]}", 400, "validation", "/attributes" },
        { "PUT", "/v1/leads/a", "{\"attributes\":{\"a/b\":{\"c\":1}}}", 400, "validation", "/attributes/a~1b" },
        { "PUT", "/v1/leads/a", "{\"attributes\":{\"x\":[[1]]}}", 400, "validation", "/attributes/x" },
        { "PUT", "/v1/leads/a", "{\"attributes\":{\"x\":\"\\ud800\"}}", 400, "validation", "/attributes/x" },
        { "PUT", "/v1/leads/a", "{\"attributes\":{\"\\ud800\":1}}", 400, "validation", "/attributes" },
        { "PUT", "/v1/leads/a", "{\"attributes\":{\"\":1}}", 400, "validation", "/attributes/" },
        { "PUT", "/v1/leads/a", "{\"attributes\":{},\"created_at\":\"soon\"}", 400, "validation", "/created_at" },
        { "PUT", "/v1/leads/a", "{\"attributes\":{},\"created_at\":\"2199-01-01\"}", 400, "validation", "/created_at" },
        { "PUT", "/v1/leads/a", "{\"attributes\":{},\"organization_id\":\"other\"}", 403, "organization-mismatch", null },
        { "PUT", "/v1/leads/%01", "{\"attributes\":{}}", 400, "validation", "" },
        { "POST", "/v1/leads/batch", "{\"attributes\":{}}", 400, "validation", "" },
        { "POST", "/v1/leads/batch", "{\"leads\":[]}", 400, "validation", "/leads" },
        { "POST", "/v1/leads/batch", "{\"leads\":{}}", 400, "validation", "/leads" },
        { "POST", "/v1/leads/batch", "[{\"lead_id\":\"x\",\"attributes\":{},\"organization_id\":7}]", 403, "organization-mismatch", null },
        { "POST", "/v1/events", "{}", 400, "validation", "/lead_id" },
        { "POST", "/v1/events", "5", 400, "validation", "" },
        { "POST", "/v1/events", "{\"lead_id\":\"a\",\"type\":\"Page View\",\"source\":\"website\",\"occurred_at\":\"2026-01-01\"}", 400, "validation", "/type" },
        { "POST", "/v1/events", "{\"lead_id\":\"a\",\"type\":\"page_view\",\"source\":\"fax\",\"occurred_at\":\"2026-01-01\"}", 400, "validation", "/source" },
        { "POST", "/v1/events", "{\"lead_id\":\"a\",\"type\":\"page_view\",\"source\":\"website\",\"occurred_at\":\"1969-12-31\"}", 400, "validation", "/occurred_at" },
        { "POST", "/v1/events", "{\"lead_id\":\"a\",\"type\":\"page_view\",\"source\":\"website\",\"occurred_at\":\"2190-12-31\"}", 400, "validation", "/occurred_at" },
        { "POST", "/v1/events", "{\"lead_id\":\"a\",\"type\":\"page_view\",\"source\":\"website\",\"occurred_at\":\"2026-01-01\",\"properties\":{\"x\":[1]}}", 400, "validation", "/properties/x" },
        { "POST", "/v1/events", "{\"lead_id\":\"a\\u0000\",\"type\":\"page_view\",\"source\":\"website\",\"occurred_at\":\"2026-01-01\"}", 400, "validation", "/lead_id" },
        { "POST", "/v1/outcomes", "{\"lead_id\":\"a\"}", 400, "validation", "/converted" },
        { "POST", "/v1/outcomes", "{\"lead_id\":\"a\",\"converted\":\"maybe\",\"occurred_at\":\"2026-01-01\"}", 400, "validation", "/converted" },
        { "POST", "/v1/outcomes", "{\"lead_id\":\"a\",\"converted\":true,\"occurred_at\":\"2026-01-01\",\"as_of\":\"2026-01-02\"}", 400, "validation", "/as_of" },
        { "POST", "/v1/outcomes", "{\"lead_id\":\"nobody\",\"converted\":true,\"occurred_at\":\"2026-01-01\"}", 404, "not-found", "/lead_id" },
        { "POST", "/v1/keys", "{}", 400, "validation", "/name" },
        { "POST", "/v1/keys", "{\"name\":\"x\",\"scope\":\"boss\"}", 400, "validation", "/scope" },
        { "PUT", "/v1/profile", "{\"yaml\":\"features: 5\"}", 400, "validation", "/yaml" },
        { "GET", "/v1/leads?limit=0", "", 400, "validation", "?limit" },
        { "GET", "/v1/leads?limit=ten", "", 400, "validation", null },
        { "GET", "/v1/leads?cursor=xyz", "", 400, "validation", "?cursor" },
        { "GET", "/v1/leads?organization_id=other", "", 403, "organization-mismatch", null },
        { "GET", "/v1/leads/nobody", "", 404, "not-found", null },
        { "DELETE", "/v1/leads/nobody", "", 404, "not-found", null },
        { "GET", "/v1/nothing", "", 404, "unknown-route", null },
        { "PATCH", "/v1/events", "", 405, "method-not-allowed", null },
    };

    [Theory]
    [MemberData(nameof(BadInput))]
    public async Task Send_BadInput_IsAProblemThatSaysWhereAndWhat(string method, string path, string body, int status, string slug, string? pointer)
    {
        var organization = await sidecar.NewOrganizationAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method is "PUT" or "POST") request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await organization.Client.SendAsync(request);
        var problem = JsonElement.Parse(await response.Content.ReadAsStringAsync());

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        Assert.Equal("/problems/" + slug, problem.Text("type"));
        Assert.Equal(status, problem.Int("status"));
        Assert.NotEmpty(problem.Text("detail")!);
        if (pointer is not null) Assert.Equal(pointer, problem.At("errors", 0).Text("pointer"));
    }

    [Fact]
    public async Task Send_MalformedJson_NamesThePosition()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (_, problem) = await organization.SendAsync(HttpMethod.Put, "/v1/leads/a", "{\n \"attributes\": {\"x\": oops}}");
        Assert.Contains("line 2, byte 22", problem.Text("detail"));
    }

    [Fact]
    public async Task Send_WrongContentType_Is415()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.SendAsync(HttpMethod.Post, "/v1/events", "a=1", "application/x-www-form-urlencoded");
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, status);
        Assert.Equal("/problems/unsupported-media-type", problem.Text("type"));
    }

    [Fact]
    public async Task Send_BodyOverTheLimit_Is413()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.PostAsync("/v1/events", "\"" + new string('x', 10_000_001) + "\"");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Equal("/problems/body-too-large", problem.Text("type"));
    }

    [Fact]
    public async Task Send_BodyOfAlmostTenMegabytes_IsServed()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var filler = new string('x', 3_900);
        var items = Enumerable.Range(0, 1_000).Select(i => new { lead_id = "l" + i, attributes = new { a = filler, b = filler } });
        var (status, body) = await organization.PostAsync("/v1/leads/batch", new { leads = items });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(1_000, body.Int("created"));
    }

    [Fact]
    public async Task Send_ThousandAndOneItems_IsRefused()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.PostAsync("/v1/events", Enumerable.Range(0, 1_001).Select(_ => new { }));
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("1 to 1,000", problem.Text("detail"));
    }

    [Fact]
    public async Task Send_DeeplyNestedJson_IsAProblem()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, _) = await organization.PostAsync("/v1/events", new string('[', 5_000) + new string(']', 5_000));
        Assert.Equal(HttpStatusCode.BadRequest, status);
    }
}
