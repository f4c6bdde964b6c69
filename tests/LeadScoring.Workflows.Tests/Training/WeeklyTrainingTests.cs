using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Workflows.Tests.Training;

/// <summary>Template 09 in a real n8n.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class WeeklyTrainingTests(N8nServer n8n)
{
    private const string File = "09-weekly-training-report.json";
    private const string Trigger = "Every Monday";

    /// <summary>A training that takes seconds.</summary>
    private const string SmallTraining = """{"gradient_boosting": {"rounds": 10}, "random_forest": {"parallel_trees": 5}, "network": {"max_epochs": 2}, "folds": 2}""";

    [ServerFact]
    public async Task Schedule_RealSidecarBusyThenLate_TrainsOnceAndReportsTheVerdictOfTheGates()
    {
        var copy = await Copy.PublishAsync(n8n, File, change: template =>
        {
            template.WithSettings(("poll_seconds", 1));
            // Never promoted: other tests see the champion that was there at first.
            var start = template.Node("Start a training")["parameters"]!;
            start["promote"] = "never";
            start["options"] = new JsonObject { ["timeout"] = 2, ["settings"] = SmallTraining, ["evaluation"] = """{"forward": false, "learning_curve": false}""" };
        });
        var champion = (int)(await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/models"))["models"]!.AsArray().Single(model => (bool)model!["is_champion"]!)!["version"]!;

        var trainings = await CountTrainingsAsync();
        n8n.Proxy.IsBusyFor(1);
        n8n.Proxy.IsLateFor(1);

        var run = await copy.RunAsync(Trigger);

        Assert.Equal(1, await CountTrainingsAsync() - trainings);
        var report = run.Run("Report: send to the team").Item;
        var training = await N8nServer.AskAsync(n8n.NodeSidecar, $"/v1/training-runs/{report["run_id"]}");
        Assert.Equal(("success", "succeeded", false), (run.Status, (string?)report["status"], (bool)report["is_promoted"]!));
        Assert.Equal($"Lead scoring, weekly: model {training["model_version"]} waits", (string?)report["title"]);
        Assert.StartsWith((string)training["reason"]!, (string?)report["text"]);
        Assert.Matches($@"Model {champion} scores, AUC 0\.\d{{3}} on \d+ leads it had not seen\.", (string?)report["text"]);
        var week = await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/reports/weekly");
        Assert.NotEmpty(week["changed"]!.AsArray());
        foreach (var line in week["changed"]!.AsArray()) Assert.Contains($"• {line!["text"]}", (string?)report["text"]);
        Assert.Equal(week["to_do"]!.AsArray().Select(line => (string)line!["text"]!), report["to_do"]!.AsArray().Select(line => (string)line!));
    }

    [ServerFact]
    public async Task Schedule_TrainingFails_ReportsWhyWithWhatStillAnswers()
    {
        n8n.Fake.Forget();
        n8n.Fake.AnswersTo("POST /v1/training-runs", context => context.Response.WriteAsJsonAsync(Run("queued", null)));
        n8n.Fake.AnswersTo("GET /v1/training-runs/week", context => context.Response.WriteAsJsonAsync(Run("failed", "Too few outcomes: 12, at least 100 are needed.")));
        var copy = await BeforeFakeAsync(mostPolls: 5);

        var run = await copy.RunAsync(Trigger);

        // Model, business and the week in words are not there at all: the report goes out without them.
        Assert.Equal(("success", "Lead scoring, weekly: training failed"), (run.Status, (string?)run.Run("Report").Item["title"]));
        Assert.Equal("Too few outcomes: 12, at least 100 are needed.", (string?)run.Run("Report").Item["text"]);
    }

    [ServerFact]
    public async Task Schedule_TrainingNeverOver_StopsAfterTheLooksItMayTakeAndFails()
    {
        n8n.Fake.Forget();
        n8n.Fake.AnswersTo("POST /v1/training-runs", context => context.Response.WriteAsJsonAsync(Run("queued", null)));
        n8n.Fake.AnswersTo("GET /v1/training-runs/week", context => context.Response.WriteAsJsonAsync(Run("running", null)));
        var copy = await BeforeFakeAsync(mostPolls: 3);

        var run = await copy.RunAsync(Trigger);

        Assert.Equal(("error", 3), (run.Status, run.Count("How far is it?")));
        Assert.Equal("Training week was not over after 3 looks: Fitting.", run.Error);
    }

    [ServerFact]
    public async Task Schedule_SidecarDownBusyOrStuck_FailsForTheErrorWorkflow()
    {
        var runs = await Copy.BeforeEachFailingSidecarAsync(n8n, File, copy => copy.RunAsync(Trigger));

        Assert.Equal(LeadScoringCredential.Failing.Select(credential => ("error", LeadScoringCredential.Error(credential))), runs.Select(one => (one.Result.Status, one.Result.Error!)));
    }

    private async Task<int> CountTrainingsAsync() => (await N8nServer.AskAsync(n8n.NodeSidecar, "/v1/training-runs"))["runs"]!.AsArray().Count;

    private Task<Copy> BeforeFakeAsync(int mostPolls) =>
        Copy.PublishAsync(n8n, File, LeadScoringCredential.FakeId, template => template.WithSettings(("poll_seconds", 0.1), ("most_polls", mostPolls)));

    private static JsonObject Run(string status, string? reason) => new()
    {
        ["run_id"] = "week", ["status"] = status, ["stage"] = "Fitting", ["fraction"] = 0.5, ["is_promoted"] = false, ["reason"] = reason,
    };
}
