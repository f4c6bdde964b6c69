using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.Feedback;

/// <summary>Template 06 in a real n8n: the message of the morning, and the form behind its links.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class ReviewQueueTests(N8nServer n8n)
{
    private const string File = "06-human-review-queue.json";
    private const string TriggerName = "Review form";

    [ServerFact]
    public async Task Schedule_OpenReviews_GoOutWithALinkEachAndTheAnswersAreStored()
    {
        await MakeReviewsAsync();
        var copy = await Copy.PublishAsync(n8n, File, change: template => template.WithSettings(("n8n_url", "https://n8n.example.com/"), ("most_reviews", 2)));

        var message = (await copy.RunAsync("Every morning")).Run("Send to the reviewers").Item;
        var link = ((string)message["text"]!).Split('\n')[0];
        var reviewId = (await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/reviews?status=open&limit=1"))["reviews"]![0]!["review_id"]!.GetValue<string>();
        var form = new Form(n8n, copy, TriggerName);
        var opened = await form.OpenAsync($"?review_id={reviewId}&lead=somebody");
        var first = await form.SendAsync(Answer(reviewId, "Too high"));
        var second = await form.SendAsync(Answer(reviewId, "Right"));
        var unknown = await form.SendAsync(Answer("no-such-review", "Right"));
        var nameless = await form.SendAsync(Answer("", "Right"));

        Assert.Equal("Lead scoring: 2 scores to look at", (string?)message["title"]);
        Assert.Equal(2, ((string)message["text"]!).Split('\n').Length);
        Assert.Contains($"https://n8n.example.com/form/lead-review?review_id={reviewId}&lead=", link);
        Assert.Contains(reviewId, opened.Html);
        Assert.All([first.Page, second.Page], page => Assert.Contains("Your answer is stored.", page));
        Assert.All([unknown.Page, nameless.Page], page => Assert.Contains("Not stored", page));
        var done = (await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/reviews?status=done&limit=200"))["reviews"]!.AsArray().Single(review => (string?)review!["review_id"] == reviewId)!;
        Assert.Equal(("agree", "nina@example.com", "Knows the lead"), ((string?)done["verdict"], (string?)done["by"], (string?)done["comment"]));
    }

    [ServerFact]
    public async Task Schedule_SidecarDown_FailsForTheErrorWorkflow()
    {
        var copy = await Copy.PublishAsync(n8n, File, LeadScoringCredential.DownId);

        var run = await copy.RunAsync("Every morning");

        Assert.Equal(("error", "Item 0: The lead-scoring sidecar does not answer."), (run.Status, run.Error));
        Assert.Equal(0, run.Count("Send to the reviewers"));
    }

    [ServerFact]
    public async Task Form_WithoutPasswordOrSidecar_IsRefusedOrKept()
    {
        var copy = await Copy.PublishAsync(n8n, File, LeadScoringCredential.DownId);
        var form = new Form(n8n, copy, TriggerName);

        Assert.Equal(401, (await form.SendAsync(Answer("r", "Right"), password: "wrong")).Status);
        Assert.Null((await form.SendAsync(Answer("r", "Right"))).Page);
        var run = await copy.NextAsync();
        Assert.Equal(("error", 1), (run.Status, run.Count("Submit once more")));
    }

    private static JsonObject Answer(string reviewId, string verdict) => new() { ["review_id"] = reviewId, ["lead"] = "somebody", ["verdict"] = verdict, ["comment"] = "Knows the lead", ["by"] = "nina@example.com" };

    // Enough scores that the random share of them cannot be empty, whatever is drawn: one in twenty of 400.
    private async Task MakeReviewsAsync()
    {
        var items = Enumerable.Range(0, 400).Select(i => new JsonObject { ["lead_id"] = $"review-{i}", ["lead"] = new JsonObject { ["website_sessions"] = i % 15, ["email_open_rate"] = i % 9 / 9.0 } });
        await n8n.PostToNodeSidecarAsync("/v1/score/batch", new JsonObject { ["items"] = new JsonArray([.. items]) });
        await n8n.PostToNodeSidecarAsync("/v1/jobs/reviews/run");
        await Until.SoAsync(async () => (await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/reviews"))["reviews"]!.AsArray().Count > 3);
    }
}
