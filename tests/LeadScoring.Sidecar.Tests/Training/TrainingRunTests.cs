using System.Net;
using System.Text.Json;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>Training runs: the queue over HTTP, and what a run decides. Nothing takes runs off the queue here unless a test does.</summary>
[Trait("Category", "Slow")]
public sealed class TrainingRunTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private const string Runs = "/v1/training-runs";

    private static async Task<TrainedVersion> TrainAsync(SidecarFactory sidecar, TestOrganization organization, TrainingSettings settings, PromotionMode promote)
    {
        using var output = new StringWriter();
        return await TrainCommand.RunAsync(Terminal.Plain(output, output), sidecar.Services, organization.Id, settings, promote, CancellationToken.None);
    }

    [NativeXGBoostTheory]
    [InlineData("{\"settings\":{\"foldz\":3}}", "/settings/foldz")]
    [InlineData("{\"settings\":{\"gradient_boosting\":{\"roundz\":3}}}", "/settings/gradient_boosting/roundz")]
    [InlineData("{\"setting\":{}}", "/setting")]
    [InlineData("{\"promote\":\"sometimes\"}", "/promote")]
    [InlineData("{\"promote\":1}", "/promote")]
    [InlineData("{\"settings\":{\"folds\":\"many\"}}", "/settings/folds")]
    [InlineData("{\"settings\":{\"folds\":1}}", "/settings")]
    [InlineData("{\"settings\":{\"tuning\":\"best\"}}", "/settings/tuning")]
    [InlineData("{\"settings\":{\"tuning\":1}}", "/settings/tuning")]
    [InlineData("{\"settings\":{\"tuning_budget\":\"soon\"}}", "/settings/tuning_budget")]
    [InlineData("{\"settings\":{\"tuning\":\"auto\",\"tuning_budget\":\"00:00:00\"}}", "/settings")]
    [InlineData("{\"settings\":{\"gradient_boosting\":{\"rounds\":0}}}", "/settings")]
    [InlineData("{\"settings\":{\"weights\":{\"network\":-1}}}", "/settings")]
    [InlineData("{\"settings\":{\"network\":null}}", "/settings/network")]
    public async Task Post_BadSetting_Is400AtItsPointerInPlainWords(string body, string pointer)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, problem) = await organization.PostAsync(Runs, body);
        Assert.Equal((HttpStatusCode.BadRequest, "/problems/validation"), (status, problem.Text("type")));
        Assert.Equal(pointer, problem.At("errors", 0).Text("pointer"));
        Assert.DoesNotContain("LeadScoring.", problem.Text("detail"));
        Assert.DoesNotContain(".NET", problem.Text("detail"));
        Assert.Empty((await organization.GetAsync(Runs)).Body.GetProperty("runs").EnumerateArray());
    }

    [NativeXGBoostFact]
    public async Task Post_OneParameterOfAMember_LeavesItsOthersAtTheirDefaults()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, body) = await organization.PostAsync(Runs, new { settings = new { random_forest = new { max_depth = 8 }, folds = 4 } });
        Assert.True(status == HttpStatusCode.Accepted, body.ToString());
        var run = await sidecar.Get<TrainingRunStore>().GetAsync(organization.Id, body.Text("run_id")!, CancellationToken.None);
        var expected = new TrainingSettings();
        Assert.Equal(expected with { RandomForest = expected.RandomForest with { MaxDepth = 8 }, Folds = 4 }, run.ReadSettings() with { Network = expected.Network });
    }

    [NativeXGBoostFact]
    public async Task Post_WhileOneIsOpen_Is409()
    {
        var (organization, other) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        var (status, run) = await organization.PostAsync(Runs, "{}");
        Assert.Equal((HttpStatusCode.Accepted, "queued"), (status, run.Text("status")));
        Assert.Equal(HttpStatusCode.Conflict, (await organization.PostAsync(Runs, "{}")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await other.PostAsync(Runs, "{}")).Status);
        Assert.Equal(run.Text("run_id"), Assert.Single((await organization.GetAsync(Runs)).Body.GetProperty("runs").EnumerateArray()).Text("run_id"));
        Assert.Equal(HttpStatusCode.NotFound, (await other.GetAsync($"{Runs}/{run.Text("run_id")}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync($"{Runs}/nothing")).Status);
        Assert.Equal("?limit", (await organization.GetAsync($"{Runs}?limit=0")).Body.At("errors", 0).Text("pointer"));
        // So that no other test of this class finds it on the queue.
        var store = sidecar.Get<TrainingRunStore>();
        while (await store.TakeAsync(TimeSpan.FromMinutes(1), CancellationToken.None) is { } open) await store.FailAsync(open, "test", CancellationToken.None);
    }

    [NativeXGBoostFact]
    public async Task Take_OldestFirst_AndARunWithoutSignOfLifeAgain()
    {
        var clock = new Scoring.TestClock();
        var own = Scoring.TestClock.Sidecar(clock);
        await own.InitializeAsync();
        var store = own.Get<TrainingRunStore>();
        Task<TrainingRun?> TakeAsync() => store.TakeAsync(TimeSpan.FromSeconds(60), CancellationToken.None);
        var (one, two) = (await own.NewOrganizationAsync(), await own.NewOrganizationAsync());
        await one.PostAsync(Runs, "{}");
        clock.Advance(TimeSpan.FromSeconds(1));
        await two.PostAsync(Runs, "{}");
        var first = (await TakeAsync())!;
        Assert.Equal((one.Id, two.Id), (first.OrganizationId, (await TakeAsync())!.OrganizationId));
        Assert.Null(await TakeAsync());
        clock.Advance(TimeSpan.FromSeconds(59));
        await store.ReportAsync(first, new TrainingProgress("Fitting", 0.5), CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(2));
        // The other has been silent for 61 seconds, this one for 2.
        Assert.Equal(two.Id, (await TakeAsync())!.OrganizationId);
        Assert.Null(await TakeAsync());
        Assert.Equal(("Fitting", 0.5), ((await store.GetAsync(first.OrganizationId, first.RunId, CancellationToken.None)).Stage, (await store.GetAsync(first.OrganizationId, first.RunId, CancellationToken.None)).Fraction));
        await own.DisposeAsync();
    }

    [NativeXGBoostFact]
    public async Task Run_TooFewOutcomes_FailsWithTheReason()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        await organization.PostAsync("/v1/outcomes", new { lead_id = "a", converted = true, occurred_at = "2026-03-01" });
        await Assert.ThrowsAsync<TrainingException>(() => TrainAsync(sidecar, organization, SmallModel.Settings, PromotionMode.Auto));
        var run = Assert.Single((await organization.GetAsync(Runs)).Body.GetProperty("runs").EnumerateArray());
        Assert.Equal("failed", run.Text("status"));
        Assert.Contains("at least 10 converted and 10 not converted", run.Text("reason"));
        Assert.Empty((await organization.GetAsync("/v1/models")).Body.GetProperty("models").EnumerateArray());
    }

    [NativeXGBoostFact]
    public async Task Run_PromotionModes_DecideAsAskedWithTheReason()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 700, 0, seed: 11);
        var poor = SmallModel.Settings with { GradientBoosting = XGBoostParameters.GradientBoosting with { Rounds = 1, MaxDepth = 1 }, RandomForest = XGBoostParameters.RandomForest with { ParallelTrees = 1, MaxDepth = 1 }, Network = SmallModel.Settings.Network with { MaxEpochs = 1 }, Weights = new() { Regression = 0 } };
        var first = await TrainAsync(sidecar, organization, SmallModel.Settings, PromotionMode.Auto);
        Assert.Equal((1, true), (first.Version, first.IsPromoted));
        Assert.Matches(@"^first model: log loss out-of-fold 0\.\d{4} against 0\.\d{4} of rules and outcomes; .* so the model is proven$", first.Reason);
        var worse = await TrainAsync(sidecar, organization, poor, PromotionMode.Auto);
        Assert.Equal((2, false), (worse.Version, worse.IsPromoted));
        Assert.Matches(@"^stopped by a gate: .*loss: worse: log loss 0\.\d{4} against 0\.\d{4} of champion 1 on \d+ leads; the difference of 0\.\d{4} lies between ", worse.Reason);
        Assert.False((await TrainAsync(sidecar, organization, SmallModel.Settings, PromotionMode.Never)).IsPromoted);
        Assert.Equal(1, (await organization.GetAsync("/v1/models")).Body.Int("champion"));
        Assert.True((await TrainAsync(sidecar, organization, poor, PromotionMode.Always)).IsPromoted);
        // Against a poor champion the good one wins.
        var better = await TrainAsync(sidecar, organization, SmallModel.Settings, PromotionMode.Auto);
        Assert.True(better.IsPromoted, better.Reason);
        Assert.StartsWith("gates passed: not worse: ", better.Reason);
        var runs = (await organization.GetAsync(Runs)).Body.GetProperty("runs").EnumerateArray().ToArray();
        Assert.Equal([5, 4, 3, 2, 1], runs.Select(r => r.Int("model_version")));
        Assert.Equal([true, true, false, false, true], runs.Select(r => r.GetProperty("is_promoted").GetBoolean()));
        Assert.All(runs, r => Assert.Equal(("succeeded", 1.0), (r.Text("status"), r.GetProperty("fraction").GetDouble())));
    }

    [NativeXGBoostFact]
    public async Task Run_TakenOverAndEndedByAnother_AddsNoSecondModel()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 200, 0, seed: 12);
        var run = await sidecar.Get<TrainingRunStore>().CreateAsync(organization.Id, SmallModel.Settings, PromotionMode.Auto, isRunning: true, CancellationToken.None);
        var train = sidecar.Get<TrainModel>();
        var ends = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Record.ExceptionAsync(() => train.RunAsync(run, new Progress<TrainingProgress>(), CancellationToken.None))));
        Assert.Contains("taken over", Assert.Single(ends, e => e is not null)!.Message);
        Assert.Single(await sidecar.Get<ModelStore>().ListAsync(organization.Id, CancellationToken.None));
    }

    [NativeXGBoostFact]
    public async Task Run_Manifest_SaysWhatItWasTrainedOn()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        var manifest = (await organization.GetAsync("/v1/models/1")).Body.GetProperty("manifest");
        Assert.Equal((1_200, 300, 15), (manifest.Int("train_rows"), manifest.Int("test_rows"), manifest.GetProperty("settings").GetProperty("gradient_boosting").Int("rounds")));
        Assert.InRange(manifest.GetProperty("test").GetProperty("ensemble").GetProperty("roc_auc").GetDouble(), 0.75, 0.99);
        Assert.True(manifest.GetProperty("window_from_ms").GetInt64() < manifest.GetProperty("window_to_ms").GetInt64());
        Assert.Equal(JsonValueKind.Array, manifest.GetProperty("leaks").ValueKind);
        // Housing: age and family size are read and reported on, no more.
        Assert.Equal(["age_group", "family_size"], manifest.GetProperty("left_out_features").EnumerateArray().Select(f => f.GetString()));
        var evaluation = manifest.GetProperty("evaluation");
        foreach (var split in (string[])["stratified", "forward"])
        {
            var (auc, interval) = (evaluation.GetProperty(split).GetProperty("metrics").GetProperty("roc_auc").GetDouble(), evaluation.GetProperty(split).GetProperty("intervals").GetProperty("roc_auc"));
            Assert.InRange(auc, interval.GetProperty("low").GetDouble(), interval.GetProperty("high").GetDouble());
        }

        Assert.Equal(["age_group", "family_size", "gender", "income_bracket", "state"], manifest.GetProperty("fairness").GetProperty("attributes").EnumerateArray().Select(a => a.Text("attribute")).Order());
        Assert.Equal("none", manifest.GetProperty("anchor").Text("verdict"));
    }
}
