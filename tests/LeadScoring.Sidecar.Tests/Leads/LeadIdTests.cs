using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Sidecar.Tests.Cli;

namespace LeadScoring.Sidecar.Tests.Leads;

/// <summary>Ids of other systems hold whatever they like: each is found again under its address, by the real server.</summary>
[Trait("Category", "Server")]
public sealed class LeadIdTests
{
    // Two of them differ only in what of them is escaped, two only in case of it.
    private static readonly string[] Ids =
        ["a/b", "a%2Fb", "a%2fb", "a%252Fb", "/", "a//b/", "../..", "https://crm.example.com/people/7?x=1&y=%20#z", "ö/ß €", "a b+c", "leads/x/score", "a\\b", "%", "...", "a;b=c,d:e@f!$'()*"];

    [Fact]
    public async Task Id_WithAnySigns_IsFoundUnderItsAddress()
    {
        await using var sidecar = await KilledSidecar.CreateAsync();
        var (process, client) = await sidecar.ServeAsync();
        using var ending = process;
        using var closing = client;
        foreach (var id in Ids)
        {
            using var put = await client.PutAsJsonAsync($"/v1/leads/{Uri.EscapeDataString(id)}", new { attributes = new { name = id } });
            Assert.True(put.StatusCode == HttpStatusCode.OK, $"PUT {id}: {await put.Content.ReadAsStringAsync()}");
        }

        foreach (var id in Ids)
        {
            var lead = await client.GetFromJsonAsync<JsonElement>($"/v1/leads/{Uri.EscapeDataString(id)}");
            Assert.Equal((id, id), (lead.Text("lead_id"), lead.GetProperty("attributes").Text("name")));
            Assert.Equal(id, (await client.GetFromJsonAsync<JsonElement>($"/v1/leads/{Uri.EscapeDataString(id)}/score")).Text("lead_id"));
        }

        using var gone = await client.DeleteAsync("/v1/leads/a%2Fb");
        Assert.Equal(HttpStatusCode.OK, gone.StatusCode);
        foreach (var id in Ids) Assert.Equal(id == "a/b" ? HttpStatusCode.NotFound : HttpStatusCode.OK, (await client.GetAsync($"/v1/leads/{Uri.EscapeDataString(id)}")).StatusCode);
    }

    /// <summary>No address can name these two: they are refused where they come in.</summary>
    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    public async Task Id_OfDots_IsRefusedWhereverItComesIn(string id)
    {
        var sidecar = new SidecarFactory();
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            var (_, batch) = await organization.PostAsync("/v1/leads/batch", new[] { new { lead_id = id, attributes = new { age = 1 } } });
            var (_, score) = await organization.PostAsync("/v1/score", new { lead_id = id, lead = new { age = 1 } });
            var (_, events) = await organization.PostAsync("/v1/events", new { events = new[] { new { lead_id = id, type = "page_view", source = "website", occurred_at = "2026-06-01T00:00:00Z" } } });
            foreach (var answer in (JsonElement[])[batch, score, events]) Assert.Contains("no address can name such a lead", answer.ToString());
            var (_, import) = await organization.ImportAsync("leads", $"lead_id,age\n{id},1\n");
            Assert.Contains("no address can name such a lead", import.ToString());
            Assert.Null(await organization.LeadAsync(id));
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }
}
