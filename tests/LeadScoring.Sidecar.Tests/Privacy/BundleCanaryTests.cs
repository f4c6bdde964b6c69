using System.Globalization;
using System.IO.Compression;
using System.Text;
using Dapper;
using LeadScoring.Sidecar.Cli;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Privacy;

/// <summary>What leaves a training names nobody: neither the model nor anything that is said of it, whatever it is packed in.</summary>
[Trait("Category", "Slow")]
public sealed class BundleCanaryTests
{
    private const string Level = "Kanarek breeder";

    /// <summary>A level that nine leads have, one too few to be named.</summary>
    private const string OfNine = "Nonet player";

    private static readonly string[] Words = [Canary.Id, Canary.Email, Canary.Name, Canary.Phone, Level, OfNine, "planted-nine-"];

    [NativeXGBoostFact]
    public async Task Train_OnLeadsWithACanary_NothingOfItIsInWhatComesOut()
    {
        var sidecar = TestClock.Sidecar(new TestClock());
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            await SmallModel.SeedAsync(sidecar.Services, organization.Id, 600, 0);
            await PlantAsync(organization);
            // With both encodings of levels at once.
            var settings = SmallModel.Settings with { Encoding = SmallModel.Settings.Encoding with { LevelStatistics = true } };
            using var said = new StringWriter();
            var trained = await TrainCommand.RunAsync(Terminal.Plain(said, said), sidecar.Services, organization.Id, settings, PromotionMode.Always, CancellationToken.None);

            var outputs = new Dictionary<string, byte[]> { ["command"] = Encoding.UTF8.GetBytes(said.ToString()) };
            foreach (var path in (string[])
            [
                "/v1/models", $"/v1/models/{trained.Version}", $"/v1/models/{trained.Version}/bundle", $"/v1/models/{trained.Version}/card", "/v1/training-runs", "/v1/training-runs/decisions", "/v1/monitoring/fairness", "/v1/audit",
            ])
            {
                using var response = await organization.Client.GetAsync(path);
                Assert.True(response.IsSuccessStatusCode, $"{path} {response.StatusCode}");
                outputs[path] = await response.Content.ReadAsByteArrayAsync();
            }

            var database = sidecar.Get<Database>();
            var dump = await Canary.DumpAsync(database);
            foreach (var table in (string[])["models", "training_runs", "promotions", "retrain_decisions", "rule_posteriors", "monitoring_windows", "model_trials", "model_anchors"]) outputs[table] = dump[table];
            await using (var connection = await database.OpenConnectionAsync(CancellationToken.None))
                outputs["stored bundle"] = await connection.ExecuteScalarAsync<byte[]>("select bundle from model_bundles where organization_id = @Id", new { organization.Id }) ?? [];

            var parts = outputs.SelectMany(o => Unpacked(o.Key, o.Value, 0)).ToArray();
            Assert.True(parts.Count(p => p.Name.StartsWith("stored bundle/", StringComparison.Ordinal)) > 5, string.Join(", ", parts.Select(p => p.Name)));
            // The scan finds what is there: a level that many have stands in the bundle by name.
            Assert.Contains(parts, p => p.Name.StartsWith("stored bundle/", StringComparison.Ordinal) && Has(p.Bytes, "retired"));
            foreach (var (name, bytes) in parts)
            {
                foreach (var word in Words) Assert.False(Has(bytes, word), $"{name} holds {word}");
            }
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    /// <summary>One person with a name and a level of its own, and nine with one of theirs; all with an outcome, so that training reads them.</summary>
    private static async Task PlantAsync(TestOrganization organization)
    {
        await organization.PutLeadAsync(Canary.Id, new { name = Canary.Name, email = Canary.Email, phone = Canary.Phone, employment_type = Level, gender = Level, property_type = Level, notes = Canary.Name });
        await organization.PostAsync("/v1/leads/batch", new { leads = Enumerable.Range(0, 9).Select(i => new { lead_id = string.Create(CultureInfo.InvariantCulture, $"planted-nine-{i}"), attributes = new { employment_type = OfNine, gender = OfNine } }) });
        await organization.PostAsync("/v1/events", new { events = Enumerable.Range(0, 10).Select(i => new { event_id = $"{Canary.Id}-{i}", lead_id = Canary.Id, type = "page_view", source = "website", occurred_at = $"2025-12-{1 + i:00}", properties = new { mail = Canary.Email } }) });
        var outcomes = Enumerable.Range(0, 9).Select(i => string.Create(CultureInfo.InvariantCulture, $"planted-nine-{i}")).Append(Canary.Id).Select((id, i) => new { lead_id = id, converted = i % 2 == 0, occurred_at = "2026-01-15", stage = $"for {Canary.Name}" });
        var (status, body) = await organization.PostAsync("/v1/outcomes", new { outcomes });
        Assert.True(status == System.Net.HttpStatusCode.OK, body.ToString());
    }

    /// <summary>Some bytes, and what they are packed from, as deep as it goes.</summary>
    private static IEnumerable<(string Name, byte[] Bytes)> Unpacked(string name, byte[] bytes, int depth)
    {
        yield return (name, bytes);
        if (depth == 4) yield break;
        var inner = new List<(string, byte[])>();
        if (bytes.AsSpan().StartsWith("PK"u8))
        {
            using var zip = new ZipArchive(new MemoryStream(bytes));
            foreach (var entry in zip.Entries)
            {
                using var part = new MemoryStream();
                using (var stream = entry.Open()) stream.CopyTo(part);
                inner.Add(($"{name}/{entry.FullName}", part.ToArray()));
            }
        }
        else if (bytes is [0x1F, 0x8B, ..])
        {
            using var part = new MemoryStream();
            using (var stream = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress)) stream.CopyTo(part);
            inner.Add((name + "/unzipped", part.ToArray()));
        }

        foreach (var (n, b) in inner.SelectMany(i => Unpacked(i.Item1, i.Item2, depth + 1))) yield return (n, b);
    }

    /// <summary>As text, as JSON and HTML write it, and in two bytes a letter.</summary>
    private static bool Has(byte[] bytes, string word) =>
        ((byte[][])[Encoding.UTF8.GetBytes(word), Encoding.Unicode.GetBytes(word), Encoding.UTF8.GetBytes(System.Text.Encodings.Web.JavaScriptEncoder.Default.Encode(word)), Encoding.UTF8.GetBytes(System.Net.WebUtility.HtmlEncode(word))])
            .Any(w => bytes.AsSpan().IndexOf(w) >= 0);
}
