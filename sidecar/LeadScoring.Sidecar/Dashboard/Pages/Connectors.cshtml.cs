using System.Text.Json;
using Microsoft.AspNetCore.Mvc;

namespace LeadScoring.Sidecar.Dashboard;

public sealed class ConnectorsModel : DashboardPage
{
    internal JsonElement List { get; private set; }

    internal Dictionary<string, JsonElement> Dead { get; } = [];

    public async Task OnGetAsync()
    {
        List = await GetAsync<JsonElement>("ListConnectors");
        foreach (var c in List.List("connectors").Where(c => c.At("dead_writes") > 0)) Dead[c.Text("name")!] = await GetAsync<JsonElement>("ListConnectorDeadLetters", new { name = c.Text("name"), limit = 50 });
    }

    public async Task<IActionResult> OnPostSyncAsync(string name)
    {
        await SendAsync<JsonElement>("SyncConnector", new { name });
        return Done($"{name}: the sync begins.");
    }

    public async Task<IActionResult> OnPostReplayAsync(string name, string? recordId)
    {
        var replayed = await SendAsync<JsonElement>("ReplayConnectorDeadLetters", new { name, record_id = recordId });
        return Done($"{name}: {Show.Number(replayed.At("count"))} tried again.");
    }
}
