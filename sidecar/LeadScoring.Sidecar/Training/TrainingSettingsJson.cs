using System.Text.Json;
using System.Text.Json.Serialization;
using LeadScoring.Ml.Bundles;

namespace LeadScoring.Sidecar.Training;

/// <summary>Training settings as people write them: an unknown member is a fault, not a default.</summary>
internal static class TrainingSettingsJson
{
    internal static readonly JsonSerializerOptions Strict = new(BundleManifest.Json)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };
}
