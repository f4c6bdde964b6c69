using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Training;
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

    private static readonly JsonObject Defaults = JsonSerializer.SerializeToNode(new TrainingSettings(), BundleManifest.Json)!.AsObject();

    /// <summary>Settings with what is not said filled in, at every depth: a forest with another depth is still a forest with all its other parameters.</summary>
    internal static JsonObject WithDefaults(JsonObject said) => Merge(Defaults, said);

    private static JsonObject Merge(JsonObject defaults, JsonObject said)
    {
        var merged = defaults.DeepClone().AsObject();
        foreach (var (name, value) in said)
            merged[name] = value is JsonObject part && defaults[name] is JsonObject whole ? Merge(whole, part) : value?.DeepClone();
        return merged;
    }

    /// <summary>The fault in words that name no type of this program.</summary>
    internal static string Explain(JsonException e)
    {
        if (e.InnerException is JsonException syntax) return syntax.Message;
        // Text that is no JSON at all has no place in a document.
        if (e.Path is null) return e.Message;
        var pointer = JsonPointer.FromJsonPath(e.Path);
        return pointer == "/promote" ? "promote is auto, always or never."
            : $"{pointer}: there is no such setting, or its value is not of the kind that it takes. manifest.settings of GET /v1/models/{{version}} shows all settings.";
    }
}
