using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Scoring with a trained ensemble: types of scoring, factors, ledger, what-if. The clock stands, so that equal leads have equal scores.</summary>
[Trait("Category", "Slow")]
public sealed class ModelScoreTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public ModelScoreTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static readonly object Warm = new { age = 38, household_size = 4, website_sessions = 9, avg_pages_viewed = 7, showing_requests = 2, call_count = 1, calc_usage = 3 };

    private async Task<TestOrganization> WithModelAsync()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        return organization;
    }

    private static double Score(JsonElement answer) => answer.GetProperty("score").GetDouble();

    private static Dictionary<string, double> Points(JsonElement answer) =>
        answer.GetProperty("factors").GetProperty("positive").EnumerateArray().Concat(answer.GetProperty("factors").GetProperty("negative").EnumerateArray())
            .ToDictionary(f => f.Text("feature")!, f => f.GetProperty("points").GetDouble());

    private static async Task<JsonElement[]> LedgerAsync(TestOrganization organization, string leadId) =>
        [.. (await organization.GetAsync($"/v1/leads/{leadId}/scores")).Body.GetProperty("scores").EnumerateArray()];

    [NativeXGBoostFact]
    public async Task Score_ManyLeads_BaseAndFactorsAreTheScoreAndStoredAsAnswered()
    {
        var organization = await WithModelAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 100, 200, seed: 7);
        var ids = (await organization.GetAsync("/v1/leads?limit=200")).Body.GetProperty("leads").EnumerateArray().Select(l => l.Text("lead_id")!).ToArray();
        var (_, body) = await organization.PostAsync("/v1/score/batch", ids.Select(id => new { lead_id = id, include_factors = true }).ToArray());
        Assert.Equal(200, body.Int("scored"));
        var scores = new HashSet<double>();
        foreach (var answer in body.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("result")))
        {
            var (score, factors) = (Score(answer), Points(answer));
            Assert.Equal(("ensemble", 1), (answer.Text("scored_by"), answer.Int("model_version")));
            Assert.InRange(score, 0.1, 99.9);
            // One decimal of the score, six of the probability.
            Assert.Equal(100 * answer.GetProperty("conversion_probability").GetDouble(), score, 0.0502);
            Assert.Equal(score >= 85 ? "A" : score >= 70 ? "B" : score >= 50 ? "C" : "D", answer.Text("grade"));
            // Four decimals of the confidence: at the threshold itself they cannot tell.
            if (Math.Abs(answer.GetProperty("confidence").GetDouble() - 0.7) > 1e-4)
                Assert.Equal(answer.GetProperty("confidence").GetDouble() < 0.7, answer.GetProperty("needs_review").GetBoolean());
            Assert.Equal(score, answer.GetProperty("factors").GetProperty("base").GetDouble() + factors.Values.Sum(), 0.1);
            Assert.All(answer.GetProperty("factors").GetProperty("positive").EnumerateArray(), f => Assert.True(f.GetProperty("points").GetDouble() >= 0));
            var row = Assert.Single(await LedgerAsync(organization, answer.Text("lead_id")!));
            Assert.Equal(factors.OrderBy(f => f.Key), row.GetProperty("factors").EnumerateArray().ToDictionary(f => f.Text("feature")!, f => f.GetProperty("points").GetDouble()).OrderBy(f => f.Key));
            Assert.Equal(answer.GetProperty("factors").GetProperty("base").GetDouble(), row.GetProperty("base_points").GetDouble(), 3);
            Assert.Equal(score, row.GetProperty("score").GetDouble());
            scores.Add(score);
        }

        Assert.True(scores.Count > 30, $"Only {scores.Count} different scores: the model tells nobody apart.");
    }

    [NativeXGBoostFact]
    public async Task Score_FactorValues_AreTheLeadsOwn()
    {
        var organization = await WithModelAsync();
        var answer = await organization.ScoreAsync(new { lead_id = "a", lead = new { age = 38, income_bracket = "over_150k", website_sessions = "9", showing_requests = "NaN" }, include_factors = true });
        var factors = answer.GetProperty("factors").GetProperty("positive").EnumerateArray().Concat(answer.GetProperty("factors").GetProperty("negative").EnumerateArray()).ToDictionary(f => f.Text("feature")!);
        Assert.Equal(9, factors["total_sessions"].GetProperty("value").GetDouble());
        Assert.Equal("over_150k", factors["income_bracket"].Text("value"));
        // Excluded by the profile: housing may not be sold by age.
        Assert.DoesNotContain("age_group", factors.Keys);
        Assert.Equal(JsonValueKind.Null, factors["showing_requests"].GetProperty("value").ValueKind);
        Assert.Equal(("Website visits", "behavioral"), (factors["total_sessions"].Text("label"), factors["total_sessions"].Text("group")));
    }

    [NativeXGBoostFact]
    public async Task Quick_UnchangedYoungScore_IsTheStoredOne()
    {
        var organization = await WithModelAsync();
        await organization.PutLeadAsync("a", Warm);
        var full = await organization.ScoreAsync(new { lead_id = "a", include_factors = true });
        clock.Advance(TimeSpan.FromMinutes(59));
        var quick = await organization.ScoreAsync(new { lead_id = "a", scoring_type = "quick", include_factors = true });
        Assert.Equal(("ensemble", "True", "False"), (quick.Text("scored_by"), quick.Text("cached"), full.Text("cached")));
        Assert.Equal((Score(full), full.Text("updated_at"), full.GetProperty("confidence").GetDouble()), (Score(quick), quick.Text("updated_at"), quick.GetProperty("confidence").GetDouble()));
        Assert.Equal(Points(full), Points(quick));
        clock.Advance(TimeSpan.FromMinutes(2));
        var late = await organization.ScoreAsync(new { lead_id = "a", scoring_type = "quick" });
        Assert.Equal(("primary", "False"), (late.Text("scored_by"), late.Text("cached")));
        Assert.Single(await LedgerAsync(organization, "a"));
    }

    [NativeXGBoostFact]
    public async Task Quick_ChangedLead_IsThePrimaryModelUntilAnUpdateRenewsTheScore()
    {
        var organization = await WithModelAsync();
        await organization.PutLeadAsync("a", Warm);
        await organization.ScoreAsync(new { lead_id = "a" });
        await organization.PutLeadAsync("a", new { showing_requests = 0, recency = 90 });
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("primary", (await organization.ScoreAsync(new { lead_id = "a", scoring_type = "quick" })).Text("scored_by"));
        var update = await organization.ScoreAsync(new { lead_id = "a", scoring_type = "update" });
        var quick = await organization.ScoreAsync(new { lead_id = "a", scoring_type = "quick" });
        Assert.Equal(("ensemble", "False", "True"), (update.Text("scored_by"), update.Text("cached"), quick.Text("cached")));
        Assert.Equal((Score(update), update.Text("updated_at")), (Score(quick), quick.Text("updated_at")));
        Assert.False((await organization.LeadAsync("a"))!.IsStale);
    }

    [NativeXGBoostFact]
    public async Task Get_FreshOrNot_ServesOrRenews()
    {
        var organization = await WithModelAsync();
        await organization.PutLeadAsync("a", Warm);
        var first = (await organization.GetAsync("/v1/leads/a/score")).Body;
        var second = (await organization.GetAsync("/v1/leads/a/score")).Body;
        var bare = (await organization.GetAsync("/v1/leads/a/score?include_factors=false")).Body;
        Assert.Equal(("False", "True", "True"), (first.Text("cached"), second.Text("cached"), bare.Text("cached")));
        Assert.Equal(Points(first), Points(second));
        Assert.False(bare.TryGetProperty("factors", out _));
        await organization.PutLeadAsync("a", new { call_count = 9 });
        Assert.Equal("False", (await organization.GetAsync("/v1/leads/a/score")).Body.Text("cached"));
    }

    [NativeXGBoostFact]
    public async Task Scores_Ledger_GrowsOnlyWithChangesAndShowsTheNewestFirst()
    {
        var organization = await WithModelAsync();
        await organization.PutLeadAsync("a", Warm);
        var first = await organization.ScoreAsync(new { lead_id = "a" });
        await organization.ScoreAsync(new { lead_id = "a" });
        await organization.ScoreAsync(new { lead_id = "a", scoring_type = "update" });
        Assert.Single(await LedgerAsync(organization, "a"));
        clock.Advance(TimeSpan.FromSeconds(1));
        await organization.PutLeadAsync("a", new { showing_requests = 0, calc_usage = 0, call_count = 0, recency = 120, unrelated = 1 });
        var second = await organization.ScoreAsync(new { lead_id = "a" });
        var ledger = await LedgerAsync(organization, "a");
        Assert.NotEqual(Score(first), Score(second));
        Assert.Equal([Score(second), Score(first)], ledger.Select(r => r.GetProperty("score").GetDouble()));
        Assert.Equal(second.Text("updated_at"), ledger[0].Text("scored_at"));
        Assert.Single((await organization.GetAsync("/v1/leads/a/scores?limit=1")).Body.GetProperty("scores").EnumerateArray());
    }

    [NativeXGBoostFact]
    public async Task WhatIf_Change_IsTheScoreAfterReallyMakingItAndStoresNothing()
    {
        var organization = await WithModelAsync();
        await organization.PutLeadAsync("a", Warm);
        object change = new { showing_requests = (int?)null, recency = 1 };
        object[] events = [new { event_id = "e1", type = "phone_call", source = "phone", occurred_at = "2026-06-09T15:00:00Z" }];
        var revision = (await organization.LeadAsync("a"))!.Revision;
        var (status, whatIf) = await organization.PostAsync("/v1/leads/a/what-if", new { lead = change, events });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Empty(await LedgerAsync(organization, "a"));
        Assert.Empty(await organization.EventsAsync());
        Assert.Equal((revision, true), ((await organization.LeadAsync("a"))!.Revision, (await organization.LeadAsync("a"))!.IsStale));
        var now = await organization.ScoreAsync(new { lead_id = "a", include_factors = true });
        var really = await organization.ScoreAsync(new { lead_id = "a", lead = change, events, include_factors = true });
        Assert.Equal((Score(now), Score(really)), (Score(whatIf.GetProperty("now")), Score(whatIf.GetProperty("what_if"))));
        Assert.NotEqual(Score(now), Score(really));
        Assert.Equal(Points(really), Points(whatIf.GetProperty("what_if")));
        Assert.Equal(Math.Round(Score(really) - Score(now), 1), whatIf.GetProperty("points_gained").GetDouble(), 6);
    }

    [NativeXGBoostFact]
    public async Task WhatIf_NoChangeLongAfterTheStoredScore_GainsNothing()
    {
        var later = new TestClock();
        var patient = TestClock.Sidecar(later);
        patient.Settings["LeadScoring:Scoring:ScoreTtl"] = "30.00:00:00";
        await patient.InitializeAsync();
        var organization = await patient.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        await organization.PutLeadAsync("a", new { last_visit_at = "2026-06-10", showing_requests = 2, call_count = 1 });
        var then = await organization.ScoreAsync(new { lead_id = "a" });
        // The stored score is still served, but the features of time have moved on.
        later.Advance(TimeSpan.FromDays(25));
        Assert.Equal("True", (await organization.GetAsync("/v1/leads/a/score")).Body.Text("cached"));
        var whatIf = (await organization.PostAsync("/v1/leads/a/what-if", new { lead = new { } })).Body;
        Assert.NotEqual(Score(then), Score(whatIf.GetProperty("what_if")));
        Assert.Equal(0, whatIf.GetProperty("points_gained").GetDouble());
        await patient.DisposeAsync();
    }

    [NativeXGBoostFact]
    public async Task Score_TwentyAtOnce_AgreeAndLeaveOneLedgerRow()
    {
        var organization = await WithModelAsync();
        await organization.PutLeadAsync("a", Warm);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => organization.ScoreAsync(new
        {
            lead_id = "a", events = new[] { new { event_id = "e" + i % 5, type = "chat", source = "website", occurred_at = "2026-06-01" } }, scoring_type = i % 2 == 0 ? "full" : "update",
        }))));
        Assert.All(answers, a => Assert.Equal("ensemble", a.Text("scored_by")));
        var last = await organization.ScoreAsync(new { lead_id = "a" });
        Assert.Equal(5, (await organization.LeadAsync("a"))!.Snapshot.Activity.Events);
        await organization.AssertStatesEqualReplayAsync();
        var ledger = await LedgerAsync(organization, "a");
        Assert.Equal(Score(last), ledger[0].GetProperty("score").GetDouble());
        // Never the same twice in a row.
        Assert.All(ledger.Zip(ledger.Skip(1)), pair => Assert.NotEqual(Score(pair.First), Score(pair.Second)));

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => organization.ScoreAsync(new { lead_id = "a" }))));
        Assert.Equal(ledger.Length, (await LedgerAsync(organization, "a")).Length);
    }

    [NativeXGBoostFact]
    public async Task List_ByGradeAndScore_PagesNeitherSkipNorRepeat()
    {
        var organization = await WithModelAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 40, 110, seed: 5);
        var ids = (await organization.GetAsync("/v1/leads?limit=200")).Body.GetProperty("leads").EnumerateArray().Select(l => l.Text("lead_id")!).ToArray();
        var (_, body) = await organization.PostAsync("/v1/score/batch", ids.Select(id => new { lead_id = id }).ToArray());
        var scored = body.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("result")).ToDictionary(a => a.Text("lead_id")!);
        // Never scored: in no list by score or grade.
        await organization.PutLeadAsync("unscored", new { });
        foreach (var grade in (string[])["", "A", "B", "C", "D"])
        {
            var seen = new List<(double Score, string Id)>();
            string? cursor = null;
            do
            {
                var (status, page) = await organization.GetAsync($"/v1/leads?order=-score&limit=7{(grade == "" ? "" : "&grade=" + grade)}{(cursor is null ? "" : "&cursor=" + cursor)}");
                Assert.Equal(HttpStatusCode.OK, status);
                seen.AddRange(page.GetProperty("leads").EnumerateArray().Select(l => (l.GetProperty("score").GetDouble(), l.Text("lead_id")!)));
                cursor = page.Text("next_cursor");
            }
            while (cursor is not null);
            var expected = scored.Where(s => grade == "" || s.Value.Text("grade") == grade).Select(s => (Score(s.Value), s.Key)).OrderByDescending(s => s.Item1).ThenByDescending(s => s.Key, StringComparer.Ordinal);
            Assert.Equal(expected, seen);
        }
    }

    [NativeXGBoostFact]
    public async Task Batch_MixedTypes_EachIsServedAsAsked()
    {
        var organization = await WithModelAsync();
        foreach (var id in (string[])["fresh", "changed"]) await organization.PutLeadAsync(id, Warm);
        await organization.ScoreAsync(new { lead_id = "fresh" });
        var (_, body) = await organization.PostAsync("/v1/score/batch", new object[]
        {
            new { lead_id = "fresh", scoring_type = "quick" }, new { lead_id = "changed", scoring_type = "quick" }, new { lead_id = "changed" }, new { lead_id = "new", lead = Warm, save = false },
        });
        Assert.Equal([("ensemble", "True"), ("primary", "False"), ("ensemble", "False"), ("ensemble", "False")],
            body.GetProperty("results").EnumerateArray().Select(r => (r.GetProperty("result").Text("scored_by"), r.GetProperty("result").Text("cached"))));
        Assert.Null(await organization.LeadAsync("new"));
    }
}
