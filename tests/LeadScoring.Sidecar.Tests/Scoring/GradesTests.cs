using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Scoring;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>How scores become grades, by rules so that every score is known: 10 points and 10 more a call, 25 a showing.</summary>
public sealed class GradesTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static object Policy(string mode, object? more = null) => JsonSerializer.Deserialize<Dictionary<string, object>>(JsonSerializer.Serialize(more ?? new { }))!.Append(new("mode", mode)).ToDictionary();

    /// <summary>Scores 10 (5 leads), 20 (3 leads), 45 (2 leads).</summary>
    private async Task<TestOrganization> TenLeadsAsync()
    {
        var organization = await sidecar.NewOrganizationAsync();
        for (var i = 0; i < 10; i++)
            await organization.ScoreAsync(new { lead_id = $"l{i}", lead = i < 2 ? (object)new { call_count = 1, showing_requests = 1 } : i < 5 ? new { call_count = 1 } : new { } });
        return organization;
    }

    private static async Task<string> GradesAsync(TestOrganization organization)
    {
        var (_, body) = await organization.GetAsync("/v1/leads?limit=100");
        return string.Concat(body.GetProperty("leads").EnumerateArray().Select(l => l.Text("grade")));
    }

    [Fact]
    public async Task Get_NothingSet_IsTheDefault()
    {
        var (status, body) = await (await sidecar.NewOrganizationAsync()).GetAsync("/v1/grades");
        Assert.Equal((HttpStatusCode.OK, "fixed", 85.0, 50.0, 0.0), (status, body.Text("mode"), body.GetProperty("bounds_in_force").GetProperty("a").GetDouble(), body.GetProperty("bounds").GetProperty("c").GetDouble(), body.GetProperty("hysteresis").GetDouble()));
    }

    [Fact]
    public async Task Preview_ThenPut_ChangesExactlyTheLeadsThatWereSaid()
    {
        var organization = await TenLeadsAsync();
        Assert.Equal("DDDDDDDDDD", await GradesAsync(organization));
        var policy = Policy("capacity", new { counts = new { a = 2, b = 3, c = 1 } });
        var (status, preview) = await organization.PostAsync("/v1/grades/preview", policy);
        Assert.True(status == HttpStatusCode.OK, preview.ToString());
        // Five leads have the same lowest score, and there is room for one C only: none of them gets it.
        Assert.Equal((10, 5), (preview.Int("leads"), preview.Int("leads_that_change")));
        Assert.Equal("""[{"from":"D","to":"A","leads":2},{"from":"D","to":"B","leads":3}]""", preview.GetProperty("moves").GetRawText());
        Assert.Equal(10, preview.GetProperty("before").Int("D"));
        Assert.Equal("DDDDDDDDDD", await GradesAsync(organization));

        var (_, put) = await organization.SendAsync(HttpMethod.Put, "/v1/grades", policy);
        Assert.Equal(preview.GetRawText(), put.GetRawText());
        Assert.Equal("AABBBDDDDD", await GradesAsync(organization));
        var rows = (await organization.GetAsync("/v1/leads/l0/scores")).Body.GetProperty("scores");
        Assert.Equal(2, rows.GetArrayLength());
        Assert.Equal(("A", "grades", 45.0), (rows[0].Text("grade"), rows[0].Text("cause"), rows[0].GetProperty("score").GetDouble()));
        Assert.Equal(0, rows[0].GetProperty("change").GetProperty("points").GetDouble());
        // New scores are graded by the same bounds.
        Assert.Equal("A", (await organization.ScoreAsync(new { lead_id = "new", lead = new { call_count = 1, showing_requests = 3 } })).Text("grade"));
        Assert.Equal("A", (await organization.ScoreAsync(new { lead_id = "l0", scoring_type = "quick" })).Text("grade"));
        Assert.Equal("capacity", (await organization.GetAsync("/v1/grades")).Body.Text("mode"));
    }

    [Fact]
    public async Task Put_Percentile_GivesShares()
    {
        var organization = await TenLeadsAsync();
        await organization.SendAsync(HttpMethod.Put, "/v1/grades", Policy("percentile", new { shares = new { a = 0.2, b = 0.3, c = 0.5 } }));
        Assert.Equal("AABBBCCCCC", await GradesAsync(organization));
    }

    [Fact]
    public async Task Score_WithinTheMarginOfABound_KeepsItsGrade()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.SendAsync(HttpMethod.Put, "/v1/grades", Policy("fixed", new { bounds = new { a = 60, b = 40, c = 18 }, hysteresis = 5 }));
        async Task<string> GradeAsync(object lead) => (await organization.ScoreAsync(new { lead_id = "a", lead })).Text("grade")!;
        Assert.Equal("C", await GradeAsync(new { call_count = 1 }));                        // 20: no grade before
        Assert.Equal("C", await GradeAsync(new { call_count = 0, chat_count = 1 }));        // 14: below C, within 5
        Assert.Equal("D", await GradeAsync(new { chat_count = 0 }));                        // 10: beyond
        Assert.Equal("D", await GradeAsync(new { call_count = 1 }));                        // 20: above C, within 5
        Assert.Equal("C", await GradeAsync(new { chat_count = 1 }));                        // 24: beyond
        // A lead that was never graded has nothing to hold on to.
        Assert.Equal("C", (await organization.ScoreAsync(new { lead_id = "b", lead = new { call_count = 1 } })).Text("grade"));
    }

    [Fact]
    public async Task MoveBounds_MoreGoodLeads_TakesTheAFromTheWeaker()
    {
        var organization = await TenLeadsAsync();
        await organization.SendAsync(HttpMethod.Put, "/v1/grades", Policy("capacity", new { counts = new { a = 2, b = 0, c = 0 }, hysteresis = 0 }));
        Assert.Equal("AADDDDDDDD", await GradesAsync(organization));
        for (var i = 0; i < 2; i++) await organization.ScoreAsync(new { lead_id = $"best{i}", lead = new { call_count = 1, showing_requests = 3 } });
        // Until the bounds are worked out anew all four are A: the rep sees a little more than fits, never less.
        Assert.Equal("AA" + "AADDDDDDDD", await GradesAsync(organization));
        await sidecar.Get<RegradeLeads>().MoveBoundsAsync(organization.Id, CancellationToken.None);
        Assert.Equal("AA" + "DDDDDDDDDD", await GradesAsync(organization));
    }

    [Theory]
    [InlineData("""{"mode":"best"}""", "mode")]
    [InlineData("""{"mode":"fixed","bounds":{"a":50,"b":70,"c":30}}""", "grades")]
    [InlineData("""{"mode":"percentile","shares":{"a":0.9,"b":0.9,"c":0}}""", "shares")]
    [InlineData("""{"mode":"capacity","counts":{"a":1.5,"b":0,"c":0}}""", "/counts")]
    [InlineData("""{"mode":"fixed","hysteresis":-1}""", "hysteresis")]
    public async Task Put_BadPolicy_SaysWhatIsWrong(string body, string expected)
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var (method, path) in new[] { (HttpMethod.Put, "/v1/grades"), (HttpMethod.Post, "/v1/grades/preview") })
        {
            var (status, problem) = await organization.SendAsync(method, path, body);
            Assert.Equal(HttpStatusCode.BadRequest, status);
            Assert.Contains(expected, problem.GetRawText(), StringComparison.Ordinal);
        }

        Assert.Equal("fixed", (await organization.GetAsync("/v1/grades")).Body.Text("mode"));
    }

    [Fact]
    public async Task Score_ExcludedLead_IsDWithItsScoreAndTheReason()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var facts = new { call_count = 1, showing_requests = 5, recency = 1 };
        var free = await organization.ScoreAsync(new { lead_id = "a", lead = facts });
        Assert.False(free.TryGetProperty("exclusion", out _));
        var answer = await organization.ScoreAsync(new { lead_id = "a", lead = new { is_agent = "yes" } });
        Assert.Equal(free.GetProperty("score").GetDouble(), answer.GetProperty("score").GetDouble());
        Assert.Equal(("D", "agent", "False"), (answer.Text("grade"), answer.GetProperty("exclusion").Text("id"), answer.Text("needs_review")));
        var recommended = answer.GetProperty("recommendations");
        Assert.Equal(("none", "none", JsonValueKind.Null), (recommended.Text("action_id"), recommended.Text("channel_preference"), recommended.GetProperty("optimal_contact_time").ValueKind));
        var stored = (await organization.GetAsync("/v1/leads/a/scores")).Body.GetProperty("scores");
        Assert.Equal(("agent", "grades"), (stored[0].Text("exclusion"), stored[0].Text("cause")));
        var listed = (await organization.GetAsync("/v1/leads")).Body.GetProperty("leads")[0];
        Assert.Equal(("D", "agent"), (listed.Text("grade"), listed.Text("exclusion")));
        // Seen again: stored and fresh, and no policy brings it back.
        var again = (await organization.GetAsync("/v1/leads/a/score")).Body;
        Assert.Equal(("D", "agent", "True"), (again.Text("grade"), again.GetProperty("exclusion").Text("id"), again.Text("cached")));
        await organization.SendAsync(HttpMethod.Put, "/v1/grades", Policy("capacity", new { counts = new { a = 5, b = 0, c = 0 } }));
        Assert.Equal("D", (await organization.GetAsync("/v1/leads/a/score")).Body.Text("grade"));
        // Taken back, it is a lead like any other.
        var back = await organization.ScoreAsync(new { lead_id = "a", lead = new { is_agent = false } });
        Assert.Equal(free.Text("grade"), back.Text("grade"));
        Assert.False(back.TryGetProperty("exclusion", out _));
    }
}
