using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.CommunityNode;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.Activity;

/// <summary>Template 02 in a real n8n against the real sidecar.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class ActivityTests(N8nServer n8n)
{
    internal const string File = "02-activity-rescore-grade-change.json";
    private const string TriggerName = "Grade changed";

    [ServerFact]
    public async Task Webhook_EventsTwiceAndInAnyOrder_CountOnceAndTheLeadIsScoredAnew()
    {
        var copy = await WebhookOnlyAsync();
        JsonObject[] events = [Event("activity-1", "a1-1", "page_view", 1), Event("activity-1", "a1-2", "page_view", 9), Event("activity-1", "a1-3", "showing_request", 5)];
        JsonObject[] reversed = [.. events.Reverse().Select(one => Event("activity-2", "a2" + ((string)one["event_id"]!)[2..], (string)one["type"]!, DateTimeOffset.Parse((string)one["occurred_at"]!, null).Day))];

        var first = await copy.SendAsync(Body(events));
        var again = await copy.SendAsync(Body(events));
        var late = await copy.SendAsync(Body(reversed));
        var single = await copy.SendAsync(Event("activity-3", "a3-1", "page_view", 2));

        Assert.Equal((200, "accepted"), (first.Status, (string?)first.Body!["results"]![0]!["status"]));
        Assert.Equal(["duplicate", "duplicate", "duplicate"], again.Body!["results"]!.AsArray().Select(result => (string?)result!["status"]));
        Assert.Equal(["a2-3", "a2-2", "a2-1"], late.Body!["results"]!.AsArray().Select(result => (string?)result!["event_id"]));
        Assert.Equal(200, single.Status);
        var inOrder = await AskAsync("/v1/leads/activity-1");
        var outOfOrder = await AskAsync("/v1/leads/activity-2");
        Assert.Equal(3, (int)inOrder["activity"]!["events"]!);
        Assert.True(JsonNode.DeepEquals(inOrder["activity"], outOfOrder["activity"]), outOfOrder["activity"]!.ToJsonString());
        await Until.SoAsync(async () => (await AskAsync("/v1/leads/activity-1"))["score"] is not null);
    }

    [ServerFact]
    public async Task Webhook_ForgedOrInvalid_IsRefusedAndNothingCounts()
    {
        var copy = await WebhookOnlyAsync();
        var nameless = Event("activity-4", "a4-1", "page_view", 1);
        nameless.Remove("event_id");

        var forged = await copy.SendAsync(Event("activity-4", "a4-2", "page_view", 1), key: "wrong");
        var unsigned = await copy.SendAsync(Event("activity-4", "a4-3", "page_view", 1), key: null);
        var invalid = await copy.SendAsync(Body([Event("activity-4", "a4-4", "page_view", 1), nameless]));
        var none = await copy.SendAsync(Body([]));
        var list = await copy.SendAsync(new JsonArray(nameless.DeepClone()));

        Assert.Equal((403, 403), (forged.Status, unsigned.Status));
        Assert.Equal((400, "/events/1/event_id"), (invalid.Status, (string?)invalid.Body!["errors"]![0]!["pointer"]));
        Assert.Equal((400, "/events"), (none.Status, (string?)none.Body!["errors"]![0]!["pointer"]));
        Assert.Equal(400, list.Status);
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync("/v1/leads/activity-4"));
    }

    [ServerFact]
    public async Task Webhook_OneEventRejected_AnswersWhichAndTheOthersCount()
    {
        var copy = await WebhookOnlyAsync();

        var (status, body) = await copy.SendAsync(Body([Event("activity-5", "a5-1", "Page View", 1), Event("activity-5", "a5-2", "page_view", 1)]));

        Assert.Equal(422, status);
        Assert.Equal(["rejected", "accepted"], body!["results"]!.AsArray().Select(result => (string?)result!["status"]));
        Assert.Equal("/type", (string?)body["results"]![0]!["errors"]![0]!["pointer"]);
        Assert.Equal(1, (int)(await AskAsync("/v1/leads/activity-5"))["activity"]!["events"]!);
        Assert.Equal("success", (await copy.NextAsync()).Status);
    }

    [ServerFact]
    public async Task Webhook_SidecarBusy_ComesAgainAndAnswers200()
    {
        var copy = await WebhookOnlyAsync();
        n8n.Proxy.IsBusyFor(1);

        var (status, _) = await copy.SendAsync(Event("activity-6", "a6-1", "page_view", 1));

        Assert.Equal(200, status);
        Assert.Equal(1, (int)(await AskAsync("/v1/leads/activity-6"))["activity"]!["events"]!);
    }

    [ServerFact]
    public async Task Webhook_SidecarTooSlow_Answers503AndTakesTheEventsAfterwards()
    {
        var copy = await WebhookOnlyAsync(template => template.Node("Track the events")["parameters"]!["options"]!["timeout"] = 2);
        n8n.Proxy.IsLateFor(1);

        var (status, body) = await copy.SendAsync(Event("activity-7", "a7-1", "page_view", 1));
        var execution = await copy.NextAsync();

        Assert.Equal(503, status);
        Assert.Contains("did not answer in time", (string?)body!["results"]![0]!["detail"]);
        Assert.Equal("success", execution.Status);
        // They had come in the first time: the second time they do not count.
        Assert.Equal("duplicate", (string?)execution.Run("Track once more").Item["status"]);
        Assert.Equal(1, (int)(await AskAsync("/v1/leads/activity-7"))["activity"]!["events"]!);
    }

    [ServerFact]
    public async Task Trigger_GradeChanges_ActsOnceAndOnlyOnTheGradeOfNow()
    {
        var copy = await Copy.PublishAsync(n8n, File);
        try
        {
            await n8n.PostToNodeSidecarAsync("/v1/score", new JsonObject { ["lead_id"] = "activity-8", ["lead"] = new JsonObject { ["website_sessions"] = 3 } });
            var first = await NextOfAsync(copy, "activity-8");
            var grade = (string)(await AskAsync("/v1/leads/activity-8"))["grade"]!;
            var target = await SignedDelivery.TargetAsync(n8n, copy.Id, TriggerName);
            var stale = await DeliverAsync(target, "evt_activity_stale", grade == "A" ? "B" : "A", "C");
            var staleRun = await NextOfAsync(copy, "activity-8");
            var down = await DeliverAsync(target, "evt_activity_down", grade, "A");
            var downRun = await NextOfAsync(copy, "activity-8");
            var again = await DeliverAsync(target, "evt_activity_down", grade, "A");
            var forged = await SignedDelivery.SendAsync(n8n.Client, target.Url, Changed("evt_forged", grade, "A").ToJsonString(), "whsec_" + Convert.ToBase64String(new byte[32]), TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());

            Assert.Equal(1, first.Count(grade == "A" ? "Now A: alert a rep" : "First grade: welcome"));
            Assert.StartsWith($"Lead activity-8: new → {grade}, score ", (string?)first.Run("Message").Item["text"]);
            Assert.Equal(3, (int)first.Run("Message").Item["attributes"]!["website_sessions"]!);
            Assert.Equal((200, 0), (stale, staleRun.Count("Message")));
            Assert.Equal((200, 1), (down, downRun.Count(grade == "A" ? "Now A: alert a rep" : "Down: off the call list")));
            Assert.Equal((200, 401), (again, forged));
        }
        finally
        {
            await copy.UnpublishAsync();
        }
    }

    /// <summary>Without the trigger, which would register itself with the sidecar for each test.</summary>
    private Task<Copy> WebhookOnlyAsync(Action<Template>? change = null) => WebhookOnlyAsync(n8n, LeadScoringCredential.Id, change);

    internal static Task<Copy> WebhookOnlyAsync(N8nServer n8n, string credential, Action<Template>? change = null) => Copy.PublishAsync(n8n, File, credential, template =>
    {
        template.Node(TriggerName)["disabled"] = true;
        change?.Invoke(template);
    });

    internal static JsonObject Event(string leadId, string eventId, string type, int day) => new()
    {
        ["event_id"] = eventId, ["lead_id"] = leadId, ["type"] = type, ["source"] = "website", ["occurred_at"] = $"2026-01-{day:00}T09:30:00Z", ["properties"] = new JsonObject { ["page"] = "/pricing" },
    };

    private static JsonObject Body(JsonObject[] events) => new() { ["events"] = new JsonArray([.. events.Select(one => one.DeepClone())]) };

    private static JsonObject Changed(string id, string grade, string previous) => new()
    {
        ["id"] = id, ["type"] = "grade.changed", ["data"] = new JsonObject { ["lead_id"] = "activity-8", ["score"] = 50, ["grade"] = grade, ["previous_grade"] = previous },
    };

    private Task<int> DeliverAsync((string Url, string Secret) target, string id, string grade, string previous) => SignedDelivery.SendAsync(n8n.Client, target, Changed(id, grade, previous));

    // Other leads may be scored in the background, and start it too.
    private static async Task<Execution> NextOfAsync(Copy copy, string leadId)
    {
        while (true)
        {
            var execution = await copy.NextAsync();
            if ((string?)execution.Run(TriggerName).Item["lead_id"] == leadId) return execution;
        }
    }

    private Task<JsonNode> AskAsync(string path) => N8nServer.AskAsync(n8n.NodeSidecar, path);
}
