using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.CommunityNode;

/// <summary>Makes workflows with the community node in them through the editor's API, as a person does, and runs them.</summary>
internal sealed class NodeWorkflows(N8nServer n8n)
{
    public const string NodeType = "n8n-nodes-lead-scoring.leadScoring";
    private const string NodeName = "Lead Scoring";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs an operation over items; without any, over one empty item.</summary>
    public async Task<NodeRun> RunAsync(
        string resource, string operation, JsonObject parameters, IEnumerable<JsonObject>? items = null, string onError = "stopWorkflow", string credential = LeadScoringCredential.Id)
    {
        var path = Guid.NewGuid().ToString("N");
        var node = Node(NodeType, NodeName, Full(resource, operation, parameters), credential);
        node["onError"] = onError;
        var id = await CreateAsync(
            $"{resource}: {operation}",
            [Node("n8n-nodes-base.webhook", "Start", new() { ["path"] = path, ["httpMethod"] = "POST", ["responseMode"] = "lastNode", ["responseData"] = "noData" }, version: 2.1),
             Node("n8n-nodes-base.splitOut", "Items", new() { ["fieldToSplitOut"] = "body.items" }), node],
            [("Start", "Items"), ("Items", NodeName)]);
        await N8nServer.PublishAsync(n8n.Client, id);
        var body = new JsonObject { ["items"] = new JsonArray([.. (items ?? [new JsonObject { ["nothing"] = true }]).Select(item => item.DeepClone())]) };
        using var answer = await n8n.Client.PostAsJsonAsync($"/webhook/{path}", body);
        var execution = await NextExecutionAsync(id, after: 0);
        using var archived = await n8n.Client.PostAsJsonAsync($"/rest/workflows/{id}/archive", new { });
        return execution.Run(NodeName);
    }

    /// <summary>A workflow with these nodes; not yet published.</summary>
    public async Task<string> CreateAsync(string name, IEnumerable<JsonObject> nodes, IEnumerable<(string From, string To)> links, string linkType = "main")
    {
        var connections = new JsonObject();
        foreach (var (from, to) in links)
        {
            var type = from == NodeName && linkType != "main" ? linkType : "main";
            connections[from] = new JsonObject { [type] = new JsonArray(new JsonArray(new JsonObject { ["node"] = to, ["type"] = type, ["index"] = 0 })) };
        }

        var workflow = new JsonObject
        {
            ["name"] = name, ["active"] = false, ["nodes"] = new JsonArray([.. nodes]), ["connections"] = connections, ["settings"] = new JsonObject { ["executionOrder"] = "v1" },
        };
        using var answer = await n8n.Client.PostAsJsonAsync("/rest/workflows", workflow);
        var said = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? (string)JsonNode.Parse(said)!["data"]!["id"]! : throw new InvalidOperationException($"{name} was not created: {said}");
    }

    public static JsonObject Node(string type, string name, JsonObject parameters, string? credential = null, double version = 1)
    {
        var node = new JsonObject
        {
            ["id"] = Guid.NewGuid().ToString(), ["name"] = name, ["type"] = type, ["typeVersion"] = version, ["position"] = new JsonArray(0, 0), ["parameters"] = parameters,
        };
        if (type.EndsWith(".webhook", StringComparison.Ordinal)) node["webhookId"] = Guid.NewGuid().ToString();
        if (credential is not null) node["credentials"] = new JsonObject { [LeadScoringCredential.Type] = new JsonObject { ["id"] = credential, ["name"] = LeadScoringCredential.Name(credential) } };
        return node;
    }

    public static JsonObject Full(string resource, string operation, JsonObject parameters)
    {
        var full = (JsonObject)parameters.DeepClone();
        full["resource"] = resource;
        full["operation"] = operation;
        return full;
    }

    /// <summary>The first execution of a workflow after one that is known, when it has ended.</summary>
    public async Task<Execution> NextExecutionAsync(string workflowId, long after)
    {
        var filter = Uri.EscapeDataString(new JsonObject { ["workflowId"] = workflowId }.ToJsonString());
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < Patience)
        {
            var listed = (await n8n.Client.GetFromJsonAsync<JsonNode>($"/rest/executions?limit=20&filter={filter}"))!["data"]!["results"]!.AsArray();
            var next = listed.Where(one => long.Parse((string)one!["id"]!) > after && (string)one["status"]! is not ("new" or "running")).MinBy(one => long.Parse((string)one!["id"]!));
            if (next is not null) return await ReadAsync((string)next["id"]!);
            await Task.Delay(100);
        }

        throw new TimeoutException($"Workflow {workflowId} was not executed within {Patience}.");
    }

    /// <summary>One execution, when it has ended.</summary>
    public async Task<Execution> EndedAsync(long id)
    {
        await Until.SoAsync(async () => (string)(await n8n.Client.GetFromJsonAsync<JsonNode>($"/rest/executions/{id}"))!["data"]!["status"]! is not ("new" or "running"));
        return await ReadAsync($"{id}");
    }

    public async Task<int> CountExecutionsAsync(string workflowId)
    {
        var filter = Uri.EscapeDataString(new JsonObject { ["workflowId"] = workflowId }.ToJsonString());
        return (await n8n.Client.GetFromJsonAsync<JsonNode>($"/rest/executions?limit=100&filter={filter}"))!["data"]!["results"]!.AsArray().Count;
    }

    private async Task<Execution> ReadAsync(string id)
    {
        var kept = (await n8n.Client.GetFromJsonAsync<JsonNode>($"/rest/executions/{id}"))!["data"]!;
        return new Execution(long.Parse(id), (string)kept["status"]!, Flatted.Parse((string)kept["data"]!)!);
    }
}

/// <summary>One execution as n8n keeps it.</summary>
internal sealed record Execution(long Id, string Status, JsonNode Data)
{
    /// <summary>Message of what ended it; null when nothing did.</summary>
    public string? Error => (string?)Data["resultData"]!["error"]?["message"];

    /// <summary>How often a node ran.</summary>
    public int Count(string node) => Data["resultData"]!["runData"]![node]?.AsArray().Count ?? 0;

    /// <summary>What the last run of a node gave.</summary>
    public NodeRun Run(string node)
    {
        var runs = Data["resultData"]!["runData"]![node]?.AsArray() ?? throw new InvalidOperationException($"{node} did not run: {Data["resultData"]!["error"]?.ToJsonString()}");
        var run = runs[^1]!;
        var outputs = run["data"]?["main"]?.AsArray().Select(output => (IReadOnlyList<JsonObject>)[.. (output?.AsArray() ?? []).Select(item => item!.AsObject())]);
        return new NodeRun([.. outputs ?? []], run["error"] as JsonObject);
    }
}
