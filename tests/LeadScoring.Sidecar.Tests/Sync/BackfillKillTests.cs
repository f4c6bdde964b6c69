using System.Net.Http.Json;
using System.Text.Json;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Sidecar.Tests.Cli;

namespace LeadScoring.Sidecar.Tests.Sync;

/// <summary>
/// The real program reads a whole HubSpot account and writes its scores back, from a vendor that refuses and breaks off at random, while the account goes on living; and is killed without warning again and again.
/// </summary>
[Trait("Category", "Server")]
public sealed class BackfillKillTests
{
    private const int Contacts = 4_000;
    private const int Kills = 3;

    // What the smallest plans allow.
    private const int MostInTenSeconds = 100;

    // What the process takes of memory when it has read a tenth of the account and when it has read all of it may differ by no more.
    private const double MostGrowth = 1.35;

    private static (string, string)[] Settings(HubSpotSimulator hubspot) =>
    [
        ("LEADSCORING__CONNECTORS__HUBSPOT__ORGANIZATION", "acme"), ("LEADSCORING__CONNECTORS__HUBSPOT__BASEURL", hubspot.Url.AbsoluteUri), ("LEADSCORING__CONNECTORS__HUBSPOT__TOKEN", HubSpotSimulator.Token),
        ("LEADSCORING__JOBS__SCHEDULES", "sync=off"), ("LEADSCORING__DURABILITY", "normal"),
        // Another account of the organization, which nobody asks to sync.
        ("LEADSCORING__CONNECTORS__OTHER__VENDOR", "hubspot"), ("LEADSCORING__CONNECTORS__OTHER__ORGANIZATION", "acme"), ("LEADSCORING__CONNECTORS__OTHER__BASEURL", hubspot.Url.AbsoluteUri),
        ("LEADSCORING__CONNECTORS__OTHER__TOKEN", HubSpotSimulator.Token), ("LEADSCORING__CONNECTORS__OTHER__WRITEBACK", "false"),
    ];

    private static async Task UntilAsync(Func<Task<bool>> done, string otherwise)
    {
        for (var waits = 0; !await done(); waits++)
        {
            Assert.True(waits < 2_400, otherwise);
            await Task.Delay(50);
        }
    }

    /// <summary>Asks for a sync until one is accepted: one that died may still be on the books of other processes.</summary>
    private static async Task<string> SyncAsync(HttpClient client)
    {
        var runId = "";
        await UntilAsync(
            async () =>
            {
                using var answer = await client.PostAsync("/v1/connectors/hubspot/sync", null);
                if (answer.IsSuccessStatusCode) runId = (await answer.Content.ReadFromJsonAsync<JsonElement>()).Text("run_id")!;
                return runId.Length > 0;
            },
            "No sync begins.");
        return runId;
    }

    /// <summary>Syncs and waits for the end.</summary>
    private static async Task SyncToTheEndAsync(HttpClient client, Action look)
    {
        var runId = await SyncAsync(client);
        await UntilAsync(
            async () =>
            {
                look();
                var job = (await client.GetFromJsonAsync<JsonElement>("/v1/jobs")).GetProperty("jobs").EnumerateArray().Single(j => j.Text("name") == "sync");
                return job.GetProperty("last_runs").EnumerateArray().Any(r => r.Text("run_id") == runId && r.TryGetProperty("ended_at", out _));
            },
            "The sync does not end.");
    }

    private static async Task<JsonElement> StatusAsync(HttpClient client, string name = "hubspot") =>
        (await client.GetFromJsonAsync<JsonElement>("/v1/connectors")).GetProperty("connectors").EnumerateArray().Single(c => c.Text("name") == name);

    private static bool IsCaughtUp(JsonElement status) => status.GetProperty("streams").EnumerateArray().Count(s => s.GetProperty("is_caught_up").GetBoolean()) == 3;

