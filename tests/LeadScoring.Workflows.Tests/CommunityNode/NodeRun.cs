using System.Text.Json.Nodes;

namespace LeadScoring.Workflows.Tests.CommunityNode;

/// <summary>What an execution of a node gave.</summary>
/// <param name="Outputs">Items of each output.</param>
/// <param name="Error">Message, description and so on when the node failed.</param>
internal sealed record NodeRun(IReadOnlyList<IReadOnlyList<JsonObject>> Outputs, JsonObject? Error)
{
    /// <summary>JSON of the items of the first output; throws when the node failed.</summary>
    public IReadOnlyList<JsonNode> Items => Error is null
        ? [.. Outputs[0].Select(item => item["json"]!)]
        : throw new InvalidOperationException($"The node failed: {Error["message"]} {Error["description"]}");

    public JsonNode Item => Items.Single();
}
