using System.Net.Http.Json;
using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Tests.Cli;

/// <summary>Workers in processes of their own, on one database (SQLite, or PostgreSQL in its run): killed in mid-batch, or two at once. Every write of a score is counted by a trigger.</summary>
[Trait("Category", "Server")]
public sealed class WorkerKillTests : IAsyncLifetime
{
    // So many that a fast machine has not done them all before it is killed three times.
    private const int Leads = 20_000;

    private KilledSidecar sidecar = null!;
    private Database database = null!;

    public async Task InitializeAsync()
    {
        sidecar = await KilledSidecar.CreateAsync();
        database = sidecar.Open();
    }

    public async Task DisposeAsync()
    {
        database.Dispose();
        await sidecar.DisposeAsync();
    }

    private static (string, string)[] Workers(bool run) =>
        [("LEADSCORING__SCORING__RESCORECHANGEDLEADS", run ? "true" : "false"), ("LEADSCORING__SCORING__RESCOREWORKERS", "1"), ("LEADSCORING__DURABILITY", "normal")];

    private async Task<long> CountAsync(string sql)
    {
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        return await connection.ExecuteScalarAsync<long>(sql);
    }

    private Task<long> WrittenAsync() => CountAsync("select count(*) from score_writes");

    private Task<long> QueuedAsync() => CountAsync("select count(*) from leads where is_stale = 1");

    /// <summary>Leads on the queue of a service whose workers stand still.</summary>
    private async Task PrepareAsync()
    {
        var (process, client) = await sidecar.ServeAsync(Workers(false));
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

        var trigger = database.IsPostgres
            ? """
              create function count_scores() returns trigger language plpgsql as $$ begin insert into score_writes values (new.lead_id); return null; end $$;
              create trigger count_scores after update of scored_at_ms on leads for each row when (new.lead_id like 'l%') execute function count_scores();
              """
            : "create trigger count_scores after update of scored_at_ms on leads when new.lead_id like 'l%' begin insert into score_writes values (new.lead_id); end;";
        await database.WriteAsync(t => t.ExecuteAsync($"create table score_writes (lead_id text not null); {trigger}", null, CancellationToken.None), CancellationToken.None);
    }

    private static async Task UntilAsync(Func<Task<bool>> done, string otherwise)
    {
        for (var waits = 0; !await done(); waits++)
        {
            Assert.True(waits < 3_000, otherwise);
            await Task.Delay(20);
        }
    }

    private async Task AssertEachScoredOnceAsync()
    {
        Assert.Equal((Leads, Leads), (await WrittenAsync(), await CountAsync("select count(distinct lead_id) from score_writes")));
        Assert.Equal((Leads, Leads), (await CountAsync("select count(*) from scores where lead_id like 'l%'"), await CountAsync("select count(distinct lead_id) from scores where lead_id like 'l%'")));
        Assert.Equal((0, 0), (await QueuedAsync(), await CountAsync("select count(*) from rescoring_claims")));
    }

    [Fact]
    public async Task Kill_WorkerInMidBatch_LosesAndDoublesNothing()
    {
        await PrepareAsync();
        for (var kills = 0; kills < 3; kills++)
        {
            var before = await WrittenAsync();
            var (process, client) = await sidecar.ServeAsync(Workers(true));
            using (process)
            using (client)
            {
                await UntilAsync(async () => await WrittenAsync() > before + 100, "The worker does not begin.");
                process.Kill();
            }

            Assert.True(await QueuedAsync() > 0, "The worker was done before it was killed.");
        }

        var (last, lastClient) = await sidecar.ServeAsync(Workers(true));
        using (last)
        using (lastClient) await UntilAsync(async () => await QueuedAsync() == 0, "Leads are still queued.");
        await AssertEachScoredOnceAsync();
    }

    [Fact]
    public async Task Workers_TwoProcessesOnOneQueue_ScoreEachLeadOnce()
    {
        await PrepareAsync();
        var (one, two) = (await sidecar.ServeAsync(Workers(true)), await sidecar.ServeAsync(Workers(true)));
        using (one.Process)
        using (two.Process)
        using (one.Client)
        using (two.Client)
        {
            await UntilAsync(async () => await QueuedAsync() == 0, "Leads are still queued.");
            await AssertEachScoredOnceAsync();
        }
    }
}
