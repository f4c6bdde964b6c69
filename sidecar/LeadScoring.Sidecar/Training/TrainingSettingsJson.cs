using System.Text.Json;
using System.Text.Json.Serialization;
using LeadScoring.Ml.Bundles;
using LeadScoring.Sidecar.Api;

namespace LeadScoring.Sidecar.Training;

/// <summary>Training settings as people write them: an unknown member is a fault, not a default.</summary>
internal static class TrainingSettingsJson
{
    internal static readonly JsonSerializerOptions Strict = new(BundleManifest.Json)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>The fault in words that name no type of this program.</summary>
    internal static string Explain(JsonException e)
    {
        if (e.InnerException is JsonException syntax) return syntax.Message;
        var pointer = JsonPointer.FromJsonPath(e.Path);
        return pointer == "/promote" ? "promote is auto, always or never."
            : $"{pointer}: there is no such setting, or its value is not of the kind that it takes. manifest.settings of GET /v1/models/{{version}} shows all settings.";
    }
}
