using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Tests.Training;
using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Tests.Bundles;

[Trait("Category", "Slow")]
public sealed class ModelBundleTests
{
    private static readonly JsonSerializerOptions WithNaN = new() { NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private static byte[] Good => SmallWorld.Trained.Value.Bundle;

    [NativeXGBoostFact]
    public void Read_WhatWasWritten_ScoresTheSame()
    {
        var (set, result, bytes) = SmallWorld.Trained.Value;
        var read = ModelBundle.Read(bytes);
        Span<double> a = stackalloc double[4], b = stackalloc double[4];
        for (var r = 0; r < set.Rows; r++)
        {
            Assert.Equal(result.Model.Score(set.Row(r), a), read.Model.Score(set.Row(r), b));
            Assert.True(a.SequenceEqual(b));
            Assert.Equal(result.Model.QuickScore(set.Row(r)), read.Model.QuickScore(set.Row(r)));
            var probability = read.Model.Score(set.Row(r)).Probability;
            Assert.Equal(result.Model.Certainty.Intervals.Around(probability), read.Model.Certainty.Intervals.Around(probability));
            Assert.Equal(result.Model.Certainty.PrimaryIntervals.Around(probability), read.Model.Certainty.PrimaryIntervals.Around(probability));
        }
    }

    [NativeXGBoostFact]
    public void Read_Manifest_KeepsWhatWasSaid()
    {
        var (_, result, bytes) = SmallWorld.Trained.Value;
        var m = ModelBundle.Read(bytes).Manifest;
        Assert.Equal((3, 1_700_000_000_000, "small", SmallWorld.Profile.Hash), (m.Format, m.TrainedAtMs, m.Profile, m.ProfileHash));
        Assert.Equal((1L, 1_600L, 1_280, 320), (m.WindowFromMs, m.WindowToMs, m.TrainRows, m.TestRows));
        Assert.Equal(JsonSerializer.Serialize(SmallWorld.Quick), JsonSerializer.Serialize(m.Settings));
        Assert.Equal(result.Test, m.Test);
        Assert.Equal(result.OutOfFold, m.OutOfFold);
        Assert.Equal(["dotnet", "leadscoring", "xgboost"], m.Libraries.Keys.Order());
        Assert.Equal(Entries(bytes).Keys.Where(k => k != "manifest.json").Order(), m.Checksums.Keys.Order());
    }

    [NativeXGBoostFact]
    public void Read_Reference_HoldsQuantilesSharesAndMissing()
    {
        var (set, result, bytes) = SmallWorld.Trained.Value;
        var reference = ModelBundle.Read(bytes).Reference.ToDictionary(r => r.Feature);
        Assert.Equal(21, reference["visits"].Quantiles!.Length);
        Assert.Equal((0.0, 11.0), (reference["visits"].Quantiles![0], reference["visits"].Quantiles![20]));
        Assert.Equal(1, reference["city"].LevelShares!.Values.Sum(), 9);
        Assert.Equal(1, reference["empty"].MissingShare);
        var missing = result.TrainRows.Count(r => set.Row(r)[0].IsMissing) / (double)result.TrainRows.Length;
        Assert.Equal(missing, reference["visits"].MissingShare, 12);
    }

    [NativeXGBoostFact]
    public void Read_Reference_CountsAllRowsInCells()
    {
        var (set, result, bytes) = SmallWorld.Trained.Value;
        var read = ModelBundle.Read(bytes);
        Assert.All(read.Reference, r => Assert.Equal(result.TrainRows.Length, r.Cells!.Rows));
        var visits = read.Reference[0].Cells!;
        Assert.Equal(Enumerable.Range(0, 12).Select(v => (double)v), visits.Bounds!);
        Assert.Equal(result.TrainRows.Count(r => set.Row(r)[0].Number == 3), visits.Counts[3]);
        Assert.Equal(result.TrainRows.Count(r => set.Row(r)[2].Level == "city1"), read.Reference[2].Cells!.Counts[Array.IndexOf(read.Reference[2].Cells!.Levels!, "city1")]);
        Assert.Equal(result.TestRows.Length, read.PredictionReference!.Rows);
    }

    /// <summary>What version 2 wrote: no cells, no predictions. It scores as ever.</summary>
    [NativeXGBoostFact]
    public void Read_FormatBefore_ScoresAndHasNothingToCompareWith()
    {
        var entries = Entries(Changed("reference.json", r =>
        {
            foreach (var feature in r.AsArray()) feature!.AsObject().Remove("cells");
        }));
        entries.Remove("predictions.json");
        var manifest = JsonNode.Parse(entries["manifest.json"])!;
        manifest["format"] = 2;
        manifest["checksums"]!.AsObject().Remove("predictions.json");
        entries["manifest.json"] = JsonSerializer.SerializeToUtf8Bytes(manifest);
        var read = ModelBundle.Read(Sealed(entries));
        Assert.Null(read.PredictionReference);
        Assert.All(read.Reference, r => Assert.Null(r.Cells));
        var row = SmallWorld.Trained.Value.Set.Row(0);
        Assert.Equal(ModelBundle.Read(Good).Model.Score(row), read.Model.Score(row));
    }

    [NativeXGBoostFact]
    public void Read_LeftOutFeatures_StayLeftOut()
    {
        var honest = SmallWorld.Leads(300, 21);
        var set = SmallWorld.With(honest, "leak", "numeric", r => new FeatureValue(honest.Labels[r], null));
        var result = EnsembleTrainer.Train(set, SmallWorld.Quick, null, default);
        var read = ModelBundle.Read(ModelBundle.Write(set, result, SmallWorld.Quick, 1));
        Assert.Equal(["leak"], read.Manifest.LeftOutFeatures);
        Assert.Equal(-1, read.Model.Profile.IndexOf("leak"));
        Assert.Equal(set.Profile.Hash, read.Model.Profile.Hash);
        Assert.Equal(result.Leaks, read.Manifest.Leaks);
        Assert.Equal(result.TestScores[0], read.Model.Score(set.Row(result.TestRows[0])[..7]));
        Assert.DoesNotContain(read.Reference, r => r.Feature == "leak");
    }

    [NativeXGBoostFact]
    public void Read_FlippedBytes_FailsOrIsTheSameBundle()
    {
        var good = ModelBundle.Read(Good);
        var expected = JsonSerializer.Serialize(good.Manifest, WithNaN);
        var values = SmallWorld.Trained.Value.Set.Row(0).ToArray();
        for (var seed = 0; seed < 250; seed++)
        {
            var random = new Random(seed);
            var bytes = (byte[])Good.Clone();
            // Half of the damage hits the first 3 kB: the manifest.
            bytes[random.Next(seed % 2 == 0 ? Math.Min(3_000, bytes.Length) : bytes.Length)] ^= (byte)(1 << random.Next(8));
            ModelBundle read;
            try
            {
                read = ModelBundle.Read(bytes);
            }
            catch (BundleException)
            {
                continue;
            }

            Assert.True(expected == JsonSerializer.Serialize(read.Manifest, WithNaN), $"seed {seed}: a damaged manifest was believed");
            Assert.Equal(good.Model.Score(values), read.Model.Score(values));
        }
    }

    [NativeXGBoostFact]
    public void Read_AnyTruncation_ThrowsBundleException()
    {
        for (var i = 0; i < 60; i++) Bad(Good[..(Good.Length * i / 60)]);
        Bad(Good[..^1]);
    }

    [Fact]
    public void Read_NoBundle_ThrowsBundleException()
    {
        Bad([]);
        Bad(Encoding.UTF8.GetBytes("PK\u0003\u0004 nothing behind"));
        Bad(new byte[4_096]);
        Assert.Contains("manifest.json", Bad(Pack(new() { ["hello.txt"] = [1, 2, 3] })).Message);
        Bad(Pack(new() { ["manifest.json"] = "null"u8.ToArray() }));
        Bad(Pack(new() { ["manifest.json"] = "{}"u8.ToArray() }));
        Bad(Pack(new() { ["manifest.json"] = "[1"u8.ToArray() }));
    }

    [NativeXGBoostFact]
    public void Read_EntryRemoved_NamesIt()
    {
        foreach (var name in Entries(Good).Keys)
        {
            var entries = Entries(Good);
            entries.Remove(name);
            Assert.Contains(name, Bad(Pack(entries)).Message);
        }
    }

    [NativeXGBoostFact]
    public void Read_EntriesSwapped_IsDamaged()
    {
        var entries = Entries(Good);
        (entries["gradient_boosting.json"], entries["random_forest.json"]) = (entries["random_forest.json"], entries["gradient_boosting.json"]);
        Assert.Contains("checksum", Bad(Pack(entries)).Message);
    }

    [NativeXGBoostFact]
    public void Read_AnyByteOfAnEntryChanged_NamesTheEntry()
    {
        foreach (var name in Entries(Good).Keys.Where(k => k != "manifest.json"))
        {
            var entries = Entries(Good);
            entries[name][entries[name].Length / 2] ^= 1;
            Assert.Contains(name, Bad(Pack(entries)).Message);
        }
    }

    [NativeXGBoostFact]
    public void Read_OtherFormat_SaysWhichItReads()
    {
        var ex = Bad(Changed("manifest.json", m => m["format"] = 4));
        Assert.Contains("format 4", ex.Message);
        Assert.Contains("formats 2 to 3", ex.Message);
        Assert.Contains("Update", ex.Message);
        var old = Bad(Changed("manifest.json", m => m["format"] = 1));
        Assert.Contains("made by an earlier version", old.Message);
        Assert.Contains("Train again", old.Message);
    }

    [NativeXGBoostFact]
    public void Read_OtherProfileWithGoodChecksum_IsRefused()
    {
        var entries = Entries(Good);
        entries["profile.yml"] = [.. entries["profile.yml"], .. "# changed\n"u8];
        Bad(Sealed(entries));
    }

    [NativeXGBoostFact]
    public void Read_CraftedParts_OnlyEverThrowBundleException()
    {
        Func<JsonNode?>[] values = [() => null, () => -1, () => 1e300, () => "NaN", () => "Infinity", () => "x", () => new JsonArray(), () => new JsonObject(), () => new JsonArray((JsonNode?)null)];
        var probe = SmallWorld.Trained.Value.Set.Row(0).ToArray();
        foreach (var name in Entries(Good).Keys.Where(n => n.EndsWith(".json", StringComparison.Ordinal) && !n.Contains("boosting", StringComparison.Ordinal) && !n.Contains("forest", StringComparison.Ordinal)))
        {
            for (var seed = 0; seed < 40; seed++)
            {
                var random = new Random(seed);
                var bytes = Changed(name, root => Spoil(root, random, values[random.Next(values.Length)]()));
                ModelBundle read;
                try
                {
                    read = ModelBundle.Read(bytes);
                }
                catch (BundleException)
                {
                    continue;
                }

                // What is believed must score any lead.
                Assert.InRange(read.Model.Score(probe[..read.Model.Profile.Features.Count]).Points, 0.1, 99.9);
                read.Model.Score(new FeatureValue[read.Model.Profile.Features.Count]);
                Assert.InRange(read.Model.Certainty.Intervals.Around(0.3).Low, 0, 0.3);
                for (var f = 0; f < read.Model.Profile.Features.Count; f++)
                    Assert.NotEmpty(FactorWording.Of(read.Model.Profile.Features[f], probe[f], 1, read.BaseRates, f).Text);
            }
        }
    }

    [NativeXGBoostFact]
    public void Read_PartsNull_ThrowBundleException()
    {
        foreach (var key in (string[])["checksums", "left_out_features", "profile_hash", "settings"]) Bad(Changed("manifest.json", m => m[key] = null));
        Bad(Changed("preprocessor.json", p => p["encoders"] = null));
        Bad(Changed("preprocessor.json", p => p["encoders"]![0] = null));
        Bad(Changed("preprocessor.json", p => p["encoders"]![2]!["levels"] = null));
        Bad(Changed("preprocessor.json", p => p["encoders"]![2]!["levels"]![0] = null));
        Bad(Changed("preprocessor.json", p => p["encoders"]![3]!["log_odds"] = null));
        Bad(Changed("preprocessor.json", p => p["encoders"]![3]!["missing_log_count"] = "Infinity"));
        Bad(Changed("network.json", n => n["layers"] = null));
        Bad(Changed("network.json", n => n["layers"]![0] = null));
        Bad(Changed("network.json", n => n["layers"]![0]!["weights"] = null));
        Bad(Changed("regression.json", r => r["coefficients"] = null));
        Bad(Changed("calibration.json", c => c["ensemble"] = null));
        Bad(Changed("calibration.json", c => c["weights"] = null));
        foreach (var part in (string[])["confidence", "primary_confidence", "intervals", "primary_intervals"]) Bad(Changed("certainty.json", c => c[part] = null));
        Bad(Changed("certainty.json", c => c["confidence"]!["regression"]!["intercept"] = "NaN"));
        Bad(Changed("certainty.json", c => c["primary_confidence"]!["map"]!["y"]![0] = 2));
        Bad(Changed("certainty.json", c => c["intervals"]!["half_widths"]![0] = -1));
        Bad(Changed("certainty.json", c => c["intervals"]!["probabilities"]![0] = 0));
        Bad(Changed("certainty.json", c => c["intervals"]!["tau"] = "Infinity"));
        Bad(Changed("base_rates.json", b => b["features"] = null));
        Bad(Changed("base_rates.json", b => b["features"]![0] = null));
        Bad(Changed("base_rates.json", b => b["features"]!.AsArray().RemoveAt(0)));
        Bad(Changed("base_rates.json", b => b["features"]![0]!["feature"] = "another"));
        Bad(Changed("base_rates.json", b => b["features"]![0]!["bins"]![0]!["leads"]!["conversions"] = 1_000_000));
        Bad(Changed("base_rates.json", b => b["features"]![0]!["bins"]![0]!["from"] = 1e300));
        Bad(Changed("base_rates.json", b => b["features"]![0]!["missing"]!["rows"] = -1));
        Bad(Changed("base_rates.json", b => b["least"] = 0));
        Bad(Changed("reference.json", r => r[0] = null));
        Bad(Changed("reference.json", r => r[0]!["cells"]!["bounds"]![1] = -5));
        Bad(Changed("reference.json", r => r[0]!["cells"]!["counts"] = new JsonArray()));
        Bad(Changed("predictions.json", p => p["counts"]![0] = -1));
    }

    [NativeXGBoostFact]
    public void Read_ClaimOfHugeEntries_IsRefusedWithoutBelievingIt()
    {
        // The directory claims 255 MB for each entry; what is there is a few kilobytes.
        var bytes = Claiming(Good, ModelBundle.MaxEntryBytes - 1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            ModelBundle.Read(bytes);
        }
        catch (BundleException)
        {
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000_000);
        Assert.Contains("at most", Bad(Claiming(Good, ModelBundle.MaxEntryBytes + 1)).Message);
    }

    /// <summary>With checksums that fit: nothing but the bounds keeps these out.</summary>
    [NativeXGBoostFact]
    public void Read_MoreEntriesBytesOrRatioThanAnyModelHas_IsRefused()
    {
        var many = Entries(Good);
        for (var i = many.Count; i <= 64; i++) many[$"more{i}.json"] = [1];
        Assert.Contains("at most 64 are read", Bad(Pack(many)).Message);
        // Each entry within its own bound, more than half a gigabyte together.
        Assert.Contains("at most 536,870,912 are read", Bad(Claiming(Good, ModelBundle.MaxEntryBytes - 1)).Message);
        var blown = Entries(Good);
        blown["profile.yml"] = [.. blown["profile.yml"], .. Enumerable.Repeat((byte)'\n', 16_000_000)];
        Assert.Contains("no model does that", Bad(Sealed(blown)).Message);
    }

    [NativeXGBoostFact]
    public void Read_MoreThanClaimed_IsRefused()
    {
        var entries = Entries(Good);
        Bad(Claiming(Pack(entries), 10));
    }

    private static BundleException Bad(byte[] bytes) => Assert.Throws<BundleException>(() => ModelBundle.Read(bytes));

    private static Dictionary<string, byte[]> Entries(byte[] zip)
    {
        using var archive = new ZipArchive(new MemoryStream(zip));
        return archive.Entries.ToDictionary(e => e.FullName, e =>
        {
            using var stream = e.Open();
            using var copy = new MemoryStream();
            stream.CopyTo(copy);
            return copy.ToArray();
        });
    }

    private static byte[] Pack(Dictionary<string, byte[]> entries)
    {
        using var buffer = new MemoryStream();
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in entries)
            {
                using var stream = archive.CreateEntry(name).Open();
                stream.Write(bytes);
            }
        }

