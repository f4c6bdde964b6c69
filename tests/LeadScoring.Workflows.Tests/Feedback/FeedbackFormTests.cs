using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.Feedback;

/// <summary>Template 05 in a real n8n, filled in as a browser does it.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class FeedbackFormTests(N8nServer n8n)
{
    private const string File = "05-sales-feedback-form.json";
    private const string TriggerName = "Feedback form";

    [ServerFact]
    public async Task Form_Sent_IsStoredAndThePersonIsToldSo()
    {
        await n8n.PostToNodeSidecarAsync("/v1/score", new JsonObject { ["lead_id"] = "feedback-1", ["lead"] = new JsonObject { ["website_sessions"] = 2 } });
        var copy = await Copy.PublishAsync(n8n, File);
        var form = new Form(n8n, copy, TriggerName);

        var (opened, html) = await form.OpenAsync("?lead_id=feedback-1");
        var first = await form.SendAsync(Answer("feedback-1"));
        var stored = (await copy.NextAsync()).Run("Send the feedback").Item;
        var again = await form.SendAsync(Answer("feedback-1"));
        var second = (await copy.NextAsync()).Run("Send the feedback").Item;

        Assert.Equal(200, opened);
        Assert.Contains("feedback-1", html);
        Assert.Contains("Your feedback is stored.", first.Page);
        Assert.Equal("recorded", (string?)stored["status"]);
        Assert.Matches("^form-[0-9-]{10}-bad-feedback-1-nina@example.com$", (string?)stored["id"]);
        Assert.Contains("Your feedback is stored.", again.Page);
        Assert.Equal(("unchanged", (string?)stored["id"]), ((string?)second["status"], (string?)second["id"]));
    }

    [ServerFact]
    public async Task Form_UnknownLead_TellsThePersonWhatIsWrong()
    {
        var copy = await Copy.PublishAsync(n8n, File);

        var (_, page) = await new Form(n8n, copy, TriggerName).SendAsync(Answer("feedback-nobody"));

        Assert.Contains("Not stored", page);
        Assert.Contains("The organization has no lead with this id.", page);
    }

    [ServerTheory]
    [InlineData(null)]
    [InlineData("wrong")]
    public async Task Form_WithoutPassword_IsRefused(string? password)
    {
        var copy = await Copy.PublishAsync(n8n, File);
        var form = new Form(n8n, copy, TriggerName);

        Assert.Equal(401, (await form.OpenAsync(password: password)).Status);
        Assert.Equal(401, (await form.SendAsync(Answer("feedback-1"), password)).Status);
        Assert.Equal(0, await copy.CountAsync());
    }

    [ServerFact]
    public async Task Form_SidecarBusyThenLate_IsStoredOnce()
    {
        await n8n.PostToNodeSidecarAsync("/v1/score", new JsonObject { ["lead_id"] = "feedback-2", ["lead"] = new JsonObject { ["website_sessions"] = 2 } });
        var copy = await Copy.PublishAsync(n8n, File, change: template => template.Node("Send the feedback")["parameters"]!["options"]!["timeout"] = 2);
        var form = new Form(n8n, copy, TriggerName);

        n8n.Proxy.IsBusyFor(1);
        var busy = await form.SendAsync(Answer("feedback-2"));
        var first = await copy.NextAsync();
        n8n.Proxy.IsLateFor(1);
        await form.SendAsync(Answer("feedback-2", "Good: worth the call"));
        var second = await copy.NextAsync();

        Assert.Contains("Your feedback is stored.", busy.Page);
        Assert.Equal(0, first.Count("Send once more"));
        Assert.Equal(("success", "unchanged"), (second.Status, (string?)second.Run("Send once more").Item["status"]));
    }

    [ServerFact]
    public async Task Form_SidecarDownBusyOrStuck_FailsWithTheFeedbackInHand()
    {
        var runs = await Copy.BeforeEachFailingSidecarAsync(n8n, File, async copy =>
        {
            var (status, page) = await new Form(n8n, copy, TriggerName).SendAsync(Answer("feedback-1"));
            var run = await copy.NextAsync();
            return (status, page, run.Status, run.Count("Send once more"), run.Error);
        });

        Assert.Equal(LeadScoringCredential.Failing.Select(credential => (200, (string?)null, "error", 1, (string?)LeadScoringCredential.Error(credential))), runs.Select(one => one.Result));
    }

    private static JsonObject Answer(string leadId, string verdict = "Bad: not worth the call") => new() { ["lead_id"] = leadId, ["verdict"] = verdict, ["reason"] = "Has just bought", ["by"] = "nina@example.com" };
}
