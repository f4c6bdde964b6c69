using System.Globalization;
using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;

namespace LeadScoring.Workflows.Tests.Outcomes;

/// <summary>Template 04 in a real n8n, between a CRM and the real sidecar.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class OutcomeCollectionTests(N8nServer n8n)
{
    private const string File = "04-daily-outcome-collection.json";
    private const string Trigger = "Every morning";

    [ServerFact]
    public async Task Schedule_DealsWonLostAndOpenedAgain_AreRecordedOnceAndTakenBack()
    {
        await StoreAsync("deal-a", "deal-b");
        await using var crm = await FakeCrm.StartAsync();
        crm.Deals = [Deal("t1", "deal-a", "won", 1200), Deal("t2", "deal-b", "lost"), Deal("t3", "deal-unknown", "won", 5)];
        var copy = await BetweenAsync(crm);

        var first = await copy.RunAsync(Trigger);
        var again = await copy.RunAsync(Trigger);
        crm.Deals = [Deal("t1", "deal-a", "open")];
        var reopened = await copy.RunAsync(Trigger);

        Assert.Equal("recorded: 2, updated: 0, unchanged: 0, reversed: 0", Told(first));
        Assert.Equal("recorded: 0, updated: 0, unchanged: 2, reversed: 0", Told(again));
        Assert.Equal("recorded: 0, updated: 0, unchanged: 0, reversed: 1", Told(reopened));
        var rejected = first.Run("Rejected: look at these deals").Item;
        Assert.Equal(("deal-unknown", "deal-t3"), ((string?)rejected["lead_id"], (string?)rejected["source"]));
        Assert.Contains("no lead with this id", (string?)rejected["error"]);
        // Two pages of two; the first asks for what changed in the days before.
        Assert.Equal(2, first.Run("Read the changed deals").Items.Count);
        var since = DateTimeOffset.Parse(crm.AskedSince.First(), CultureInfo.InvariantCulture);
        Assert.InRange(TimeProvider.System.GetUtcNow() - since, TimeSpan.FromHours(71.9), TimeSpan.FromHours(72.1));
    }

    [ServerFact]
    public async Task Schedule_NothingChanged_RecordsNothing()
    {
        await using var crm = await FakeCrm.StartAsync();
        var copy = await BetweenAsync(crm);

        var run = await copy.RunAsync(Trigger);

        Assert.Equal(("success", 0), (run.Status, run.Count("Record the outcomes")));
    }

    [ServerFact]
    public async Task Schedule_SidecarDownBusyOrStuck_FailsWithTheDealsInHand()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Deals = [Deal("t4", "deal-a", "won", 1)];

        var runs = await Copy.BeforeEachFailingSidecarAsync(n8n, File, copy => copy.RunAsync(Trigger), template => template.WithSettings(("crm_url", crm.Url.OriginalString)));

        Assert.Equal(LeadScoringCredential.Failing.Select(credential => ("error", LeadScoringCredential.Error(credential))), runs.Select(one => (one.Result.Status, one.Result.Error!)));
        // The last node has what it was to send: with it template 99 runs it again.
        Assert.All(runs, one => Assert.Equal(1, one.Result.Count("Record once more")));
        Assert.All(runs, one => Assert.Equal("deal-t4", (string?)one.Result.Run("Rejected?").Outputs[1].Single()["json"]!["source"]));
    }

    [ServerFact]
    public async Task Schedule_SidecarBusyThenLate_RecordsOnce()
    {
        await StoreAsync("deal-c");
        await using var crm = await FakeCrm.StartAsync();
        crm.Deals = [Deal("t5", "deal-c", "lost")];
        var copy = await BetweenAsync(crm, template => template.Node("Record the outcomes")["parameters"]!["options"]!["timeout"] = 2);
        n8n.Proxy.IsBusyFor(1);
        n8n.Proxy.IsLateFor(1);

        var run = await copy.RunAsync(Trigger);

        // Busy: the node itself comes again. Late: it was recorded, and the second try finds it so.
        Assert.Contains("did not answer in time", (string?)run.Run("Record the outcomes").Outputs[1].Single()["json"]!["error"]);
        Assert.Equal(("success", "unchanged"), (run.Status, (string?)run.Run("Record once more").Item["status"]));
    }

    [ServerFact]
    public async Task Schedule_CrmRefusesTheKey_Fails()
    {
        await using var crm = await FakeCrm.StartAsync();
        var copy = await BetweenAsync(crm, template => template.WithCredential("httpHeaderAuth", "leadIntakeHeader"));

        var run = await copy.RunAsync(Trigger);

        Assert.Equal("error", run.Status);
        Assert.Equal(0, run.Count("Record the outcomes"));
    }

    private Task<Copy> BetweenAsync(FakeCrm crm, Action<Template>? change = null) => Copy.PublishAsync(n8n, File, change: template =>
    {
        template.WithSettings(("crm_url", crm.Url.OriginalString));
        change?.Invoke(template);
    });

    private static string? Told(CommunityNode.Execution run) => (string?)run.Run("Outcomes: tell the team").Item["text"];

    private async Task StoreAsync(params string[] leads)
    {
        foreach (var lead in leads) await n8n.PostToNodeSidecarAsync("/v1/score", new JsonObject { ["lead_id"] = lead, ["lead"] = new JsonObject { ["website_sessions"] = 2 } });
    }

    private static JsonObject Deal(string id, string leadId, string status, double? amount = null) => new()
    {
        ["id"] = id, ["lead_id"] = leadId, ["status"] = status, ["closed_at"] = TimeProvider.System.GetUtcNow().AddHours(-1).ToString("yyyy-MM-ddTHH:00:00Z", CultureInfo.InvariantCulture), ["amount"] = amount, ["stage"] = $"closed {status}",
    };
}
