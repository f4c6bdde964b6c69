using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.CommunityNode;
using LeadScoring.Workflows.Tests.Servers;
using Microsoft.AspNetCore.Http;

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
    public async Task Trigger_SidecarBusyThenLate_MessageSaysWhatToDo()
    {
        n8n.Fake.Forget();
        n8n.Fake.AnswersTo("GET /v1/monitoring/drift", FakeSidecar.BusyThenLate(context => context.Response.WriteAsJsonAsync(new
        {
            alarms = new[] { new { kind = "feature", feature = "calls", what_to_do = "Look at the calls." }, new { kind = "feature", feature = "visits", what_to_do = "Look at the visits." } },
        })));
        var copy = await AskingAsync(LeadScoringCredential.FakeId, seconds: 1);
        try
        {
            var run = await AlertAsync(copy, Event("drift.alert", new() { ["kind"] = "feature", ["feature"] = "visits", ["detail"] = "More visits." }));

            Assert.Equal(("success", 3), (run.Status, n8n.Fake.CallsOf("GET /v1/monitoring/drift")));
            Assert.Equal(("Lead scoring: feature drift", "visits: More visits. Look at the visits."), Message(run, "Drift: tell the operator"));
        }
        finally
        {
            await copy.UnpublishAsync();
        }
    }

    [ServerFact]
    public async Task Trigger_SidecarDownBusyOrStuck_MessagesGoOutWithoutThatPart()
    {
        await Task.WhenAll(LeadScoringCredential.Failing.Select(async credential =>
        {
            var copy = await AskingAsync(credential, seconds: 0.5);
            try
            {
                var drift = await AlertAsync(copy, Event("drift.alert", new() { ["kind"] = "concept", ["detail"] = "Leads convert less than scored." }));
                var promoted = await AlertAsync(copy, Event("model.promoted", new() { ["version"] = 7, ["previous_version"] = 6, ["reason"] = "Better." }));

                Assert.Equal((credential, "success", "success"), (credential, drift.Status, promoted.Status));
                Assert.Equal(("Lead scoring: concept drift", "Leads convert less than scored."), Message(drift, "Drift: tell the operator"));
                Assert.Equal(("Lead scoring: model 7 scores now", "Before: model 6. Reason: Better. POST /v1/models/rollback takes it back."), Message(promoted, "New model: tell the team"));
            }
            finally
            {
                await copy.UnpublishAsync();
            }
        }));
    }

    /// <summary>The trigger registers itself with the sidecar that answers; what the messages ask goes to another one.</summary>
    private Task<Copy> AskingAsync(string credential, double seconds) => Copy.PublishAsync(n8n, File, change: template =>
    {
        template.WithPatience(TimeSpan.FromSeconds(seconds));
        foreach (var node in (string[])["Ask what to do", "Ask how good it is"]) template.Node(node)["credentials"]![LeadScoringCredential.Type]!["id"] = credential;
    });

    private async Task<Execution> AlertAsync(Copy copy, JsonObject @event)
    {
        await SignedDelivery.SendAsync(n8n.Client, await SignedDelivery.TargetAsync(n8n, copy.Id, TriggerName), @event);
        return await NextAsync(copy, @event);
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
