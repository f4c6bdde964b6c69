using System.Text.Json.Nodes;
using LeadScoring.Workflows.Tests.Servers;
using Microsoft.AspNetCore.Http;

namespace LeadScoring.Workflows.Tests.Crm;

/// <summary>Template 03 in a real n8n: half B between a CRM and the real sidecar, half A before one whose connectors a test can break.</summary>
[Collection(N8nCollection.Name)]
[Trait("Category", "Server")]
public sealed class CrmSyncTests(N8nServer n8n)
{
    private const string File = "03-crm-sync-write-back.json";
    private const string Watch = "Every day";
    private const string Sync = "Every 15 minutes";

    [ServerFact]
    public async Task Sync_ChangedLeads_AreScoredInOneCallAndWrittenBackOnce()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Leads = [Lead("s1", 14), Lead("s2", 1), Lead("s3", 2)];
        var copy = await BetweenAsync(crm);
        var before = n8n.Proxy.Calls.Count(call => call == "POST /v1/score/batch");

        var first = await copy.RunAsync(Sync);
        var calls = n8n.Proxy.Calls.Count(call => call == "POST /v1/score/batch") - before;
        var again = await copy.RunAsync(Sync);

        Assert.Equal((1, "success", "success"), (calls, first.Status, again.Status));
        Assert.Equal(["s1", "s2", "s3"], crm.Written.Select(one => one.Id));
        foreach (var (id, fields) in crm.Written)
        {
            var stored = await N8nServer.AskAsync(n8n.NodeSidecar, $"/v1/leads/crm-{id}");
            Assert.Equal(((double)stored["score"]!, (string?)stored["grade"]), ((double)fields["lead_scoring_score"]!, (string?)fields["lead_scoring_grade"]));
            Assert.False(string.IsNullOrEmpty((string?)fields["lead_scoring_next_action"]));
            // Its own write-back is not taken for news of the lead.
            Assert.Equal(["website_sessions"], stored["attributes"]!.AsObject().Select(attribute => attribute.Key));
        }

