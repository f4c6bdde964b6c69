using System.Net;
using System.Text.Json;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Before any model: the profile's rules answer, in the same shape.</summary>
public sealed class RuleScoreTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    // real-estate.yml: start 10, a showing 25, three showings 10 more, a call 10, a chat 4, last activity within 3 days 6.
    private const double Start = 10;

    private static double Sum(JsonElement factors) => factors.GetProperty("base").GetDouble()
        + factors.GetProperty("positive").EnumerateArray().Concat(factors.GetProperty("negative").EnumerateArray()).Sum(f => f.GetProperty("points").GetDouble());

    [Fact]
    public async Task Score_BeforeAnyModel_IsByRulesInTheFullShape()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var answer = await organization.ScoreAsync(new { lead_id = "a", lead = new { showing_requests = 1, call_count = "1" }, include_factors = true });
        Assert.Equal(Start + 25 + 10, answer.GetProperty("score").GetDouble());
        Assert.Equal(("a", "D", "rules", "True", "False", "True"), (answer.Text("lead_id"), answer.Text("grade"), answer.Text("scored_by"), answer.Text("needs_review"), answer.Text("cached"), answer.Text("saved")));
        Assert.Equal(0.5, answer.GetProperty("confidence").GetDouble());
        Assert.Equal(0.45, answer.GetProperty("conversion_probability").GetDouble());
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("model_version").ValueKind);
        Assert.Equal(["showing_requests", "phone_calls"], answer.GetProperty("factors").GetProperty("positive").EnumerateArray().Select(f => f.Text("feature")));
        Assert.Equal(45, Sum(answer.GetProperty("factors")), 6);
        Assert.EndsWith("Z", answer.Text("updated_at"));
        Assert.NotEqual("", answer.GetProperty("recommendations").Text("next_best_action"));
    }

    [Fact]
    public async Task Score_WithoutIncludeFactors_HasNone()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var answer = await organization.ScoreAsync(new { lead_id = "a", lead = new { } });
        Assert.False(answer.TryGetProperty("factors", out _));
        Assert.Equal(Start, answer.GetProperty("score").GetDouble());
    }

    [Fact]
    public async Task Score_RulesBeyondTheBounds_StillSum()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var all = new { showing_requests = 5, call_count = 3, forms_completed = 2, chat_count = 2, calc_usage = 2, alert_subscriptions = 1, virtual_tours = 2, school_searches = 1, area_research = 1, properties_viewed_count = 40, saved_searches = 2, recency = 0 };
        var top = await organization.ScoreAsync(new { lead_id = "top", lead = all, include_factors = true });
        Assert.Equal(99, top.GetProperty("score").GetDouble());
        Assert.Equal("A", top.Text("grade"));
        Assert.Equal(99, Sum(top.GetProperty("factors")), 6);
        var bottom = await organization.ScoreAsync(new { lead_id = "bottom", lead = new { recency = 400 }, include_factors = true });
        Assert.Equal(1, bottom.GetProperty("score").GetDouble());
        Assert.Equal(1, Sum(bottom.GetProperty("factors")), 6);
        Assert.Equal(1, bottom.GetProperty("factors").GetProperty("negative").GetArrayLength());
    }

    [Fact]
    public async Task Score_QuickBeforeAnyModel_IsByRulesAndNotStored()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        var answer = await organization.ScoreAsync(new { lead_id = "a", scoring_type = "quick" });
        Assert.Equal(("rules", "False"), (answer.Text("scored_by"), answer.Text("cached")));
        Assert.Equal(0, (await organization.GetAsync("/v1/leads/a/scores")).Body.GetProperty("scores").GetArrayLength());
    }

    [Theory]
    [InlineData("{\"do_not_call\":true}", "follow_up_email", "email")]
    [InlineData("{\"phone_consent\":\"no\"}", "follow_up_email", "email")]
    [InlineData("{\"do_not_call\":\"1\",\"unsubscribed\":\"yes\"}", "none", "none")]
    [InlineData("{\"do_not_call\":true,\"do_not_email\":true,\"sms_consent\":true}", "none", "sms")]
    [InlineData("{\"do_not_email\":true,\"email_consent\":false}", "call_now", "phone")]
    [InlineData("{\"do_not_sms\":true}", "call_now", "phone")]
    public async Task Recommendations_ChannelRefused_NeverRecommendIt(string consent, string action, string channel)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { showing_requests = 5, call_count = 3, forms_completed = 2, chat_count = 2, calc_usage = 2, alert_subscriptions = 1, virtual_tours = 2, properties_viewed_count = 40, saved_searches = 2, recency = 0 });
        await organization.PutLeadAsync("a", JsonElement.Parse(consent));
        var answer = await organization.ScoreAsync(new { lead_id = "a" });
        var recommendations = answer.GetProperty("recommendations");
        Assert.Equal("A", answer.Text("grade"));
        Assert.Equal((action, channel), (recommendations.Text("action_id"), recommendations.Text("channel_preference")));
        Assert.Equal(channel == "none", recommendations.GetProperty("optimal_contact_time").ValueKind == JsonValueKind.Null);
        Assert.All(["next_best_action", "optimal_contact_time", "channel_preference"], name => Assert.NotEqual("", recommendations.GetProperty("why").Text(name) ?? ""));
    }

    [Fact]
    public async Task Recommendations_Unsubscribed_NoMail()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var answer = await organization.ScoreAsync(new { lead_id = "a", events = new[] { new { event_id = "u", type = "unsubscribed", source = "email", occurred_at = "2026-01-01" } } });
        Assert.Equal(("D", "none", "phone"), (answer.Text("grade"), answer.GetProperty("recommendations").Text("action_id"), answer.GetProperty("recommendations").Text("channel_preference")));
    }

    [Fact]
    public async Task Get_UnknownLead_Is404()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var path in (string[])["/v1/leads/nobody/score", "/v1/leads/nobody/scores"])
        {
            var (status, problem) = await organization.GetAsync(path);
            Assert.Equal((HttpStatusCode.NotFound, "/problems/not-found"), (status, problem.Text("type")));
        }

        var (what, _) = await organization.PostAsync("/v1/leads/nobody/what-if", new { lead = new { call_count = 1 } });
        Assert.Equal(HttpStatusCode.NotFound, what);
        Assert.Null(await organization.LeadAsync("nobody"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1001)]
    public async Task Scores_LimitOutOfRange_Is400(int limit)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.GetAsync($"/v1/leads/a/scores?limit={limit}");
        Assert.Equal((HttpStatusCode.BadRequest, "?limit"), (status, problem.At("errors", 0).Text("pointer")));
    }
}
