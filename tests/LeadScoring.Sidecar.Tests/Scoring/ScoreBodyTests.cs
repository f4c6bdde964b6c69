using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Bodies of scores are read without model binding: what that took, this takes.</summary>
public sealed class ScoreBodyTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private const string Body = """{"lead_id":"ä","lead":{"call_count":1},"save":false}""";

    private static async Task<HttpResponseMessage> SendAsync(TestOrganization organization, byte[] body, string? contentType, string path = "/v1/score")
    {
        using var content = new ByteArrayContent(body);
        if (contentType is not null) content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        return await organization.Client.PostAsync(path, content);
    }

    [Theory]
    [InlineData("utf-8", "application/json", false)]
    [InlineData("utf-8", "application/json", true)]
    [InlineData("utf-8", "application/json; charset=UTF-8", false)]
    [InlineData("utf-16", "application/json; charset=utf-16", false)]
    [InlineData("iso-8859-1", "application/json; charset=\"iso-8859-1\"", false)]
    public async Task Score_Encodings_AreRead(string encoding, string contentType, bool mark)
    {
        var organization = await sidecar.NewOrganizationAsync();
        byte[] body = [.. mark ? Encoding.UTF8.Preamble : [], .. Encoding.GetEncoding(encoding).GetBytes(Body)];
        using var response = await SendAsync(organization, body, contentType);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        Assert.Equal(("ä", 20.0), (JsonElement.Parse(text).Text("lead_id"), JsonElement.Parse(text).GetProperty("score").GetDouble()));
    }

    [Theory]
    [InlineData(null, "unsupported-media-type")]
    [InlineData("text/plain", "unsupported-media-type")]
    [InlineData("application/json; charset=klingon", "unsupported-media-type")]
    public async Task Score_NoJsonByItsHeader_Is415(string? contentType, string slug)
    {
        var organization = await sidecar.NewOrganizationAsync();
        using var response = await SendAsync(organization, Encoding.UTF8.GetBytes(Body), contentType);
        Assert.Equal((HttpStatusCode.UnsupportedMediaType, "/problems/" + slug), (response.StatusCode, JsonElement.Parse(await response.Content.ReadAsStringAsync()).Text("type")));
    }

    [Fact]
    public async Task Score_MalformedJson_NamesThePosition()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.PostAsync("/v1/score", "{\n \"lead_id\": oops}");
        Assert.Equal((HttpStatusCode.BadRequest, "/problems/malformed-json"), (status, problem.Text("type")));
        Assert.Contains("line 2, byte 13", problem.Text("detail"));
    }

    [Fact]
    public async Task Score_Answers_SayTheirLengthAndType()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        using var one = await SendAsync(organization, Encoding.UTF8.GetBytes("""{"lead_id":"a","include_factors":true}"""), "application/json");
        using var many = await SendAsync(organization, Encoding.UTF8.GetBytes("""[{"lead_id":"a"},{"lead_id":"nobody"}]"""), "application/json", "/v1/score/batch");
        using var stored = await organization.Client.GetAsync("/v1/leads/a/score");
        foreach (var response in (HttpResponseMessage[])[one, many, stored])
        {
            Assert.Equal((await response.Content.ReadAsByteArrayAsync()).Length, response.Content.Headers.ContentLength);
            Assert.Equal("application/json; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        }
    }

    /// <summary>Far more names than are remembered, so that many share a place; each must come out as it went in.</summary>
    [Fact]
    public async Task Score_ThousandsOfNames_AreNeverTakenForEachOther()
    {
        var organization = await sidecar.NewOrganizationAsync();
        for (var round = 0; round < 2; round++)
        {
            for (var lead = 0; lead < 8; lead++)
            {
                var attributes = Enumerable.Range(lead * 400, 400).ToDictionary(i => $"attribute_number_{i}_of_many", i => i);
                await organization.PutLeadAsync("l" + lead, attributes);
                var stored = (await organization.LeadAsync("l" + lead))!.Snapshot.Attributes;
                Assert.Equal(attributes.Count, stored.Count);
                Assert.All(attributes, a => Assert.Equal(a.Value, stored[a.Key].AsNumber()));
            }
        }
    }

    [Fact]
    public async Task Score_EscapedNameOrRepeatedOne_LastCounts()
    {
        var organization = await sidecar.NewOrganizationAsync();
        for (var i = 0; i < 2; i++)
        {
            var answer = await organization.ScoreAsync("""{"lead_id":"a","save":false,"lead":{"call_count":0,"c\u0061ll_count":1}}""");
            Assert.Equal(20, answer.GetProperty("score").GetDouble());
        }
    }
}
