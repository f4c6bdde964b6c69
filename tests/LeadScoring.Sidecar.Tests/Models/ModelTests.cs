using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Models;

/// <summary>The registry over HTTP: import, promotion, rollback, and what happens when a model cannot be used.</summary>
[Trait("Category", "Slow")]
public sealed class ModelTests : IAsyncLifetime
{
    private static readonly object Lead = new { lead_id = "a", lead = new { age = 41, website_sessions = 9, showing_requests = 2, call_count = 1, email_open_rate = 0.4 }, save = false, include_factors = true };

    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public ModelTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static async Task<int?> ChampionAsync(TestOrganization organization)
    {
        var body = (await organization.GetAsync("/v1/models")).Body;
        return body.TryGetProperty("champion", out var champion) && champion.ValueKind == JsonValueKind.Number ? champion.GetInt32() : null;
    }

    private async Task ExecuteAsync(string sql, object? parameters = null)
    {
        await sidecar.Get<Database>().WriteAsync(transaction => transaction.ExecuteAsync(sql, parameters, CancellationToken.None), CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(2));
    }

    [NativeXGBoostFact]
    public async Task Import_DownloadedBundle_ScoresTheSame()
    {
        var (one, two) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        await one.UseModelAsync(await SmallModel.BundleAsync());
        using var response = await one.Client.GetAsync("/v1/models/1/bundle");
        var downloaded = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal(("application/zip", "model-1.zip"), (response.Content.Headers.ContentType?.MediaType, response.Content.Headers.ContentDisposition?.FileName));
        Assert.Equal(await SmallModel.BundleAsync(), downloaded);
        var (status, imported) = await two.SendBundleAsync(downloaded);
        Assert.Equal((HttpStatusCode.Created, 1, true), (status, imported.Int("version"), imported.GetProperty("fits_profile").GetBoolean()));
        Assert.Equal("rules", (await two.ScoreAsync(Lead)).Text("scored_by"));
        await two.SendAsync(HttpMethod.Post, "/v1/models/1/promote");
        Assert.Equal((await one.ScoreAsync(Lead)).GetRawText(), (await two.ScoreAsync(Lead)).GetRawText());
        var manifest = (await two.GetAsync("/v1/models/1")).Body;
        Assert.Equal(("imported", "real-estate", 1_200), (manifest.Text("origin"), manifest.GetProperty("manifest").Text("profile"), manifest.GetProperty("manifest").Int("train_rows")));
    }

    [NativeXGBoostFact]
    public async Task Import_DamagedBundle_IsRefusedAndStoresNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var good = await SmallModel.BundleAsync();
        var flipped = (byte[])good.Clone();
        flipped[good.Length / 2] ^= 0xFF;
        byte[][] bad = [[], "not a zip"u8.ToArray(), good[..(good.Length / 2)], flipped, Without(good, "network.json"), Without(good, "manifest.json"), WithEntry(good, "calibration.json", "{}"), WithEntry(good, "manifest.json", "{\"format\":99}"), WithEntry(good, "profile.yml", "name: other")];
        foreach (var bytes in bad)
        {
            var (status, problem) = await organization.SendBundleAsync(bytes);
            Assert.Equal((HttpStatusCode.BadRequest, "/problems/validation"), (status, problem.Text("type")));
            Assert.Contains("bundle", problem.Text("detail"));
        }

