using System.Net;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using LeadScoring.Sidecar.Tests.Webhooks;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Experiments;

/// <summary>Which model scores a lead while an experiment runs, and what is kept of it.</summary>
[Trait("Category", "Slow")]
public sealed class ExperimentScoringTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync() => (sidecar = TestClock.Sidecar(clock)).InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static int Arm(JsonElement experiment, string leadId) => StableHash.Unit(leadId, experiment.Text("salt")!) < experiment.GetProperty("share").GetDouble() ? 2 : 1;

    private static object Inline(string leadId, string type = "full", bool save = true) => new { lead_id = leadId, scoring_type = type, save, lead = new { age = 41, showing_requests = 2 } };

    [NativeXGBoostFact]
    public async Task Split_SingleBatchQuickAndWorker_GiveEachLeadTheModelOfItsArm()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var organization = world.Organization;
        await organization.ScoreAsync(Inline("before"));
        clock.Advance(TimeSpan.FromMinutes(1));
        var experiment = await world.BeginAsync(new { name = "half", kind = "split", challenger = 2 });
        var ids = Enumerable.Range(0, 60).Select(i => $"lead-{i}").ToArray();
        foreach (var id in ids[..15])
        {
            // A passing quick score, the first full one and the quick one after it are of one model.
            Assert.Equal(Arm(experiment, id), (await organization.ScoreAsync(Inline(id, "quick", save: false))).Int("model_version"));
            Assert.Equal(Arm(experiment, id), (await organization.ScoreAsync(Inline(id))).Int("model_version"));
            Assert.Equal(Arm(experiment, id), (await organization.ScoreAsync(new { lead_id = id, scoring_type = "quick" })).Int("model_version"));
        }

        var batch = (await organization.PostAsync("/v1/score/batch", new { items = ids[15..40].Select(id => Inline(id)) })).Body.GetProperty("results");
        Assert.All(ids[15..40].Index(), lead => Assert.Equal(Arm(experiment, lead.Item), batch[lead.Index].GetProperty("result").Int("model_version")));
        await world.PutLeadsAsync(ids[40..]);
        await world.WorkAsync();
        var versions = await world.VersionsAsync();
        Assert.All(ids, id => Assert.Equal(Arm(experiment, id), versions[id]));
        Assert.Equal(2, ids.Select(id => versions[id]).Distinct().Count());
        Assert.Equal(ids.Order(StringComparer.Ordinal), (await world.RowsAsync<string>("select lead_id from experiment_leads where organization_id = @Id")).Order(StringComparer.Ordinal));
        Assert.Equal(ids.Count(id => Arm(experiment, id) == 2), (await world.RowsAsync<int>("select 1 from experiment_leads where organization_id = @Id and is_challenger = 1")).Count);
        // What had a score before stays with the champion, and is not in the experiment.
        Assert.Equal(1, (await organization.ScoreAsync(Inline("before"))).Int("model_version"));
        foreach (var id in ids[..3]) Assert.Equal(Arm(experiment, id), (await organization.GetAsync($"/v1/leads/{id}/score")).Body.Int("model_version"));
    }

    [NativeXGBoostFact]
    public async Task Split_AnotherProcessOrAnotherShare_MovesNoLead()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var experiment = await world.BeginAsync(new { name = "a fifth", kind = "split", challenger = 2, share = 0.2 });
        var ids = Enumerable.Range(0, 40).Select(i => $"lead-{i}").ToArray();
        foreach (var id in ids) await world.Organization.ScoreAsync(Inline(id));
        var before = await world.VersionsAsync();
        await world.ExecuteAsync("update model_trials set share = 0.9 where organization_id = @Id");
        clock.Advance(TimeSpan.FromHours(2));
        var builder = SidecarApp.CreateBuilder(new Dictionary<string, string?>
        {
            ["LeadScoring:Data"] = sidecar.Data, ["LeadScoring:Database"] = sidecar.Get<Database>().Setting, ["LeadScoring:Scoring:RescoreChangedLeads"] = "false", ["LeadScoring:Training:RunHere"] = "false",
            ["LeadScoring:Jobs:RunHere"] = "false", ["LeadScoring:Webhooks:DeliverHere"] = "false",
        });
        builder.WebHost.UseTestServer();
        builder.Services.AddSingleton<TimeProvider>(clock);
        await using var replica = builder.Build();
        replica.MapSlices();
        await replica.StartAsync();
        using var client = replica.GetTestClient();
        client.DefaultRequestHeaders.Authorization = world.Organization.Client.DefaultRequestHeaders.Authorization;
        foreach (var id in ids)
        {
            using var body = new StringContent(JsonSerializer.Serialize(Inline(id)), System.Text.Encoding.UTF8, "application/json");
            using var answer = await client.PostAsync("/v1/score", body);
            Assert.Equal(before[id], JsonElement.Parse(await answer.Content.ReadAsStringAsync()).Int("model_version"));
        }

        await replica.StopAsync();
        Assert.All(ids, id => Assert.Equal(Arm(experiment, id), before[id]));
        await world.PutLeadsAsync(ids);
        await world.WorkAsync();
        Assert.Equal(before, await world.VersionsAsync());
    }

    [NativeXGBoostFact]
    public async Task Stop_Split_GivesTheLeadsBackToTheChampion()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var experiment = await world.BeginAsync(new { name = "most", kind = "split", challenger = 2, share = 0.95 });
        foreach (var i in Enumerable.Range(0, 12)) await world.Organization.ScoreAsync(Inline($"lead-{i}"));
        Assert.Contains(2, (await world.VersionsAsync()).Values.OfType<int>());
        var (status, stopped) = await world.Organization.SendAsync(HttpMethod.Post, $"/v1/experiments/{experiment.Text("experiment_id")}/stop");
        Assert.Equal((HttpStatusCode.OK, "stopped", "keep", "Stopped by hand."), (status, stopped.Text("state"), stopped.Text("decision"), stopped.Text("reason")));
        await world.WorkAsync();
        Assert.All((await world.VersionsAsync()).Values, v => Assert.Equal(1, v));
        Assert.Equal(1, (await world.Organization.ScoreAsync(Inline("new"))).Int("model_version"));
        // Again is the same, and another may begin.
        Assert.Equal(HttpStatusCode.OK, (await world.Organization.SendAsync(HttpMethod.Post, $"/v1/experiments/{experiment.Text("experiment_id")}/stop")).Status);
        clock.Advance(TimeSpan.FromSeconds(1));
        await world.BeginAsync(new { name = "next", kind = "shadow", challenger = 2 });
        Assert.Equal(["shadow", "split"], (await world.Organization.GetAsync("/v1/experiments")).Body.GetProperty("experiments").EnumerateArray().Select(e => e.Text("kind")));
    }

    [NativeXGBoostFact]
    public async Task Shadow_Scores_AreKeptBesideAndShownNowhere()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        var organization = world.Organization;
        var (webhook, _) = await organization.SubscribeAsync(new Uri("https://example.com/hook"), ["score.updated", "grade.changed", "review.needed"]);
        await world.BeginAsync(new { name = "beside", kind = "shadow", challenger = 2 });
        var answer = await organization.ScoreAsync(Inline("single"));
        Assert.Equal(1, answer.Int("model_version"));
        // Not while the answer is made.
        Assert.Equal([1], await world.RowsAsync<int>("select is_waiting from experiment_leads where organization_id = @Id"));
        await world.PutLeadsAsync(["queued-1", "queued-2"]);
        await world.WorkAsync();
        var rows = await world.RowsAsync<(string LeadId, double? Champion, double? Challenger, long Waiting)>("select lead_id, champion_probability, challenger_probability, is_waiting from experiment_leads where organization_id = @Id order by lead_id");
        Assert.Equal(["queued-1", "queued-2", "single"], rows.Select(r => r.LeadId));
        Assert.All(rows, r => Assert.True(r is { Champion: > 0, Challenger: > 0, Waiting: 0 }, r.ToString()));
        Assert.Equal(answer.GetProperty("conversion_probability").GetDouble(), rows[2].Champion!.Value, 1e-5);
        Assert.All(await world.RowsAsync<int?>("select model_version from scores where organization_id = @Id"), v => Assert.Equal(1, v));
        Assert.All(await organization.DeliveriesAsync(webhook, "pending"), d => Assert.DoesNotContain("\"model_version\":2", d.ToString(), StringComparison.Ordinal));
        Assert.Equal(3, (await world.RowsAsync<int>("select 1 from scores where organization_id = @Id and change = 1")).Count);
        // Erasing a lead erases it from the experiment.
        Assert.Equal(HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/queued-1")).Status);
        Assert.Equal(["queued-2", "single"], await world.RowsAsync<string>("select lead_id from experiment_leads where organization_id = @Id order by lead_id"));
    }

    [NativeXGBoostFact]
    public async Task Shadow_LeadThatIsClosedOrGoneByThen_DoesNotStopTheOthers()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        await world.BeginAsync(new { name = "beside", kind = "shadow", challenger = 2 });
        await world.Organization.ScoreAsync(Inline("stays"));
        await world.ExecuteAsync("insert into experiment_leads (organization_id, experiment_id, lead_id, is_challenger, exposed_at_ms, place, is_waiting) select organization_id, experiment_id, 'gone', 0, 1, 0, 1 from experiments where organization_id = @Id");
        Assert.Equal(2, await sidecar.Get<ShadowScores>().RunOnceAsync(CancellationToken.None));
        Assert.Equal(0, await sidecar.Get<ShadowScores>().RunOnceAsync(CancellationToken.None));
        Assert.Equal(["stays"], await world.RowsAsync<string>("select lead_id from experiment_leads where organization_id = @Id and challenger_probability is not null"));
    }

    [NativeXGBoostFact]
    public async Task CallQueue_Interleaved_CreditsEachLeadOnceAndOtherOrganizationsNever()
    {
        var world = await ExperimentWorld.StartAsync(sidecar, clock);
        await world.PutLeadsAsync(Enumerable.Range(0, 30).Select(i => $"lead-{i:00}"));
        await world.WorkAsync();
        static string[] Ids(JsonElement queue) => [.. queue.GetProperty("leads").EnumerateArray().Select(l => l.Text("lead_id")!)];
        var plain = (await world.Organization.GetAsync("/v1/call-queue?limit=10")).Body;
        Assert.Equal((await world.Organization.GetAsync("/v1/leads?order=-score&limit=10")).Body.GetProperty("leads").EnumerateArray().Select(l => l.Text("lead_id")), Ids(plain));
        await world.BeginAsync(new { name = "in turn", kind = "interleaved", challenger = 2 });
        var list = Ids((await world.Organization.GetAsync("/v1/call-queue?limit=10")).Body);
        Assert.Equal(list, Ids((await world.Organization.GetAsync("/v1/call-queue?limit=10")).Body));
        var credits = await world.RowsAsync<(string LeadId, long IsChallenger)>("select lead_id, is_challenger from experiment_leads where organization_id = @Id order by place");
        Assert.Equal(list, credits.Select(c => c.LeadId));
        Assert.Equal(5, credits.Count(c => c.IsChallenger == 1));
        // The next day's list is dealt anew; who was on one keeps the credit.
        clock.Advance(TimeSpan.FromDays(1));
        await world.Organization.GetAsync("/v1/call-queue?limit=12");
        var later = (await world.RowsAsync<(string LeadId, long IsChallenger)>("select lead_id, is_challenger from experiment_leads where organization_id = @Id")).ToDictionary(c => c.LeadId, c => c.IsChallenger);
        Assert.All(credits, c => Assert.Equal(c.IsChallenger, later[c.LeadId]));
        // Both versions are the same model, so the first ten places hold the same leads.
        Assert.Equal(12, later.Count);
        Assert.Equal(HttpStatusCode.BadRequest, (await world.Organization.GetAsync("/v1/call-queue?limit=0")).Status);
        var other = await sidecar.NewOrganizationAsync();
        Assert.Empty(Ids((await other.GetAsync("/v1/call-queue")).Body));
        Assert.Empty((await other.GetAsync("/v1/experiments")).Body.GetProperty("experiments").EnumerateArray());
    }
}
