using System.Text.Json.Nodes;

namespace LeadScoring.Workflows.Tests.Servers;

/// <summary>A workflow file, and the few settings that a user would change in the editor after import.</summary>
internal sealed class Template
{
    private Template(JsonObject json) => Json = json;

    public JsonObject Json { get; }

    public string Id => (string)Json["id"]!;

    /// <summary>Every template in <c>workflows/</c>, by file name.</summary>
    public static IReadOnlyList<string> Files =>
        [.. Directory.EnumerateFiles(Repository.Workflows, "*.json").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    public static Template Load(string file) =>
        new((JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Workflows, file)))!);

    /// <summary>A second copy beside the first: n8n allows one id and one webhook path only once.</summary>
    public Template WithIdAndPath(string id, string webhookPath)
    {
        Json["id"] = id;
        Json["name"] = $"{(string)Json["name"]!} ({id})";
        var webhook = Nodes("n8n-nodes-base.webhook").Single();
        webhook["parameters"]!["path"] = webhookPath;
        webhook["webhookId"] = Guid.NewGuid().ToString();
        return this;
    }

    /// <summary>What the user sets in the node "Settings"; a name that is not there is a mistake of the test.</summary>
    public Template WithSettings(params (string Name, JsonNode Value)[] settings)
    {
        var assignments = Node("Settings")["parameters"]!["assignments"]!["assignments"]!.AsArray();
        foreach (var (name, value) in settings) assignments.Single(assignment => (string?)assignment!["name"] == name)!["value"] = value;
        return this;
    }

    public JsonNode Node(string name) => Json["nodes"]!.AsArray().Single(node => (string?)node!["name"] == name)!;

    public IEnumerable<JsonNode> Nodes(string type) => Json["nodes"]!.AsArray().Where(node => (string?)node!["type"] == type)!;
}
