using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>What comes in: faults with their pointers, what is saved and what is not.</summary>
public sealed class ScoreRequestTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static readonly object Showing = new { event_id = "s1", type = "showing_request", source = "crm", occurred_at = "2026-03-01" };

    [Theory]
    [InlineData("{}", "/lead_id")]
    [InlineData("{\"lead_id\":\"\"}", "/lead_id")]
    [InlineData("{\"lead_id\":true}", "/lead_id")]
    [InlineData("{\"lead_id\":\"a\\u0007\"}", "/lead_id")]
    [InlineData("{\"lead_id\":\"a\",\"scoring_type\":\"slow\"}", "/scoring_type")]
    [InlineData("{\"lead_id\":\"a\",\"scoring_type\":[]}", "/scoring_type")]
    [InlineData("{\"lead_id\":\"a\",\"include_factors\":\"perhaps\"}", "/include_factors")]
    [InlineData("{\"lead_id\":\"a\",\"save\":2}", "/save")]
    [InlineData("{\"lead_id\":\"a\",\"lead\":5}", "/lead")]
    [InlineData("{\"lead_id\":\"a\",\"lead\":[]}", "/lead")]
    [InlineData("{\"lead_id\":\"a\",\"lead\":{\"x\":{\"y\":1}}}", "/lead/x")]
    [InlineData("{\"lead_id\":\"a\",\"lead\":{\"a/b~c\":{}}}", "/lead/a~1b~0c")]
    [InlineData("{\"lead_id\":\"a\",\"lead\":{\"x\":[[1]]}}", "/lead/x")]
    [InlineData("{\"lead_id\":\"a\",\"lead\":{\"x\":\"\\ud800\"}}", "/lead/x")]
    [InlineData("{\"lead_id\":\"a\",\"events\":5}", "/events")]
    [InlineData("{\"lead_id\":\"a\",\"events\":[5]}", "/events/0")]
    [InlineData("{\"lead_id\":\"a\",\"events\":[{\"source\":\"crm\",\"occurred_at\":\"2026-01-01\"}]}", "/events/0/type")]
    [InlineData("{\"lead_id\":\"a\",\"events\":[{\"type\":\"chat\",\"source\":\"crm\",\"occurred_at\":\"2026-01-01\"},{\"type\":\"Chat!\",\"source\":\"crm\",\"occurred_at\":\"2026-01-01\"}]}", "/events/1/type")]
    [InlineData("{\"lead_id\":\"a\",\"events\":[{\"type\":\"chat\",\"source\":\"fax\",\"occurred_at\":\"2026-01-01\"}]}", "/events/0/source")]
    [InlineData("{\"lead_id\":\"a\",\"events\":[{\"type\":\"chat\",\"source\":\"crm\",\"occurred_at\":\"soon\"}]}", "/events/0/occurred_at")]
    [InlineData("{\"lead_id\":\"a\",\"events\":[{\"type\":\"chat\",\"source\":\"crm\",\"occurred_at\":\"2190-01-01\"}]}", "/events/0/occurred_at")]
    [InlineData("{\"lead_id\":\"a\",\"events\":[{\"type\":\"chat\",\"source\":\"crm\",\"occurred_at\":\"2026-01-01\",\"properties\":5}]}", "/events/0/properties")]
    [InlineData("{\"lead_id\":\"a\",\"events\":[{\"type\":\"chat\",\"source\":\"crm\",\"occurred_at\":\"2026-01-01\",\"properties\":{\"x\":{}}}]}", "/events/0/properties/x")]
    [InlineData("{\"lead_id\":\"a\",\"events\":[{\"lead_id\":\"b\",\"type\":\"chat\",\"source\":\"crm\",\"occurred_at\":\"2026-01-01\"}]}", "/events/0/lead_id")]
    public async Task Score_BadMember_Is400AtItsPointerAndStoresNothing(string body, string pointer)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.PostAsync("/v1/score", body);
        Assert.Equal((HttpStatusCode.BadRequest, "/problems/validation"), (status, problem.Text("type")));
        Assert.Equal(pointer, Assert.Single(problem.GetProperty("errors").EnumerateArray()).Text("pointer"));
        Assert.Null(await organization.LeadAsync("a"));
        Assert.Empty(await organization.EventsAsync());
    }

    [Fact]
    public async Task Score_SeveralFaults_AreAllNamed()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (_, problem) = await organization.PostAsync("/v1/score", """{"lead_id":"a","scoring_type":"x","lead":{"p":{},"q":{}},"events":[5,{"type":"chat","source":"crm"}]}""");
        Assert.Equal(["/scoring_type", "/lead/p", "/lead/q", "/events/0", "/events/1/occurred_at"], problem.GetProperty("errors").EnumerateArray().Select(e => e.Text("pointer")));
    }

    [Fact]
    public async Task Score_BareNaN_IsMalformedJson()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.PostAsync("/v1/score", "{\"lead_id\":\"a\",\"lead\":{\"x\":NaN}}");
        Assert.Equal((HttpStatusCode.BadRequest, "/problems/malformed-json"), (status, problem.Text("type")));
    }

    [Fact]
    public async Task Score_501Attributes_Is400()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.PostAsync("/v1/score", new { lead_id = "a", lead = Enumerable.Range(0, 501).ToDictionary(i => "n" + i, i => i) });
        Assert.Equal((HttpStatusCode.BadRequest, "/lead"), (status, problem.At("errors", 0).Text("pointer")));
    }

    [Fact]
    public async Task Score_StoredAndInlineTogetherPast500_Is400AndStoresNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", Enumerable.Range(0, 499).ToDictionary(i => "n" + i, i => i));
        var (status, problem) = await organization.PostAsync("/v1/score", new { lead_id = "a", lead = new { more_1 = 1, more_2 = 2 }, events = new[] { Showing } });
        Assert.Equal((HttpStatusCode.BadRequest, "/lead"), (status, problem.At("errors", 0).Text("pointer")));
        Assert.Empty(await organization.EventsAsync());
        Assert.Equal(499, (await organization.LeadAsync("a"))!.Snapshot.Attributes.Count);
    }

    [Fact]
    public async Task Score_OddValues_AreDefined()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var numbers = await organization.ScoreAsync(new { lead_id = "n", lead = new { showing_requests = 3, email_open_rate = 0.5 } });
        var texts = await organization.ScoreAsync("""{"lead_id":"t","lead":{"showing_requests":" 3 ","email_open_rate":"0,5"}}""");
        var odd = await organization.ScoreAsync("""{"lead_id":"o","lead":{"showing_requests":"NaN","email_open_rate":"Infinity","call_count":1e999,"chat_count":"lots","age":-1,"created_at":"2999-01-01","calc_usage":[],"x":null}}""");
        Assert.Equal(numbers.GetProperty("score").GetDouble(), texts.GetProperty("score").GetDouble());
        Assert.Equal(10, odd.GetProperty("score").GetDouble());
    }

    [Fact]
    public async Task Score_UnknownLead_Is404AndSaysWhatToDo()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.PostAsync("/v1/score", new { lead_id = "nobody", events = Array.Empty<object>() });
        Assert.Equal((HttpStatusCode.NotFound, "/problems/not-found"), (status, problem.Text("type")));
        Assert.Contains("inline", problem.Text("detail"));
    }

    [Theory]
    [InlineData("\"other\"")]
    [InlineData("7")]
    [InlineData("{}")]
    public async Task Score_WrongOrganization_Is403(string id)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.PostAsync("/v1/score", $"{{\"lead_id\":\"a\",\"lead\":{{}},\"organization_id\":{id}}}");
        Assert.Equal((HttpStatusCode.Forbidden, "/problems/organization-mismatch"), (status, problem.Text("type")));
        Assert.Null(await organization.LeadAsync("a"));
    }

    [Fact]
    public async Task Score_OwnOrganizationNamed_Works()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.ScoreAsync(new { lead_id = "a", lead = new { }, organization_id = organization.Id });
    }

    [Theory]
    [InlineData(ApiScope.Write, null, true)]
    [InlineData(ApiScope.Write, true, true)]
    [InlineData(ApiScope.Write, false, false)]
    [InlineData(ApiScope.Score, null, false)]
    [InlineData(ApiScope.Score, false, false)]
    public async Task Score_InlineFacts_AreSavedAsScopeAndRequestSay(ApiScope scope, bool? save, bool saved)
    {
        var organization = await sidecar.NewOrganizationAsync(scope);
        var answer = await organization.ScoreAsync(new { lead_id = "a", lead = new { call_count = 1 }, events = new[] { Showing }, save });
        Assert.Equal(saved, answer.GetProperty("saved").GetBoolean());
        Assert.Equal(saved, await organization.LeadAsync("a") is not null);
        Assert.Equal(saved ? 1 : 0, (await organization.EventsAsync()).Count);
        Assert.True(answer.GetProperty("score").GetDouble() >= 10 + 25 + 10 - 15 - 8, "The facts count either way.");
    }

    [Fact]
    public async Task Score_SaveWithScoreOnlyKey_Is400()
    {
        var organization = await sidecar.NewOrganizationAsync(ApiScope.Score);
        var (status, problem) = await organization.PostAsync("/v1/score", new { lead_id = "a", lead = new { }, save = true });
        Assert.Equal((HttpStatusCode.BadRequest, "/save"), (status, problem.At("errors", 0).Text("pointer")));
    }

    [Fact]
    public async Task Score_ScoreOnlyKeyOverStoredLead_LooksButLeavesItAlone()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { call_count = 1 });
        var reader = await organization.WithScopeAsync(ApiScope.Score);
        var answer = await reader.ScoreAsync(new { lead_id = "a", lead = new { chat_count = 1, call_count = (int?)null }, events = new[] { Showing } });
        Assert.False(answer.GetProperty("saved").GetBoolean());
        Assert.Equal((1, 1), ((await organization.LeadAsync("a"))!.Revision, (await organization.LeadAsync("a"))!.Snapshot.Attributes.Count));
        Assert.Equal(0, (await organization.GetAsync("/v1/leads/a/scores")).Body.GetProperty("scores").GetArrayLength());
    }

    [Fact]
    public async Task Score_NothingInline_SaysNothingOfSaving()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        Assert.False((await organization.ScoreAsync(new { lead_id = "a" })).TryGetProperty("saved", out _));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Score_SameEventTwice_CountsOnce(bool save)
    {
        var organization = await sidecar.NewOrganizationAsync();
        // Three showings would bring 10 more points than one.
        var request = new { lead_id = "a", lead = new { recency = 10 }, events = new[] { Showing, Showing, Showing }, save, include_factors = true };
        var first = await organization.ScoreAsync(request);
        var second = await organization.ScoreAsync(request);
        foreach (var answer in (JsonElement[])[first, second])
            Assert.Equal(25, answer.GetProperty("factors").At("positive", 0).GetProperty("points").GetDouble());
        Assert.Equal(save ? 1 : 0, (await organization.EventsAsync()).Count);
        if (save) Assert.Equal(1, (await organization.LeadAsync("a"))!.Snapshot.Activity.Events);
    }

    [Fact]
    public async Task Score_EventsStoredBeforeAndInlineAgain_CountOnceWithoutSaving()
    {
        var organization = await sidecar.NewOrganizationAsync();
        object[] events = [.. Enumerable.Range(0, 2).Select(i => new { event_id = "s" + i, lead_id = "a", type = "showing_request", source = "crm", occurred_at = "2026-03-01" })];
        await organization.PostAsync("/v1/events", events);
        var answer = await organization.ScoreAsync(new { lead_id = "a", events, save = false, include_factors = true });
        Assert.Equal(25, answer.GetProperty("factors").At("positive", 0).GetProperty("points").GetDouble());
    }

    [Fact]
    public async Task Score_NewLeadWithAnEventThatAnotherLeadHas_IsUnknownNotAFailure()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.ScoreAsync(new { lead_id = "a", events = new[] { Showing } });
        var (status, problem) = await organization.PostAsync("/v1/score", new { lead_id = "b", events = new[] { Showing } });
        Assert.Equal((HttpStatusCode.NotFound, "/problems/not-found"), (status, problem.Text("type")));
        Assert.Null(await organization.LeadAsync("b"));
    }

    [Fact]
    public async Task Score_NewLeadInline_CameIntoThePipelineNow()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.ScoreAsync(new { lead_id = "a", lead = new { call_count = 1 } });
        Assert.NotNull((await organization.LeadAsync("a"))!.Snapshot.CreatedAtMs);
    }

    [Fact]
    public async Task WhatIf_BadMember_Is400AtItsPointer()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        foreach (var (body, pointer) in ((string, string)[])[("{}", ""), ("[]", ""), ("{\"lead\":{\"x\":{}}}", "/lead/x"), ("{\"lead\":7}", "/lead"), ("{\"events\":[{}]}", "/events/0/type")])
        {
            var (status, problem) = await organization.PostAsync("/v1/leads/a/what-if", body);
            Assert.Equal((HttpStatusCode.BadRequest, pointer), (status, problem.At("errors", 0).Text("pointer")));
        }
    }
}
