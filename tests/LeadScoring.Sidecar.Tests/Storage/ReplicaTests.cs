using System.Net;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>Two replicas over one PostgreSQL that do the same things at the same time: nothing is lost, nothing doubled.</summary>
public sealed class ReplicaTests : IAsyncLifetime
{
    private readonly SidecarFactory[] replicas = [new(), new()];
    private string connectionString = "";
    private TestOrganization organization = null!;

    public async Task InitializeAsync()
    {
        if (TestPostgres.Server is null) return;
        connectionString = await TestPostgres.CreateAsync();
        foreach (var replica in replicas)
        {
            replica.Settings["LeadScoring:Database"] = connectionString;
            await replica.InitializeAsync();
        }

        organization = await replicas[0].NewOrganizationAsync();
    }

    public async Task DisposeAsync()
    {
        if (TestPostgres.Server is null) return;
        foreach (var replica in replicas) await replica.DisposeAsync();
        await TestPostgres.DropAsync(connectionString);
    }

    private T On<T>(int task) where T : notnull => replicas[task % replicas.Length].Get<T>();

    private static Task<T[]> TogetherAsync<T>(int tasks, Func<int, Task<T>> work) => Task.WhenAll(Enumerable.Range(0, tasks).Select(t => Task.Run(() => work(t))));

    [PostgresFact]
    public async Task Append_EventsOfTheSameLeadsFromBoth_FoldEachOnce()
    {
        const int Leads = 7, Each = 200;
        // Every event is sent twice, by different tasks, in different orders: some leads are new, batches overlap, and one waits for the other.
        LeadEvent Event(int i) => new($"lead-{i % Leads}", new ActivityEvent($"e{i}", i % 3 == 0 ? "session" : "page_view", "website", 1_760_000_000_000 + (i * 1_000L)));
        var isNew = await TogetherAsync(8, async task =>
        {
            var mine = Enumerable.Range(0, 4 * Each).Where(i => i / Each == task / 2).Select(Event).ToArray();
            if (task % 2 == 1) Array.Reverse(mine);
            var known = 0;
            foreach (var batch in mine.Chunk(20)) known += (await On<EventStore>(task).AppendAsync(organization.Id, batch, CancellationToken.None)).Count(n => n);
            return known;
        });
        Assert.Equal(4 * Each, isNew.Sum());
        Assert.Equal(4 * Each, (await organization.EventsAsync()).Count);
        await organization.AssertStatesEqualReplayAsync();
        foreach (var n in Enumerable.Range(0, Leads)) Assert.Equal(Enumerable.Range(0, 4 * Each).Count(i => i % Leads == n), (await organization.LeadAsync($"lead-{n}"))!.Snapshot.Activity.Events);
    }

    [PostgresFact]
    public async Task Upsert_AttributesOfOneNewLeadFromBoth_MergesAll()
    {
        await TogetherAsync(10, async task =>
        {
            await On<Database>(task).WriteAsync(t => On<LeadStore>(task).UpsertAsync(t, organization.Id, [new LeadWrite("a", new Dictionary<string, string?> { [$"x{task}"] = "1" })], CancellationToken.None), CancellationToken.None);
            return 0;
        });
        var lead = (await organization.LeadAsync("a"))!;
        Assert.Equal(10, lead.Snapshot.Attributes.Count);
        Assert.Equal(10, lead.Revision);
    }

    [PostgresFact]
    public async Task Outcomes_OfOneLeadFromBoth_AreNumberedInOrder()
    {
        await organization.PutLeadAsync("a", new { });
        var statuses = await TogetherAsync(12, task => On<OutcomeStore>(task).WriteAsync(organization.Id, [new OutcomeWrite("a", "crm", task % 2 == 0, 1_760_000_000_000 + task, null, task)], CancellationToken.None));
        await using var connection = await On<Database>(0).OpenConnectionAsync(CancellationToken.None);
        // One is the first, whatever the order; the others have something to replace.
        Assert.Single(statuses, s => s[0] == OutcomeStatus.Recorded);
        Assert.Equal(Enumerable.Range(1, 12), await connection.QueryAsync<int>("select change from outcome_history where organization_id = @Id order by change", new { organization.Id }));
    }

