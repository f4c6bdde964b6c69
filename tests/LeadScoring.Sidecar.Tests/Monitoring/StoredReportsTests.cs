using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using LeadScoring.Sidecar.Monitoring;
using LeadScoring.Sidecar.Tests.Scoring;

namespace LeadScoring.Sidecar.Tests.Monitoring;

/// <summary>Reports of many outcomes are kept, with the moment; what is kept is what working it out anew gives.</summary>
[Trait("Category", "Slow")]
public sealed class StoredReportsTests : IAsyncLifetime
{
    private static readonly string[] Reports = ["performance", "business", "impact", "fairness"];

    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync()
    {
        sidecar = TestClock.Sidecar(clock);
        sidecar.Settings["LeadScoring:Monitoring:StoreReportsFrom"] = "3";
        return sidecar.InitializeAsync();
    }

    public Task DisposeAsync() => sidecar.DisposeAsync();

    /// <summary>Leads that were scored, and have an outcome a horizon later.</summary>
    private async Task DecideAsync(TestOrganization organization, params string[] leadIds)
    {
        foreach (var id in leadIds)
        {
            await organization.PutLeadAsync(id, new { household_size = 3 });
            await organization.ScoreAsync(new { lead_id = id });
        }

        clock.Advance(TimeSpan.FromDays(91));
        for (var i = 0; i < leadIds.Length; i++)
        {
            var (status, body) = await organization.PostAsync("/v1/outcomes", new { lead_id = leadIds[i], converted = i % 2 == 0, occurred_at = clock.GetUtcNow().AddDays(-1), final = true });
            Assert.True(status == HttpStatusCode.OK, body.ToString());
        }
    }

    private static async Task<JsonElement> ReadAsync(TestOrganization organization, string path)
    {
        var (status, body) = await organization.GetAsync("/v1/monitoring/" + path);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body;
    }

    private static async Task TakeBackAsync(TestOrganization organization, string leadId)
    {
        var (status, body) = await organization.PostAsync("/v1/outcomes", new { lead_id = leadId, reversed = true });
        Assert.True(status == HttpStatusCode.OK, body.ToString());
    }

    private static string WithoutMoment(JsonElement report)
    {
        var node = JsonNode.Parse(report.GetRawText())!.AsObject();
        node.Remove("as_of");
        node.Remove("from");
        return node.ToJsonString();
    }

    [Fact]
    public async Task Get_ManyOutcomes_KeepsTheFiguresOfAFreshOne()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await DecideAsync(organization, "a", "b", "c", "d");
        var first = new Dictionary<string, JsonElement>();
        foreach (var report in Reports) first[report] = await ReadAsync(organization, report);
        Assert.Equal(4, first["business"].Int("decisions"));
        clock.Advance(TimeSpan.FromMinutes(50));
        foreach (var report in Reports)
        {
            var kept = await ReadAsync(organization, report);
            Assert.Equal(first[report].GetRawText(), kept.GetRawText());
            var fresh = await ReadAsync(organization, report + "?fresh=true");
            Assert.Equal(WithoutMoment(first[report]), WithoutMoment(fresh));
            Assert.NotEqual(first[report].Text("as_of"), fresh.Text("as_of"));
            Assert.Equal(fresh.GetRawText(), (await ReadAsync(organization, report)).GetRawText());
        }
    }

    [Fact]
    public async Task Get_NewOutcomes_ShowAfterTheJobOrTwoHours()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await DecideAsync(organization, "a", "b", "c", "d");
        Assert.Equal(4, (await ReadAsync(organization, "business")).Int("decisions"));
        Assert.Equal(4, (await ReadAsync(organization, "business?days=3000")).Int("decisions"));
        await TakeBackAsync(organization, "d");
        Assert.Equal(4, (await ReadAsync(organization, "business")).Int("decisions"));
        Assert.Contains("1 reports worked out anew, 0 forgotten", await sidecar.Get<StoredReports>().RunAsync(organization.Id, CancellationToken.None));
        Assert.Equal(3, (await ReadAsync(organization, "business")).Int("decisions"));
        // With parameters it is worked out when it is too old.
        Assert.Equal(4, (await ReadAsync(organization, "business?days=3000")).Int("decisions"));
        clock.Advance(TimeSpan.FromMinutes(121));
        Assert.Equal(3, (await ReadAsync(organization, "business?days=3000")).Int("decisions"));
        clock.Advance(TimeSpan.FromHours(25));
        Assert.Contains("1 reports worked out anew, 1 forgotten", await sidecar.Get<StoredReports>().RunAsync(organization.Id, CancellationToken.None));
    }

    [Fact]
    public async Task Get_FewOutcomes_IsWorkedOutOnTheSpot()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await DecideAsync(organization, "a", "b");
        Assert.Equal(2, (await ReadAsync(organization, "business")).Int("decisions"));
        await TakeBackAsync(organization, "b");
        Assert.Equal(1, (await ReadAsync(organization, "business")).Int("decisions"));
    }

    [Fact]
    public async Task Delete_Lead_TakesKeptReportsAlong()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await DecideAsync(organization, "a", "b", "c", "d");
        Assert.Equal(4, (await ReadAsync(organization, "impact")).Int("decisions"));
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/nobody")).Status);
        Assert.Equal(HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/d")).Status);
        Assert.Equal(3, (await ReadAsync(organization, "impact")).Int("decisions"));
    }
}
