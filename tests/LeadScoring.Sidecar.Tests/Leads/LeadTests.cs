using System.Net;
using Dapper;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Leads;

public sealed class LeadTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    [Fact]
    public async Task Put_Twice_MergesAndNullRemoves()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { age = 31, city = "Köln", tags = new object[] { 1, "x", true }, gone = "soon" });
        var (_, second) = await organization.SendAsync(HttpMethod.Put, "/v1/leads/a", "{\"attributes\":{\"age\":\"32\",\"gone\":null}}");
        var (_, lead) = await organization.GetAsync("/v1/leads/a");
        Assert.Equal("updated", second.Text("status"));
        Assert.Equal("""{"age":"32","city":"Köln","tags":[1,"x",true]}""", lead.GetProperty("attributes").GetRawText());
        Assert.Equal(2, lead.Int("revision"));
        Assert.EndsWith("Z", lead.Text("created_at"));
    }

    [Fact]
    public async Task Put_SameContentInOtherSpelling_IsUnchanged()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.SendAsync(HttpMethod.Put, "/v1/leads/a", "{\"attributes\":{\"b\":1,\"a\":\"A\"}}");
        var (_, again) = await organization.SendAsync(HttpMethod.Put, "/v1/leads/a", "{\"attributes\":{\"a\":\"\\u0041\",\"b\":1}}");
        Assert.Equal("unchanged", again.Text("status"));
        Assert.Equal(1, (await organization.LeadAsync("a"))!.Revision);
    }

    [Fact]
    public async Task Put_OddValues_AreDefinedNotErrors()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, _) = await organization.SendAsync(HttpMethod.Put, "/v1/leads/a", "{\"attributes\":{\"huge\":1e999,\"text\":\"12,5\",\"nan\":\"NaN\",\"empty\":\"\",\"list\":[]}}");
        var lead = (await organization.LeadAsync("a"))!.Snapshot;
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.True(lead.Attribute("huge").IsMissing);
        Assert.Equal(12.5, lead.Attribute("text").AsNumber());
        Assert.True(double.IsNaN(lead.Attribute("nan").AsNumber()));
        Assert.True(lead.Attribute("empty").IsMissing);
    }

    [Fact]
    public async Task Put_AttributesPastTheLimit_AreRefusedAlsoBitByBit()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", Enumerable.Range(0, 500).ToDictionary(i => "n" + i, i => i));
        var (status, problem) = await organization.SendAsync(HttpMethod.Put, "/v1/leads/a", new { attributes = new { one_more = 1 } });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("/attributes", problem.At("errors", 0).Text("pointer"));
    }

    [Fact]
    public async Task Batch_GoodBadAndRepeated_AnswersPerItem()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, body) = await organization.PostAsync("/v1/leads/batch", new object[]
        {
            new { lead_id = "a", attributes = new { x = 1 } },
            new { lead_id = "b", attributes = new { x = new { y = 1 } } },
            new { lead_id = "a", attributes = new { y = 2 } },
            new { lead_id = 17, attributes = new { } },
            new { attributes = new { } },
        });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["created", "rejected", "updated", "created", "rejected"], body.GetProperty("results").EnumerateArray().Select(r => r.Text("status")));
        Assert.Equal("/1/attributes/x", body.At("results", 1).At("errors", 0).Text("pointer"));
        Assert.Equal("/4/lead_id", body.At("results", 4).At("errors", 0).Text("pointer"));
        Assert.Equal(2, (await organization.LeadAsync("a"))!.Snapshot.Attributes.Count);
        Assert.Null(await organization.LeadAsync("b"));
    }

    [Theory]
    [InlineData("lead_id")]
    [InlineData("updated_at")]
    [InlineData("-updated_at")]
    public async Task List_PageByPage_GivesEachLeadOnceInOrder(string order)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var items = Enumerable.Range(0, 45).Select(i => new { lead_id = $"l{i:00}", attributes = new { i } });
        await organization.PostAsync("/v1/leads/batch", items);
        List<string> seen = [];
        for (string? cursor = ""; cursor is not null;)
        {
            var (status, page) = await organization.GetAsync($"/v1/leads?limit=10&order={order}{(cursor.Length == 0 ? "" : "&cursor=" + cursor)}");
            Assert.Equal(HttpStatusCode.OK, status);
            seen.AddRange(page.GetProperty("leads").EnumerateArray().Select(l => l.Text("lead_id")!));
            cursor = page.Text("next_cursor");
        }

        var expected = items.Select(i => i.lead_id).ToList();
        if (order[0] == '-') expected.Reverse();
        Assert.Equal(expected, seen);
    }

    [Fact]
    public async Task Delete_Lead_ErasesEverythingAboutIt()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var id in (string[])["gone", "stays"])
        {
            await organization.PutLeadAsync(id, new { name = id });
            await organization.PostAsync("/v1/events", new { event_id = id, lead_id = id, type = "chat", source = "website", occurred_at = "2026-01-01" });
            await organization.PostAsync("/v1/outcomes", new { lead_id = id, converted = true, occurred_at = "2026-02-01" });
        }

        Assert.Equal(HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/gone")).Status);
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        foreach (var table in (string[])["leads", "events", "outcomes", "outcome_history"])
        {
            Assert.Equal(["stays"], await connection.QueryAsync<string>($"select lead_id from {table} where organization_id = @Id", new { organization.Id }));
        }
    }

    [Fact]
    public async Task SetScores_LeadChangedSinceItWasScored_StaysStale()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("same", new { x = 1 });
        await organization.PutLeadAsync("changed", new { x = 1 });
        var before = await sidecar.Get<LeadStore>().GetManyAsync(organization.Id, ["same", "changed"], CancellationToken.None);
        await organization.PutLeadAsync("changed", new { x = 2 });
        LatestScore[] scores = [.. before.Values.Select(l => new LatestScore(l.LeadId, l.Revision, l.Revision, 50, 'C', 0.5, 0.5, null, "rules", null, 1, null))];
        var standing = await sidecar.Get<Database>().WriteAsync(async transaction =>
        {
            var found = await LatestScores.LockAsync(transaction, organization.Id, [.. before.Keys, "nobody"], CancellationToken.None);
            await LatestScores.SetAsync(transaction, organization.Id, scores, CancellationToken.None);
            return found;
        }, CancellationToken.None);
        var stale = (await organization.GetAsync("/v1/leads?is_stale=true")).Body.GetProperty("leads").EnumerateArray();
        Assert.All(scores, s => Assert.True(standing[s.LeadId].DiffersFrom(s) && standing[s.LeadId].Score is null));
        Assert.Equal(2, standing.Count);
        Assert.Equal("changed", Assert.Single(stale).Text("lead_id"));
    }

    [Fact]
    public async Task Write_WorkThrows_StoresNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var write = new LeadWrite("half", new Dictionary<string, string?>());
        await Assert.ThrowsAsync<InvalidOperationException>(() => sidecar.Get<Database>().WriteAsync<int>(async transaction =>
        {
            await sidecar.Get<LeadStore>().UpsertAsync(transaction, organization.Id, [write], CancellationToken.None);
            throw new InvalidOperationException("after the first half");
        }, CancellationToken.None));
        Assert.Null(await organization.LeadAsync("half"));
    }
}
