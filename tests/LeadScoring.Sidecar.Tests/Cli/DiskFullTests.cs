using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Sidecar.Tests.Storage;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>No room for another byte under SQLite: the real program, whose writes to files the system refuses, and later takes again.</summary>
[Trait("Category", "Server")]
public sealed class DiskFullTests
{
    private static readonly (string, string)[] Settings = [("LEADSCORING__SCORING__RESCORECHANGEDLEADS", "false")];

    private static object Event(int i) => new { event_id = $"e{i}", lead_id = $"l{i % 5}", type = "phone_call", source = "phone", occurred_at = 1_760_000_000_000 + i };

    [SqliteFact]
    public async Task Write_NoRoom_Is503AndHalfStoresNothingAndGoesOnAfterwards()
    {
        await using var sidecar = await KilledSidecar.CreateAsync();
        var (process, client) = await sidecar.ServeAsync(Settings);
        using (process)
        using (client)
        {
            async Task<HttpStatusCode> PostAsync(params int[] events)
            {
                using var answer = await client.PostAsJsonAsync("/v1/events", events.Select(Event));
                return answer.StatusCode;
            }

            Assert.Equal(HttpStatusCode.OK, await PostAsync(0, 1, 2, 3, 4));
            using var scored = await client.PostAsJsonAsync("/v1/score", new { lead_id = "l1" });
            Assert.Equal(HttpStatusCode.OK, scored.StatusCode);

            await process.LimitFilesAsync(0);
            foreach (var (path, body) in (IEnumerable<(string, object)>)[("/v1/events", new[] { Event(5), Event(6) }), ("/v1/leads/batch", new[] { new { lead_id = "x", attributes = new { call_count = 1 } } }), ("/v1/score", new { lead_id = "y", lead = new { call_count = 1 } })])
            {
                using var answer = await client.PostAsJsonAsync(path, body);
                Assert.Equal((HttpStatusCode.ServiceUnavailable, 5.0), (answer.StatusCode, answer.Headers.RetryAfter?.Delta?.TotalSeconds));
                Assert.Equal("/problems/storage-unavailable", JsonElement.Parse(await answer.Content.ReadAsStringAsync()).Text("type"));
            }

            // What needs no room goes on.
            using var kept = await client.GetAsync("/v1/leads/l1/score");
            using var passing = await client.PostAsJsonAsync("/v1/score", new { lead_id = "z", save = false, lead = new { call_count = 1 } });
            Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (kept.StatusCode, passing.StatusCode));

            await process.LimitFilesAsync(null);
            Assert.Equal(HttpStatusCode.OK, await PostAsync(7));
            Assert.Equal(HttpStatusCode.OK, await PostAsync(8, 9));
            process.Kill();
        }

        // Another process finds whole what was acknowledged, and nothing of what was not.
        var (next, nextClient) = await sidecar.ServeAsync(Settings);
        using (next)
        using (nextClient)
        {
            foreach (var lead in (string[])["x", "y", "z"])
            {
                using var answer = await nextClient.GetAsync("/v1/leads/" + lead);
                Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            }

            var stored = new List<string?>();
            for (var lead = 0; lead < 5; lead++)
            {
                var list = await nextClient.GetFromJsonAsync<JsonElement>($"/v1/leads/l{lead}/events");
                var ids = list.GetProperty("events").EnumerateArray().Select(e => e.Text("event_id")).ToArray();
                Assert.Equal(ids.Length, list.Int("counted"));
                stored.AddRange(ids);
            }

            Assert.Equal(["e0", "e1", "e2", "e3", "e4", "e7", "e8", "e9"], stored.Order(StringComparer.Ordinal));
        }
    }
}
