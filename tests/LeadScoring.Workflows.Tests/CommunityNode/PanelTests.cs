using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;
using Xunit.Abstractions;

namespace LeadScoring.Workflows.Tests.CommunityNode;

/// <summary>What a person meets in the editor: the node in the list, the credential's test, lists to choose from, the node as a tool of an agent, the panel.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class PanelTests(N8nServer n8n, ITestOutputHelper output)
{
    private readonly NodeWorkflows workflows = new(n8n);

    [ServerFact]
    public async Task NodeTypes_PackageInstalled_ListsNodeTriggerAndTool()
    {
        var types = await n8n.Client.GetFromJsonAsync<JsonArray>("/types/nodes.json");

        Assert.Equal(
            ["n8n-nodes-lead-scoring.leadScoring", "n8n-nodes-lead-scoring.leadScoringTool", "n8n-nodes-lead-scoring.leadScoringTrigger"],
            types!.Select(type => (string)type!["name"]!).Where(name => name.StartsWith("n8n-nodes-lead-scoring", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [ServerTheory]
    [InlineData(null, null, "OK", "")]
    [InlineData("lsk_wrong", null, "Error", "Unauthorized")]
    [InlineData(null, "another", "Error", "Forbidden")]
    public async Task CredentialTest_KeyAndOrganization_TellsRightFromWrong(string? key, string? organization, string status, string message)
    {
        var tested = await TestCredentialAsync(n8n.NodeSidecar.Url.OriginalString + "/", key ?? n8n.NodeSidecar.ApiKey, organization ?? "");

        Assert.Equal(status, (string?)tested["status"]);
        Assert.Contains(message, (string?)tested["message"]);
    }

    [ServerFact]
    public async Task CredentialTest_AnotherServer_IsNotTakenForTheSidecar()
    {
        var tested = await TestCredentialAsync(n8n.Client.BaseAddress!.OriginalString, "any", "");

        Assert.Equal("Error", (string?)tested["status"]);
        Assert.Contains("not the lead-scoring sidecar", (string?)tested["message"]);
    }

    [ServerFact]
    public async Task ResourceLocators_LeadsAndModels_CanBeSearched()
    {
        await workflows.RunAsync("lead", "score", new JsonObject { ["leadId"] = LeadTests.Locator("node-find-me"), ["attributesMode"] = "json", ["attributesJson"] = """{"website_sessions": 3}""" });

        var found = await SearchAsync("searchLeads", "node-find-me");
        var models = await SearchAsync("searchModels", "version 1");

        Assert.Equal("node-find-me", (string?)found.Single()!["value"]);
        Assert.Matches(@"^node-find-me \([A-D], [\d.]+\)$", (string?)found.Single()!["name"]);
        Assert.Contains(models, model => (string?)model!["value"] == "1");
    }

    /// <summary>n8n's own "Tool Executor" calls the tool as an agent does, without a language model.</summary>
    [ServerFact]
    public async Task Tool_CalledWithArguments_AnswersWithTheLead()
    {
        await workflows.RunAsync("lead", "score", new JsonObject { ["leadId"] = LeadTests.Locator("node-tool"), ["attributesMode"] = "json", ["attributesJson"] = """{"website_sessions": 3}""" });
        var path = Guid.NewGuid().ToString("N");
        var tool = NodeWorkflows.Node(NodeWorkflows.NodeType + "Tool", "Lead Scoring", NodeWorkflows.Full("lead", "get", new JsonObject
        {
            ["descriptionType"] = "manual", ["toolDescription"] = "Looks up a lead and its score", ["leadId"] = LeadTests.Locator("={{ $fromAI('lead_id', 'ID of the lead', 'string') }}"),
        }), LeadScoringCredential.Id);
        var executor = NodeWorkflows.Node("@n8n/n8n-nodes-langchain.toolExecutor", "Agent", new JsonObject { ["query"] = """{"Lead_Scoring": {"lead_id": "node-tool"}}""", ["node"] = "Lead Scoring" });
        var start = NodeWorkflows.Node("n8n-nodes-base.webhook", "Start", new JsonObject { ["path"] = path, ["httpMethod"] = "POST", ["responseMode"] = "lastNode" }, version: 2.1);
        var id = await workflows.CreateAsync("tool", [start, executor, tool], [("Start", "Agent"), ("Lead Scoring", "Agent")], linkType: "ai_tool");
        await N8nServer.PublishAsync(n8n.Client, id);

        using var answer = await n8n.Client.PostAsJsonAsync($"/webhook/{path}", new { });
        var item = (await workflows.NextExecutionAsync(id, after: 0)).Run("Agent").Item;

        Assert.Contains("node-tool", item.ToJsonString());
        Assert.Contains("\"grade\"", item.ToJsonString().Replace("\\u0022", "\"", StringComparison.Ordinal).Replace("\\\"", "\"", StringComparison.Ordinal));
    }

    /// <summary>With UPDATE_PICTURES=1 the picture goes into the package's folder, where its README shows it.</summary>
    [ServerFact]
    public async Task Panel_OpenedInTheEditor_ShowsTheNodeWithoutIssue()
    {
        var parameters = new JsonObject { ["leadId"] = LeadTests.Locator("={{ $json.lead_id }}"), ["attributesMode"] = "fields" };
        var id = await workflows.CreateAsync(
            "Panel",
            [NodeWorkflows.Node("n8n-nodes-base.manualTrigger", "Start", []), NodeWorkflows.Node(NodeWorkflows.NodeType, "Lead Scoring", NodeWorkflows.Full("lead", "score", parameters), LeadScoringCredential.Id)],
            [("Start", "Lead Scoring")]);
        var update = Environment.GetEnvironmentVariable("UPDATE_PICTURES") == "1";
        var folder = update ? Path.Combine(Repository.Root, "connectors", "n8n-nodes-lead-scoring", "pictures") : Path.Combine(AppContext.BaseDirectory, "pictures");
        var png = Path.Combine(Directory.CreateDirectory(folder).FullName, "panel.png");

        var panel = await n8n.PanelPictureAsync(id, "Lead Scoring", png);
        output.WriteLine(png);

        Assert.Equal(["Resource", "Operation", "Lead", "Attributes", "Attributes to Set", "Events (JSON)", "Simplify", "Options"], panel["fields"]!.AsArray().Select(field => (string?)field));
        Assert.Equal(0, (int)panel["issues"]!);
        Assert.True(new FileInfo(png).Length > 20_000, "The picture is next to empty.");
    }

    private async Task<JsonNode> TestCredentialAsync(string url, string key, string organization)
    {
        using var answer = await n8n.Client.PostAsJsonAsync("/rest/credentials/test", new
        {
            credentials = new { id = LeadScoringCredential.Id, name = "Lead scoring", type = LeadScoringCredential.Type, data = new { url, apiKey = key, organizationId = organization } },
        });
        return (await answer.Content.ReadFromJsonAsync<JsonNode>())!["data"]!;
    }

    private async Task<JsonArray> SearchAsync(string method, string filter)
    {
        using var answer = await n8n.Client.PostAsJsonAsync("/rest/dynamic-node-parameters/resource-locator-results", new
        {
            methodName = method, filter, path = "parameters.leadId", nodeTypeAndVersion = new { name = NodeWorkflows.NodeType, version = 1 }, currentNodeParameters = new { resource = "lead", operation = "get" },
            credentials = new Dictionary<string, object> { [LeadScoringCredential.Type] = new { id = LeadScoringCredential.Id, name = "Lead scoring" } },
        });
        return (await answer.Content.ReadFromJsonAsync<JsonNode>())!["data"]!["results"]!.AsArray();
    }
}