    [PostgresFact]
    public async Task Score_OneLeadByBoth_LedgerIsNumberedAndSums()
    {
        await organization.PutLeadAsync("a", new { website_sessions = 1 });
        await TogetherAsync(12, async task =>
        {
            using var client = replicas[task % 2].With(organization.Key);
            using var body = System.Net.Http.Json.JsonContent.Create(new { lead_id = "a", lead = new { website_sessions = task, call_count = task } });
            using var answer = await client.PostAsync("/v1/score", body);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return 0;
        });
        await using var connection = await On<Database>(0).OpenConnectionAsync(CancellationToken.None);
        var rows = (await connection.QueryAsync<(int Change, double Score, double? Data, double? Time, double? Model)>(
            "select change, score, new_data_points, elapsed_time_points, model_points from scores where organization_id = @Id and lead_id = 'a' order by change", new { organization.Id })).ToArray();
        Assert.Equal(Enumerable.Range(1, rows.Length), rows.Select(r => r.Change));
        for (var i = 1; i < rows.Length; i++) Assert.Equal(rows[i].Score - rows[i - 1].Score, rows[i].Data!.Value + rows[i].Time!.Value + rows[i].Model!.Value, 6);
        Assert.Equal(rows[^1].Score, (await organization.LeadAsync("a"))!.Latest!.Score);
    }

    [PostgresFact]
    public async Task Promote_ByBoth_IsOneHistory()
    {
        await TogetherAsync(10, async task =>
        {
            await On<Database>(task).WriteAsync(t => On<ModelStore>(task).PromoteAsync(t, organization.Id, task, "test", CancellationToken.None), CancellationToken.None);
            return 0;
        });
        await using var connection = await On<Database>(0).OpenConnectionAsync(CancellationToken.None);
        var rows = (await connection.QueryAsync<(int Change, int Version, int? Previous)>("select change, version, previous from promotions where organization_id = @Id order by change", new { organization.Id })).ToArray();
        Assert.Equal(Enumerable.Range(1, 10), rows.Select(r => r.Change));
        for (var i = 1; i < rows.Length; i++) Assert.Equal(rows[i - 1].Version, rows[i].Previous);
    }

    [PostgresFact]
    public async Task Take_TrainingRunsByBoth_GivesEachToOne()
    {
        var ids = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            var other = await replicas[0].NewOrganizationAsync();
            ids.Add((await On<TrainingRunStore>(0).CreateAsync(other.Id, new Ml.Training.TrainingSettings(), PromotionMode.Never, isRunning: false, CancellationToken.None)).RunId);
        }

        var taken = await TogetherAsync(12, task => On<TrainingRunStore>(task).TakeAsync(TimeSpan.FromMinutes(5), CancellationToken.None));
        Assert.Equal(ids.Order(StringComparer.Ordinal), taken.OfType<TrainingRun>().Select(r => r.RunId).Order(StringComparer.Ordinal));
    }

    [PostgresFact]
    public async Task Write_Deadlock_IsRunAgain()
    {
        foreach (var id in (string[])["a", "b"]) await organization.PutLeadAsync(id, new { });
        var before = await On<LeadStore>(0).GetManyAsync(organization.Id, ["a", "b"], CancellationToken.None);
        var both = new TaskCompletionSource();
        var (arrived, runs) = (0, 0);
        await TogetherAsync(2, async task =>
        {
            await On<Database>(task).WriteAsync(async t =>
            {
                Interlocked.Increment(ref runs);
                const string Sql = "update leads set updated_at_ms = updated_at_ms + 1 where organization_id = @Id and lead_id = @lead";
                await t.ExecuteAsync(Sql, new { organization.Id, lead = task == 0 ? "a" : "b" }, CancellationToken.None);
                if (Interlocked.Increment(ref arrived) >= 2) both.TrySetResult();
                await both.Task.WaitAsync(TimeSpan.FromSeconds(30));
                await t.ExecuteAsync(Sql, new { organization.Id, lead = task == 0 ? "b" : "a" }, CancellationToken.None);
            }, CancellationToken.None);
            return 0;
        });
        Assert.True(runs > 2, "There was no deadlock.");
        foreach (var lead in (await On<LeadStore>(0).GetManyAsync(organization.Id, ["a", "b"], CancellationToken.None)).Values) Assert.Equal(before[lead.LeadId].UpdatedAtMs + 2, lead.UpdatedAtMs);
    }
}