        Assert.Empty((await organization.GetAsync("/v1/models")).Body.GetProperty("models").EnumerateArray());
    }

    [NativeXGBoostFact]
    public async Task Import_BytesFlippedAnywhere_IsNeverA500()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var good = await SmallModel.BundleAsync();
        var random = new Random(5);
        for (var i = 0; i < 150; i++)
        {
            var bytes = (byte[])good.Clone();
            // The directory at the end and the first headers are where a zip is most fragile.
            var at = i % 3 == 0 ? random.Next(good.Length) : i % 3 == 1 ? good.Length - 1 - random.Next(800) : random.Next(400);
            bytes[at] ^= (byte)(1 << random.Next(8));
            var (status, problem) = await organization.SendBundleAsync(bytes);
            Assert.True(status is HttpStatusCode.BadRequest or HttpStatusCode.Created, $"byte {at}: {status} {problem}");
        }
    }

    [NativeXGBoostFact]
    public async Task Rollback_AfterThreePromotions_GoesBackStepByStep()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var bundle = await SmallModel.BundleAsync();
        for (var v = 1; v <= 3; v++) Assert.Equal(v, await organization.UseModelAsync(bundle));
        Assert.Equal(3, await ChampionAsync(organization));
        foreach (var expected in (int[])[2, 1])
        {
            var (status, body) = await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback");
            Assert.Equal((HttpStatusCode.OK, expected, expected + 1), (status, body.Int("champion"), body.Int("previous")));
            Assert.Equal(expected, await ChampionAsync(organization));
            Assert.Equal(expected, (await organization.ScoreAsync(Lead)).Int("model_version"));
        }

        var (last, problem) = await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback");
        Assert.Equal((HttpStatusCode.Conflict, "/problems/conflict"), (last, problem.Text("type")));
        Assert.Equal(1, await ChampionAsync(organization));
    }

    [NativeXGBoostFact]
    public async Task Rollback_VersionPromotedTwice_NeverGoesInCircles()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var bundle = await SmallModel.BundleAsync();
        await organization.UseModelAsync(bundle);
        await organization.UseModelAsync(bundle);
        await organization.SendAsync(HttpMethod.Post, "/v1/models/1/promote");
        var way = new List<int?>();
        for (var i = 0; i < 4; i++)
        {
            var (status, _) = await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback");
            way.Add(status == HttpStatusCode.OK ? await ChampionAsync(organization) : null);
        }

        Assert.Equal([2, 1, null, null], way);
    }

    [NativeXGBoostFact]
    public async Task Rollback_ThenPromoteAnother_GoesBackToWhatWasBefore()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var bundle = await SmallModel.BundleAsync();
        for (var v = 1; v <= 3; v++) await organization.UseModelAsync(bundle);
        await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback");
        await organization.UseModelAsync(bundle);
        Assert.Equal(4, await ChampionAsync(organization));
        await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback");
        Assert.Equal(2, await ChampionAsync(organization));
        await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback");
        Assert.Equal(1, await ChampionAsync(organization));
    }

    [NativeXGBoostFact]
    public async Task Versions_WhateverHappens_StayAsTheyWere()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var bundle = await SmallModel.BundleAsync();
        await organization.UseModelAsync(bundle);
        var before = (await organization.GetAsync("/v1/models/1")).Body.GetRawText();
        await organization.UseModelAsync(bundle);
        await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback");
        Assert.Equal(before, (await organization.GetAsync("/v1/models/1")).Body.GetRawText());
        foreach (var method in (HttpMethod[])[HttpMethod.Put, HttpMethod.Delete, HttpMethod.Patch])
            Assert.Equal(HttpStatusCode.MethodNotAllowed, (await organization.SendAsync(method, "/v1/models/1")).Status);
        Assert.Equal([2, 1], (await organization.GetAsync("/v1/models")).Body.GetProperty("models").EnumerateArray().Select(m => m.Int("version")));
    }

    [NativeXGBoostFact]
    public async Task Promote_ModelForOtherFeatures_Is409()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = "name: other\nfeatures:\n  - name: visits\n" });
        var (_, imported) = await organization.SendBundleAsync(await SmallModel.BundleAsync());
        Assert.False(imported.GetProperty("fits_profile").GetBoolean());
        var (status, problem) = await organization.SendAsync(HttpMethod.Post, "/v1/models/1/promote");
        Assert.Equal((HttpStatusCode.Conflict, "/problems/conflict"), (status, problem.Text("type")));
        Assert.Null(await ChampionAsync(organization));
    }

    [Fact]
    public async Task Promote_UnknownVersion_Is404_RollbackWithoutChampion_Is409()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Post, "/v1/models/7/promote")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync("/v1/models/7")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await organization.GetAsync("/v1/models/7/bundle")).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await organization.SendAsync(HttpMethod.Post, "/v1/models/rollback")).Status);
    }

    [NativeXGBoostFact]
    public async Task Profile_FeaturesChangedAndPutBack_RulesScoreMeanwhile()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        var whole = (await organization.GetAsync("/v1/profile")).Body.Text("yaml")!;
        var before = await organization.ScoreAsync(Lead);
        await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = whole.Replace("attribute:family_size, attribute:household_size", "attribute:family_size", StringComparison.Ordinal) });
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("rules", (await organization.ScoreAsync(Lead)).Text("scored_by"));
        Assert.Contains("features changed", (await sidecar.Get<ActiveModels>().GetAsync(organization.Id, CancellationToken.None)).WhyRules);
        await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = whole });
        clock.Advance(TimeSpan.FromSeconds(-2) + TimeSpan.FromSeconds(4));
        var after = await organization.ScoreAsync(Lead);
        Assert.Equal(("ensemble", before.GetProperty("score").GetDouble()), (after.Text("scored_by"), after.GetProperty("score").GetDouble()));
    }

    [NativeXGBoostFact]
    public async Task Profile_OnlyWordingChanged_ModelGoesOnWithTheNewWords()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        var whole = (await organization.GetAsync("/v1/profile")).Body.Text("yaml")!;
        await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = whole.Replace("label: Website visits", "label: Visits of ours", StringComparison.Ordinal) });
        clock.Advance(TimeSpan.FromSeconds(2));
        var answer = await organization.ScoreAsync(Lead);
        Assert.Equal("ensemble", answer.Text("scored_by"));
        Assert.Contains("Visits of ours", answer.GetProperty("factors").GetRawText());
    }

    /// <summary>A model that never gives an A has no precision of grade A.</summary>
    [NativeXGBoostFact]
    public async Task Get_ModelWithUndefinedMetric_LeavesItOut()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        var manifest = System.Text.Json.Nodes.JsonNode.Parse((await sidecar.Get<ModelStore>().GetAsync(organization.Id, 1, CancellationToken.None)).Manifest)!;
        manifest["test"]!["ensemble"]!["grade_a_precision"] = "NaN";
        manifest["test"]!["network"]!["at_half"]!["precision"] = "NaN";
        await ExecuteAsync("update models set manifest = @manifest", new { manifest = manifest.ToJsonString() });
        var (list, models) = await organization.GetAsync("/v1/models");
        var (one, model) = await organization.GetAsync("/v1/models/1");
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (list, one));
        Assert.False(models.At("models", 0).GetProperty("test").TryGetProperty("grade_a_precision", out _));
        Assert.True(models.At("models", 0).GetProperty("test").TryGetProperty("roc_auc", out _));
        Assert.False(model.GetProperty("manifest").GetProperty("test").GetProperty("network").GetProperty("at_half").TryGetProperty("precision", out _));
    }

    [NativeXGBoostFact]
    public async Task Models_AnotherOrganization_SeesAndTouchesNothing()
    {
        var (owner, stranger) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        await owner.UseModelAsync(await SmallModel.BundleAsync());
        Assert.Empty((await stranger.GetAsync("/v1/models")).Body.GetProperty("models").EnumerateArray());
        foreach (var path in (string[])["/v1/models/1", "/v1/models/1/bundle"]) Assert.Equal(HttpStatusCode.NotFound, (await stranger.GetAsync(path)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.SendAsync(HttpMethod.Post, "/v1/models/1/promote")).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await stranger.SendAsync(HttpMethod.Post, "/v1/models/rollback")).Status);
        Assert.Equal("rules", (await stranger.ScoreAsync(Lead)).Text("scored_by"));
        Assert.Equal(1, await ChampionAsync(owner));
    }

    [NativeXGBoostTheory]
    [InlineData("update model_bundles set bundle = substr(bundle, 1, 1)")]
    [InlineData("update model_bundles set bundle = substr(bundle, 1, 0)")]
    [InlineData("update model_bundles set bundle = substr(bundle, 1, length(bundle) - 5000)")]
    [InlineData("delete from model_bundles")]
    [InlineData("delete from model_bundles; delete from models")]
    public async Task Champion_UnreadableInTheDatabase_RulesScore(string damage)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        Assert.Equal("ensemble", (await organization.ScoreAsync(Lead)).Text("scored_by"));
        await ExecuteAsync(damage);
        sidecar.Get<ActiveModels>().Forget(organization.Id);
        var answer = await organization.ScoreAsync(Lead);
        Assert.Equal(("rules", JsonValueKind.Null), (answer.Text("scored_by"), answer.GetProperty("model_version").ValueKind));
        await organization.PutLeadAsync("b", new { });
        Assert.Equal(HttpStatusCode.OK, (await organization.GetAsync("/v1/leads/b/score")).Status);
        Assert.Contains("cannot be read", (await sidecar.Get<ActiveModels>().GetAsync(organization.Id, CancellationToken.None)).WhyRules);
        // And the queue of changed leads empties: what rules can score is not tried for ever.
        Assert.Equal(0, await sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None));
    }

    private static byte[] Without(byte[] zip, string name) => Edited(zip, archive => archive.GetEntry(name)!.Delete());

    private static byte[] WithEntry(byte[] zip, string name, string text) => Edited(zip, archive =>
    {
        archive.GetEntry(name)!.Delete();
        using var stream = archive.CreateEntry(name).Open();
        stream.Write(Encoding.UTF8.GetBytes(text));
    });

    private static byte[] Edited(byte[] zip, Action<ZipArchive> edit)
    {
        using var buffer = new MemoryStream();
        buffer.Write(zip);
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Update, leaveOpen: true)) edit(archive);
        return buffer.ToArray();
    }
}
