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
    public async Task ScheduleAndForm_SidecarBusyThenLate_GoOutAndAreStoredOnce()
    {
        await MakeReviewsAsync();
        var copy = await Copy.PublishAsync(n8n, File, change: template =>
        {
            template.WithSettings(("most_reviews", 1));
            foreach (var node in (string[])["Read open reviews", "Submit the review"]) template.Node(node)["parameters"]!["options"]!["timeout"] = 2;
        });
        var reviewId = (await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/reviews?status=open&limit=1"))["reviews"]![0]!["review_id"]!.GetValue<string>();
        var form = new Form(n8n, copy, TriggerName);

        n8n.Proxy.IsBusyFor(1);
        n8n.Proxy.IsLateFor(1);
        var morning = await copy.RunAsync("Every morning");
        n8n.Proxy.IsBusyFor(1);
        var busy = await form.SendAsync(Answer(reviewId, "Too low"));
        await copy.NextAsync();
        n8n.Proxy.IsLateFor(1);
        await form.SendAsync(Answer(reviewId, "Too high"));
        var late = await copy.NextAsync();

        Assert.Equal(("success", "Lead scoring: 1 score to look at"), (morning.Status, (string?)morning.Run("Send to the reviewers").Item["title"]));
        Assert.Contains("Your answer is stored.", busy.Page);
        Assert.Equal(("success", 1), (late.Status, late.Count("Submit once more")));
        var done = (await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/reviews?status=done&limit=200"))["reviews"]!.AsArray().Single(review => (string?)review!["review_id"] == reviewId)!;
        Assert.Equal("too_high", (string?)done["verdict"]);
    }

    [ServerFact]
    public async Task Schedule_SidecarDownBusyOrStuck_FailsForTheErrorWorkflow()
    {
        var runs = await Copy.BeforeEachFailingSidecarAsync(n8n, File, copy => copy.RunAsync("Every morning"));

        Assert.Equal(LeadScoringCredential.Failing.Select(credential => ("error", LeadScoringCredential.Error(credential), 0)), runs.Select(one => (one.Result.Status, one.Result.Error!, one.Result.Count("Send to the reviewers"))));
    }

    [ServerTheory]
    [InlineData(null)]
    [InlineData("wrong")]
    public async Task Form_WithoutPassword_IsRefused(string? password)
    {
        var copy = await Copy.PublishAsync(n8n, File);
        var form = new Form(n8n, copy, TriggerName);

        Assert.Equal(401, (await form.OpenAsync(password: password)).Status);
        Assert.Equal(401, (await form.SendAsync(Answer("r", "Right"), password)).Status);
        Assert.Equal(0, await copy.CountAsync());
    }

    [ServerFact]
    public async Task Form_SidecarDownBusyOrStuck_FailsWithTheAnswerInHand()
    {
        var runs = await Copy.BeforeEachFailingSidecarAsync(n8n, File, async copy =>
        {
            var (_, page) = await new Form(n8n, copy, TriggerName).SendAsync(Answer("r", "Right"));
            var run = await copy.NextAsync();
            return (page, run.Status, run.Count("Submit once more"), run.Error);
        });

        Assert.Equal(LeadScoringCredential.Failing.Select(credential => ((string?)null, "error", 1, (string?)LeadScoringCredential.Error(credential))), runs.Select(one => one.Result));
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
