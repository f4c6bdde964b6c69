using System.Net;
using Dapper;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Outcomes;

public sealed class OutcomeTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private async Task<List<LabeledLead>> LabelsAsync(TestOrganization organization)
    {
        var labels = new List<LabeledLead>();
        await foreach (var label in sidecar.Get<OutcomeStore>().ReadLabeledAsync(organization.Id, CancellationToken.None)) labels.Add(label);
        return labels;
    }

    private async Task<TestOrganization> WithLeadAsync(params string[] ids)
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var id in ids) await organization.PutLeadAsync(id, new { });
        return organization;
    }

    [Fact]
    public async Task Post_SameTwiceThenOtherThenReversed_KeepsOneAndItsHistory()
    {
        var organization = await WithLeadAsync("a");
        var won = new { lead_id = "a", converted = true, occurred_at = "2026-03-01T12:00:00Z", as_of = "2026-02-01", revenue = "1200.5", stage = "closed", source = "hubspot" };
        string? Status((HttpStatusCode, System.Text.Json.JsonElement Body) answer) => answer.Body.At("results", 0).Text("status");
        Assert.Equal("recorded", Status(await organization.PostAsync("/v1/outcomes", won)));
        Assert.Equal("unchanged", Status(await organization.PostAsync("/v1/outcomes", won)));
        Assert.Equal(new LabeledLead("a", true, 1_772_366_400_000, 1_769_904_000_000, 1200.5, "closed"), Assert.Single(await LabelsAsync(organization)));
        Assert.Equal("updated", Status(await organization.PostAsync("/v1/outcomes", new { lead_id = "a", converted = false, occurred_at = "2026-04-01", source = "hubspot" })));
        Assert.Equal("reversed", Status(await organization.PostAsync("/v1/outcomes", new { lead_id = "a", reversed = true, source = "hubspot" })));
        Assert.Equal("unchanged", Status(await organization.PostAsync("/v1/outcomes", new { lead_id = "a", reversed = true, source = "hubspot" })));
        Assert.Empty(await LabelsAsync(organization));

        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        const string Sql = "select change || ':' || reversed || ':' || converted from outcome_history where organization_id = @Id order by change";
        Assert.Equal(["1:0:1", "2:0:0", "3:1:0"], await connection.QueryAsync<string>(Sql, new { organization.Id }));
    }

    [Fact]
    public async Task Post_Final_IsKeptChangedAndTakenBackWithItsOutcome()
    {
        var organization = await WithLeadAsync("a");
        async Task<string?> PostAsync(object outcome) => (await organization.PostAsync("/v1/outcomes", outcome)).Body.At("results", 0).Text("status");
        async Task<bool?> FinalAsync() => Assert.Single(await LabelsAsync(organization)).IsFinal;
        Assert.Equal("recorded", await PostAsync(new { lead_id = "a", converted = false, occurred_at = "2026-03-01" }));
        Assert.Null(await FinalAsync());
        Assert.Equal("updated", await PostAsync(new { lead_id = "a", converted = false, occurred_at = "2026-03-01", final = true }));
        Assert.True(await FinalAsync());
        Assert.Equal("unchanged", await PostAsync(new { lead_id = "a", converted = false, occurred_at = "2026-03-01", final = true }));
        Assert.Equal("updated", await PostAsync(new { lead_id = "a", converted = false, occurred_at = "2026-03-01", final = false }));
        Assert.False(await FinalAsync());
        Assert.Equal("reversed", await PostAsync(new { lead_id = "a", reversed = true }));
        Assert.Equal("recorded", await PostAsync(new { lead_id = "a", converted = false, occurred_at = "2026-03-01" }));
        Assert.Null(await FinalAsync());
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.PostAsync("/v1/outcomes", new { lead_id = "a", converted = false, occurred_at = "2026-03-01", final = "perhaps" })).Status);
    }

    [Fact]
    public async Task Post_BatchWithUnknownLead_RejectsThatItemOnly()
    {
        var organization = await WithLeadAsync("a");
        var (status, body) = await organization.PostAsync("/v1/outcomes", new object[]
        {
            new { lead_id = "nobody", converted = true, occurred_at = "2026-03-01" },
            new { lead_id = "a", converted = 0, occurred_at = 1_772_366_400_000 },
            new { lead_id = "a", converted = true, occurred_at = "2026-03-01", revenue = "NaN" },
        });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["rejected", "recorded", "rejected"], body.GetProperty("results").EnumerateArray().Select(r => r.Text("status")));
        Assert.Equal("/0/lead_id", body.At("results", 0).At("errors", 0).Text("pointer"));
        Assert.Equal("/2/revenue", body.At("results", 2).At("errors", 0).Text("pointer"));
    }

    /// <summary>Each item as if it came alone, in order: what a source says twice, changes, takes back and says again in one request.</summary>
    [Fact]
    public async Task Post_OneSourceOftenInABatch_EachItemSeesTheOnesBefore()
    {
        var organization = await WithLeadAsync("a", "b");
        static object Say(string lead, bool converted, string source = "crm") => new { lead_id = lead, converted, occurred_at = "2026-03-01", source };
        static object TakeBack(string lead, string source = "crm") => new { lead_id = lead, reversed = true, source };
        object[] batch =
        [
            TakeBack("a"), Say("a", true), Say("b", true), Say("a", true), Say("a", false), TakeBack("a"), Say("b", false, "erp"), TakeBack("a"), Say("a", true), Say("nobody", true), TakeBack("b"), Say("a", true, "erp"),
        ];
        string[] expected = ["unchanged", "recorded", "recorded", "unchanged", "updated", "reversed", "recorded", "unchanged", "recorded", "rejected", "reversed", "recorded"];
        var (_, body) = await organization.PostAsync("/v1/outcomes", batch);
        Assert.Equal(expected, body.GetProperty("results").EnumerateArray().Select(r => r.Text("status")));
        Assert.Equal([("a", true), ("b", false)], (await LabelsAsync(organization)).Select(l => (l.LeadId, l.Converted)));
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        const string History = "select lead_id || ' ' || source || ' ' || change || ':' || reversed || ':' || converted from outcome_history where organization_id = @Id order by lead_id, source, change";
        Assert.Equal(["a crm 1:0:1", "a crm 2:0:0", "a crm 3:1:0", "a crm 4:0:1", "a erp 1:0:1", "b crm 1:0:1", "b crm 2:1:1", "b erp 1:0:0"], await connection.QueryAsync<string>(History, new { organization.Id }));
        const string Closed = "select count(*) from leads where organization_id = @Id and closed_at_ms is not null";
        Assert.Equal(2, await connection.ExecuteScalarAsync<int>(Closed, new { organization.Id }));
        await organization.PostAsync("/v1/outcomes", new[] { TakeBack("b", "erp"), TakeBack("a") });
        Assert.Equal(1, await connection.ExecuteScalarAsync<int>(Closed, new { organization.Id }));
    }

    [Fact]
    public async Task ReadLabeled_SourcesDisagree_LatestCountsAndConversionWinsTies()
    {
        var organization = await WithLeadAsync("late", "tie");
        await organization.PostAsync("/v1/outcomes", new object[]
        {
            new { lead_id = "late", converted = true, occurred_at = "2026-03-01", source = "a" },
            new { lead_id = "late", converted = false, occurred_at = "2026-03-02", source = "b" },
            new { lead_id = "tie", converted = false, occurred_at = "2026-03-01", source = "a" },
            new { lead_id = "tie", converted = true, occurred_at = "2026-03-01", source = "b" },
        });
        Assert.Equal([("late", false), ("tie", true)], (await LabelsAsync(organization)).Select(l => (l.LeadId, l.Converted)));
    }
}
