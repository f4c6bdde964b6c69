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
    public async Task Sync_SidecarDownBusyOrStuck_FailsWithTheLeadsInHandAndWithoutTheError()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Leads = [Lead("s8", 14)];

        var runs = await Copy.BeforeEachFailingSidecarAsync(n8n, File, copy => copy.RunAsync(Sync), template => PointAt(template, crm));

        Assert.All(runs, one =>
        {
            Assert.Equal(("error", 1), (one.Result.Status, one.Result.Count("Score once more")));
            Assert.Equal("""{"website_sessions":14,"lead_id":"crm-s8"}""", one.Result.Run("Those leads again").Item.ToJsonString());
        });
        Assert.Empty(crm.Written);
    }

    [ServerFact]
    public async Task Sync_SidecarBusyThenLate_ScoresOnceMoreAndWritesBackOnce()
    {
        await using var crm = await FakeCrm.StartAsync();
        crm.Leads = [Lead("s9", 14)];
        var copy = await BetweenAsync(crm, change: template => template.Node("Score them all")["parameters"]!["options"]!["timeout"] = 2);
        n8n.Proxy.IsBusyFor(1);
        n8n.Proxy.IsLateFor(1);

        var run = await copy.RunAsync(Sync);

        // Busy: the node itself comes again. Late: that is given up, and tried once more.
        Assert.Contains("did not answer in time", (string?)run.Run("Score them all").Outputs[1].Single()["json"]!["error"]);
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
        var copy = await Copy.PublishAsync(n8n, File, LeadScoringCredential.FakeId);

        var run = await copy.RunAsync(Watch);

        Assert.Equal("success", run.Status);
        Assert.Equal(
            ["Could not be written: hubspot-7 (no such contact). They are tried again now.", "Not connected. The key was refused. Make another key."],
            run.Run("Sync: tell the operator").Items.Select(item => (string?)item["text"]));
        Assert.Equal((1, 1, 0), (n8n.Fake.CallsOf("POST /v1/connectors/hubspot/sync"), n8n.Fake.CallsOf("POST /v1/connectors/klaviyo/sync"), n8n.Fake.CallsOf("POST /v1/connectors/mailchimp/sync")));
        Assert.Equal((1, 0), (n8n.Fake.CallsOf("POST /v1/connectors/hubspot/dead-letters/replay"), n8n.Fake.CallsOf("POST /v1/connectors/mailchimp/dead-letters/replay")));
    }

    [ServerFact]
    public async Task Watch_SidecarBusyThenLate_SyncsUnderOneIdempotencyKey()
    {
        var keys = new List<string?>();
        n8n.Fake.Forget();
        n8n.Fake.AnswersTo("GET /v1/connectors", FakeSidecar.BusyThenLate(context => context.Response.WriteAsJsonAsync(new { connectors = new[] { new { name = "hubspot", is_connected = true, dead_writes = 0 } } })));
        var sync = FakeSidecar.BusyThenLate(context => context.Response.WriteAsJsonAsync(new { job = "sync", run_id = "r" }));
        n8n.Fake.AnswersTo("POST /v1/connectors/hubspot/sync", context =>
        {
            keys.Add(context.Request.Headers["Idempotency-Key"]);
            return sync(context);
        });
        var copy = await Copy.PublishAsync(n8n, File, LeadScoringCredential.FakeId, template => template.WithPatience(TimeSpan.FromSeconds(2)));

        var run = await copy.RunAsync(Watch);

        Assert.Equal(("success", 3), (run.Status, keys.Count));
        Assert.Single(keys.Distinct());
    }

    [ServerFact]
    public async Task Watch_SidecarDownBusyOrStuck_FailsForTheErrorWorkflow()
    {
        var runs = await Copy.BeforeEachFailingSidecarAsync(n8n, File, copy => copy.RunAsync(Watch));

        Assert.All(runs, one => Assert.Equal(("error", 1, 0), (one.Result.Status, one.Result.Count("How are they?"), one.Result.Count("One item a connector"))));
    }

    [ServerFact]
    public async Task Watch_RealSidecarWithoutConnectors_DoesNothing()
    {
        var copy = await Copy.PublishAsync(n8n, File);

        var run = await copy.RunAsync(Watch);

        Assert.Equal(("success", 1, 0), (run.Status, run.Count("How are they?"), run.Count("Sync now")));
    }

    private Task<Copy> BetweenAsync(FakeCrm crm, Action<Template>? change = null) => Copy.PublishAsync(n8n, File, change: template =>
    {
        PointAt(template, crm);
        change?.Invoke(template);
    });

    private static void PointAt(Template template, FakeCrm crm) => template.Assignment("CRM", "crm_url")["value"] = crm.Url.OriginalString;

    private static JsonObject Lead(string id, int visits, bool gone = false) => new() { ["id"] = id, ["attributes"] = new JsonObject { ["website_sessions"] = visits }, ["gone"] = gone };
}
