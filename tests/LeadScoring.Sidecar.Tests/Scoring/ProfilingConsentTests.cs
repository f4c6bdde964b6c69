using System.Net;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Tests.Webhooks;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Who objects to being scored is not scored, loses the score there was, and is not learned from.</summary>
public sealed class ProfilingConsentTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    [Theory]
    [InlineData("do_not_profile", "yes")]
    [InlineData("profiling_consent", "no")]
    public async Task Score_PersonWhoObjects_IsRefusedEverywhere(string attribute, string says)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.ScoreAsync(new { lead_id = "p", lead = new { call_count = 3 } });
        await organization.ScoreAsync(new { lead_id = "q", lead = new { call_count = 3 } });
        await organization.PutLeadAsync("p", new Dictionary<string, string> { [attribute] = says });
        foreach (var (method, path, body) in ((HttpMethod, string, object?)[])
        [
            (HttpMethod.Post, "/v1/score", new { lead_id = "p" }), (HttpMethod.Post, "/v1/score", new { lead_id = "p", scoring_type = "quick" }), (HttpMethod.Get, "/v1/leads/p/score", null),
            (HttpMethod.Post, "/v1/score", new { lead_id = "new", save = false, lead = new Dictionary<string, string> { [attribute] = says } }),
            (HttpMethod.Post, "/v1/leads/p/what-if", new { lead = new { call_count = 9 } }), (HttpMethod.Get, "/v1/leads/p/counterfactual?grade=A", null),
        ])
        {
            var (status, problem) = await organization.SendAsync(method, path, body);
            Assert.True(status == HttpStatusCode.Conflict, $"{path}: {status} {problem}");
            Assert.Contains("objects to being scored", problem.Text("detail"));
        }

        var batch = (await organization.PostAsync("/v1/score/batch", new { items = new[] { new { lead_id = "p" }, new { lead_id = "q" } } })).Body;
        Assert.Contains("objects to being scored", batch.ToString());
        Assert.Contains("\"score\"", batch.ToString());
        while (await sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None) > 0) { }
        Assert.Null((await organization.GetAsync("/v1/leads/p")).Body.Text("score"));
        Assert.Empty((await organization.GetAsync("/v1/leads/p/scores")).Body.GetProperty("scores").EnumerateArray());
        Assert.Equal(0, await sidecar.CountAsync($"select count(*) from leads where is_stale = 1 and organization_id = '{organization.Id}'"));
        Assert.NotNull((await organization.GetAsync("/v1/leads/q")).Body.Text("score"));
        // Said otherwise, it is scored again.
        await organization.PutLeadAsync("p", new Dictionary<string, string?> { [attribute] = null });
        await organization.ScoreAsync(new { lead_id = "p" });
    }

    [Fact]
    public async Task Train_PersonWhoObjects_IsNoRow()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var id in (string[])["p", "q", "r"])
        {
            await organization.PutLeadAsync(id, new { call_count = 1 });
            await organization.PostAsync("/v1/outcomes", new { lead_id = id, converted = true, occurred_at = "2026-02-01" });
        }

        await organization.PutLeadAsync("q", new { profiling_consent = false });
        var profile = (await sidecar.Get<ProfileStore>().GetActiveAsync(organization.Id, CancellationToken.None)).Profile;
        Assert.Equal(["p", "r"], (await sidecar.Get<TrainingData>().BuildAsync(organization.Id, profile, null, CancellationToken.None)).LeadIds);
    }
}
