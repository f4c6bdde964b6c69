using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.CommunityNode;

/// <summary>The operations on leads, in a real n8n against the real sidecar.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class LeadTests(N8nServer n8n)
{
    private readonly NodeWorkflows node = new(n8n);

    internal static JsonObject Locator(string id) => new() { ["__rl"] = true, ["mode"] = "id", ["value"] = id };

    [ServerFact]
    public async Task Upsert_ItemsWithExpressions_StoresEachLeadOnce()
    {
        JsonObject[] items = [new() { ["id"] = "node-u1", ["opens"] = 0.4 }, new() { ["id"] = "node-u2", ["opens"] = 0.1 }];
        JsonObject Parameters() => new()
        {
            ["leadId"] = "={{ $json.id }}", ["attributesMode"] = "fields",
            ["attributes"] = new JsonObject { ["attribute"] = new JsonArray(new JsonObject { ["name"] = "email_open_rate", ["value"] = "={{ $json.opens }}" }) },
        };

        var first = await node.RunAsync("lead", "upsert", Parameters(), items);
        var second = await node.RunAsync("lead", "upsert", Parameters(), items);

        Assert.Equal(["created", "created"], first.Items.Select(item => (string?)item["status"]));
        Assert.Equal(["unchanged", "unchanged"], second.Items.Select(item => (string?)item["status"]));
        Assert.Equal([0, 1], first.Outputs[0].Select(item => (int)item["pairedItem"]!["item"]!));
        Assert.Equal(0.1, (double)(await AskAsync("/v1/leads/node-u2"))["attributes"]!["email_open_rate"]!);
    }

    [ServerFact]
    public async Task Score_WithAttributesAndEvents_GivesSimpleAnswerOfTheEnsemble()
    {
        var parameters = new JsonObject
        {
            ["leadId"] = Locator("node-s1"), ["attributesMode"] = "json", ["attributesJson"] = """{"email_open_rate": 0.8, "website_sessions": 12, "showing_requests": 2}""",
            ["events"] = """[{"event_id": "node-s1-e", "type": "email_sent", "source": "email", "occurred_at": "2026-01-31T09:30:00Z"}]""",
            ["options"] = new JsonObject { ["include_factors"] = true },
        };

        var score = (await node.RunAsync("lead", "score", parameters)).Item;

        Assert.Equal("node-s1", (string?)score["lead_id"]);
        Assert.Equal("ensemble", (string?)score["scored_by"]);
        Assert.Equal((double)score["score"]!, 100 * (double)score["conversion_probability"]!, 0.06);
        Assert.False(string.IsNullOrEmpty((string?)score["next_best_action"]));
        Assert.NotEmpty(score["reasons_for"]!.AsArray());
        Assert.Null(score["recommendations"]);
        var stored = await AskAsync("/v1/leads/node-s1/score");
        Assert.Equal((double)score["score"]!, (double)stored["score"]!);
        Assert.Equal(1, (int)(await AskAsync("/v1/leads/node-s1"))["activity"]!["events"]!);
    }

    [ServerFact]
    public async Task Score_NotSimplified_GivesTheWholeAnswer()
    {
        var parameters = new JsonObject { ["leadId"] = Locator("node-s2"), ["attributesMode"] = "json", ["attributesJson"] = """{"website_sessions": 3}""", ["simplify"] = false };

        var score = (await node.RunAsync("lead", "score", parameters)).Item;

        Assert.False(string.IsNullOrEmpty((string?)score["recommendations"]!["next_best_action"]));
        Assert.NotNull(score["rests_on"]);
    }

    [ServerFact]
    public async Task ScoreMany_ThousandItems_TakesAtMostThreeCallsAndKeepsTheOrder()
    {
        var items = Enumerable.Range(0, 1_000).Select(i => new JsonObject { ["lead_id"] = $"node-m{i}", ["website_sessions"] = i % 20, ["email_open_rate"] = i % 10 / 10.0 }).ToArray();
        var before = n8n.Proxy.Calls.Count;

        var run = await node.RunAsync("lead", "scoreMany", new JsonObject { ["idField"] = "lead_id" }, items);

        var calls = n8n.Proxy.Calls.Skip(before).ToArray();
        Assert.InRange(calls.Count(call => call == "POST /v1/score/batch"), 1, 3);
        Assert.Equal(calls.Length, calls.Count(call => call == "POST /v1/score/batch"));
        Assert.Equal(items.Select(item => (string?)item["lead_id"]), run.Items.Select(item => (string?)item["lead_id"]));
        Assert.All(run.Items, item => Assert.InRange((double)item["score"]!, 0.1, 99.9));
        Assert.Equal(Enumerable.Range(0, 1_000), run.Outputs[0].Select(item => (int)item["pairedItem"]!["item"]!));
    }

    [ServerFact]
    public async Task ScoreMany_ItemsThatFail_DoNotLoseTheOthers()
    {
        JsonObject[] items = [new() { ["lead_id"] = "node-k0", ["website_sessions"] = 1 }, new() { ["name"] = "no id" }, new() { ["lead_id"] = new string('x', 201) }, new() { ["lead_id"] = "node-k3", ["website_sessions"] = 2 }];
        var parameters = new JsonObject { ["idField"] = "lead_id" };

        var kept = await node.RunAsync("lead", "scoreMany", parameters, items, onError: "continueRegularOutput");
        var split = await node.RunAsync("lead", "scoreMany", parameters, items, onError: "continueErrorOutput");
        var stopped = await node.RunAsync("lead", "scoreMany", parameters, items);

        Assert.Equal(["node-k0", null, null, "node-k3"], kept.Items.Select(item => (string?)item["lead_id"]));
        Assert.Equal("Item 1: The item has no lead_id", (string?)kept.Items[1]["error"]);
        Assert.StartsWith("Item 2: The item was rejected: lead_id must have 1 to 200 characters.", (string?)kept.Items[2]["error"]);
        Assert.Equal("/lead_id", (string?)kept.Items[2]["details"]!["errors"]![0]!["pointer"]);
        Assert.Equal(["node-k0", "node-k3"], split.Outputs[0].Select(item => (string?)item["json"]!["lead_id"]));
        Assert.Equal(2, split.Outputs[1].Count);
        Assert.Equal("no id", (string?)split.Outputs[1][0]["json"]!["name"]);
        Assert.Equal("Item 1: The item has no lead_id", (string?)stopped.Error!["message"]);
        Assert.Contains("2 of 4 items failed; the others were processed.", (string?)stopped.Error["description"]);
        Assert.Equal(1, (int)stopped.Error["context"]!["itemIndex"]!);
    }

    [ServerFact]
    public async Task Get_KnownAndUnknownLead_GivesTheLeadOrSaysWhatIsWrong()
    {
        await node.RunAsync("lead", "score", new JsonObject { ["leadId"] = Locator("node g?#ü&1"), ["attributesMode"] = "json", ["attributesJson"] = """{"website_sessions": 3}""" });

        var lead = (await node.RunAsync("lead", "get", new JsonObject { ["leadId"] = Locator("node g?#ü&1") })).Item;
        var unknown = await node.RunAsync("lead", "get", new JsonObject { ["leadId"] = Locator("nobody") });
        var empty = await node.RunAsync("lead", "get", new JsonObject { ["leadId"] = Locator("={{ $json.absent }}") });

        Assert.Equal("node g?#ü&1", (string?)lead["lead_id"]);
        Assert.NotNull(lead["grade"]);
        Assert.Equal(3, (int)lead["attributes"]!["website_sessions"]!);
        Assert.StartsWith("Item 0: There is no such thing: ", (string?)unknown.Error!["message"]);
        Assert.Equal("404", (string?)unknown.Error["httpCode"]);
        Assert.Equal("Item 0: Lead is empty", (string?)empty.Error!["message"]);
    }

    [ServerFact]
    public async Task GetMany_BestFirst_RespectsLimitAndFilters()
    {
        var some = (await node.RunAsync("lead", "getAll", new JsonObject { ["returnAll"] = false, ["limit"] = 7, ["order"] = "-score" })).Items;
        var open = (await node.RunAsync("lead", "getAll", new JsonObject { ["returnAll"] = true, ["order"] = "lead_id", ["filters"] = new JsonObject { ["is_open"] = true } })).Items;

        Assert.Equal(7, some.Count);
        Assert.Equal(some.Select(lead => (double)lead["score"]!).OrderDescending(), some.Select(lead => (double)lead["score"]!));
        Assert.True(open.Count >= 20, $"{open.Count} open leads");
        Assert.All(open, lead => Assert.True((bool)lead["is_open"]!));
    }

    [ServerFact]
    public async Task GetScoreHistory_TwoScores_GivesARowForEach()
    {
        foreach (var sessions in (int[])[1, 15])
            await node.RunAsync("lead", "score", new JsonObject { ["leadId"] = Locator("node-h1"), ["attributesMode"] = "json", ["attributesJson"] = $$"""{"website_sessions": {{sessions}}, "showing_requests": {{sessions}}}""" });

        var rows = (await node.RunAsync("lead", "getScoreHistory", new JsonObject { ["leadId"] = Locator("node-h1"), ["limit"] = 10 })).Items;

        Assert.Equal(2, rows.Count);
        Assert.Equal(["new_data", "first"], rows.Select(row => (string?)row["cause"]));
        Assert.All(rows, row => Assert.Equal("node-h1", (string?)row["lead_id"]));
    }

    [ServerFact]
    public async Task WhatIf_ChangedAttribute_TellsThePointsAndStoresNothing()
    {
        await node.RunAsync("lead", "score", new JsonObject { ["leadId"] = Locator("node-w1"), ["attributesMode"] = "json", ["attributesJson"] = """{"website_sessions": 1}""" });

        var answer = (await node.RunAsync("lead", "whatIf", new JsonObject { ["leadId"] = Locator("node-w1"), ["lead"] = """{"showing_requests": 5, "call_count": 5, "website_sessions": 20}""" })).Item;

        Assert.Equal((double)answer["points_gained"]!, (double)answer["what_if"]!["score"]! - (double)answer["now"]!["score"]!, 0.11);
        Assert.True((double)answer["points_gained"]! > 5, $"{answer["points_gained"]} points");
        Assert.Equal(1, (int)(await AskAsync("/v1/leads/node-w1"))["attributes"]!["website_sessions"]!);
    }

    [ServerFact]
    public async Task Erase_StoredLead_LeavesNothing()
    {
        await node.RunAsync("lead", "upsert", new JsonObject { ["leadId"] = "node-e1", ["attributesMode"] = "none" });

        var erased = (await node.RunAsync("lead", "delete", new JsonObject { ["leadId"] = Locator("node-e1") })).Item;
        var gone = await node.RunAsync("lead", "get", new JsonObject { ["leadId"] = Locator("node-e1") });

        Assert.Equal(("node-e1", true), ((string?)erased["lead_id"], (bool)erased["deleted"]!));
        Assert.Equal(("erasure", "ES256"), ((string?)erased["receipt"]!["kind"], (string?)erased["signature"]!["algorithm"]));
        Assert.Equal("404", (string?)gone.Error!["httpCode"]);
    }

    [ServerFact]
    public async Task Score_SidecarBusyThenFree_ComesAgainAfterTheTimeAskedFor()
    {
        var before = n8n.Proxy.Calls.Count;
        n8n.Proxy.IsBusyFor(2);

        var score = (await node.RunAsync("lead", "score", new JsonObject { ["leadId"] = Locator("node-b1"), ["attributesMode"] = "json", ["attributesJson"] = """{"website_sessions": 3}""" })).Item;

        Assert.Equal("node-b1", (string?)score["lead_id"]);
        Assert.Equal(3, n8n.Proxy.Calls.Count - before);
    }

    [ServerFact]
    public async Task Score_SidecarDown_SaysWhatToCheck()
    {
        var run = await node.RunAsync("lead", "score", new JsonObject { ["leadId"] = Locator("node-d1") }, credential: LeadScoringCredential.DownId);

        Assert.Equal("Item 0: The lead-scoring sidecar does not answer.", (string?)run.Error!["message"]);
        Assert.Contains("ECONNREFUSED", (string?)run.Error["description"]);
        Assert.Contains("reachable from n8n", (string?)run.Error["description"]);
    }

    private Task<JsonNode> AskAsync(string path) => N8nServer.AskAsync(n8n.NodeSidecar, path);
}
