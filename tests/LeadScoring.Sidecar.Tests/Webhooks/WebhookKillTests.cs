using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Sidecar.Tests.Cli;

namespace LeadScoring.Sidecar.Tests.Webhooks;

/// <summary>kill -9 of the real process while it scores and delivers: each change that is in the ledger is told.</summary>
[Trait("Category", "Server")]
public sealed class WebhookKillTests
{
    private static readonly (string, string)[] Settings =
    [
        ("LEADSCORING__WEBHOOKS__ALLOWEDPRIVATEHOSTS", "127.0.0.1"), ("LEADSCORING__WEBHOOKS__TIMEOUT", "00:00:01"), ("LEADSCORING__WEBHOOKS__FIRSTRETRY", "00:00:00.05"),
        // A lead whose score the kill has cut off would be scored later, after the ledger was compared.
        ("LEADSCORING__SCORING__RESCORECHANGEDLEADS", "false"),
    ];

    [Fact]
    public async Task Kill_InTheMiddleOfDelivery_LosesNoEventAndKeepsTheOrder()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        receiver.Respond = _ => Task.Delay(5);
        await using var sidecar = await KilledSidecar.CreateAsync();
        var acknowledged = new ConcurrentQueue<(string LeadId, double Score)>();
        for (var round = 0; round < 3; round++)
        {
            var (process, client) = await sidecar.ServeAsync(Settings);
            using (process)
            using (client)
            {
                if (round == 0) (await client.PostAsJsonAsync("/v1/webhooks", new { url = receiver.Url, events = new[] { "score.updated" } })).EnsureSuccessStatusCode();
                var (before, from) = (receiver.Requests.Count, round);
                var senders = Enumerable.Range(0, 3).Select(s => ScoreUntilItDiesAsync(client, s, from, acknowledged)).ToArray();
                await Waiting.UntilAsync(() => receiver.Requests.Count > before + 60, () => $"Only {receiver.Requests.Count - before} webhooks came.");
                process.Kill();
                await Task.WhenAll(senders);
            }
        }

        var (last, lastClient) = await sidecar.ServeAsync(Settings);
        using (last)
        using (lastClient)
        {
            await Waiting.UntilAsync(async () => (await lastClient.GetFromJsonAsync<JsonElement>("/v1/webhooks")).GetProperty("webhooks")[0].Int("pending") == 0, "Something is still pending.");
            var arrived = receiver.Accepted.ToList();
            for (var sender = 0; sender < 3; sender++)
            {
                for (var lead = 0; lead < 5; lead++)
                {
                    var leadId = $"s{sender}-{lead}";
                    var ledger = (await lastClient.GetFromJsonAsync<JsonElement>($"/v1/leads/{leadId}/scores?limit=500")).GetProperty("scores").EnumerateArray().Reverse().Select(s => s.GetProperty("score").GetDouble()).ToArray();
                    Assert.Equal(ledger, arrived.Where(r => r.Data.Text("lead_id") == leadId).DistinctBy(r => r.EventId).Select(r => r.Data.GetProperty("score").GetDouble()));
                }
            }

            var distinct = arrived.DistinctBy(r => r.EventId).Count();
            Assert.True(acknowledged.Count > 100 && distinct >= acknowledged.Count, $"{acknowledged.Count} changes were acknowledged, {distinct} different events came.");
        }
    }

    private static async Task ScoreUntilItDiesAsync(HttpClient client, int sender, int round, ConcurrentQueue<(string, double)> acknowledged)
    {
        try
        {
            for (var n = 0; n < 3_000; n++)
            {
                // Every call is another score than the lead's last one.
                var (leadId, calls) = ($"s{sender}-{n % 5}", ((n / 5) + round) % 2);
                using var response = await client.PostAsJsonAsync("/v1/score", new { lead_id = leadId, lead = new { call_count = calls } });
                var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync());
                if (n >= 5) acknowledged.Enqueue((leadId, answer.GetProperty("score").GetDouble()));
            }
        }
        catch (HttpRequestException)
        {
            // Killed, as planned.
        }
    }
}
