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
    public async Task Schedule_SidecarDown_FailsWithTheDealsInHand()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Deals = [Deal("t4", "deal-a", "won", 1)];
        var copy = await BetweenAsync(crm, LeadScoringCredential.DownId);

        var run = await copy.RunAsync(Trigger);

        Assert.Equal(("error", "Item 0: The lead-scoring sidecar does not answer."), (run.Status, run.Error));
        // The last node has what it was to send: with it template 99 runs it again.
        Assert.Equal(1, run.Count("Record once more"));
        Assert.Equal("deal-t4", (string?)run.Run("Rejected?").Outputs[1].Single()["json"]!["source"]);
    }

    [ServerFact]
    public async Task Schedule_SidecarStuckThenFree_RecordsWithTheSecondTry()
    {
        await StoreAsync("deal-c");
        await using var crm = await FakeCrm.StartAsync();
        crm.Deals = [Deal("t5", "deal-c", "lost")];
        var copy = await BetweenAsync(crm, change: template => template.Node("Record the outcomes")["parameters"]!["options"]!["timeout"] = 1);
        n8n.Proxy.IsStuckFor(1);

        var run = await copy.RunAsync(Trigger);

        Assert.Equal(("success", "recorded"), (run.Status, (string?)run.Run("Record once more").Item["status"]));
    }

    [ServerFact]
    public async Task Schedule_CrmRefusesTheKey_Fails()
    {
        await using var crm = await FakeCrm.StartAsync();
        var copy = await BetweenAsync(crm, change: template => template.WithCredential("httpHeaderAuth", "leadIntakeHeader"));

        var run = await copy.RunAsync(Trigger);

        Assert.Equal("error", run.Status);
        Assert.Equal(0, run.Count("Record the outcomes"));
    }

    private Task<Copy> BetweenAsync(FakeCrm crm, string credential = LeadScoringCredential.Id, Action<Template>? change = null) => Copy.PublishAsync(n8n, File, credential, template =>
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
