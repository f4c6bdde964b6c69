using System.Text.Json;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Tests.Recommendations;

/// <summary>What became of each action: counted as a person would, silent where nothing is known.</summary>
public sealed class CatalogueTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static async Task<(JsonElement Entry, JsonElement Body)> EntryAsync(TestOrganization organization, string actionId)
    {
        var (_, body) = await organization.GetAsync("/v1/recommendations/catalogue");
        return (body.GetProperty("actions").EnumerateArray().Single(a => a.Text("action_id") == actionId), body);
    }

    [Fact]
    public async Task Get_NothingRecorded_SaysSo()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (entry, body) = await EntryAsync(organization, "call_now");
        Assert.StartsWith("No action has been recorded yet", body.Text("note"), StringComparison.Ordinal);
        Assert.Equal((0, 0, 0), (entry.Int("recommended"), entry.Int("taken"), entry.GetProperty("converted").Int("of")));
        Assert.False(entry.GetProperty("answered").TryGetProperty("value", out _));
    }

    [Fact]
    public async Task Get_ActionsAndOutcomes_AreCounted()
    {
        var organization = await sidecar.NewOrganizationAsync();
        // Four leads of grade D: newsletter is recommended for each, twice scored is once recommended.
        foreach (var lead in (string[])["a", "b", "c", "d"])
        {
            await organization.PutLeadAsync(lead, new { family_size = 1, employment_status = "x", age = 30 });
            await organization.ScoreAsync(new { lead_id = lead });
            await organization.ScoreAsync(new { lead_id = lead });
        }

        async Task TakeAsync(string lead, object action) => Assert.Equal("recorded", (await organization.PostAsync($"/v1/leads/{lead}/actions", action)).Body.At("results", 0).Text("status"));
        await TakeAsync("a", new { action_id = "newsletter", result = "replied" });
        await TakeAsync("b", new { action_id = "newsletter", result = "no_answer" });
        // Before anything was recommended, and something of the team's own.
        await TakeAsync("b", new { action_id = "newsletter", taken_at = "2026-01-01" });
        await TakeAsync("c", new { action_id = "flowers" });
        var soon = DateTimeOffset.UnixEpoch.AddMilliseconds(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + 60_000).ToString("O");
        await organization.PostAsync("/v1/outcomes", new[]
        {
            new { lead_id = "a", converted = true, occurred_at = soon }, new { lead_id = "b", converted = false, occurred_at = soon }, new { lead_id = "d", converted = false, occurred_at = soon },
            // Decided long before: nobody's work.
            new { lead_id = "c", converted = true, occurred_at = "2026-01-01" },
        });
        var (entry, body) = await EntryAsync(organization, "newsletter");
        Assert.Equal((4, 4, 3, 2), (entry.Int("recommended"), entry.Int("recommended_leads"), entry.Int("taken"), entry.Int("taken_as_recommended")));
        Assert.Equal((1, 2), (entry.GetProperty("answered").Int("count"), entry.GetProperty("answered").Int("of")));
        Assert.Equal((1, 2), (entry.GetProperty("converted").Int("count"), entry.GetProperty("converted").Int("of")));
        Assert.Equal((0, 1), (entry.GetProperty("converted_when_not_taken").Int("count"), entry.GetProperty("converted_when_not_taken").Int("of")));
        var (flowers, _) = await EntryAsync(organization, "flowers");
        Assert.Equal(("False", 1, 0), (flowers.Text("in_catalogue"), flowers.Int("taken"), flowers.GetProperty("converted").Int("of")));
        Assert.Contains("not their effect", body.Text("note"));
    }

    [Theory]
    // R: prop.test(x, n, correct = FALSE)$conf.int
    [InlineData(1, 2, 0.0945, 0.9055)]
    [InlineData(0, 10, 0, 0.2775)]
    [InlineData(40, 200, 0.1505, 0.2608)]
    public void ShareOf_Interval_IsWilsons(int count, int of, double low, double high)
    {
        var rate = ShareOf.From(count, of);
        Assert.Equal(low, rate.Low!.Value, 3);
        Assert.Equal(high, rate.High!.Value, 3);
    }
}
