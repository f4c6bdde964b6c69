using System.Net;
using System.Text.Json;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Sidecar.Tests.Models;

/// <summary>Aliases, lineage and differences of versions; and how soon a rollback is seen by another process.</summary>
[Trait("Category", "Slow")]
public sealed class RegistryTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public RegistryTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private async Task<TestOrganization> WithVersionsAsync(int versions)
    {
        var organization = await sidecar.NewOrganizationAsync();
        for (var i = 0; i < versions; i++) await organization.ImportModelAsync(await SmallModel.BundleAsync());
        return organization;
    }

    private static Task<(HttpStatusCode Status, JsonElement Body)> PointAsync(TestOrganization organization, string alias, int version) =>
        organization.SendAsync(HttpMethod.Put, $"/v1/models/aliases/{alias}", new { version });

    private static async Task<string> AliasesAsync(TestOrganization organization) => string.Join(" ", (await organization.GetAsync("/v1/models")).Body.GetProperty("models").EnumerateArray()
        .Select(m => $"{m.Int("version")}:{string.Join(",", m.GetProperty("aliases").EnumerateArray().Select(a => a.GetString()))}"));

    [NativeXGBoostFact]
    public async Task Aliases_Moved_StandForOneVersionEach()
    {
        var organization = await WithVersionsAsync(3);
        await organization.SendAsync(HttpMethod.Post, "/v1/models/1/promote");
        Assert.Equal(HttpStatusCode.OK, (await PointAsync(organization, "challenger", 2)).Status);
        Assert.Equal(HttpStatusCode.OK, (await PointAsync(organization, "shadow", 2)).Status);
        Assert.Equal("3: 2:challenger,shadow 1:champion", await AliasesAsync(organization));
        Assert.Equal(HttpStatusCode.OK, (await PointAsync(organization, "challenger", 3)).Status);
        Assert.Equal("3:challenger 2:shadow 1:champion", await AliasesAsync(organization));
        Assert.Equal(HttpStatusCode.Conflict, (await PointAsync(organization, "challenger", 1)).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await PointAsync(organization, "champion", 2)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await PointAsync(organization, "favourite", 2)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await PointAsync(organization, "shadow", 9)).Status);
        // What becomes the champion is nothing else any more.
        await organization.SendAsync(HttpMethod.Post, "/v1/models/3/promote");
        Assert.Equal("3:champion 2:shadow 1:", await AliasesAsync(organization));
        await organization.SendAsync(HttpMethod.Post, "/v1/models/1/promote");
        Assert.Equal("3: 2:shadow 1:champion", await AliasesAsync(organization));
        Assert.Equal(HttpStatusCode.NoContent, (await organization.SendAsync(HttpMethod.Delete, "/v1/models/aliases/shadow")).Status);
        Assert.Equal("3: 2: 1:champion", await AliasesAsync(organization));
        // Another organization's aliases are its own.
        Assert.Equal(HttpStatusCode.NotFound, (await PointAsync(await sidecar.NewOrganizationAsync(), "shadow", 1)).Status);
    }

    [NativeXGBoostFact]
    public async Task Get_Version_TellsWhereItComesFrom()
    {
        var organization = await WithVersionsAsync(1);
        await organization.SendAsync(HttpMethod.Post, "/v1/models/1/promote");
        await organization.ImportModelAsync(await SmallModel.BundleAsync());
        var model = (await organization.GetAsync("/v1/models/2")).Body;
        var (lineage, manifest) = (model.GetProperty("lineage"), model.GetProperty("manifest"));
        Assert.Equal((1_200, 300, 42, 1), (lineage.Int("train_rows"), lineage.Int("test_rows"), lineage.Int("seed"), lineage.Int("champion_then")));
        Assert.Equal((manifest.Text("profile_hash"), "0.1.0"), (lineage.Text("profile_hash"), lineage.Text("code_version")));
        Assert.Equal(manifest.GetProperty("window_from_ms").GetInt64(), lineage.GetProperty("window_from").GetDateTimeOffset().ToUnixTimeMilliseconds());
        Assert.False(lineage.TryGetProperty("training_run", out _));
    }

    [NativeXGBoostFact]
    public async Task Diff_TwoTrainings_NamesParametersAndMetrics()
    {
        var organization = await WithVersionsAsync(2);
        var same = (await organization.GetAsync("/v1/models/1/diff/2")).Body;
        Assert.Empty(same.GetProperty("differences").EnumerateArray());
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 300, 0);
        using var output = new StringWriter();
        var other = SmallModel.Settings with { GradientBoosting = SmallModel.Settings.GradientBoosting with { Rounds = 7 }, AllowLeaks = true };
        var trained = await Sidecar.Cli.TrainCommand.RunAsync(
            Sidecar.Cli.Terminal.Plain(output, output), sidecar.Services, organization.Id, other, Sidecar.Training.PromotionMode.Never, CancellationToken.None, new Ml.Training.EvaluationSettings { LearningCurve = false });
        var diff = (await organization.GetAsync($"/v1/models/1/diff/{trained.Version}")).Body;
        var differences = diff.GetProperty("differences").EnumerateArray().ToDictionary(d => d.Text("path")!, d => (d.Text("a"), d.Text("b")));
        Assert.Equal(("15", "7"), differences["settings.gradient_boosting.rounds"]);
        Assert.Equal(("1200", "240"), differences["lineage.train_rows"]);
        Assert.Contains("stratified.metrics.roc_auc", differences.Keys);
        Assert.Contains("stratified.intervals.roc_auc.low", differences.Keys);
        Assert.DoesNotContain("settings.random_forest.max_depth", differences.Keys);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync("/v1/models/1/diff/9")).Status);
    }

    [NativeXGBoostFact]
    public async Task Rollback_OnOneReplica_IsSeenByTheOtherInUnderTwoSeconds()
    {
        var organization = await WithVersionsAsync(2);
        foreach (var version in (int[])[1, 2]) await organization.SendAsync(HttpMethod.Post, $"/v1/models/{version}/promote");
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
        // What it asked before the rollback must have been answered: the clock stands still meanwhile.
        await SidecarFactory.WarmAsync(replica.Services);
        using var client = replica.GetTestClient();
        client.DefaultRequestHeaders.Authorization = organization.Client.DefaultRequestHeaders.Authorization;
        async Task<int> VersionAsync()
        {
            using var body = new StringContent("""{"lead_id":"a","lead":{"age":41},"save":false}""", System.Text.Encoding.UTF8, "application/json");
            using var answer = await client.PostAsync("/v1/score", body);
            return JsonElement.Parse(await answer.Content.ReadAsStringAsync()).Int("model_version");
        }

        Assert.Equal(2, await VersionAsync());
        Assert.Equal(HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback")).Status);
        clock.Advance(TimeSpan.FromMilliseconds(1_999));
        Assert.Equal(1, await VersionAsync());
        Assert.Equal(1, (await organization.GetAsync("/v1/models")).Body.Int("champion"));
        await replica.StopAsync();
    }
}
