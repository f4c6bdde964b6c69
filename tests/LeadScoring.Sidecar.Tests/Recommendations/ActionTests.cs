using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Recommendations;

/// <summary>What the team did is recorded once, counts as the events that it was, and keeps the same advice from coming again.</summary>
public sealed class ActionTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    // Enough points for grade A under the rules of the real-estate profile.
    private static readonly object Hot = new
    {
        showing_requests = 5, call_count = 3, forms_completed = 2, chat_count = 2, calc_usage = 2, alert_subscriptions = 1, virtual_tours = 2, properties_viewed_count = 40, saved_searches = 2, recency = 0,
    };

    private async Task<TestOrganization> WithLeadAsync(object attributes)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", attributes);
        return organization;
    }

    private static async Task<string?> StatusAsync(TestOrganization organization, object action)
    {
        var (status, body) = await organization.PostAsync("/v1/leads/a/actions", action);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body.At("results", 0).Text("status");
    }

    private static async Task<Dictionary<string, int>> TypesAsync(TestOrganization organization) =>
        (await organization.EventsAsync()).GroupBy(e => e.Event.Type).ToDictionary(g => g.Key, g => g.Count());

    [Fact]
    public async Task Post_Call_IsOneCallHoweverOftenItIsSent()
    {
        var organization = await WithLeadAsync(Hot);
        var action = new { id = "1", action_id = "call_now", taken_at = "2026-01-05T10:00:00Z", result = "no_answer" };
        Assert.Equal("recorded", await StatusAsync(organization, action));
        Assert.Equal("unchanged", await StatusAsync(organization, action));
        Assert.Equal(new() { ["action_taken_call_now"] = 1, ["call_attempted"] = 1 }, await TypesAsync(organization));
        await organization.AssertStatesEqualReplayAsync();
        var listed = Assert.Single((await organization.GetAsync("/v1/leads/a/actions")).Body.GetProperty("actions").EnumerateArray());
        Assert.Equal(("1", "phone", "no_answer", "2026-01-05T10:00:00.000Z"), (listed.Text("id"), listed.Text("channel"), listed.Text("result"), listed.Text("result_at")));
    }

    [Fact]
    public async Task Post_ResultLater_AddsTheReplyOnceAndThenStands()
    {
        var organization = await WithLeadAsync(new { });
        var sent = new { id = "m", action_id = "nurture", taken_at = "2026-01-05T10:00:00Z" };
        var replied = new { id = "m", action_id = "nurture", taken_at = "2026-01-05T10:00:00Z", result = "replied", result_at = "2026-01-06T09:00:00Z" };
        Assert.Equal("recorded", await StatusAsync(organization, sent));
        Assert.Equal("updated", await StatusAsync(organization, replied));
        Assert.Equal("unchanged", await StatusAsync(organization, replied));
        Assert.Equal("unchanged", await StatusAsync(organization, sent));
        Assert.Equal(new() { ["action_taken_nurture"] = 1, ["email_sent"] = 1, ["email_replied"] = 1 }, await TypesAsync(organization));
        var (status, problem) = await organization.PostAsync("/v1/leads/a/actions", new { id = "m", action_id = "nurture", taken_at = "2026-01-05T10:00:00Z", result = "refused" });
        Assert.Equal((HttpStatusCode.Conflict, "/problems/conflict"), (status, problem.Text("type")));
        await organization.AssertStatesEqualReplayAsync();
    }

    [Fact]
    public async Task Post_CallThatAnotherSystemTellsOfToo_CountsOnce()
    {
        var organization = await WithLeadAsync(new { });
        await organization.PostAsync("/v1/events", new { event_id = "dialer-7", lead_id = "a", type = "phone_call", source = "phone", occurred_at = "2026-01-05T10:00:00Z" });
        await StatusAsync(organization, new { id = "1", action_id = "call_now", taken_at = "2026-01-05T10:00:00Z", result = "answered", event_id = "dialer-7" });
        Assert.Equal(1, (await TypesAsync(organization))["phone_call"]);
    }

    [Fact]
    public async Task Post_ActionTaken_IsNotRecommendedAgainUntilItsCoolDownIsOver()
    {
        var organization = await WithLeadAsync(Hot);
        async Task<string?> NextAsync() => (await organization.ScoreAsync(new { lead_id = "a" })).GetProperty("recommendations").Text("action_id");
        Assert.Equal("call_now", await NextAsync());
        await StatusAsync(organization, new { action_id = "call_now", result = "no_answer" });
        Assert.Equal("call_today", await NextAsync());
        await StatusAsync(organization, new { action_id = "call_today", result = "no_answer" });
        Assert.Equal("follow_up_email", await NextAsync());
        // Long ago is no hindrance.
        var other = await WithLeadAsync(Hot);
        await StatusAsync(other, new { action_id = "call_now", taken_at = "2026-01-05T10:00:00Z" });
        Assert.Equal("call_now", (await other.ScoreAsync(new { lead_id = "a" })).GetProperty("recommendations").Text("action_id"));
    }

    [Fact]
    public async Task Post_OptedOut_ForbidsTheChannel()
    {
        var organization = await WithLeadAsync(Hot);
        await StatusAsync(organization, new { action_id = "call_now", result = "opted_out" });
        var r = (await organization.ScoreAsync(new { lead_id = "a" })).GetProperty("recommendations");
        Assert.Equal(("follow_up_email", "email"), (r.Text("action_id"), r.Text("channel_preference")));
    }

    [Fact]
    public async Task Score_Recommendations_TellWindowZoneAndAbstentions()
    {
        var organization = await WithLeadAsync(new { call_count = 1, time_zone = "Europe/Berlin" });
        var r = (await organization.ScoreAsync(new { lead_id = "a" })).GetProperty("recommendations");
        Assert.Equal("Europe/Berlin", r.Text("time_zone"));
        Assert.Equal(r.GetProperty("optimal_contact_time").GetDateTimeOffset().AddHours(1), r.GetProperty("contact_window_ends_at").GetDateTimeOffset());
        Assert.Equal(("True", "True", "True"), (r.GetProperty("abstained").Text("next_best_action"), r.GetProperty("abstained").Text("optimal_contact_time"), r.GetProperty("abstained").Text("channel_preference")));
    }

    [Theory]
    [InlineData("{}", "/action_id")]
    [InlineData("{\"action_id\":\"x\",\"channel\":\"fax\"}", "/channel")]
    [InlineData("{\"action_id\":\"x\",\"result\":\"maybe\"}", "/result")]
    [InlineData("{\"action_id\":\"x\",\"taken_at\":\"2099-01-01\"}", "/taken_at")]
    [InlineData("{\"action_id\":\"x\",\"taken_at\":\"2026-01-02\",\"result\":\"replied\",\"result_at\":\"2026-01-01\"}", "/result_at")]
    [InlineData("{\"action_id\":\"x\",\"taken_at\":\"2026-01-02\",\"result_at\":\"2026-01-03\"}", "/result")]
    public async Task Post_Fault_IsPointedAtAndNothingIsStored(string body, string pointer)
    {
        var organization = await WithLeadAsync(new { });
        var (status, problem) = await organization.PostAsync("/v1/leads/a/actions", body);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(pointer, problem.At("errors", 0).Text("pointer"));
        Assert.Empty(await organization.EventsAsync());
    }

    [Fact]
    public async Task Post_Batch_AnswersPerItem()
    {
        var organization = await WithLeadAsync(new { });
        var (status, body) = await organization.PostAsync("/v1/leads/a/actions", new { actions = new object[] { new { id = "1", action_id = "x" }, new { action_id = "" }, new { id = "1", action_id = "y" } } });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal((1, 0, 2), (body.Int("recorded"), body.Int("unchanged"), body.Int("rejected")));
        Assert.Equal("/actions/1/action_id", body.At("results", 1).At("errors", 0).Text("pointer"));
        Assert.Equal("/actions/2/id", body.At("results", 2).At("errors", 0).Text("pointer"));
    }

    [Fact]
    public async Task Post_UnknownLead_Is404()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await organization.PostAsync("/v1/leads/a/actions", new { action_id = "x" })).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync("/v1/leads/a/actions")).Status);
        Assert.Empty(await organization.EventsAsync());
    }

    [Fact]
    public async Task Delete_Lead_ErasesActionsAndRecommendations()
    {
        var organization = await WithLeadAsync(Hot);
        await organization.ScoreAsync(new { lead_id = "a" });
        await StatusAsync(organization, new { action_id = "call_now", result = "answered" });
        async Task<long> RowsAsync(string table)
        {
            await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
            return await connection.ExecuteScalarAsync<long>($"select count(*) from {table} where organization_id = @Id", new { organization.Id });
        }

        Assert.Equal((1, 1), (await RowsAsync("actions_taken"), await RowsAsync("recommended_actions")));
        await organization.SendAsync(HttpMethod.Delete, "/v1/leads/a");
        Assert.Equal((0, 0, 0), (await RowsAsync("actions_taken"), await RowsAsync("recommended_actions"), await RowsAsync("events")));
    }
}
