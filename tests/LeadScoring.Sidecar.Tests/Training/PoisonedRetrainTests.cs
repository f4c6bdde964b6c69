using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>Data that went wrong between two trainings: a gate stops the new model and says why, and the champion goes on scoring.</summary>
[Trait("Category", "Slow")]
public sealed class PoisonedRetrainTests : IAsyncLifetime
{
    private readonly SidecarFactory sidecar = TestClock.Sidecar(new TestClock());

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private async Task<TrainedVersion> TrainAsync(TestOrganization organization)
    {
        using var output = new StringWriter();
        return await TrainCommand.RunAsync(
            Terminal.Plain(output, output), sidecar.Services, organization.Id, SmallModel.Settings, PromotionMode.Auto, CancellationToken.None, new EvaluationSettings { LearningCurve = false });
    }

    /// <summary>An organization whose first model, trained on good data, is the champion.</summary>
    private async Task<TestOrganization> WithChampionAsync()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 1_200, 0, seed: 31);
        var first = await TrainAsync(organization);
        Assert.True(first.IsPromoted, first.Reason);
        return organization;
    }

    private Task ExecuteAsync(string sql, object parameters) =>
        sidecar.Get<Database>().WriteAsync(transaction => transaction.ExecuteAsync(sql, parameters, CancellationToken.None), CancellationToken.None);

    private async Task<(string LeadId, long Converted)[]> OutcomesAsync(TestOrganization organization)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        return [.. await connection.QueryAsync<(string, long)>("select lead_id, converted from outcomes where organization_id = @Id order by lead_id", new { organization.Id })];
    }

    private static async Task AssertStoppedAsync(TestOrganization organization, TrainedVersion poisoned, string gate)
    {
        Assert.False(poisoned.IsPromoted, poisoned.Reason);
        Assert.StartsWith("stopped by a gate: ", poisoned.Reason);
        Assert.Contains($"{gate}: ", poisoned.Reason);
        Assert.Equal(1, (await organization.GetAsync("/v1/models")).Body.Int("champion"));
        var card = (await organization.GetAsync($"/v1/models/{poisoned.Version}")).Body.GetProperty("card");
        Assert.Contains(card.GetProperty("gates").EnumerateArray(), g => g.Text("name") == gate && g.Text("verdict") == "block");
        Assert.Equal(poisoned.Reason, card.Text("decision"));
        Assert.Equal(1, (await organization.ScoreAsync(new { lead_id = "x", lead = new { showing_requests = 1 }, save = false })).Int("model_version"));
    }

    [NativeXGBoostFact]
    public async Task Train_LabelsShuffled_IsStopped()
    {
        var organization = await WithChampionAsync();
        var outcomes = await OutcomesAsync(organization);
        var labels = outcomes.Select(o => o.Converted).ToArray();
        new Random(9).Shuffle(labels);
        await ExecuteAsync(
            "update outcomes set converted = @converted where organization_id = @id and lead_id = @leadId", outcomes.Select((o, i) => new { converted = (int)labels[i], id = organization.Id, leadId = o.LeadId }).ToArray());
        var poisoned = await TrainAsync(organization);
        await AssertStoppedAsync(organization, poisoned, "learned_less");
    }

    [NativeXGBoostFact]
    public async Task Train_FieldThatGivesTheOutcomeAway_IsStopped()
    {
        var organization = await WithChampionAsync();
        var writes = (await OutcomesAsync(organization)).Select(o => new LeadWrite(o.LeadId, new Dictionary<string, string?> { ["employment_type"] = o.Converted == 1 ? "\"signed\"" : "\"none\"" })).ToArray();
        await sidecar.Get<Database>().WriteAsync(t => sidecar.Get<LeadStore>().UpsertAsync(t, organization.Id, writes, CancellationToken.None), CancellationToken.None);
        var poisoned = await TrainAsync(organization);
        await AssertStoppedAsync(organization, poisoned, "leak");
        Assert.Contains("employment_type", poisoned.Reason);
    }

    [NativeXGBoostFact]
    public async Task Train_OneClassMissing_FailsWithTheReasonAndTheChampionStays()
    {
        var organization = await WithChampionAsync();
        await ExecuteAsync("update outcomes set converted = 1 where organization_id = @id", new { id = organization.Id });
        await Assert.ThrowsAsync<TrainingException>(() => TrainAsync(organization));
        // The clock stands, so the two runs have no order.
        var run = Assert.Single((await organization.GetAsync("/v1/training-runs")).Body.GetProperty("runs").EnumerateArray(), r => r.Text("status") == "failed");
        Assert.Contains("not converted leads to learn from", run.Text("reason"));
        Assert.Equal(1, (await organization.GetAsync("/v1/models")).Body.Int("champion"));
        Assert.Single((await organization.GetAsync("/v1/models")).Body.GetProperty("models").EnumerateArray());
    }

    [NativeXGBoostFact]
    public async Task Train_MostOfTheLostLeadsGone_IsStopped()
    {
        var organization = await WithChampionAsync();
        var gone = (await OutcomesAsync(organization)).Where(o => o.Converted == 0).Where((_, i) => i % 3 != 0).Select(o => new { id = organization.Id, leadId = o.LeadId }).ToArray();
        await ExecuteAsync("delete from outcomes where organization_id = @id and lead_id = @leadId", gone);
        var poisoned = await TrainAsync(organization);
        await AssertStoppedAsync(organization, poisoned, "sample");
    }

    [NativeXGBoostFact]
    public async Task Train_AutoDeployOff_KeepsTheModelAndSaysSo()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 700, 0, seed: 11);
        Assert.Equal(HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Put, "/v1/gates", new { auto_deploy = false, loss_margin = 0.02 })).Status);
        var settings = (await organization.GetAsync("/v1/gates")).Body;
        Assert.Equal((true, false, 0.02, 0.8), (settings.GetProperty("is_own").GetBoolean(), settings.GetProperty("settings").GetProperty("auto_deploy").GetBoolean(),
            settings.GetProperty("settings").GetProperty("loss_margin").GetDouble(), settings.GetProperty("settings").GetProperty("kept_share").GetDouble()));
        var trained = await TrainAsync(organization);
        Assert.Equal((false, "the gates pass; auto_deploy is off, so somebody has to promote it"), (trained.IsPromoted, trained.Reason));
        Assert.Equal(HttpStatusCode.NoContent, (await organization.SendAsync(HttpMethod.Delete, "/v1/gates")).Status);
        Assert.False((await organization.GetAsync("/v1/gates")).Body.GetProperty("is_own").GetBoolean());
    }

    [Theory]
    [InlineData("{\"loss_margn\":0.1}", "/loss_margn")]
    [InlineData("{\"loss_margin\":2}", "")]
    [InlineData("{\"left_out\":[\"luck\"]}", "")]
    [InlineData("{}", "")]
    public async Task Put_BadGates_Is400(string body, string pointer)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.SendAsync(HttpMethod.Put, "/v1/gates", body);
        Assert.Equal((HttpStatusCode.BadRequest, pointer), (status, problem.At("errors", 0).Text("pointer")));
    }

    [NativeXGBoostFact]
    public async Task Card_HostileText_IsEncodedAndRunsNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var version = await organization.ImportModelAsync(await SmallModel.BundleAsync());
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync($"/v1/models/{version}/card")).Status);
        const string Hostile = "<script>alert(\"1\")</script>&";
        var card = new ModelCard(DateTimeOffset.UnixEpoch, false, Hostile, Hostile, Hostile, 3, [new GateResult(Hostile, double.NaN, Ml.Metrics.Interval.Undefined, 0.5, GateVerdict.Warn, Hostile)], [Hostile]);
        await sidecar.Get<Database>().WriteAsync(t => ModelStore.DescribeAsync(t, organization.Id, version, ModelStore.CardOf(card), [], CancellationToken.None), CancellationToken.None);
        using var response = await organization.Client.GetAsync($"/v1/models/{version}/card");
        var html = await response.Content.ReadAsStringAsync();
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains("default-src 'none'", Assert.Single(response.Headers.GetValues("Content-Security-Policy")));
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;script&gt;", html);
        Assert.Contains("1,200 trained on", html);
        Assert.Contains("not measurable", html);
        // A version is described once.
        await sidecar.Get<Database>().WriteAsync(t => ModelStore.DescribeAsync(t, organization.Id, version, ModelStore.CardOf(card with { Decision = "another" }), [], CancellationToken.None), CancellationToken.None);
        Assert.Equal(Hostile, (await organization.GetAsync($"/v1/models/{version}")).Body.GetProperty("card").Text("decision"));
    }
}
