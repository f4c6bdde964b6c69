using System.Text.Json;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class ExperimentsModel : DashboardPage
{
    internal JsonElement List { get; private set; }

    internal JsonElement Models { get; private set; }

    public async Task OnGetAsync()
    {
        List = await GetAsync<JsonElement>("ListExperiments");
        Models = await GetAsync<JsonElement>("ListModels");
    }

    public async Task<IActionResult> OnPostForecastAsync(string kind) =>
        Partial("_Forecast", await SendAsync<JsonElement>("ForecastExperiment", null, new { kind }));

    public async Task<IActionResult> OnPostStartAsync(string name, int challenger, string kind, bool promote)
    {
        await SendAsync<JsonElement>("StartExperiment", null, new { name, challenger, kind, promote });
        return Done("The experiment runs.");
    }

    public async Task<IActionResult> OnPostStopAsync(string experimentId)
    {
        await SendAsync<JsonElement>("StopExperiment", new { experimentId }, new { });
        return Done("The experiment is stopped; the champion stays.");
    }
}
