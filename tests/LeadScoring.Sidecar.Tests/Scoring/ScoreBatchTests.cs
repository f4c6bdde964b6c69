using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Many leads in one call, as JSON or as a stream of lines: one result an item, and a bad item never costs the good ones.</summary>
[Trait("Category", "Slow")]
public sealed class ScoreBatchTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private const string Batch = "/v1/score/batch";

    private static async Task<(HttpStatusCode Status, JsonElement[] Lines)> StreamAsync(TestOrganization organization, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        using var response = await organization.Client.PostAsync(Batch, content);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonElement.Parse(l))]);
    }

    private static Task<(HttpStatusCode Status, JsonElement[] Lines)> StreamAsync(TestOrganization organization, string body) => StreamAsync(organization, Encoding.UTF8.GetBytes(body));

    [Fact]
    public async Task Batch_GoodAndBadItems_AnswersPerItemInOrder()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, body) = await organization.PostAsync(Batch, """
            {"items":[{"lead_id":"a","lead":{"call_count":1}},{"lead_id":"nobody"},{"lead":{}},5,{"lead_id":"b","lead":{"x":{}}},{"lead_id":"c","lead":{},"scoring_type":"quick","include_factors":true}]}
            """);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal((2, 4), (body.Int("scored"), body.Int("rejected")));
        var results = body.GetProperty("results").EnumerateArray().ToArray();
        Assert.Equal([0, 1, 2, 3, 4, 5], results.Select(r => r.Int("index")));
        Assert.Equal(["/items/1/lead_id", "/items/2/lead_id", "/items/3", "/items/4/lead/x"], results[1..5].Select(r => r.At("errors", 0).Text("pointer")));
        Assert.Equal(20, results[0].GetProperty("result").GetProperty("score").GetDouble());
        Assert.True(results[5].GetProperty("result").TryGetProperty("factors", out _));
        Assert.Null(await organization.LeadAsync("b"));
        Assert.NotNull(await organization.LeadAsync("a"));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{\"items\":[]}")]
    [InlineData("{\"items\":{}}")]
    [InlineData("{\"lead_id\":\"a\"}")]
    public async Task Batch_NoItems_Is400(string body)
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.PostAsync(Batch, body)).Status);
    }

    [Fact]
    public async Task Batch_1000Items_AreScored_1001AreRefused()
    {
        var organization = await sidecar.NewOrganizationAsync();
        object[] Items(int n) => [.. Enumerable.Range(0, n).Select(i => new { lead_id = $"l{i:0000}", lead = new { showing_requests = i % 4 } })];
        var (status, body) = await organization.PostAsync(Batch, new { items = Items(1_000) });
        Assert.Equal((HttpStatusCode.OK, 1_000, 0), (status, body.Int("scored"), body.Int("rejected")));
        Assert.All(body.GetProperty("results").EnumerateArray(), r => Assert.Equal($"l{r.Int("index"):0000}", r.GetProperty("result").Text("lead_id")));
        Assert.Equal([10, 35, 35, 45], body.GetProperty("results").EnumerateArray().Take(4).Select(r => r.GetProperty("result").GetProperty("score").GetDouble()));
        var (refused, problem) = await organization.PostAsync(Batch, Items(1_001));
        Assert.Equal(HttpStatusCode.BadRequest, refused);
        Assert.Contains("1,001", problem.Text("detail"));
    }

    [Fact]
    public async Task Batch_SameLeadSeveralTimes_AllFactsCountAndTheLedgerHasOneRow()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (_, body) = await organization.PostAsync(Batch, new object[]
        {
            new { lead_id = "a", lead = new { call_count = 1 } },
            new { lead_id = "a", lead = new { chat_count = 1 } },
            new { lead_id = "a", scoring_type = "quick" },
        });
        Assert.Equal([24, 24, 24], body.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("result").GetProperty("score").GetDouble()));
        Assert.Equal(1, (await organization.GetAsync("/v1/leads/a/scores")).Body.GetProperty("scores").GetArrayLength());
    }

    [Fact]
    public async Task Batch_OneLeadPast500Attributes_CostsTheOthersNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("full", Enumerable.Range(0, 500).ToDictionary(i => "n" + i, i => i));
        var (status, body) = await organization.PostAsync(Batch, new object[]
        {
            new { lead_id = "a", lead = new { call_count = 1 } },
            new { lead_id = "full", lead = new { more = 1 }, events = new[] { new { event_id = "e", type = "chat", source = "crm", occurred_at = "2026-01-01" } } },
            new { lead_id = "b", lead = new { chat_count = 1 } },
        });
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        Assert.Equal((2, 1), (body.Int("scored"), body.Int("rejected")));
        Assert.Equal("/1/lead", body.At("results", 1).At("errors", 0).Text("pointer"));
        Assert.Empty(await organization.EventsAsync());
        Assert.NotNull(await organization.LeadAsync("b"));
    }

    [Fact]
    public async Task Batch_WrongOrganizationInOneItem_Is403AndStoresNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, _) = await organization.PostAsync(Batch, new object[] { new { lead_id = "a", lead = new { } }, new { lead_id = "b", lead = new { }, organization_id = "other" } });
        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Null(await organization.LeadAsync("a"));
    }

    [Fact]
    public async Task Batch_ScoreOnlyKey_StoresNothing()
    {
        var organization = await sidecar.NewOrganizationAsync(ApiScope.Score);
        var (_, body) = await organization.PostAsync(Batch, new object[] { new { lead_id = "a", lead = new { } }, new { lead_id = "b", lead = new { }, save = true } });
        Assert.False(body.At("results", 0).GetProperty("result").GetProperty("saved").GetBoolean());
        Assert.Equal("/1/save", body.At("results", 1).At("errors", 0).Text("pointer"));
        Assert.Null(await organization.LeadAsync("a"));
    }

    [Fact]
    public async Task Stream_OddLines_EachIsAnsweredByItself()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, lines) = await StreamAsync(organization, string.Join('\n',
            "\ufeff{\"lead_id\":\"a\",\"lead\":{\"call_count\":1}}", "", "   \r", "{\"lead_id\":\"b\",", "5", "{\"lead_id\":\"c\",\"organization_id\":\"other\",\"lead\":{}}\r",
            "{\"lead_id\":\"nobody\"}", "{\"lead_id\":\"d\",\"lead\":{\"x\":NaN}}", "{\"lead_id\":\"e\",\"lead\":{\"chat_count\":1},\"include_factors\":true}"));
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(7, lines.Length);
        Assert.Equal([true, false, false, false, false, false, true], lines.Select(l => l.TryGetProperty("result", out _)));
        Assert.Equal(20, lines[0].GetProperty("result").GetProperty("score").GetDouble());
        Assert.Equal("e", lines[6].GetProperty("result").Text("lead_id"));
        Assert.Contains("not valid JSON", lines[1].At("errors", 0).Text("detail"));
        Assert.EndsWith("/organization_id", lines[3].At("errors", 0).Text("pointer"));
        Assert.EndsWith("/lead_id", lines[4].At("errors", 0).Text("pointer"));
        Assert.Null(await organization.LeadAsync("c"));
    }

    [Fact]
    public async Task Stream_BlankLines_IndexIsTheNumberOfTheLine()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (_, lines) = await StreamAsync(organization, "{\"lead_id\":\"a\",\"lead\":{}}\n\n\n{\"lead_id\":\"b\",\"lead\":{}}\n{\"lead\":{}}\n");
        Assert.Equal([0, 3, 4], lines.Select(l => l.Int("index")));
        Assert.Equal("/4/lead_id", lines[2].At("errors", 0).Text("pointer"));
    }

    [Fact]
    public async Task Stream_ThousandsOfLines_AnswersInOrder()
    {
        var organization = await sidecar.NewOrganizationAsync();
        const int Count = 3_210;
        var (_, lines) = await StreamAsync(organization, string.Join('\n', Enumerable.Range(0, Count).Select(i =>
            i % 1_000 == 999 ? "{broken" : $"{{\"lead_id\":\"l{i}\",\"lead\":{{\"showing_requests\":{i % 2}}},\"save\":{(i % 3 == 0 ? "true" : "false")}}}")) + "\n");
        Assert.Equal(Enumerable.Range(0, Count), lines.Select(l => l.Int("index")));
        Assert.All(lines, l =>
        {
            var i = l.Int("index");
            if (i % 1_000 == 999) Assert.Equal("/" + i, l.At("errors", 0).Text("pointer"));
            else Assert.Equal(($"l{i}", i % 2 == 0 ? 10.0 : 35.0), (l.GetProperty("result").Text("lead_id"), l.GetProperty("result").GetProperty("score").GetDouble()));
        });
        Assert.NotNull(await organization.LeadAsync("l1002"));
        Assert.Null(await organization.LeadAsync("l1003"));
    }

    [Fact]
    public async Task Stream_OneLeadPast500Attributes_IsAnErrorOfItsLine()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("full", Enumerable.Range(0, 500).ToDictionary(i => "n" + i, i => i));
        var (status, lines) = await StreamAsync(organization, "{\"lead_id\":\"a\",\"lead\":{}}\n{\"lead_id\":\"full\",\"lead\":{\"more\":1}}\n{\"lead_id\":\"b\",\"lead\":{}}");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal([true, false, true], lines.Select(l => l.TryGetProperty("result", out _)));
    }

    [Fact]
    public async Task Stream_Empty_IsEmpty()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, lines) = await StreamAsync(organization, "\n\n");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Empty(lines);
    }

    [Fact]
    public async Task Stream_LineBeyondTheBound_IsAnError()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (_, lines) = await StreamAsync(organization, $"{{\"lead_id\":\"a\",\"lead\":{{\"x\":\"{new string('x', 1_100_000)}\"}}}}\n{{\"lead_id\":\"b\",\"lead\":{{}}}}");
        Assert.Equal([false, true], lines.Select(l => l.TryGetProperty("result", out _)));
        Assert.Contains("1,000,000", lines[0].At("errors", 0).Text("detail"));
    }
}
