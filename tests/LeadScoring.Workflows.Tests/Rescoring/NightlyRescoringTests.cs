using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Workflows.Tests.Rescoring;

/// <summary>Template 08 in a real n8n.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class NightlyRescoringTests(N8nServer n8n)
{
    private const string File = "08-nightly-batch-rescoring.json";
    private const string Trigger = "Every night";

    [ServerFact]
    public async Task Schedule_RealSidecar_ScoresAllOpenLeadsAndReports()
    {
        var copy = await Copy.PublishAsync(n8n, File, change: template => template.WithSettings(("poll_seconds", 1)));

        var run = await copy.RunAsync(Trigger);

        var report = run.Run("Report: send to the team").Item;
        var told = await N8nServer.AskAsync(n8n.NodeSidecar, $"/v1/rescoring-runs/{report["run_id"]}");
        Assert.Equal(("success", "succeeded", "Nightly rescoring: done"), (run.Status, (string?)report["status"], (string?)report["title"]));
        Assert.Equal(((int)told["done"]!, (int)told["changed"]!), ((int)report["done"]!, (int)report["changed"]!));
        Assert.True((int)report["done"]! >= 20, $"{report["done"]} leads");
        Assert.StartsWith($"{told["done"]} of {told["total"]} open leads were scored, {told["changed"]} changed.", (string?)report["text"]);
    }

    [ServerFact]
    public async Task Schedule_RunUnderWay_FollowsThatOne()
    {
        var polls = 0;
        n8n.Fake.Forget();
        n8n.Fake.AnswersTo("POST /v1/rescoring-runs", context => ProblemAsync(context, 409, "Rescoring run abc is under way"));
        n8n.Fake.AnswersTo("GET /v1/rescoring", context => context.Response.WriteAsJsonAsync(new { queued = 0, set_aside = 1, set_aside_leads = new[] { new { lead_id = "odd", reason = "no features" } }, run = new { run_id = "abc" } }));
        n8n.Fake.AnswersTo("GET /v1/rescoring-runs/abc", context => context.Response.WriteAsJsonAsync(Run(polls++ < 2 ? "running" : "succeeded")));
        var copy = await BeforeFakeAsync(mostPolls: 10);

        var run = await copy.RunAsync(Trigger);

        Assert.Equal(("success", 3), (run.Status, run.Count("How far is it?")));
        Assert.Equal("7 of 9 open leads were scored, 2 changed. B → A: 2. 1 cannot be scored: odd (no features).", (string?)run.Run("Report").Item["text"]);
    }

    [ServerFact]
    public async Task Schedule_RunNeverOver_StopsAfterTheLooksItMayTakeAndFails()
    {
        n8n.Fake.Forget();
        n8n.Fake.AnswersTo("POST /v1/rescoring-runs", context => context.Response.WriteAsJsonAsync(Run("running")));
        n8n.Fake.AnswersTo("GET /v1/rescoring-runs/abc", context => context.Response.WriteAsJsonAsync(Run("running")));
        var copy = await BeforeFakeAsync(mostPolls: 3);

        var run = await copy.RunAsync(Trigger);

        Assert.Equal(("error", 3), (run.Status, run.Count("How far is it?")));
        Assert.Equal("Rescoring run abc was not over after 3 looks, 7 of 9 leads are done. GET /v1/rescoring-runs/abc says how far it is.", run.Error);
    }

    [ServerFact]
    public async Task Schedule_SidecarBusyThenLate_StartsOnce()
    {
        var copy = await Copy.PublishAsync(n8n, File, change: template => template.WithSettings(("poll_seconds", 0.1), ("timeout_ms", 3000)));
        var before = n8n.Proxy.KeysOf("POST /v1/rescoring-runs").Count;
        n8n.Proxy.IsBusyFor(1);
        n8n.Proxy.IsLateFor(1);

        var run = await copy.RunAsync(Trigger);

        // Asked for three times, and one and the same.
        var keys = n8n.Proxy.KeysOf("POST /v1/rescoring-runs").Skip(before).ToArray();
        Assert.Equal(("success", 3, 1), (run.Status, keys.Length, keys.Distinct().Count()));
        Assert.Equal((0, 0), (run.Count("Which one?"), run.Count("Start once more")));
    }

    [ServerFact]
    public async Task Schedule_SidecarDownBusyOrStuck_FailsAtTheCallForTheErrorWorkflow()
    {
        var runs = await Copy.BeforeEachFailingSidecarAsync(n8n, File, copy => copy.RunAsync(Trigger));

        // The call itself is what failed: with it template 99 begins again.
        Assert.All(runs, one => Assert.Equal(("error", 1, 0), (one.Result.Status, one.Result.Count("Start once more"), one.Result.Count("The run"))));
    }

    private Task<Copy> BeforeFakeAsync(int mostPolls) => Copy.PublishAsync(n8n, File, LeadScoringCredential.FakeId, template => template.WithSettings(("poll_seconds", 0.1), ("most_polls", mostPolls)));

    private static JsonObject Run(string status) => new()
    {
        ["run_id"] = "abc", ["reason"] = "request", ["status"] = status, ["done"] = 7, ["total"] = 9, ["changed"] = 2,
        ["changed_grades"] = new JsonArray(new JsonObject { ["from"] = "B", ["to"] = "A", ["leads"] = 2 }),
    };

    private static Task ProblemAsync(HttpContext context, int status, string detail)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(new { type = "/problems/conflict", title = "Not now", status, detail }, options: null, contentType: "application/problem+json");
    }
}
