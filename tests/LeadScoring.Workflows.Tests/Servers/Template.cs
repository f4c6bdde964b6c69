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

    /// <summary>A further copy, made through the editor's API, which gives it an id: its addresses must be its own.</summary>
    public Template AsCopy()
    {
        Json.Remove("id");
        Json["name"] = $"{(string)Json["name"]!} ({Guid.NewGuid():N})";
        Json["settings"]!.AsObject().Remove("errorWorkflow");
        Json["pinData"] = new JsonObject();
        foreach (var node in Json["nodes"]!.AsArray())
        {
            if (node!["webhookId"] is not null) node["webhookId"] = Guid.NewGuid().ToString();
            if ((string?)node["type"] == "n8n-nodes-base.webhook") node["parameters"]!["path"] = Guid.NewGuid().ToString("N");
            if ((string?)node["type"] == "n8n-nodes-base.formTrigger") node["parameters"]!["options"]!["path"] = Guid.NewGuid().ToString("N");
        }

        return this;
    }

    /// <summary>Every node that names a credential of this type names this one instead.</summary>
    public Template WithCredential(string type, string id)
    {
        foreach (var node in Json["nodes"]!.AsArray())
            if (node!["credentials"]?[type] is { } named) named["id"] = id;
        return this;
    }

    /// <summary>No call to the sidecar is waited for any longer.</summary>
    public Template WithPatience(TimeSpan timeout)
    {
        foreach (var node in Nodes("n8n-nodes-lead-scoring.leadScoring")) node["parameters"]!["options"]!["timeout"] = timeout.TotalSeconds;
        foreach (var node in Nodes("n8n-nodes-base.httpRequest").Where(node => node["credentials"]?[LeadScoringCredential.Type] is not null)) node["parameters"]!["options"]!["timeout"] = timeout.TotalMilliseconds;
        return this;
    }

    /// <summary>What the user sets in the node "Settings"; a name that is not there is a mistake of the test.</summary>
    public Template WithSettings(params (string Name, JsonNode Value)[] settings)
    {
        foreach (var (name, value) in settings) Assignment("Settings", name)["value"] = value;
        return this;
    }

    /// <summary>One field that a node "Edit Fields" sets.</summary>
    public JsonNode Assignment(string node, string field) =>
        Node(node)["parameters"]!["assignments"]!["assignments"]!.AsArray().Single(assignment => (string?)assignment!["name"] == field)!;

    public JsonNode Node(string name) => Json["nodes"]!.AsArray().Single(node => (string?)node!["name"] == name)!;

    public IEnumerable<JsonNode> Nodes(string type) => Json["nodes"]!.AsArray().Where(node => (string?)node!["type"] == type)!;
}
