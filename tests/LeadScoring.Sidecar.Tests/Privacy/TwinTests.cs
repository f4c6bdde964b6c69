using System.IO.Compression;
using System.Net;
using System.Text.Json.Nodes;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Privacy;

/// <summary>A model that is trained after an erasure is the one that a twin organization trains which never saw the person.</summary>
[Trait("Category", "Slow")]
public sealed class TwinTests
{
    [NativeXGBoostFact]
    public async Task Train_AfterErasure_GivesTheModelOfWhoNeverSawThePerson()
    {
        var sidecar = TestClock.Sidecar(new TestClock());
        await sidecar.InitializeAsync();
        try
        {
            var (organization, twin) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
            foreach (var one in (TestOrganization[])[organization, twin]) await SmallModel.SeedAsync(sidecar.Services, one.Id, 600, 0);
            await organization.PutLeadAsync(Canary.Id, new { email = Canary.Email, family_size = 9, employment_type = "Kanarek breeder", call_count = 400 });
            await organization.PostAsync("/v1/events", new { events = Enumerable.Range(0, 40).Select(i => new { event_id = $"c{i}", lead_id = Canary.Id, type = "phone_call", source = "phone", occurred_at = $"2025-12-{1 + (i % 28):00}" }) });
            await organization.PostAsync("/v1/outcomes", new { lead_id = Canary.Id, converted = true, occurred_at = "2026-01-15" });

            var before = await TrainAsync(sidecar, organization);
            var (status, answer) = await organization.SendAsync(HttpMethod.Delete, "/v1/leads/" + Canary.Id);
            Assert.Equal(HttpStatusCode.OK, status);
            Assert.Equal([before.Version], answer.GetProperty("receipt").GetProperty("learned_versions").EnumerateArray().Select(v => v.GetInt32()));
            var version = answer.GetProperty("state").At("versions", 0);
            Assert.Equal(("champion", null), (version.Text("state"), version.Text("replaced_at")));

            var after = await TrainAsync(sidecar, organization);
            var never = await TrainAsync(sidecar, twin);
            var (ofBefore, ofAfter, ofTwin) = (await PartsAsync(sidecar, organization, before), await PartsAsync(sidecar, organization, after), await PartsAsync(sidecar, twin, never));
            Assert.Equal(ofTwin.Keys, ofAfter.Keys);
            foreach (var (name, bytes) in ofTwin) Assert.True(bytes.SequenceEqual(ofAfter[name]), $"{name} differs{(name == "manifest.json" ? ": " + Differences(JsonNode.Parse(bytes), JsonNode.Parse(ofAfter[name]), "") : "")}.");
            // The person does make a difference to what saw it.
            Assert.Contains(ofBefore, p => !p.Value.SequenceEqual(ofTwin[p.Key]));

            var state = (await organization.GetAsync("/v1/erasures/" + answer.GetProperty("receipt").Text("erasure_id"))).Body.GetProperty("state").At("versions", 0);
            Assert.Equal("retired", state.Text("state"));
            Assert.NotNull(state.Text("replaced_at"));
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    /// <summary>Somebody is erased while a model is being trained: the version says so, and its list of learned leads does not name the person.</summary>
    [NativeXGBoostFact]
    public async Task Train_ErasedMeanwhile_TheVersionIsOnTheListOfTheErasure()
    {
        var sidecar = TestClock.Sidecar(new TestClock());
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            await SmallModel.SeedAsync(sidecar.Services, organization.Id, 600, 0);
            await organization.PutLeadAsync(Canary.Id, new { call_count = 400 });
            await organization.PostAsync("/v1/outcomes", new { lead_id = Canary.Id, converted = true, occurred_at = "2026-01-15" });
            string? id = null;
            var watcher = new Watcher("Comparing with the champion", async () => id = (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/" + Canary.Id)).Body.GetProperty("receipt").Text("erasure_id"));
            var run = await sidecar.Get<TrainingRunStore>().CreateAsync(organization.Id, SmallModel.Settings, new Ml.Training.EvaluationSettings(), PromotionMode.Always, null, isRunning: true, CancellationToken.None);
            var trained = await Task.Run(() => sidecar.Get<TrainModel>().RunAsync(run, watcher, CancellationToken.None));
            Assert.NotNull(id);
            var versions = (await organization.GetAsync("/v1/erasures/" + id)).Body.GetProperty("state").GetProperty("versions");
            Assert.Equal(trained.Version, Assert.Single(versions.EnumerateArray()).Int("version"));
            Assert.False(LearnedLeads.Contains((await sidecar.Get<ModelStore>().LearnedAsync(organization.Id, trained.Version, CancellationToken.None))!, Canary.Id));
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    /// <summary>Does something when a stage is reported for the first time.</summary>
    private sealed class Watcher(string stage, Func<Task> act) : IProgress<Ml.Training.TrainingProgress>
    {
        private bool isDone;

        public void Report(Ml.Training.TrainingProgress value)
        {
            if (isDone || value.Stage != stage) return;
            isDone = true;
            Task.Run(act).GetAwaiter().GetResult();
        }
    }

    private static async Task<TrainedVersion> TrainAsync(SidecarFactory sidecar, TestOrganization organization)
    {
        using var output = new StringWriter();
        return await TrainCommand.RunAsync(Terminal.Plain(output, output), sidecar.Services, organization.Id, SmallModel.Settings, PromotionMode.Always, CancellationToken.None);
    }

    /// <summary>Entries of a bundle; the manifest without how long the training took.</summary>
    private static async Task<SortedDictionary<string, byte[]>> PartsAsync(SidecarFactory sidecar, TestOrganization organization, TrainedVersion trained)
    {
        using var zip = new ZipArchive(new MemoryStream(await sidecar.Get<ModelStore>().GetBundleAsync(organization.Id, trained.Version, CancellationToken.None)));
        var parts = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var entry in zip.Entries)
        {
            using var bytes = new MemoryStream();
            await using (var stream = entry.Open()) await stream.CopyToAsync(bytes);
            parts[entry.FullName] = entry.FullName == "manifest.json" ? WithoutDuration(bytes.ToArray()) : bytes.ToArray();
        }

        Assert.True(parts.Count > 3, string.Join(", ", parts.Keys));
        return parts;
    }

    /// <summary>Where two documents differ, by path.</summary>
    private static string Differences(JsonNode? one, JsonNode? other, string path) => (one, other) switch
    {
        (JsonObject a, JsonObject b) => string.Concat(a.Select(p => p.Key).Union(b.Select(p => p.Key)).Select(k => Differences(a[k], b[k], $"{path}/{k}"))),
        (JsonArray a, JsonArray b) when a.Count == b.Count => string.Concat(a.Select((v, i) => Differences(v, b[i], $"{path}/{i}"))),
        _ => JsonNode.DeepEquals(one, other) ? "" : $" {path} {one?.ToJsonString()} {other?.ToJsonString()}",
    };

    private static byte[] WithoutDuration(byte[] manifest)
    {
        var json = JsonNode.Parse(manifest)!.AsObject();
        Assert.True(json.Remove("training_seconds"));
        Assert.True(json["evaluation"]!.AsObject().Remove("seconds"));
        return System.Text.Encoding.UTF8.GetBytes(json.ToJsonString());
    }
}
