using System.Globalization;
using System.Text.Json.Nodes;

namespace LeadScoring.Workflows.Tests.CommunityNode;

/// <summary>Reads what n8n keeps of an execution: the npm package flatted writes every text and object once, and its place wherever it is meant.</summary>
internal static class Flatted
{
    /// <summary>The whole as an ordinary tree. n8n's execution data has no cycles.</summary>
    public static JsonNode? Parse(string text)
    {
        var values = JsonNode.Parse(text)!.AsArray();
        return Revive(values, values[0]);
    }

    private static JsonNode? Revive(JsonArray values, JsonNode? value) => value switch
    {
        JsonObject known => new JsonObject(known.Select(member => KeyValuePair.Create(member.Key, Follow(values, member.Value)))),
        JsonArray known => new JsonArray([.. known.Select(member => Follow(values, member))]),
        _ => value?.DeepClone(),
    };

    // Within an object or array a text is the place of what is meant.
    private static JsonNode? Follow(JsonArray values, JsonNode? member) => member is JsonValue value && value.TryGetValue<string>(out var place)
        ? Revive(values, values[int.Parse(place, CultureInfo.InvariantCulture)])
        : Revive(values, member);
}
