using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Experiments;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Experiments;

/// <summary>An organization with a champion, version 1, and a version 2 beside it; a clock that stands until it is moved.</summary>
internal sealed class ExperimentWorld(SidecarFactory sidecar, TestClock clock, TestOrganization organization)
{
    internal TestOrganization Organization => organization;

    internal static async Task<ExperimentWorld> StartAsync(SidecarFactory sidecar, TestClock clock)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        await organization.ImportModelAsync(await SmallModel.BundleAsync());
        return new ExperimentWorld(sidecar, clock, organization);
    }

    internal async Task<JsonElement> BeginAsync(object request)
    {
        var (status, body) = await organization.PostAsync("/v1/experiments", request);
        Assert.True(status == HttpStatusCode.Created, body.ToString());
        return body;
    }

    internal async Task<JsonElement> ReadAsync(JsonElement experiment) => (await organization.GetAsync($"/v1/experiments/{experiment.Text("experiment_id")}")).Body;

    /// <summary>The hourly job.</summary>
    internal Task<string> CheckAsync() => sidecar.Get<CheckExperiments>().RunAsync(organization.Id, CancellationToken.None);

    internal async Task<int> ChampionAsync() => (await organization.GetAsync("/v1/models")).Body.Int("champion");

    internal Task PutLeadsAsync(IEnumerable<string> leadIds) => sidecar.Get<Database>().WriteAsync(
        transaction => sidecar.Get<LeadStore>().UpsertAsync(transaction, organization.Id, [.. leadIds.Select((id, i) => new LeadWrite(id, new Dictionary<string, string?> { ["age"] = $"{20 + (i % 50)}", ["showing_requests"] = $"{i % 4}" }))], CancellationToken.None),
        CancellationToken.None);

    /// <summary>The worker's turns until nothing is left to do.</summary>
    internal async Task WorkAsync()
    {
        for (var turns = 0; turns < 100; turns++)
        {
            var worker = sidecar.Get<RescoreChangedLeads>();
            if (await worker.RunOnceAsync(CancellationToken.None) + await worker.RunBatchAsync(CancellationToken.None) + await sidecar.Get<ShadowScores>().RunOnceAsync(CancellationToken.None) == 0) return;
        }

        Assert.Fail("The worker finds no end.");
    }

    /// <summary>Leads that came in now by turns, and what became of them the day after: of each hundred of an arm, so many converted.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="leads">How many.</param>
    /// <param name="isChallenger">Arm of the i-th.</param>
    /// <param name="perHundred">Conversions of an arm, spread evenly.</param>
    /// <param name="probability">Both models' probabilities of a lead that converts or not; null in a split.</param>
    internal async Task PlantAsync(JsonElement experiment, int leads, Func<int, bool> isChallenger, Func<bool, int> perHundred, Func<bool, (double Champion, double Challenger)>? probability = null)
    {
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var ids = Enumerable.Range(0, leads).Select(i => $"planted-{nowMs}-{i:00000}").ToArray();
        await PutLeadsAsync(ids);
        var (experimentId, seen) = (experiment.Text("experiment_id")!, new int[2]);
        var (exposures, outcomes, shadow) = (new List<Exposure>(), new List<OutcomeWrite>(), new List<ShadowScore>());
        for (var i = 0; i < leads; i++)
        {
            var own = isChallenger(i);
            var n = seen[own ? 1 : 0]++;
            var converted = (n + 1) * perHundred(own) / 100 > n * perHundred(own) / 100;
            exposures.Add(new Exposure(ids[i], own, nowMs + i, 0.5));
            outcomes.Add(new OutcomeWrite(ids[i], "planted", converted, nowMs + i + 86_400_000, null, null));
            if (probability is not null) shadow.Add(new ShadowScore(ids[i], probability(converted).Champion, probability(converted).Challenger));
        }

        await sidecar.Get<Database>().WriteAsync(t => ExperimentLeads.AddAsync(t, organization.Id, experimentId, exposures, isWaiting: probability is not null, CancellationToken.None), CancellationToken.None);
        if (probability is not null) await sidecar.Get<ExperimentLeads>().SetShadowAsync(new WaitingShadow(organization.Id, experimentId, ids), shadow, CancellationToken.None);
        await sidecar.Get<OutcomeStore>().WriteAsync(organization.Id, outcomes, CancellationToken.None);
    }

    internal async Task<IReadOnlyList<T>> RowsAsync<T>(string sql)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        return [.. await connection.QueryAsync<T>(sql, new { organization.Id })];
    }

    internal async Task ExecuteAsync(string sql)
    {
        await sidecar.Get<Database>().WriteAsync(t => t.ExecuteAsync(sql, new { organization.Id }, CancellationToken.None), CancellationToken.None);
        sidecar.Get<ActiveModels>().Forget(organization.Id);
    }

    internal async Task<Dictionary<string, int?>> VersionsAsync() =>
        (await RowsAsync<(string, int?)>("select lead_id, model_version from leads where organization_id = @Id")).ToDictionary(r => r.Item1, r => r.Item2);
}