    [Fact]
    public async Task Backfill_KilledAgainAndAgain_HoldsTheWholeAccountOnce()
    {
        await using var hubspot = await HubSpotSimulator.StartAsync(TimeProvider.System);
        hubspot.IndexLag = TimeSpan.FromSeconds(1);
        var world = new BackfillWorld(hubspot, TimeProvider.System, Contacts, seed: 1);
        hubspot.Disturb(seed: 2, busy: 0.03, broken: 0.03);
        await using var sidecar = await KilledSidecar.CreateAsync();
        var random = new Random(3);
        for (var kills = 0; kills < Kills; kills++)
        {
            var (process, client) = await sidecar.ServeAsync(Settings(hubspot));
            using (process)
            using (client)
            {
                var until = hubspot.Requests + random.Next(8, 18);
                await SyncAsync(client);
                await UntilAsync(() => Task.FromResult(hubspot.Requests >= until), "The sync does not go on.");
                await Task.Delay(random.Next(200));
                Assert.False(IsCaughtUp(await StatusAsync(client)), "The account was read before the process was killed.");
                process.Kill();
            }

            world.Live(100);
        }

        var memory = new List<long>();
        var (last, lastClient) = await sidecar.ServeAsync(Settings(hubspot));
        using (last)
        using (lastClient)
        {
            void Look() => memory.Add(last.WorkingSet);
            // A run that the vendor's faults ended is followed by another one, as by the schedule.
            for (var runs = 0; runs < 5 && !IsCaughtUp(await StatusAsync(lastClient)); runs++) await SyncToTheEndAsync(lastClient, Look);
            Assert.True(IsCaughtUp(await StatusAsync(lastClient)), "The account is not read to its end.");
            world.Live(100);
            // Twice: a write in the middle of a sync hides a contact from the search for a while, and the next one finds it.
            for (var syncs = 0; syncs < 2; syncs++)
            {
                await Task.Delay(hubspot.IndexLag + TimeSpan.FromMilliseconds(200));
                await SyncToTheEndAsync(lastClient, Look);
                await UntilAsync(
                    async () =>
                    {
                        Look();
                        return (await lastClient.GetFromJsonAsync<JsonElement>("/v1/rescoring")).GetProperty("queued").GetInt64() == 0 && (await StatusAsync(lastClient)).GetProperty("pending_writes").GetInt64() == 0;
                    },
                    "Scores are still to be written back.");
            }

            Assert.Equal(0, (await StatusAsync(lastClient)).GetProperty("dead_writes").GetInt64());
            Assert.Empty((await StatusAsync(lastClient, "other")).GetProperty("streams").EnumerateArray());
            last.Kill();
        }

        await using (var services = await sidecar.ServicesAsync())
        {
            var differences = await world.DifferencesAsync(services.Services, "acme");
            Assert.True(differences.Count == 0, $"{differences.Count} differences: {string.Join("; ", differences.Take(10))}");
        }

        // The vendor's limits, over any stretch of time, whatever was killed and refused.
        Assert.InRange(hubspot.MostWithin(TimeSpan.FromSeconds(10)), MostInTenSeconds / 2, MostInTenSeconds);
        Assert.InRange(hubspot.MostWithin(TimeSpan.FromSeconds(1), "/search"), 1, 4);
        Assert.True(hubspot.Disturbed >= 5, $"Only {hubspot.Disturbed} requests were disturbed.");
        // A walk goes on where it was: besides pages that a kill or a fault cut off, one that is stored and one on its way, none is read again.
        var lists = hubspot.Seen.Count(r => r is { Method: "GET", Path: "/crm/objects/2026-09/contacts" } && r.Query.Contains("archived=false", StringComparison.Ordinal));
        Assert.InRange(lists, Contacts / 100, (Contacts / 100) + 4 + (2 * Kills) + hubspot.Disturbed);
        var (early, most) = (memory.Take(memory.Count / 10 + 1).Max(), memory.Max());
        Assert.True(most <= MostGrowth * early, $"Memory grew from {early / 1e6:0} to {most / 1e6:0} MB.");
    }
}
