using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;

namespace LeadScoring.Ml.Bundles;

/// <summary>The encoded training rows as files that XGBoost can be trained on anywhere, and the way back.</summary>
/// <remarks>
/// The zip holds <c>matrix.csv</c> (lead_id, as_of_ms, converted, f0, f1, ...; an empty cell is a missing value), <c>export.json</c> (what the columns are, how they are made) and <c>profile.yml</c>.
/// The way back is a zip of <c>export.json</c> and <c>profile.yml</c> as they came, <c>gradient_boosting.json</c>, and, if it was trained too, <c>random_forest.json</c>.
/// </remarks>
public static class TrainingMatrix
{
    private const int Format = 1;
    private const string ExportEntry = "export.json";
    private const string ProfileEntry = "profile.yml";
    private const string BoostingEntry = "gradient_boosting.json";
    private const string ForestEntry = "random_forest.json";

    /// <summary>Writes the rows that may be trained on; leads that calibrate and test are held back.</summary>
    /// <param name="to">Receives the zip; not closed.</param>
    /// <param name="set">Labelled rows with all features of the profile.</param>
    /// <param name="leadIds">Lead of each row.</param>
    /// <param name="settings">How values are encoded, and which leaks stay.</param>
    /// <param name="cancellationToken">Cancels between rows.</param>
    /// <returns>Rows written and rows held back.</returns>
    /// <exception cref="TrainingException">Too few rows, or one class only.</exception>
    public static (int Written, int HeldBack) Write(Stream to, TrainingSet set, IReadOnlyList<string> leadIds, TrainingSettings settings, CancellationToken cancellationToken)
    {
        settings.Validate();
        var (train, _, _) = ExternalMembers.Split(leadIds);
        EnsembleTrainer.RequireBothClasses(set, train);
        var leaks = LeakLinter.Find(set, train, settings);
        var kept = LeakLinter.Without(set, leaks);
        var encoded = PreprocessorFit.Fit(kept.Profile, kept.Values, kept.Labels, train, settings.Encoding, settings.Seed);
        var columns = encoded.Preprocessor.TreeColumns;
        using var archive = new ZipArchive(to, ZipArchiveMode.Create, leaveOpen: true);
        Put(archive, ProfileEntry, Encoding.UTF8.GetBytes(set.Profile.Yaml));
        var export = new Export(Format, set.Profile.Hash, [.. columns.Select(c => c.Name)], train.Length, leadIds.Count - train.Length, [.. leaks], BundleParts.PreprocessorPart.Of(encoded.Preprocessor));
        Put(archive, ExportEntry, JsonSerializer.SerializeToUtf8Bytes(export, BundleParts.Json));
        using var matrix = new StreamWriter(archive.CreateEntry("matrix.csv", CompressionLevel.Fastest).Open(), new UTF8Encoding(false));
        matrix.Write("lead_id,as_of_ms,converted");
        for (var c = 0; c < columns.Count; c++) matrix.Write(string.Create(CultureInfo.InvariantCulture, $",f{c}"));
        matrix.Write('\n');
        for (var i = 0; i < train.Length; i++)
        {
            if (i % 1_000 == 0) cancellationToken.ThrowIfCancellationRequested();
            matrix.Write(Quoted(SpreadsheetCell.Harmless(leadIds[train[i]])));
            matrix.Write(string.Create(CultureInfo.InvariantCulture, $",{set.AsOfMs?[train[i]]},{(int)set.Labels[train[i]]}"));
            foreach (var value in encoded.Tree.AsSpan(i * columns.Count, columns.Count))
            {
                matrix.Write(',');
                // Nine digits give the same single-precision number back; NaN is an empty cell.
                if (!float.IsNaN(value)) matrix.Write(value.ToString("G9", CultureInfo.InvariantCulture));
            }

            matrix.Write('\n');
        }

        return (train.Length, leadIds.Count - train.Length);
    }

    /// <summary>Reads what came back.</summary>
    /// <param name="zip">A zip of export.json, profile.yml, gradient_boosting.json and perhaps random_forest.json.</param>
    /// <param name="profile">The profile in force: its features must be those of the export.</param>
    /// <exception cref="BundleException">Damaged, incomplete, or of another profile; the message says what to do.</exception>
    public static ExternalMembers Read(byte[] zip, FeatureProfile profile)
    {
        try
        {
            using var archive = ModelBundle.Open(zip);
            var exported = FeatureProfile.Parse(Encoding.UTF8.GetString(ModelBundle.Entry(archive, ProfileEntry)));
            var export = JsonSerializer.Deserialize<Export>(ModelBundle.Entry(archive, ExportEntry), BundleParts.Json) ?? throw new BundleException($"{ExportEntry} is empty.");
            if (export.Format != Format) throw new BundleException($"{ExportEntry} has format {export.Format}; this program reads format {Format}. Export the matrix again.");
            if (exported.Hash != export.ProfileHash) throw new BundleException($"{ProfileEntry} is not the one that was exported with {ExportEntry}. Send both as they came.");
            if (exported.FeaturesHash != profile.FeaturesHash) throw new BundleException("The features of the profile have changed since the matrix was exported. Export it again and train on that.");
            var leftOut = export.Leaks.Where(l => l.LeftOut).Select(l => l.Feature).ToHashSet(StringComparer.Ordinal);
            var kept = leftOut.Count == 0 ? profile : profile.Without(leftOut);
            var preprocessor = export.Preprocessor.ToModel(kept);
            if (!preprocessor.TreeColumns.Select(c => c.Name).SequenceEqual(export.Columns)) throw new BundleException($"{ExportEntry} has been changed: its columns are not those of its preprocessor. Send it as it came.");
            return new ExternalMembers
            {
                Profile = kept, Preprocessor = preprocessor, Leaks = export.Leaks, GradientBoostingJson = ModelBundle.Entry(archive, BoostingEntry),
                RandomForestJson = archive.GetEntry(ForestEntry) is null ? null : ModelBundle.Entry(archive, ForestEntry),
            };
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or FormatException or ArgumentException or NotSupportedException)
        {
            throw new BundleException($"The files cannot be used: {e.Message}", e);
        }
    }

    private static string Quoted(string text) => text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static void Put(ZipArchive archive, string name, byte[] bytes)
    {
        using var stream = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
        stream.Write(bytes);
    }

    private sealed record Export(int Format, string ProfileHash, string[] Columns, int Rows, int HeldBack, LeakFinding[] Leaks, BundleParts.PreprocessorPart Preprocessor);
}
