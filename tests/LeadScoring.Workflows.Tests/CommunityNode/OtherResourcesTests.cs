using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.CommunityNode;

/// <summary>Events, outcomes, feedback, reviews, models and monitoring, in a real n8n against the real sidecar.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class OtherResourcesTests(N8nServer n8n)
{
    /// <summary>A training that takes seconds.</summary>
    private const string SmallTraining = """{"gradient_boosting": {"rounds": 10}, "random_forest": {"parallel_trees": 5}, "network": {"max_epochs": 2}, "folds": 2}""";

    private readonly NodeWorkflows node = new(n8n);

    [ServerFact]
    public async Task Track_SameEventTwice_CountsOnceAndBadTypeSaysWhatIsRight()
    {
        var parameters = new JsonObject
        {
            ["leadId"] = LeadTests.Locator("node-t1"), ["type"] = "page_view", ["source"] = "website", ["occurredAt"] = "={{ $now }}",
            ["options"] = new JsonObject { ["event_id"] = "node-t1-e", ["properties"] = """{"page": "pricing"}""" },
        };
        var first = (await node.RunAsync("event", "track", parameters)).Item;
        parameters["occurredAt"] = (string)(await AskAsync("/v1/leads/node-t1/events"))["events"]![0]!["occurred_at"]!;
        var second = (await node.RunAsync("event", "track", parameters)).Item;
        parameters["type"] = "Page View";
        var bad = await node.RunAsync("event", "track", parameters);

        Assert.Equal("accepted", (string?)first["status"]);
        Assert.Equal("duplicate", (string?)second["status"]);
        Assert.Equal(1, (int)(await AskAsync("/v1/leads/node-t1"))["activity"]!["events"]!);
        Assert.StartsWith("Item 0: The item was rejected: type must be lower snake case", (string?)bad.Error!["message"]);
        Assert.StartsWith("/type: ", (string?)bad.Error["description"]);
    }

    [ServerFact]
    public async Task Record_ThenReversed_TakesTheOutcomeBack()
    {
        JsonObject Parameters(JsonObject options) => new() { ["leadId"] = LeadTests.Locator("node-o1"), ["converted"] = true, ["occurredAt"] = "", ["options"] = options };

        await node.RunAsync("lead", "upsert", new JsonObject { ["leadId"] = "node-o1", ["attributesMode"] = "none" });
        var recorded = (await node.RunAsync("outcome", "record", Parameters(new() { ["revenue"] = 1200, ["source"] = "crm" }))).Item;
        var reversed = (await node.RunAsync("outcome", "record", Parameters(new() { ["reversed"] = true, ["source"] = "crm" }))).Item;

        Assert.Equal("""{"lead_id":"node-o1","status":"recorded"}""", recorded.ToJsonString());
        Assert.Equal("reversed", (string?)reversed["status"]);
    }

    [ServerFact]
    public async Task Send_Feedback_IsRecordedOnceUnderItsId()
    {
        var parameters = new JsonObject
        {
            ["leadId"] = LeadTests.Locator("node-f1"), ["verdict"] = "good", ["reason"] = "asked for a visit", ["by"] = "nina",
            ["options"] = new JsonObject { ["id"] = "node-f1-1", ["given_at"] = "2026-01-31T09:30:00Z" },
        };
        await node.RunAsync("lead", "upsert", new JsonObject { ["leadId"] = "node-f1", ["attributesMode"] = "none" });

        var first = (await node.RunAsync("feedback", "send", parameters)).Item;
        var second = (await node.RunAsync("feedback", "send", parameters)).Item;

        Assert.Equal("""{"lead_id":"node-f1","id":"node-f1-1","status":"recorded"}""", first.ToJsonString());
        Assert.Equal("unchanged", (string?)second["status"]);
    }

    [ServerFact]
    public async Task Review_ListedThenSubmitted_IsDone()
    {
        // Enough scores that the random share of them cannot be empty, whatever is drawn: one in twenty of 400.
        var leads = Enumerable.Range(0, 400).Select(i => new JsonObject { ["lead_id"] = $"node-r{i}", ["website_sessions"] = i % 15, ["email_open_rate"] = i % 9 / 9.0 });
        await node.RunAsync("lead", "scoreMany", new JsonObject { ["idField"] = "lead_id" }, leads);
        await n8n.PostToNodeSidecarAsync("/v1/jobs/reviews/run");
        await Until.SoAsync(async () => (await AskAsync("/v1/reviews"))["reviews"]!.AsArray().Count > 0);

        var open = (await node.RunAsync("review", "getAll", new JsonObject { ["returnAll"] = false, ["limit"] = 1, ["status"] = "open" })).Item;
        var submitted = (await node.RunAsync("review", "submit", new JsonObject { ["reviewId"] = (string)open["review_id"]!, ["verdict"] = "too_high", ["by"] = "nina", ["comment"] = "Knows the lead" })).Item;
        var done = (await node.RunAsync("review", "getAll", new JsonObject { ["returnAll"] = true, ["status"] = "done" })).Items;

        Assert.Null(open["verdict"]);
        Assert.Equal(("too_high", "nina"), ((string?)submitted["verdict"], (string?)submitted["by"]));
        Assert.Contains(done, review => (string?)review["review_id"] == (string?)open["review_id"]);
    }

    [ServerFact]
    public async Task Model_TrainedPromotedRolledBack_EachOperationSaysSo()
    {
        var before = (await node.RunAsync("model", "getCurrent", [])).Item;
        var started = (await node.RunAsync("model", "startTraining", new JsonObject { ["promote"] = "never", ["options"] = new JsonObject { ["settings"] = SmallTraining, ["evaluation"] = """{"forward": false, "learning_curve": false}""" } })).Item;
        var run = (string)started["run_id"]!;
        await Until.SoAsync(async () => (string)(await AskAsync($"/v1/training-runs/{run}"))["status"]! is not ("queued" or "running"), seconds: 180);
        var status = (await node.RunAsync("model", "getTrainingStatus", new JsonObject { ["runId"] = run })).Item;
        var version = (int)status["model_version"]!;
        var promoted = (await node.RunAsync("model", "promote", new JsonObject { ["modelVersion"] = new JsonObject { ["__rl"] = true, ["mode"] = "version", ["value"] = $"{version}" } })).Item;
        var current = (await node.RunAsync("model", "getCurrent", [])).Item;
        var rolledBack = (await node.RunAsync("model", "rollBack", [])).Item;
        // The open leads are scored anew in the background: when that is over, other tests see the champion that was there at first.
        await Until.SoAsync(async () => (string?)(await AskAsync($"/v1/rescoring-runs/{rolledBack["rescoring_run"]}"))["status"] != "running", seconds: 180);
        var all = (await node.RunAsync("model", "getAll", new JsonObject { ["returnAll"] = true })).Items;

        Assert.Equal("queued", (string?)started["status"]);
        Assert.Equal("succeeded", (string?)status["status"]);
        Assert.Equal((version, (int)before["version"]!), ((int)promoted["champion"]!, (int)promoted["previous"]!));
        Assert.Equal(version, (int)current["version"]!);
        Assert.Equal((int)before["version"]!, (int)rolledBack["champion"]!);
        Assert.Equal([false, true], all.OrderByDescending(model => (int)model["version"]!).Take(2).Select(model => (bool)model["is_champion"]!));
    }

    [ServerFact]
    public async Task Monitoring_DriftAndBusiness_GiveWhatTheSidecarKnows()
    {
        var drift = (await node.RunAsync("monitoring", "getDrift", [])).Item;
        var business = (await node.RunAsync("monitoring", "getBusinessMetrics", new JsonObject { ["days"] = 30, ["options"] = new JsonObject { ["capacity"] = 0.1 } })).Item;
        var wrong = await node.RunAsync("monitoring", "getBusinessMetrics", new JsonObject { ["days"] = 100_000 });

        Assert.Equal((string?)(await AskAsync("/v1/monitoring/drift"))["status"], (string?)drift["status"]);
        Assert.Equal(["A", "B", "C", "D"], business["grades"]!.AsArray().Select(grade => (string?)grade!["name"]));
        Assert.Contains("?days: ", (string?)wrong.Error!["description"]);
    }

    private Task<JsonNode> AskAsync(string path) => N8nServer.AskAsync(n8n.NodeSidecar, path);
}