        return buffer.ToArray();
    }

    /// <summary>Packs with checksums that fit: what a stranger would send.</summary>
    private static byte[] Sealed(Dictionary<string, byte[]> entries)
    {
        var manifest = JsonNode.Parse(entries["manifest.json"])!;
        if (manifest["checksums"] is JsonObject sums)
        {
            foreach (var (name, bytes) in entries.Where(e => e.Key != "manifest.json")) sums[name] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        }

        entries["manifest.json"] = Encoding.UTF8.GetBytes(manifest.ToJsonString());
        return Pack(entries);
    }

    private static byte[] Changed(string entry, Action<JsonNode> change)
    {
        var entries = Entries(Good);
        var node = JsonNode.Parse(entries[entry])!;
        change(node);
        entries[entry] = Encoding.UTF8.GetBytes(node.ToJsonString());
        return Sealed(entries);
    }

    private static void Spoil(JsonNode node, Random random, JsonNode? value)
    {
        while (true)
        {
            if (node is JsonObject o && o.Count > 0)
            {
                var key = o.ElementAt(random.Next(o.Count)).Key;
                if (o[key] is JsonObject or JsonArray && random.Next(4) > 0)
                {
                    node = o[key]!;
                    continue;
                }

                o[key] = value;
            }
            else if (node is JsonArray a && a.Count > 0)
            {
                var at = random.Next(a.Count);
                if (a[at] is JsonObject or JsonArray && random.Next(4) > 0)
                {
                    node = a[at]!;
                    continue;
                }

                a[at] = value;
            }

            return;
        }
    }

    /// <summary>The zip with another unpacked size in every record of its central directory.</summary>
    private static byte[] Claiming(byte[] zip, int size)
    {
        var bytes = (byte[])zip.Clone();
        var end = bytes.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        var at = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(end + 16));
        while (at < end)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at + 24), size);
            at += 46 + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 28)) + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 30))
                + BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 32));
        }

        return bytes;
    }
}
