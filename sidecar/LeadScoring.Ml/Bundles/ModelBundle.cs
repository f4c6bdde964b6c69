using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LeadScoring.Ml.Drift;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.Trees;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Bundles;

/// <summary>A trained model as one zip: manifest, profile, preprocessor, members, calibration, reference distributions. Checksummed.</summary>
/// <param name="Manifest">What it is.</param>
/// <param name="Model">Ready to score.</param>
/// <param name="Reference">How the features were distributed in training.</param>
/// <param name="FeaturesHash"><see cref="FeatureProfile.FeaturesHash"/> of the whole profile, left-out features included.</param>
/// <param name="BaseRates">How the training leads converted by value of each of the model's features.</param>
public sealed record ModelBundle(BundleManifest Manifest, EnsembleModel Model, IReadOnlyList<ReferenceDistribution> Reference, string FeaturesHash, BaseRates BaseRates)
{
    /// <summary>The model's probabilities on its test rows, counted in cells; null in bundles of format 2.</summary>
    public FeatureCells? PredictionReference { get; init; }

    /// <summary>Largest entry that is read, bytes after unpacking: a bundle may come from a stranger.</summary>
    public const int MaxEntryBytes = 256 * 1024 * 1024;

    private const int FirstBufferBytes = 1024 * 1024;

    /// <summary>Most entries of a zip that is read; a bundle has a dozen.</summary>
    private const int MaxEntries = 64;

    /// <summary>All entries together, bytes after unpacking.</summary>
    private const long MaxTotalBytes = 512L * 1024 * 1024;

    // Text packs to a tenth or twentieth. What unpacks to far more was made to fill memory.
    private const int MaxRatio = 200;

    private const string ManifestEntry = "manifest.json";
    private const string ProfileEntry = "profile.yml";
    private const string PreprocessorEntry = "preprocessor.json";
    private const string BoostingEntry = "gradient_boosting.json";
    private const string ForestEntry = "random_forest.json";
    private const string NetworkEntry = "network.json";
    private const string RegressionEntry = "regression.json";
    private const string CalibrationEntry = "calibration.json";
    private const string ReferenceEntry = "reference.json";
    private const string PredictionsEntry = "predictions.json";
    private const string CertaintyEntry = "certainty.json";
    private const string BaseRatesEntry = "base_rates.json";

    /// <summary>Packs a training's result.</summary>
    /// <param name="set">The table it was trained on, for the reference distributions.</param>
    /// <param name="result">The result.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="trainedAtMs">Now, Unix ms.</param>
    /// <param name="judged">What the evaluation around the training found; null when there was none.</param>
    public static byte[] Write(TrainingSet set, TrainingResult result, TrainingSettings settings, long trainedAtMs, JudgedTraining? judged = null)
    {
        var model = result.Model;
        var entries = new Dictionary<string, byte[]>
        {
            [ProfileEntry] = Encoding.UTF8.GetBytes(model.Profile.Yaml),
            [PreprocessorEntry] = Json(BundleParts.PreprocessorPart.Of(model.Preprocessor)),
            [BoostingEntry] = result.GradientBoostingJson,
            [ForestEntry] = result.RandomForestJson,
            [NetworkEntry] = Json(BundleParts.NetworkPart.Of(model.Network)),
            [RegressionEntry] = Json(BundleParts.RegressionPart.Of(model.Regression)),
            [CalibrationEntry] = Json(new BundleParts.CalibrationPart(
                model.Weights, BundleParts.MapPart.Of(model.Calibrator), BundleParts.MapPart.Of(model.PrimaryCalibrator), model.DenseBaseline.ToArray())),
            [CertaintyEntry] = Json(BundleParts.CertaintyPart.Of(model.Certainty)),
            [BaseRatesEntry] = Json(BaseRatesOf(set.WithFeatures(model.Profile), result.TrainRows)),
            [ReferenceEntry] = Json(ReferenceDistribution.Of(set.WithFeatures(model.Profile), AsTheyCome(set, result, result.TrainRows, tested: false), settings.Encoding.MinLevelCount)),
            [PredictionsEntry] = Json(PredictionsOf(model, set.WithFeatures(model.Profile), AsTheyCome(set, result, result.TestRows, tested: true))),
        };
        var manifest = new BundleManifest
        {
            TrainedAtMs = trainedAtMs, Profile = model.Profile.Name, ProfileHash = model.Profile.Hash,
            LeftOutFeatures = [.. result.Leaks.Where(l => l.LeftOut).Select(l => l.Feature).Distinct(StringComparer.Ordinal)],
            WindowFromMs = judged?.Evaluation.RuleSinceMs ?? set.AsOfMs?.Min(), WindowToMs = set.AsOfMs?.Max(),
            TrainRows = result.TrainRows.Length, TestRows = result.TestRows.Length, TrainingSeconds = Math.Round(result.Duration.TotalSeconds, 1),
            Settings = settings, Tuning = result.Tuning, TrainedElsewhere = result.TrainedElsewhere, OutOfFold = result.OutOfFold, Test = result.Test, Leaks = result.Leaks,
            Evaluation = judged?.Evaluation, Fairness = judged?.Fairness, Anchor = judged?.Anchor,
            Libraries = Libraries(),
            Checksums = entries.ToDictionary(e => e.Key, e => Convert.ToHexStringLower(SHA256.HashData(e.Value))),
        };
        return Zip(entries.Prepend(new(ManifestEntry, JsonSerializer.SerializeToUtf8Bytes(manifest, new JsonSerializerOptions(BundleParts.Json) { WriteIndented = true }))));
    }

