using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Organizations;

/// <summary>Leads that are drawn whatever their score: once, by a stable hash, with the probability kept, and told wherever somebody decides by the score.</summary>
public sealed class SamplingTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static readonly SamplingPolicy Policy = new() { ExplorationShare = 0.4, HoldOutShare = 0.3, Salt = "s" };

    private static string Id(SliceKind kind) => Enumerable.Range(0, 1_000).Select(i => $"lead-{i}").First(id => Policy.Draw(id)!.Value.Kind == kind);

    private async Task<TestOrganization> SampledAsync()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, body) = await organization.SendAsync(HttpMethod.Put, "/v1/sampling", new { exploration_share = 0.4, hold_out_share = 0.3, salt = "s" });
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return organization;
    }

    private static async Task<JsonElement> ScoredAsync(TestOrganization organization, string leadId)
    {
        await organization.PutLeadAsync(leadId, new { household_size = 3 });
        return await organization.ScoreAsync(new { lead_id = leadId });
    }

    private async Task<(string? Slice, double? Probability, long? AtMs)> StoredAsync(TestOrganization organization, string leadId)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        return await connection.QuerySingleAsync<(string?, double?, long?)>(
            "select slice, slice_probability, sliced_at_ms from leads where organization_id = @Id and lead_id = @leadId", new { organization.Id, leadId });
    }

    [Fact]
    public async Task Sampling_NothingSet_DrawsNobody()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (_, policy) = await organization.GetAsync("/v1/sampling");
        Assert.Equal((0, 0, "False"), (policy.GetProperty("exploration_share").GetDouble(), policy.GetProperty("hold_out_share").GetDouble(), policy.Text("correct_for_effort")));
        var answer = await ScoredAsync(organization, "a");
        Assert.False(answer.TryGetProperty("exploration", out _) || answer.TryGetProperty("hold_out", out _), answer.ToString());
        Assert.Equal((null, null, null), await StoredAsync(organization, "a"));
    }

    [Fact]
    public async Task Score_DrawnForExploration_IsRecommendedAndSaysWhy()
    {
        var organization = await SampledAsync();
        var id = Id(SliceKind.Exploration);
        var answer = await ScoredAsync(organization, id);
        Assert.Equal("True", answer.Text("exploration"));
        Assert.Contains("Drawn at random to be worked whatever its score", answer.GetProperty("recommendations").GetProperty("why").Text("next_best_action"));
        var (slice, probability, atMs) = await StoredAsync(organization, id);
        Assert.Equal(("exploration", true), (slice, atMs is not null));
        Assert.Equal(0.28, probability!.Value, 9);
        // A stored score says the same.
        Assert.Equal("True", (await organization.GetAsync($"/v1/leads/{id}/score")).Body.Text("exploration"));
        Assert.Equal("True", (await organization.GetAsync("/v1/leads?exploration=true")).Body.At("leads", 0).Text("exploration"));
        Assert.Empty((await organization.GetAsync("/v1/leads?exploration=false")).Body.GetProperty("leads").EnumerateArray());
    }

    [Fact]
    public async Task Score_DrawnForHoldOut_HasNoPlaceInTheOrderByScore()
    {
        var organization = await SampledAsync();
        string held = Id(SliceKind.HoldOut), ordinary = Id(SliceKind.Ordinary);
        var answer = await ScoredAsync(organization, held);
        Assert.Equal(("True", "hold_out"), (answer.Text("hold_out"), answer.GetProperty("recommendations").Text("action_id")));
        Assert.Contains("its score decides nothing", answer.GetProperty("recommendations").GetProperty("why").Text("next_best_action"));
        Assert.False((await ScoredAsync(organization, ordinary)).TryGetProperty("hold_out", out _));
        Assert.Equal(("ordinary", 0.42), ((await StoredAsync(organization, ordinary)).Slice, Math.Round((await StoredAsync(organization, ordinary)).Probability!.Value, 9)));
        async Task<string[]> ListAsync(string query) => [.. (await organization.GetAsync("/v1/leads?" + query)).Body.GetProperty("leads").EnumerateArray().Select(l => l.Text("lead_id")!)];
        Assert.Equal([ordinary], await ListAsync("order=-score"));
        Assert.Equal([held], await ListAsync("hold_out=true"));
        Assert.Equal([ordinary], await ListAsync("hold_out=false"));
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/leads?order=-score&hold_out=true")).Status);
    }

    [Fact]
    public async Task Draw_PolicyChangesLater_KeepsWhatWasDrawn()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await ScoredAsync(organization, "before");
        var (status, _) = await organization.SendAsync(HttpMethod.Put, "/v1/sampling", new { hold_out_share = 0.5 });
        Assert.Equal(HttpStatusCode.OK, status);
        sidecar.Get<LeadScoring.Sidecar.Models.ActiveModels>().Forget(organization.Id);
        var id = Enumerable.Range(0, 100).Select(i => $"n{i}").First(i => StableHash.Unit(i, "/hold-out") < 0.5);
        Assert.Equal("True", (await ScoredAsync(organization, id)).Text("hold_out"));
        await organization.SendAsync(HttpMethod.Put, "/v1/sampling", new { exploration_share = 0.5 });
        sidecar.Get<LeadScoring.Sidecar.Models.ActiveModels>().Forget(organization.Id);
        Assert.Equal("True", (await organization.ScoreAsync(new { lead_id = id })).Text("hold_out"));
        // Scored before anything was drawn: it stays out of all of it.
        Assert.Null((await StoredAsync(organization, "before")).Slice);
        Assert.False((await organization.ScoreAsync(new { lead_id = "before" })).TryGetProperty("exploration", out _));
    }

    [Theory]
    [InlineData("""{"exploration_share": 0.6}""")]
    [InlineData("""{"hold_out_share": -0.1}""")]
    [InlineData("""{"holdout": 0.1}""")]
    [InlineData("{}")]
    public async Task PutSampling_NotASetting_IsRefused(string body)
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.SendAsync(HttpMethod.Put, "/v1/sampling", body)).Status);
    }
}
