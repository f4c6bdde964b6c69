using System.Security.Cryptography;
using System.Text.Json;
using LeadScoring.Ml.Bundles;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Models;

/// <summary>Where a version comes from. The parameters themselves are the manifest's settings.</summary>
/// <param name="WindowFrom">First moment that training rows are as of; absent when rows carry no time.</param>
/// <param name="ProfileHash">SHA-256 of the profile's text.</param>
/// <param name="ParametersHash">SHA-256 of the settings: two versions with the same one were trained alike.</param>
/// <param name="CodeVersion">Version of the program that trained it.</param>
/// <param name="TrainingRun">Absent when it was imported.</param>
/// <param name="ChampionThen">Champion when it was added; absent when there was none.</param>
public sealed record ModelLineage(
    DateTimeOffset? WindowFrom, DateTimeOffset? WindowTo, int TrainRows, int TestRows, string Profile, string ProfileHash, string ParametersHash, int Seed, string? CodeVersion, DateTimeOffset TrainedAt,
    string? TrainingRun, int? ChampionThen)
{
    internal static ModelLineage Of(ModelRow row, BundleManifest manifest) => new(
        Moment.Of(manifest.WindowFromMs), Moment.Of(manifest.WindowToMs), manifest.TrainRows, manifest.TestRows, manifest.Profile, manifest.ProfileHash,
        Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(manifest.Settings, ModelStore.ManifestJson))), manifest.Settings.Seed,
        manifest.Libraries.GetValueOrDefault("leadscoring"), Moment.Of(manifest.TrainedAtMs), row.RunId, row.ChampionThen);
}
