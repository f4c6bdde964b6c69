using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Counterfactuals and what-if over feature values, through the public API. The clock stands, as recency moves with it.</summary>
[Trait("Category", "Slow")]
public sealed class CounterfactualTests : IAsyncLifetime
{
    private readonly SidecarFactory sidecar = TestClock.Sidecar(new TestClock());

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static double Score(JsonElement answer) => answer.GetProperty("score").GetDouble();

    private static async Task<JsonElement> FindAsync(TestOrganization organization, string leadId, string grade)
    {
        var (status, found) = await organization.GetAsync($"/v1/leads/{leadId}/counterfactual?grade={grade}");
        Assert.True(status == HttpStatusCode.OK, found.ToString());
        return found;
    }

    private static async Task<JsonElement> TryAsync(TestOrganization organization, string leadId, JsonElement found)
    {
        var features = found.GetProperty("changes").EnumerateArray().ToDictionary(c => c.Text("feature")!, c => c.GetProperty("to"));
        var (status, whatIf) = await organization.PostAsync($"/v1/leads/{leadId}/what-if", new { features });
        Assert.True(status == HttpStatusCode.OK, whatIf.ToString());
        return whatIf;
    }

    [NativeXGBoostFact]
    public async Task Counterfactual_ManyLeadsAndGrades_AllHoldWhenRescored()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 0, 60, seed: 13);
        var ids = (await organization.GetAsync("/v1/leads?limit=200")).Body.GetProperty("leads").EnumerateArray().Select(l => l.Text("lead_id")!).ToArray();
        string[] actionable =
        [
            "total_sessions", "recency", "frequency", "property_views", "saved_searches", "form_submissions", "chat_interactions", "phone_calls", "showing_requests",
            "mortgage_calculator_use", "price_drop_alerts", "virtual_tour_views",
        ];
        int changed = 0, missed = 0;
        foreach (var id in ids)
        {
            var fewest = 0;
            foreach (var (grade, least) in (IEnumerable<(string, double)>)[("C", 50), ("B", 70), ("A", 85)])
            {
                var found = await FindAsync(organization, id, grade);
                var changes = found.GetProperty("changes").EnumerateArray().ToArray();
                var whatIf = await TryAsync(organization, id, found);
                Assert.Equal((Score(found), found.Text("grade")), (Score(whatIf.GetProperty("what_if")), whatIf.GetProperty("what_if").Text("grade")));
                Assert.Equal((found.GetProperty("score_now").GetDouble(), found.Text("grade_now")), (Score(whatIf.GetProperty("now")), whatIf.GetProperty("now").Text("grade")));
                Assert.Equal(found.GetProperty("reachable").GetBoolean(), Score(whatIf.GetProperty("what_if")) >= least);
                Assert.All(changes, c => Assert.Contains(c.Text("feature"), actionable));
                // What has happened cannot be undone, and the last activity only comes nearer.
                Assert.All(changes.Where(c => c.GetProperty("from").ValueKind == JsonValueKind.Number && c.Text("feature") != "frequency"), c =>
                    Assert.Equal(c.Text("feature") != "recency", c.GetProperty("to").GetDouble() > c.GetProperty("from").GetDouble()));
                if (!found.GetProperty("reachable").GetBoolean())
                {
                    missed++;
                    Assert.Contains("not within reach", found.Text("text"));
                    continue;
                }

                // A higher grade never takes fewer features.
                Assert.True(changes.Length >= fewest, $"{id}: {grade} with {changes.Length}, a lower one with {fewest}");
                fewest = changes.Length;
                changed += changes.Length > 0 ? 1 : 0;
            }
        }

        Assert.True(changed > 50, $"only {changed} counterfactuals with changes; {missed} out of reach");
    }

    [Fact]
    public async Task Counterfactual_ByRules_IsFoundOverTheirBounds()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { showing_requests = 1, recency = 40 });
        // 10 + 25 - 15 = 20; three showings 10, a call 10, calculator 10, recency at most 3: 15 + 6.
        var found = await FindAsync(organization, "a", "C");
        Assert.Equal(("rules", true, 20.0), (found.Text("scored_by"), found.GetProperty("reachable").GetBoolean(), found.GetProperty("score_now").GetDouble()));
        Assert.InRange(found.GetProperty("changes").GetArrayLength(), 2, 3);
        Assert.Equal(Score(found), Score((await TryAsync(organization, "a", found)).GetProperty("what_if")));
        Assert.Contains("rises from 20.0 to ", found.Text("text"));
    }

    [Fact]
    public async Task Counterfactual_AlreadyThere_ChangesNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { showing_requests = 3, call_count = 1, recency = 0 });
        var found = await FindAsync(organization, "a", "C");
        Assert.Equal((0, true), (found.GetProperty("changes").GetArrayLength(), found.GetProperty("reachable").GetBoolean()));
        Assert.Contains("already", found.Text("text"));
    }

    [Fact]
    public async Task Counterfactual_BadRequests_AreToldApart()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/leads/a/counterfactual?grade=D")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/leads/a/counterfactual?grade=b")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/leads/a/counterfactual")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync("/v1/leads/nobody/counterfactual?grade=B")).Status);
    }

    [Fact]
    public async Task WhatIf_Features_WinOverAttributesAndEventsAndAreNotStored()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { showing_requests = 1 });
        await organization.ScoreAsync(new { lead_id = "a", events = new[] { new { event_id = "e", type = "showing_request", source = "website", occurred_at = "2026-06-09" } } });
        async Task<JsonElement> WhatIfAsync(object body)
        {
            var (status, whatIf) = await organization.PostAsync("/v1/leads/a/what-if", body);
            Assert.True(status == HttpStatusCode.OK, whatIf.ToString());
            return whatIf;
        }

        var three = await WhatIfAsync(new { features = new { showing_requests = 3 } });
        Assert.Equal(10, three.GetProperty("points_gained").GetDouble());
        var factor = three.GetProperty("what_if").GetProperty("factors").GetProperty("positive").EnumerateArray().Single(f => f.Text("feature") == "showing_requests");
        Assert.Equal((3.0, 35.0, "3 showing requests"), (factor.GetProperty("value").GetDouble(), factor.GetProperty("points").GetDouble(), factor.Text("text")));
        Assert.Equal(-25, (await WhatIfAsync(new { features = new { showing_requests = (int?)null } })).GetProperty("points_gained").GetDouble());
        Assert.Equal(20, (await WhatIfAsync(new { lead = new { showing_requests = 9, call_count = 2 }, features = new { showing_requests = 3 } })).GetProperty("points_gained").GetDouble());
        Assert.Equal(10, (await WhatIfAsync(new { lead = new { call_count = 2 } })).GetProperty("points_gained").GetDouble());
        var lead = (await organization.LeadAsync("a"))!;
        Assert.Equal(1, lead.Snapshot.Attribute("showing_requests").AsNumber());
    }

    [Theory]
    [InlineData("{\"features\":{\"nonsense\":1}}", "/features/nonsense")]
    [InlineData("{\"features\":{\"showing_requests\":\"3\"}}", "/features/showing_requests")]
    [InlineData("{\"features\":{\"age_group\":35}}", "/features/age_group")]
    [InlineData("{\"features\":[1]}", "/features")]
    [InlineData("{}", "lead, events, features")]
    public async Task WhatIf_BadFeatures_NameTheField(string body, string pointer)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        var (status, problem) = await organization.SendAsync(HttpMethod.Post, "/v1/leads/a/what-if", body);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(pointer, problem.ToString());
    }
}
