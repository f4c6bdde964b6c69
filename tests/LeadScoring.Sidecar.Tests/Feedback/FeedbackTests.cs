using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Feedback;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;

namespace LeadScoring.Sidecar.Tests.Feedback;

[Trait("Category", "Slow")]
public sealed class FeedbackTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync() => (sidecar = TestClock.Sidecar(clock)).InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private async Task<TestOrganization> WithScoredLeadsAsync(int leads)
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var chunk in Enumerable.Range(0, leads).Chunk(500))
        {
            var (status, body) = await organization.PostAsync("/v1/score/batch", new { items = chunk.Select(i => new { lead_id = $"lead-{i}", lead = new { website_sessions = i % 20, showing_requests = i % 3 } }) });
            Assert.True(status == HttpStatusCode.OK, body.ToString());
        }

        return organization;
    }

    private async Task<string> SelectAsync(TestOrganization organization) => await sidecar.Get<SelectReviews>().RunAsync(organization.Id, CancellationToken.None);

    private static async Task<List<JsonElement>> ReviewsAsync(TestOrganization organization, string status = "open")
    {
        var all = new List<JsonElement>();
        for (var cursor = ""; ;)
        {
            var (code, body) = await organization.GetAsync($"/v1/reviews?status={status}&limit=200{cursor}");
            Assert.True(code == HttpStatusCode.OK, body.ToString());
            all.AddRange(body.GetProperty("reviews").EnumerateArray());
            if (body.Text("next_cursor") is not { Length: > 0 } next) return all;
            cursor = "&cursor=" + next;
        }
    }

    [Fact]
    public async Task PostFeedback_SameIdTwiceThenOther_KeepsTheFirstAndTheScoreOfThen()
    {
        var organization = await WithScoredLeadsAsync(1);
        var score = (await organization.GetAsync("/v1/leads/lead-0/score")).Body.GetProperty("score").GetDouble();
        clock.Advance(TimeSpan.FromHours(1));
        var given = new { id = "f1", lead_id = "lead-0", verdict = "bad", reason = "wrong number", by = "ann" };
        async Task<string?> PostAsync(object one) => (await organization.PostAsync("/v1/feedback", new[] { one })).Body.At("results", 0).Text("status");
        Assert.Equal("recorded", await PostAsync(given));
        Assert.Equal("unchanged", await PostAsync(given));
        Assert.Equal("rejected", await PostAsync(new { id = "f1", lead_id = "lead-0", verdict = "good" }));
        Assert.Equal("rejected", await PostAsync(new { id = "f2", lead_id = "nobody", verdict = "good" }));
        Assert.Equal("rejected", await PostAsync(new { id = "f3", lead_id = "lead-0", verdict = "perhaps" }));
        Assert.Equal(HttpStatusCode.Conflict, (await organization.PostAsync("/v1/feedback", new { id = "f1", lead_id = "lead-0", verdict = "good" })).Status);
        // From before the first score: counts against none.
        Assert.Equal("recorded", await PostAsync(new { id = "f0", lead_id = "lead-0", verdict = "good", given_at = clock.GetUtcNow().AddDays(-1) }));
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        var rows = (await connection.QueryAsync<(string Id, string Verdict, double? Score)>("select feedback_id, verdict, score from feedback where organization_id = @Id order by feedback_id", new { organization.Id })).AsList();
        Assert.Equal([("f0", "good", null), ("f1", "bad", score)], rows);
    }

    [Fact]
    public async Task SelectReviews_ManyScores_DrawsAboutAShareTheSameEveryTime()
    {
        var organization = await WithScoredLeadsAsync(1_000);
        await SelectAsync(organization);
        var first = await ReviewsAsync(organization);
        var random = first.Where(r => r.GetProperty("is_random").GetBoolean()).ToArray();
        // 1,000 at 5 %: 50 expected, standard deviation 7.
        Assert.InRange(random.Length, 25, 75);
        Assert.All(random, r => Assert.Equal(0.05, r.GetProperty("selection_probability").GetDouble()));
        // All of low confidence are there, each once.
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        var low = (await connection.QueryAsync<string>("select lead_id from scores where organization_id = @Id and needs_review = 1", new { organization.Id })).Order(StringComparer.Ordinal).ToArray();
        Assert.NotEmpty(low);
        Assert.Equal(low, first.Where(r => r.GetProperty("is_low_confidence").GetBoolean()).Select(r => r.Text("lead_id")!).Order(StringComparer.Ordinal));
        Assert.Contains("0 put on the review list", await SelectAsync(organization));
        Assert.Equal(first.Select(r => r.Text("review_id")), (await ReviewsAsync(organization)).Select(r => r.Text("review_id")));
    }

    [Fact]
    public async Task SelectReviews_NewScoreOfALeadThatWaits_AddsNoSecondOfLowConfidence()
    {
        var organization = await WithScoredLeadsAsync(30);
        await SelectAsync(organization);
        var before = (await ReviewsAsync(organization)).Count(r => !r.GetProperty("is_random").GetBoolean());
        Assert.True(before > 0);
        clock.Advance(TimeSpan.FromHours(2));
        // Another score of each lead, of low confidence too.
        await sidecar.Get<Database>().WriteAsync(t => t.ExecuteAsync("""
            insert into scores (organization_id, lead_id, change, scored_at_ms, score, grade, probability, confidence, model_version, scored_by, needs_review, base_points, factors)
            select organization_id, lead_id, 2, scored_at_ms + 3600000, score, grade, probability, confidence, model_version, scored_by, 1, base_points, factors
            from scores where organization_id = @Id and change = 1
            """, new { organization.Id }, CancellationToken.None), CancellationToken.None);
        Assert.Contains("60 scores since the last time", await SelectAsync(organization));
        Assert.Equal(before, (await ReviewsAsync(organization)).Count(r => !r.GetProperty("is_random").GetBoolean()));
    }

    [Fact]
    public async Task PostReview_Verdict_ClosesItAndMayBeCorrected()
    {
        var organization = await WithScoredLeadsAsync(30);
        await SelectAsync(organization);
        var id = (await ReviewsAsync(organization))[0].Text("review_id");
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.PostAsync($"/v1/reviews/{id}", new { verdict = "maybe", by = "ann" })).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.PostAsync($"/v1/reviews/{id}", new { verdict = "agree" })).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.PostAsync("/v1/reviews/rev_none", new { verdict = "agree", by = "ann" })).Status);
        Assert.Equal("agree", (await organization.PostAsync($"/v1/reviews/{id}", new { verdict = "agree", by = "ann" })).Body.Text("verdict"));
        Assert.Equal("too_high", (await organization.PostAsync($"/v1/reviews/{id}", new { verdict = "too_high", by = "bob", comment = "moved away" })).Body.Text("verdict"));
        Assert.DoesNotContain(await ReviewsAsync(organization), r => r.Text("review_id") == id);
        var done = Assert.Single(await ReviewsAsync(organization, "done"));
        Assert.Equal(("bob", "moved away"), (done.Text("by"), done.Text("comment")));
    }

    [Fact]
    public async Task Override_SetShownExpiredRemoved_NeverTouchesTheMachinesScore()
    {
        var organization = await WithScoredLeadsAsync(1);
        var machine = (await organization.GetAsync("/v1/leads/lead-0/score")).Body;
        async Task<JsonElement> ScoreAsync() => (await organization.GetAsync("/v1/leads/lead-0/score")).Body;
        var wanted = new { grade = "A", reason = "knows the owner", by = "ann", until = clock.GetUtcNow().AddDays(3) };
        var (status, set) = await organization.SendAsync(HttpMethod.Put, "/v1/leads/lead-0/override", wanted);
        Assert.True(status == HttpStatusCode.OK, set.ToString());
        Assert.Equal(machine.GetProperty("score").GetDouble(), set.GetProperty("machine").GetProperty("score").GetDouble());
        await organization.SendAsync(HttpMethod.Put, "/v1/leads/lead-0/override", wanted);

        var both = await ScoreAsync();
        Assert.Equal((machine.Text("score"), machine.Text("grade")), (both.Text("score"), both.Text("grade")));
        Assert.Equal(("A", "ann", "knows the owner"), (both.GetProperty("override").Text("grade"), both.GetProperty("override").Text("by"), both.GetProperty("override").Text("reason")));
        var lead = (await organization.GetAsync("/v1/leads/lead-0")).Body;
        Assert.Equal((machine.Text("grade"), "A"), (lead.Text("grade"), lead.GetProperty("override").Text("grade")));

        clock.Advance(TimeSpan.FromDays(3));
        Assert.False((await ScoreAsync()).TryGetProperty("override", out _));
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/lead-0/override?by=ann")).Status);

        await organization.SendAsync(HttpMethod.Put, "/v1/leads/lead-0/override", new { grade = "D", reason = "bought elsewhere", by = "bob" });
        Assert.Equal("D", (await ScoreAsync()).GetProperty("override").Text("grade"));
        Assert.Equal(HttpStatusCode.NoContent, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/lead-0/override?by=cid")).Status);
        Assert.False((await ScoreAsync()).TryGetProperty("override", out _));
        // Both are in the record: the same one sent twice once.
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        var rows = await connection.QueryAsync<string>("select grade || ' ' || set_by || ' ' || coalesce(removed_by, '-') from overrides where organization_id = @Id order by change", new { organization.Id });
        Assert.Equal(["A ann -", "D bob cid"], rows);
    }

    [Theory]
    [InlineData("""{"grade":"E","reason":"x","by":"y"}""", "/grade")]
    [InlineData("""{"grade":"A","by":"y"}""", "/reason")]
    [InlineData("""{"grade":"A","reason":"x"}""", "/by")]
    [InlineData("""{"grade":"A","reason":"x","by":"y","until":"2020-01-01"}""", "/until")]
    public async Task PutOverride_Incomplete_NamesTheField(string body, string pointer)
    {
        var organization = await WithScoredLeadsAsync(1);
        var (status, problem) = await organization.SendAsync(HttpMethod.Put, "/v1/leads/lead-0/override", body);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(pointer, problem.At("errors", 0).Text("pointer"));
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Put, "/v1/leads/nobody/override", new { grade = "A", reason = "x", by = "y" })).Status);
    }

    [Fact]
    public async Task Erasure_Lead_TakesFeedbackReviewsAndOverridesAlong()
    {
        var organization = await WithScoredLeadsAsync(40);
        await SelectAsync(organization);
        var gone = (await ReviewsAsync(organization))[0].Text("lead_id")!;
        await organization.PostAsync("/v1/feedback", new { lead_id = gone, verdict = "good" });
        await organization.SendAsync(HttpMethod.Put, $"/v1/leads/{gone}/override", new { grade = "A", reason = "x", by = "y" });
        string[] tables = ["feedback", "reviews", "overrides"];
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        async Task<long> CountAsync(string table) => await connection.ExecuteScalarAsync<long>($"select count(*) from {table} where organization_id = @Id and lead_id = @gone", new { organization.Id, gone });
        foreach (var table in tables) Assert.True(await CountAsync(table) > 0, table);
        Assert.Equal(HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/" + gone)).Status);
        foreach (var table in tables) Assert.Equal(0, await CountAsync(table));
    }
}
