using System.Net.Http.Json;
using Microsoft.Data.Sqlite;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>Workers in processes of their own, on one database: killed in mid-batch, or two at once. Every write of a score is counted by a trigger.</summary>
[Trait("Category", "Server")]
public sealed class WorkerKillTests : IDisposable
{
    // So many that a fast machine has not done them all before it is killed three times.
    private const int Leads = 20_000;

    private readonly string data = Path.Combine(Path.GetTempPath(), "leadscoring-tests", Guid.NewGuid().ToString("N"));

    private static (string, string)[] Workers(bool run) =>
        [("LEADSCORING__SCORING__RESCORECHANGEDLEADS", run ? "true" : "false"), ("LEADSCORING__SCORING__RESCOREWORKERS", "1"), ("LEADSCORING__DURABILITY", "normal")];

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection($"Data Source={Path.Combine(data, "leadscoring.db")};Pooling=False;Default Timeout=30");
        connection.Open();
        return connection;
    }

    private long Count(string sql)
    {
        using var connection = Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)command.ExecuteScalar()!;
    }

    private long Written => Count("select count(*) from score_writes");

    private long Queued => Count("select count(*) from leads where is_stale = 1");

    /// <summary>Leads on the queue of a service whose workers stand still.</summary>
    private async Task<string> PrepareAsync()
    {
        var key = (await SidecarProcess.RunAsync(data, "keys", "create", "-o", "acme")).Trim();
        var (process, client) = await SidecarProcess.ServeAsync(data, key, Workers(false));
        using (process)
        using (client)
        {
            // A service that starts scores the first ten leads once more to warm up: these are for it, and are not counted.
            using var first = await client.PostAsJsonAsync("/v1/leads/batch", Enumerable.Range(0, 10).Select(i => new { lead_id = $"first-{i}", attributes = new { call_count = 1 } }));
            first.EnsureSuccessStatusCode();
            for (var from = 0; from < Leads; from += 1_000)
            {
                using var response = await client.PostAsJsonAsync("/v1/leads/batch", Enumerable.Range(from, 1_000).Select(i => new { lead_id = $"l{i:0000}", attributes = new { call_count = i % 3 } }));
                response.EnsureSuccessStatusCode();
            }

            process.Kill();
        }

        using var connection = Open();
        using var command = connection.CreateCommand();
        command.CommandText = """
            create table score_writes (lead_id text not null);
            create trigger count_scores after update of scored_at_ms on leads when new.lead_id like 'l%' begin insert into score_writes values (new.lead_id); end;
            """;
        command.ExecuteNonQuery();
        return key;
    }

    private async Task UntilAsync(Func<bool> done, string otherwise)
    {
        for (var waits = 0; !done(); waits++)
        {
            Assert.True(waits < 3_000, otherwise);
            await Task.Delay(20);
        }
    }

    private void AssertEachScoredOnce()
    {
        Assert.Equal((Leads, Leads), (Written, Count("select count(distinct lead_id) from score_writes")));
        Assert.Equal((Leads, Leads), (Count("select count(*) from scores where lead_id like 'l%'"), Count("select count(distinct lead_id) from scores where lead_id like 'l%'")));
        Assert.Equal((0, 0), (Queued, Count("select count(*) from rescoring_claims")));
    }

    [Fact]
    public async Task Kill_WorkerInMidBatch_LosesAndDoublesNothing()
    {
        var key = await PrepareAsync();
        var kills = 0;
        while (kills < 3)
        {
            var before = Written;
            var (process, client) = await SidecarProcess.ServeAsync(data, key, Workers(true));
            using (process)
            using (client)
            {
                await UntilAsync(() => Written > before + 100, "The worker does not begin.");
                process.Kill();
            }

            kills++;
            Assert.True(Queued > 0, "The worker was done before it was killed.");
        }

        var (last, lastClient) = await SidecarProcess.ServeAsync(data, key, Workers(true));
        using (last)
        using (lastClient) await UntilAsync(() => Queued == 0, $"{Queued} leads are still queued.");
        AssertEachScoredOnce();
    }

    [Fact]
    public async Task Workers_TwoProcessesOnOneQueue_ScoreEachLeadOnce()
    {
        var key = await PrepareAsync();
        var (one, two) = (await SidecarProcess.ServeAsync(data, key, Workers(true)), await SidecarProcess.ServeAsync(data, key, Workers(true)));
        using (one.Process)
        using (two.Process)
        using (one.Client)
        using (two.Client)
        {
            await UntilAsync(() => Queued == 0, $"{Queued} leads are still queued.");
            AssertEachScoredOnce();
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
    }
}
