using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Imports;
using LeadScoring.Sidecar.Leads;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>kill -9 of the real process: what was acknowledged is there, what was begun is there whole or not at all.</summary>
[Trait("Category", "Server")]
public sealed class KillTests : IDisposable
{
    private readonly string data = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));

    [Fact]
    public async Task Kill_DuringIngestion_KeepsEveryAcknowledgedEventOnce()
    {
        var key = (await SidecarProcess.RunAsync(data, "keys", "create", "-o", "acme")).Trim();
        var acknowledged = new ConcurrentDictionary<string, byte>();
        for (var round = 0; round < 3; round++)
        {
            var (process, client) = await SidecarProcess.ServeAsync(data, key);
            using (process)
            using (client)
            {
                var senders = Enumerable.Range(0, 4).Select(sender => SendUntilItDiesAsync(client, $"{round}-{sender}", acknowledged)).ToArray();
                // In full flight: some answers have come back, others are on their way.
                for (var wait = 0; wait < 3_000 && acknowledged.Count < 300 * (round + 1); wait++) await Task.Delay(10);
                await Task.Delay(17 * round);
                process.Kill();
                await Task.WhenAll(senders);
            }
        }

        Assert.True(acknowledged.Count >= 900, $"Only {acknowledged.Count} events were acknowledged.");
        await AssertConsistentAsync(async services =>
        {
            var stored = new HashSet<string>();
            await foreach (var e in services.GetRequiredService<EventStore>().ReadAllAsync("acme", CancellationToken.None)) stored.Add(e.Event.EventId);
            Assert.Empty(acknowledged.Keys.Except(stored));
        });

        // And it serves again.
        var (last, lastClient) = await SidecarProcess.ServeAsync(data, key);
        using (last)
        using (lastClient) Assert.Equal(System.Net.HttpStatusCode.OK, (await lastClient.GetAsync("/v1/leads")).StatusCode);
    }

    [Fact]
    public async Task Kill_DuringImport_SameCommandEndsInTheSameState()
    {
        Directory.CreateDirectory(data);
        var file = Path.Combine(data, "events.csv");
        const int Rows = 120_000;
        var csv = new StringBuilder("event_id,lead_id,type,source,occurred_at,pages\n");
        for (var i = 0; i < Rows; i++) csv.Append($"e{i},l{i % 1_000},{(i % 3 == 0 ? "session" : "page_view")},website,{1_760_000_000_000 + i * 1_000L},{i % 9}\n");
        await File.WriteAllTextAsync(file, csv.ToString());
        string[] command = ["import", file, "--kind", "events", "-o", "acme"];

        var kills = 0;
        for (var round = 0; round < 4; round++)
        {
            var before = await RowsDoneAsync();
            using var process = SidecarProcess.Start(data, command);
            while (!process.HasExited && await RowsDoneAsync() < before + 10_000) await Task.Delay(20);
            if (process.HasExited) break;
            process.Kill();
            kills++;
        }

        var halfway = await RowsDoneAsync();
        Assert.True(kills > 0 && halfway is > 0 and < Rows, $"{kills} kills, {halfway} rows done: the import was never caught in the middle.");
        Assert.Contains("went on at row", await SidecarProcess.RunAsync(data, command));
        await AssertConsistentAsync(async services => Assert.Equal(Rows, await services.GetRequiredService<EventStore>().CountAsync("acme", CancellationToken.None)));
    }

    private static async Task SendUntilItDiesAsync(HttpClient client, string sender, ConcurrentDictionary<string, byte> acknowledged)
    {
        try
        {
            for (var n = 0; ; n++)
            {
                var events = Enumerable.Range(0, 1 + n % 20).Select(k => new
                {
                    event_id = $"{sender}-{n}-{k}", lead_id = "l" + (n + k) % 7, type = "page_view", source = "website", occurred_at = 1_760_000_000_000 + n * 1_000L, properties = new { session_id = n % 5 },
                }).ToArray();
                using var response = await client.PostAsJsonAsync("/v1/events", events);
                var answer = JsonElement.Parse(await response.Content.ReadAsStringAsync());
                Assert.Equal(events.Length, answer.Int("accepted"));
                foreach (var e in events) acknowledged[e.event_id] = 0;
            }
        }
        catch (HttpRequestException)
        {
            // Killed, as planned.
        }
    }

    private async Task AssertConsistentAsync(Func<IServiceProvider, Task> check)
    {
        await using var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", data)]).Build();
        await check(app.Services);
        var events = new List<LeadEvent>();
        await foreach (var e in app.Services.GetRequiredService<EventStore>().ReadAllAsync("acme", CancellationToken.None)) events.Add(e);
        var byLead = events.ToLookup(e => e.LeadId, e => e.Event);
        var leads = 0;
        await foreach (var lead in app.Services.GetRequiredService<LeadStore>().StreamAllAsync("acme", CancellationToken.None))
        {
            leads++;
            Assert.Equal(ActivityState.Replay(byLead[lead.LeadId], long.MaxValue).ToBytes(), lead.Snapshot.Activity.ToBytes());
        }

        Assert.Equal(byLead.Count, leads);
    }

    private async Task<long> RowsDoneAsync()
    {
        var path = Path.Combine(data, "leadscoring.db");
        if (!File.Exists(path)) return 0;
        try
        {
            await using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
            await connection.OpenAsync();
            using var command = connection.CreateCommand();
            command.CommandText = "select coalesce(max(rows_done), 0) from imports";
            return (long)(await command.ExecuteScalarAsync())!;
        }
        catch (Microsoft.Data.Sqlite.SqliteException)
        {
            // Not migrated yet.
            return 0;
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
    }
}
