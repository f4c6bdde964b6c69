using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Sidecar.Tests.Cli;

namespace LeadScoring.Sidecar.Tests.Sync;

/// <summary>The real program between a CRM's webhooks and its fields, at HubSpot's own limits.</summary>
[Trait("Category", "Server")]
public sealed class WriteBackTests
{
    private const int PerSecond = 50;
    private const int Seconds = 5;

    private static async Task UntilAsync(Func<Task<bool>> done, string otherwise)
    {
        for (var waits = 0; !await done(); waits++)
        {
            Assert.True(waits < 600, otherwise);
            await Task.Delay(100);
        }
    }

    [Fact]
    public async Task Changes_FiftyASecond_AreInTheCrmInSecondsAndDealsInTheTrainingSet()
    {
        await using var hubspot = await HubSpotSimulator.StartAsync(TimeProvider.System);
        var stream = new ChangeStream(hubspot, TimeProvider.System);
        stream.Fill(PerSecond * Seconds);
        await using var sidecar = await KilledSidecar.CreateAsync();
        var (process, client) = await sidecar.ServeAsync(
            ("LEADSCORING__CONNECTORS__HUBSPOT__ORGANIZATION", "acme"), ("LEADSCORING__CONNECTORS__HUBSPOT__BASEURL", hubspot.Url.AbsoluteUri), ("LEADSCORING__CONNECTORS__HUBSPOT__TOKEN", HubSpotSimulator.Token),
            ("LEADSCORING__CONNECTORS__HUBSPOT__WEBHOOKSECRET", HubSpotSimulator.ClientSecret), ("LEADSCORING__SYNC__WRITEBACKDELTA", "1"), ("LEADSCORING__JOBS__SCHEDULES", "sync=off"));
        using var ending = process;
        using var closing = client;
        (await client.PostAsync("/v1/connectors/hubspot/sync", null)).EnsureSuccessStatusCode();
        await UntilAsync(() => Task.FromResult(hubspot.Writes.Count >= PerSecond * Seconds), "The account is not read and written back.");

        var webhook = new Uri(client.BaseAddress!, "/v1/inbound/hubspot");
        var delays = await stream.RunAsync(client, webhook, PerSecond, TimeSpan.FromSeconds(Seconds));
        Assert.InRange(delays.Length, PerSecond * Seconds * 9 / 10, (PerSecond * Seconds) + 1);
        Assert.True(delays[(int)(0.95 * delays.Length)] <= 5 && double.IsFinite(delays[^1]), $"p50 {delays[delays.Length / 2]:0.00} s, p95 {delays[(int)(0.95 * delays.Length)]:0.00} s, largest {delays[^1]:0.00} s");
        Assert.InRange(hubspot.MostWithin(TimeSpan.FromSeconds(10)), 1, 100);
        // Opens are events by the webhook alone: nothing was walked.
        var changed = hubspot.Writes[^1].Id;
        var events = await client.GetFromJsonAsync<JsonElement>($"/v1/leads/hubspot-{changed}/events");
        Assert.Single(events.GetProperty("events").EnumerateArray(), e => e.Text("type") == "email_opened");

        var deal = hubspot.Add(
            "deals", ("hs_is_closed_won", "true"), ("hs_is_closed", "true"), ("amount", "900"), ("closedate", TimeProvider.System.GetUtcNow().AddMinutes(-1).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture)));
        hubspot.Associate(deal, changed);
        await stream.TellAsync(client, webhook, ("deal.creation", deal));
        string[] rows = [];
        await UntilAsync(async () => (rows = (await client.GetStringAsync("/v1/training-data")).Split('\n', StringSplitOptions.RemoveEmptyEntries)).Length > 1, "The outcome is not in the training set.");
        var row = rows[0].Split(',').Zip(rows[1].Split(',')).ToDictionary(p => p.First, p => p.Second);
        // As of a moment before the deal: the open, which came after it closed, is not known yet.
        Assert.Equal(("hubspot-" + changed, "0"), (row["lead_id"], row["email_opens"]));
    }
}
