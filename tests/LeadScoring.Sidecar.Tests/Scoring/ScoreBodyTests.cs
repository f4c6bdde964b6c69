using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;

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
        foreach (var (method, path, body) in ((HttpMethod, string, string)[])[(HttpMethod.Post, "/v1/score", """{"lead_id":"a","include_factors":true}"""), (HttpMethod.Post, "/v1/score/batch", """[{"lead_id":"a"},{"lead_id":"nobody"}]"""), (HttpMethod.Get, "/v1/leads/a/score", "")])
        {
            using var request = new HttpRequestMessage(method, path);
            if (body.Length > 0) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            // Once the body is read the client works the length out by itself.
            using var response = await organization.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            var said = response.Content.Headers.ContentLength;
            Assert.Equal((await response.Content.ReadAsByteArrayAsync()).Length, said);
            Assert.Equal("application/json; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        }
    }

    /// <summary>Names that share their place in the table of names, and far more of them than are remembered; each must come out as it went in.</summary>
    [Fact]
    public void ReadAttributes_ThousandsOfNames_AreNeverTakenForEachOther()
    {
        for (var round = 0; round < 2; round++)
        {
            for (var lead = 0; lead < 8; lead++)
            {
                var attributes = Enumerable.Range(lead * 400, 400).ToDictionary(i => i % 2 == 0 ? $"attribute_number_{i}_of_many" : $"n{i}", i => i);
                var json = JsonElement.Parse(JsonSerializer.Serialize(attributes));
                var reader = new ItemReader(json, "");
                var read = LeadAttributes.Read(reader, json, "");
                Assert.Empty(reader.Errors);
                Assert.Equal(attributes.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => (a.Key, (double)a.Value)), read.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => (a.Key, a.Value.AsNumber())));
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
