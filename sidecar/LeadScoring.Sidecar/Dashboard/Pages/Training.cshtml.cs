using System.Text.Json;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class TrainingModel : DashboardPage
{
    internal JsonElement Runs { get; private set; }

    internal JsonElement Decisions { get; private set; }

    internal JsonElement Gates { get; private set; }

    internal bool IsUnderWay => Runs.List("runs").Any(r => r.Text("status") is "queued" or "running");

    public async Task OnGetAsync()
    {
        Runs = await GetAsync<JsonElement>("ListTrainingRuns");
        Decisions = await GetAsync<JsonElement>("ListRetrainDecisions");
        Gates = await GetAsync<JsonElement>("GetGates");
    }

    /// <summary>The list of runs alone, asked for every two seconds while one is under way.</summary>
    public async Task<IActionResult> OnGetRunsAsync()
    {
        Runs = await GetAsync<JsonElement>("ListTrainingRuns");
        return Partial("_Runs", this);
    }

    public async Task<IActionResult> OnPostStartAsync(string promote)
    {
        await SendAsync<JsonElement>("StartTraining", null, new { promote = promote is "never" ? "never" : "auto" });
        return Done("The training is queued.");
    }

    public async Task<IActionResult> OnPostCancelAsync(string runId)
    {
        await SendAsync<JsonElement>("CancelTrainingRun", new { runId });
        return Done("The training is being stopped; nothing of it is kept.");
    }
}
