using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.CommunityNode;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.Alerts;

/// <summary>Template 07 in a real n8n, with deliveries as the sidecar signs them.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class ModelAlertTests(N8nServer n8n)
{
    private const string File = "07-model-and-drift-alerts.json";
    private const string TriggerName = "Something happened";

    [ServerFact]
    public async Task Trigger_EachKindOfEvent_BecomesItsMessageOnce()
    {
        var copy = await Copy.PublishAsync(n8n, File);
        try
        {
            var target = await SignedDelivery.TargetAsync(n8n, copy.Id, TriggerName);
            var champion = (await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/models"))["models"]!.AsArray().Single(model => (bool)model!["is_champion"]!)!;
            var drift = Event("drift.alert", new() { ["kind"] = "feature", ["feature"] = "total_sessions", ["value"] = 0.31, ["threshold"] = 0.2, ["detail"] = "Website visits are others than in training." });
            var promoted = Event("model.promoted", new() { ["version"] = champion["version"]!.DeepClone(), ["previous_version"] = null, ["reason"] = "first model." });
            var review = Event("review.needed", new() { ["lead_id"] = "alert-1", ["score"] = 51.5, ["grade"] = "C", ["confidence"] = 0.55, ["review_reason"] = "Near the middle." });

            Assert.Equal(200, await SignedDelivery.SendAsync(n8n.Client, target, drift));
            var ofDrift = await NextAsync(copy, drift);
            Assert.Equal(200, await SignedDelivery.SendAsync(n8n.Client, target, promoted));
            var ofModel = await NextAsync(copy, promoted);
            Assert.Equal(200, await SignedDelivery.SendAsync(n8n.Client, target, review));
            var ofReview = await NextAsync(copy, review);
            Assert.Equal(200, await SignedDelivery.SendAsync(n8n.Client, target, drift));
            Assert.Equal(401, await SignedDelivery.SendAsync(n8n.Client, target.Url, drift.ToJsonString(), "whsec_" + Convert.ToBase64String(new byte[32]), TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()));

            Assert.Equal(("Lead scoring: feature drift", "total_sessions: Website visits are others than in training. Measured 0.31, alarm from 0.2."), Message(ofDrift, "Drift: tell the operator"));
            Assert.Equal($"Lead scoring: model {champion["version"]} scores now", Message(ofModel, "New model: tell the team").Title);
            Assert.Matches(@"^Before: rules\. Reason: first model\. On leads it had not seen: AUC 0\.\d{3}, log loss 0\.\d{3}\. ", Message(ofModel, "New model: tell the team").Text);
            Assert.Equal(("Please look at lead alert-1", "Grade C, score 51.5, confidence 0.55. Near the middle."), Message(ofReview, "Review: tell a person"));
        }
        finally
        {
            await copy.UnpublishAsync();
        }
    }

    // n8n knows what it has seen even when the trigger, which remembers as long as the process lives, does not.
    [ServerFact]
    public async Task Trigger_SameEventUnderTheTriggersEyes_IsStoppedByTheWorkflowItself()
    {
        var copy = await Copy.PublishAsync(n8n, File, change: template => template.Node(TriggerName)["parameters"]!["options"]!["deduplicate"] = false);
        try
        {
            var target = await SignedDelivery.TargetAsync(n8n, copy.Id, TriggerName);
            var review = Event("review.needed", new() { ["lead_id"] = "alert-2", ["score"] = 51.5, ["grade"] = "C", ["confidence"] = 0.55 });

            await SignedDelivery.SendAsync(n8n.Client, target, review);
            var first = await NextAsync(copy, review);
            await SignedDelivery.SendAsync(n8n.Client, target, review);
            var second = await NextAsync(copy, review);

            Assert.Equal((1, 0), (first.Count("Review: tell a person"), second.Count("Review: tell a person")));
        }
        finally
        {
            await copy.UnpublishAsync();
        }
    }

    [ServerFact]
    public async Task Trigger_SidecarDoesNotAnswer_MessageGoesOutWithoutThatPart()
    {
        var copy = await Copy.PublishAsync(n8n, File, change: template => template.Node("Ask what to do")["credentials"]![LeadScoringCredential.Type]!["id"] = LeadScoringCredential.DownId);
        try
        {
            var target = await SignedDelivery.TargetAsync(n8n, copy.Id, TriggerName);
            var drift = Event("drift.alert", new() { ["kind"] = "concept", ["detail"] = "Leads convert less than scored." });

            await SignedDelivery.SendAsync(n8n.Client, target, drift);
            var run = await NextAsync(copy, drift);

            Assert.Equal("success", run.Status);
            Assert.Equal(("Lead scoring: concept drift", "Leads convert less than scored."), Message(run, "Drift: tell the operator"));
        }
        finally
        {
            await copy.UnpublishAsync();
        }
    }

    private static JsonObject Event(string type, JsonObject data) => new() { ["id"] = $"evt_{Guid.NewGuid():N}", ["type"] = type, ["data"] = data };

    private static (string? Title, string? Text) Message(Execution execution, string node) => ((string?)execution.Run(node).Item["title"], (string?)execution.Run(node).Item["text"]);

    // The sidecar may have something of its own to tell.
    private static async Task<Execution> NextAsync(Copy copy, JsonObject of)
    {
        while (true)
        {
            var execution = await copy.NextAsync();
            if ((string?)execution.Run(TriggerName).Item["event_id"] == (string?)of["id"]) return execution;
        }
    }
}