        Assert.Equal(0, again.Count("Write it back"));
    }

    [ServerFact]
    public async Task Sync_LeadRejectedOrGone_HoldsUpNothing()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Leads = [Lead("s4", 14), Lead("s5", 1, gone: true), Lead(new string('x', 220), 2)];
        var copy = await BetweenAsync(crm);

        var run = await copy.RunAsync(Sync);

        Assert.Equal("success", run.Status);
        Assert.Equal(["s4"], crm.Written.Select(one => one.Id));
        Assert.Equal("crm-s5", (string?)run.Run("Gone from the CRM").Item["lead_id"]);
        Assert.Contains("1 to 200 characters", (string?)run.Run("Rejected: look at these leads").Item["error"]);
    }

    [ServerFact]
    public async Task Sync_CrmRefusesForAWhile_WritesWithTheNextTry()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Leads = [Lead("s6", 14)];
        crm.RefusesWrites(3);
        var copy = await BetweenAsync(crm);

        var run = await copy.RunAsync(Sync);

        Assert.Equal(("success", 1), (run.Status, run.Count("Write once more")));
        Assert.Equal("s6", Assert.Single(crm.Written).Id);
    }

    [ServerFact]
    public async Task Sync_CrmRefusesForGood_FailsForTheErrorWorkflow()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Leads = [Lead("s7", 14)];
        crm.RefusesWrites(100);
        var copy = await BetweenAsync(crm);

        var run = await copy.RunAsync(Sync);

        Assert.Equal(("error", 1), (run.Status, run.Count("Write once more")));
        Assert.Empty(crm.Written);
    }

    [ServerFact]
    public async Task Sync_SidecarDown_FailsWithTheLeadsInHandAndWithoutTheError()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Leads = [Lead("s8", 14)];
        var copy = await BetweenAsync(crm, LeadScoringCredential.DownId);

        var run = await copy.RunAsync(Sync);

        Assert.Equal(("error", 1), (run.Status, run.Count("Score once more")));
        Assert.Equal("""{"website_sessions":14,"lead_id":"crm-s8"}""", run.Run("Those leads again").Item.ToJsonString());
    }

    [ServerFact]
    public async Task Sync_SidecarStuckThenFree_ScoresTheSecondTimeAndWritesBack()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Leads = [Lead("s9", 14)];
        var copy = await BetweenAsync(crm, change: template => template.Node("Score them all")["parameters"]!["options"]!["timeout"] = 1);
        n8n.Proxy.IsStuckFor(1);

        var run = await copy.RunAsync(Sync);

        Assert.Equal(("success", 1), (run.Status, run.Count("Score once more")));
        Assert.Equal("s9", Assert.Single(crm.Written).Id);
    }

    [ServerFact]
    public async Task Watch_ConnectorsOfTheSidecar_SyncNowTellWhatIsWrongAndReplayDeadLetters()
    {
        n8n.Fake.Forget();
        n8n.Fake.AnswersTo("GET /v1/connectors", context => context.Response.WriteAsJsonAsync(new
        {
            connectors = new object[]
            {
                new { name = "hubspot", is_connected = true, dead_writes = 1, last_error = (string?)null, what_to_do = (string?)null },
                new { name = "klaviyo", is_connected = true, dead_writes = 0, last_error = (string?)null, what_to_do = (string?)null },
                new { name = "mailchimp", is_connected = false, dead_writes = 0, last_error = "The key was refused.", what_to_do = "Make another key." },
            },
        }));
        n8n.Fake.AnswersTo("GET /v1/connectors/hubspot/dead-letters", context => context.Response.WriteAsJsonAsync(new { dead_letters = new[] { new { record_id = "r1", lead_id = "hubspot-7", attempts = 5, reason = "no such contact" } } }));
        n8n.Fake.AnswersTo("GET /v1/connectors/mailchimp/dead-letters", context => context.Response.WriteAsJsonAsync(new { dead_letters = Array.Empty<object>() }));
        n8n.Fake.AnswersTo("POST /v1/connectors/hubspot/dead-letters/replay", context => context.Response.WriteAsJsonAsync(new { count = 1 }));
        foreach (var name in (string[])["hubspot", "klaviyo"])
            n8n.Fake.AnswersTo($"POST /v1/connectors/{name}/sync", context => context.Response.WriteAsJsonAsync(new { job = "sync", run_id = "r" }));
        var copy = await Copy.PublishAsync(n8n, File, LeadScoringCredential.FakeId, template => template.WithSettings(("sidecar_url", n8n.Fake.Url.OriginalString)));

        var run = await copy.RunAsync(Watch);

        Assert.Equal("success", run.Status);
        Assert.Equal(
            ["Could not be written: hubspot-7 (no such contact). They are tried again now.", "Not connected. The key was refused. Make another key."],
            run.Run("Sync: tell the operator").Items.Select(item => (string?)item["text"]));
        Assert.Equal((1, 1, 0), (n8n.Fake.CallsOf("POST /v1/connectors/hubspot/sync"), n8n.Fake.CallsOf("POST /v1/connectors/klaviyo/sync"), n8n.Fake.CallsOf("POST /v1/connectors/mailchimp/sync")));
        Assert.Equal((1, 0), (n8n.Fake.CallsOf("POST /v1/connectors/hubspot/dead-letters/replay"), n8n.Fake.CallsOf("POST /v1/connectors/mailchimp/dead-letters/replay")));
    }

    [ServerFact]
    public async Task Watch_RealSidecarWithoutConnectors_DoesNothing()
    {
        var copy = await Copy.PublishAsync(n8n, File);

        var run = await copy.RunAsync(Watch);

        Assert.Equal(("success", 1, 0), (run.Status, run.Count("How are they?"), run.Count("Sync now")));
    }

    private Task<Copy> BetweenAsync(FakeCrm crm, string credential = LeadScoringCredential.Id, Action<Template>? change = null) => Copy.PublishAsync(n8n, File, credential, template =>
    {
        template.Assignment("CRM", "crm_url")["value"] = crm.Url.OriginalString;
        change?.Invoke(template);
    });

    private static JsonObject Lead(string id, int visits, bool gone = false) => new() { ["id"] = id, ["attributes"] = new JsonObject { ["website_sessions"] = visits }, ["gone"] = gone };
}
