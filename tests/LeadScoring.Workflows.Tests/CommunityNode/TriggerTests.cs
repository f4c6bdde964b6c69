using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.CommunityNode;

/// <summary>The trigger in a real n8n: it registers itself with the real sidecar, believes signed deliveries alone, and cleans up.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class TriggerTests(N8nServer n8n)
{
    private const string TriggerName = "On score";
    private readonly NodeWorkflows workflows = new(n8n);

    [ServerFact]
    public async Task Published_ScoreChanges_StartsTheWorkflowAndUnpublishedIsRemoved()
    {
        var id = await PublishedAsync(["score.updated"]);
        var registered = await WebhookOfAsync(id);
        await PutAndScoreAsync("node-trigger-1");

        // Other leads may be scored in the background, and start it too.
        Execution execution;
        long last = 0;
        do
        {
            execution = await workflows.NextExecutionAsync(id, last);
            last = execution.Id;
        }
        while ((string?)execution.Run(TriggerName).Item["lead_id"] != "node-trigger-1");

        await UnpublishAsync(id);

        Assert.Equal(["score.updated"], registered["events"]!.AsArray().Select(one => (string?)one));
        var item = execution.Run(TriggerName).Item;
        Assert.Equal(("score.updated", "node-trigger-1"), ((string?)item["event"], (string?)item["lead_id"]));
        Assert.StartsWith("evt_", (string?)item["event_id"]);
        Assert.NotNull(item["score"]);
        await Until.SoAsync(async () => (await WebhooksAsync()).All(webhook => (string?)webhook["url"] != (string?)registered["url"]));
    }

    [ServerFact]
    public async Task Delivery_ForgedUnsignedOldOrRepeated_DoesNotStartTheWorkflow()
    {
        var id = await PublishedAsync(["drift.alert"]);
        var url = (string)(await WebhookOfAsync(id))["url"]!;
        var secret = await SecretAsync(id);
        const string Body = """{ "id" : "evt_sent_by_the_test", "type":"drift.alert","organization_id":"demo","occurred_at":"2026-11-27T13:00:00Z","data":{"kind":"feature","detail":"größer"} }""";
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

        Assert.Equal(401, await DeliverAsync(url, Body, "whsec_" + Convert.ToBase64String(new byte[32]), now));
        Assert.Equal(401, await DeliverAsync(url, Body, secret, now, tamper: true));
        Assert.Equal(401, await DeliverAsync(url, Body, secret, now - 400));
        Assert.Equal(401, await DeliverAsync(url, Body, secret: null, now));
        Assert.Equal(200, await DeliverAsync(url, Body, secret, now));
        Assert.Equal(200, await DeliverAsync(url, Body, secret, now));

        // One more of its own id: when it is there, whatever the six before it started is there too.
        Assert.Equal(200, await DeliverAsync(url, Body.Replace("evt_sent_by_the_test", "evt_last", StringComparison.Ordinal), secret, now));
        await Until.SoAsync(async () => await workflows.CountExecutionsAsync(id) >= 2);
        var first = await workflows.NextExecutionAsync(id, after: 0);
        var second = await workflows.NextExecutionAsync(id, after: first.Id);
        await UnpublishAsync(id);

        Assert.Equal(["evt_sent_by_the_test", "evt_last"], new[] { first, second }.Select(execution => (string?)execution.Run(TriggerName).Item["event_id"]));
        Assert.Equal("größer", (string?)first.Run(TriggerName).Item["detail"]);
        Assert.Equal(2, await workflows.CountExecutionsAsync(id));
    }

    [ServerFact]
    public async Task TestOfTheSidecar_IsAcknowledgedAndStartsNothing()
    {
        var id = await PublishedAsync(["drift.alert"]);
        var webhook = await WebhookOfAsync(id);

        var tested = await n8n.PostToNodeSidecarAsync($"/v1/webhooks/{webhook["webhook_id"]}/test");
        // A genuine event after it: what the test had started would be there before.
        Assert.Equal(200, await DeliverAsync((string)webhook["url"]!, """{"id":"evt_after_test","type":"drift.alert","data":{"kind":"concept"}}""", await SecretAsync(id), TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()));
        var execution = await workflows.NextExecutionAsync(id, after: 0);
        await UnpublishAsync(id);

        Assert.True((bool)tested["delivered"]!, tested.ToJsonString());
        Assert.Equal("concept", (string?)execution.Run(TriggerName).Item["kind"]);
        Assert.Equal(1, await workflows.CountExecutionsAsync(id));
    }

    [ServerFact]
    public async Task Published_SidecarDown_IsRefusedWithTheReason()
    {
        var id = await CreateAsync(["score.updated"], LeadScoringCredential.DownId);

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => N8nServer.PublishAsync(n8n.Client, id));

        Assert.Contains("does not answer", refused.Message);
    }

    private async Task<string> PublishedAsync(string[] events)
    {
        var id = await CreateAsync(events, LeadScoringCredential.Id);
        await N8nServer.PublishAsync(n8n.Client, id);
        return id;
    }

    private Task<string> CreateAsync(string[] events, string credential)
    {
        var trigger = NodeWorkflows.Node(NodeWorkflows.NodeType + "Trigger", TriggerName, new JsonObject { ["events"] = new JsonArray([.. events.Select(one => JsonValue.Create(one))]) }, credential);
        trigger["webhookId"] = Guid.NewGuid().ToString();
        return workflows.CreateAsync("trigger", [trigger, NodeWorkflows.Node("n8n-nodes-base.noOp", "Done", [])], [(TriggerName, "Done")]);
    }

    private async Task UnpublishAsync(string id)
    {
        using var answer = await n8n.Client.PostAsJsonAsync($"/rest/workflows/{id}/deactivate", new { });
        answer.EnsureSuccessStatusCode();
    }

    private async Task<JsonNode[]> WebhooksAsync() => [.. (await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/webhooks"))["webhooks"]!.AsArray()!];

    // The address holds the node's webhookId.
    private async Task<JsonNode> WebhookOfAsync(string workflowId)
    {
        var workflow = await n8n.Client.GetFromJsonAsync<JsonNode>($"/rest/workflows/{workflowId}");
        var webhookId = (string)workflow!["data"]!["nodes"]!.AsArray().Single(node => (string?)node!["name"] == TriggerName)!["webhookId"]!;
        return (await WebhooksAsync()).Single(webhook => ((string)webhook["url"]!).Contains(webhookId, StringComparison.Ordinal));
    }

    private async Task<string> SecretAsync(string workflowId)
    {
        var workflow = await n8n.Client.GetFromJsonAsync<JsonNode>($"/rest/workflows/{workflowId}");
        return (string)workflow!["data"]!["staticData"]![$"node:{TriggerName}"]!["secret"]!;
    }

    private async Task PutAndScoreAsync(string leadId)
    {
        using var client = new HttpClient { BaseAddress = n8n.NodeSidecar.Url };
        client.DefaultRequestHeaders.Add("X-API-Key", n8n.NodeSidecar.ApiKey);
        using var answer = await client.PostAsJsonAsync("/v1/score", new { lead_id = leadId, lead = new { website_sessions = 3 } });
        answer.EnsureSuccessStatusCode();
    }

    private Task<int> DeliverAsync(string url, string body, string? secret, long timestamp, bool tamper = false) => SignedDelivery.SendAsync(n8n.Client, url, body, secret, timestamp, tamper);
}
