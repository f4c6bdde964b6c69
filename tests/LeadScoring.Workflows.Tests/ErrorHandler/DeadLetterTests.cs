using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Activity;
using LeadScoring.Workflows.Tests.CommunityNode;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.ErrorHandler;

/// <summary>Template 99 in a real n8n: what failed in another template is kept, and run again.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class DeadLetterTests(N8nServer n8n)
{
    private const string File = "99-error-handler-dead-letters.json";

    [ServerFact]
    public async Task FailedExecution_SidecarBack_IsRunAgainAndTheEventCounts()
    {
        var handler = await HandlerAsync();
        var activity = await FailingAsync(handler);

        var (status, _) = await activity.SendAsync(ActivityTests.Event("dead-1", "dead-1-1", "page_view", 3));
        var failed = await activity.NextAsync();
        var letter = (await handler.NextAsync()).Run("Store the dead letter").Item;
        var stillDown = await ReplayAsync(handler, failed.Id);
        await activity.ChangeAsync(template => template.WithCredential(LeadScoringCredential.Type, LeadScoringCredential.Id));
        var back = await ReplayAsync(handler, failed.Id);
        var afterwards = await ReplayAsync(handler, failed.Id);

        Assert.Equal((503, "error"), (status, failed.Status));
        Assert.Equal(("open", "Track once more", activity.Id), ((string?)letter["status"], (string?)letter["node"], (string?)letter["workflow_id"]));
        Assert.Contains("does not answer", (string?)letter["message"]);
        Assert.Equal(("open", 1), ((string?)stillDown!["status"], (int)stillDown["attempts"]!));
        Assert.Equal(("replayed", 2), ((string?)back!["status"], (int)back["attempts"]!));
        Assert.Null(afterwards);
        Assert.Equal(1, (int)(await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/leads/dead-1"))["activity"]!["events"]!);
        // A retry that fails is no dead letter of its own: the row above counts it.
        Assert.Equal($"{failed.Id}", (string?)(await RowsAsync(activity.Id)).Single()["execution_id"]);
    }

    [ServerFact]
    public async Task FailedExecution_FailsAsOftenAsAllowed_IsGivenUpAndToldOf()
    {
        var handler = await HandlerAsync(maxAttempts: 1);
        var activity = await FailingAsync(handler);
        await activity.SendAsync(ActivityTests.Event("dead-2", "dead-2-1", "page_view", 3));
        var failed = await activity.NextAsync();
        await handler.NextAsync();

        var run = await handler.RunAsync("Every hour");

        Assert.Contains(run.Run("Given up: a person must look").Items, row => (string?)row["execution_id"] == $"{failed.Id}");
        Assert.Equal("given_up", (string?)(await RowsAsync(activity.Id)).Single()["status"]);
    }

    [ServerFact]
    public async Task FailedExecution_NoLongerInN8n_IsGivenUp()
    {
        var handler = await HandlerAsync();
        var activity = await FailingAsync(handler);
        await activity.SendAsync(ActivityTests.Event("dead-3", "dead-3-1", "page_view", 3));
        var failed = await activity.NextAsync();
        await handler.NextAsync();
        using (var deleted = await n8n.Client.PostAsJsonAsync("/rest/executions/delete", new { ids = new[] { $"{failed.Id}" } })) deleted.EnsureSuccessStatusCode();

        var row = await ReplayAsync(handler, failed.Id);

        Assert.Equal("given_up", (string?)row!["status"]);
    }

    [ServerFact]
    public async Task FailedIntake_SenderWasToldToSendAgain_IsKeptAsAnswered()
    {
        var handler = await HandlerAsync();
        var intake = await Copy.PublishAsync(n8n, "01-lead-intake-score-route.json", LeadScoringCredential.DownId, template => template.Json["settings"]!["errorWorkflow"] = handler.Id);

        var (status, _) = await intake.SendAsync(new JsonObject { ["lead_id"] = "dead-4", ["lead"] = new JsonObject() });
        var letter = (await handler.NextAsync()).Run("Store the dead letter").Item;

        Assert.Equal(503, status);
        Assert.Equal(("answered", "Mark the execution as failed"), ((string?)letter["status"], (string?)letter["node"]));
        Assert.StartsWith("Lead not scored", (string?)letter["message"]);
    }

    private async Task<Copy> HandlerAsync(int maxAttempts = 5)
    {
        var credential = await n8n.ApiCredentialAsync();
        return await Copy.PublishAsync(n8n, File, change: template => template.WithCredential("n8nApi", credential)
            .WithSettings(("n8n_url", n8n.Client.BaseAddress!.OriginalString), ("max_attempts", maxAttempts)));
    }

    private Task<Copy> FailingAsync(Copy handler) =>
        ActivityTests.WebhookOnlyAsync(n8n, LeadScoringCredential.DownId, template => template.Json["settings"]!["errorWorkflow"] = handler.Id);

    /// <summary>What was noted of one execution; null when it was not run again.</summary>
    private static async Task<JsonNode?> ReplayAsync(Copy handler, long executionId)
    {
        var run = await handler.RunAsync("Every hour");
        return run.Count("Note the result") == 0 ? null : run.Run("Note the result").Items.SingleOrDefault(row => (string?)row["execution_id"] == $"{executionId}");
    }

    /// <summary>The rows of a workflow, as another workflow reads them.</summary>
    private async Task<IReadOnlyList<JsonNode>> RowsAsync(string workflowId)
    {
        var path = Guid.NewGuid().ToString("N");
        var workflows = new NodeWorkflows(n8n);
        var read = NodeWorkflows.Node("n8n-nodes-base.dataTable", "Read", new JsonObject
        {
            ["resource"] = "row", ["operation"] = "get", ["dataTableId"] = new JsonObject { ["__rl"] = true, ["mode"] = "name", ["value"] = "lead_scoring_dead_letters" },
            ["matchType"] = "allConditions", ["returnAll"] = true,
            ["filters"] = new JsonObject { ["conditions"] = new JsonArray(new JsonObject { ["keyName"] = "workflow_id", ["condition"] = "eq", ["keyValue"] = workflowId }) },
        }, version: 1.1);
        var id = await workflows.CreateAsync("read dead letters", [NodeWorkflows.Node("n8n-nodes-base.webhook", "Start", new() { ["path"] = path, ["httpMethod"] = "POST" }, version: 2.1), read], [("Start", "Read")]);
        await N8nServer.PublishAsync(n8n.Client, id);
        using var answer = await n8n.Client.PostAsJsonAsync($"/webhook/{path}", new { });
        return (await workflows.NextExecutionAsync(id, after: 0)).Run("Read").Items;
    }
}