    /// <summary>Reads a bundle and makes the model; nothing of it is trusted.</summary>
    /// <exception cref="BundleException">Not a bundle, of a newer format, damaged, or its parts do not fit.</exception>
    public static ModelBundle Read(byte[] zip)
    {
        try
        {
            using var archive = Open(zip);
            var manifestBytes = Entry(archive, ManifestEntry);
            // The manifest vouches for all else; for the manifest itself there is only the zip's own sum, which ZipArchive does not look at.
            if (archive.GetEntry(ManifestEntry)!.Crc32 != Crc32(manifestBytes))
                throw new BundleException($"The bundle is damaged: the checksum of {ManifestEntry} does not match.");
            var manifest = Part<BundleManifest>(manifestBytes, ManifestEntry);
            if (manifest.Format < BundleManifest.OldestFormat)
                throw new BundleException($"The bundle has format {manifest.Format}, made by an earlier version; this program reads formats {BundleManifest.OldestFormat} to {BundleManifest.CurrentFormat}. Train again.");
            if (manifest.Format > BundleManifest.CurrentFormat)
                throw new BundleException($"The bundle has format {manifest.Format}; this program reads formats {BundleManifest.OldestFormat} to {BundleManifest.CurrentFormat}. Update the program.");
            byte[] Verified(string name)
            {
                var bytes = Entry(archive, name);
                if (!manifest.Checksums.TryGetValue(name, out var sum) || sum != Convert.ToHexStringLower(SHA256.HashData(bytes)))
                    throw new BundleException($"The bundle is damaged: the checksum of {name} does not match.");
                return bytes;
            }

            var profile = FeatureProfile.Parse(Encoding.UTF8.GetString(Verified(ProfileEntry)));
            if (profile.Hash != manifest.ProfileHash) throw new BundleException("The bundle is damaged: its profile is not the one the manifest names.");
            var model = ReadModel(manifest, profile, Verified);
            var rates = Part<BaseRates>(Verified(BaseRatesEntry), BaseRatesEntry);
            rates.Check(model.Profile);
            var reference = Part<ReferenceDistribution[]>(Verified(ReferenceEntry), ReferenceEntry);
            foreach (var r in reference) (r ?? throw new FormatException("a reference is null")).Cells?.Check(r.Feature);
            var predictions = manifest.Format < 3 ? null : Part<FeatureCells>(Verified(PredictionsEntry), PredictionsEntry);
            predictions?.Check("predictions");
            return new ModelBundle(manifest, model, reference, profile.FeaturesHash, rates) { PredictionReference = predictions };
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or FormatException or ArgumentException or NotSupportedException)
        {
            throw new BundleException($"The bundle cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Rows that new leads are held against: leads that nobody worked teach nothing, and come all the same. They are dealt to both sides as the others are.</summary>
    private static int[] AsTheyCome(TrainingSet set, TrainingResult result, int[] rows, bool tested)
    {
        if (set.Weights is not { } weights) return rows;
        var share = result.TestRows.Length / (double)(result.TestRows.Length + result.TrainRows.Length);
        int[] others = [.. Enumerable.Range(0, set.Rows).Where(r => weights[r] == 0)];
        return [.. rows.Concat(others.Where((_, i) => Math.Floor((i + 1) * share) > Math.Floor(i * share) == tested)).Order()];
    }

    private static EnsembleModel ReadModel(BundleManifest manifest, FeatureProfile profile, Func<string, byte[]> entry)
    {
        if (manifest.LeftOutFeatures.Count > 0) profile = profile.Without(manifest.LeftOutFeatures.ToHashSet(StringComparer.Ordinal));
        var calibration = Part<BundleParts.CalibrationPart>(entry(CalibrationEntry), CalibrationEntry);
        return new EnsembleModel(
            profile,
            Part<BundleParts.PreprocessorPart>(entry(PreprocessorEntry), PreprocessorEntry).ToModel(profile),
            TreeEnsemble.FromXGBoostJson(entry(BoostingEntry)),
            TreeEnsemble.FromXGBoostJson(entry(ForestEntry)),
            Part<BundleParts.NetworkPart>(entry(NetworkEntry), NetworkEntry).ToModel(),
            Part<BundleParts.RegressionPart>(entry(RegressionEntry), RegressionEntry).ToModel(),
            calibration.Weights, calibration.Ensemble.ToModel(), calibration.Primary.ToModel(),
            Part<BundleParts.CertaintyPart>(entry(CertaintyEntry), CertaintyEntry).ToModel(), calibration.DenseBaseline);
    }

    /// <summary>Without anchor: what the model says before it is moved to another base rate.</summary>
    private static FeatureCells PredictionsOf(EnsembleModel model, TrainingSet set, int[] rows)
    {
        var plain = model.WithAnchor(Calibration.Anchor.Identity);
        return FeatureCells.OfNumbers(rows.Select(r => plain.Score(set.Row(r)).Probability));
    }

    private static BaseRates BaseRatesOf(TrainingSet set, int[] rows) => BaseRates.Of(set.Profile, set.Values, set.Labels, rows);

    private static byte[] Json<T>(T part) => JsonSerializer.SerializeToUtf8Bytes(part, BundleParts.Json);

    private static T Part<T>(byte[] json, string name) =>
        JsonSerializer.Deserialize<T>(json, BundleParts.Json) ?? throw new BundleException($"The bundle's {name} is empty.");

    /// <summary>A zip from anywhere: entries are only ever read by name and never written to disk, so that a path in a name leads nowhere; still no such zip was made by this program.</summary>
    /// <exception cref="BundleException">Too many entries, one twice, a name with a path, or a size that no bundle has.</exception>
    internal static ZipArchive Open(byte[] zip)
    {
        var archive = new ZipArchive(new MemoryStream(zip), ZipArchiveMode.Read);
        try
        {
            if (archive.Entries.Count > MaxEntries) throw new BundleException($"The zip has {archive.Entries.Count} entries; at most {MaxEntries} are read.");
            var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
            var total = 0L;
            foreach (var entry in archive.Entries)
            {
                if (entry.FullName.AsSpan().IndexOfAny('/', '\\', ':') >= 0) throw new BundleException("The zip has an entry with a path in its name; a bundle's entries are plain file names.");
                if (!names.Add(entry.FullName)) throw new BundleException("The zip has an entry twice. Which of them counts is not guessed.");
                total += entry.Length;
            }

            return total <= MaxTotalBytes ? archive : throw new BundleException($"The zip unpacks to {total:N0} bytes; at most {MaxTotalBytes:N0} are read.");
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    internal static byte[] Entry(ZipArchive archive, string name)
    {
        var entry = archive.GetEntry(name) ?? throw new BundleException($"{name} is missing: the file is no model bundle, or not a whole one.");
        if (entry.Length > MaxEntryBytes) throw new BundleException($"The bundle's {name} has {entry.Length} bytes; at most {MaxEntryBytes} are read.");
        var most = Math.Min(MaxEntryBytes, FirstBufferBytes + (MaxRatio * entry.CompressedLength));
        if (entry.Length > most) throw new BundleException($"The bundle's {name} unpacks to {entry.Length:N0} bytes from {entry.CompressedLength:N0}: no model does that.");
        using var stream = entry.Open();
        // The length in the zip's directory is the writer's claim: the bound must hold for what really comes.
        using var buffer = new MemoryStream((int)Math.Clamp(entry.Length, 0, FirstBufferBytes));
        var chunk = new byte[81920];
        int read;
        while ((read = stream.Read(chunk)) > 0)
        {
            if (buffer.Length + read > most) throw new BundleException($"The bundle's {name} unpacks to more than {most:N0} bytes.");
            buffer.Write(chunk, 0, read);
        }

        return buffer.ToArray();
    }

    /// <summary>The checksum of zip files: ISO 3309, reflected polynomial 0xEDB88320.</summary>
    private static uint Crc32(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }

        return ~crc;
    }

    private static byte[] Zip(IEnumerable<KeyValuePair<string, byte[]>> entries)
    {
        using var buffer = new MemoryStream();
        using (var archive = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in entries)
            {
                var entry = archive.CreateEntry(name, CompressionLevel.Fastest);
                // A fixed date: the same model is the same file.
                entry.LastWriteTime = new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
                using var stream = entry.Open();
                stream.Write(bytes);
            }
        }

        return buffer.ToArray();
    }

    private static Dictionary<string, string> Libraries() => new()
    {
        ["leadscoring"] = typeof(ModelBundle).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0",
        ["xgboost"] = XGBoostLibrary.Version ?? "none",
        ["dotnet"] = Environment.Version.ToString(),
    };
}
