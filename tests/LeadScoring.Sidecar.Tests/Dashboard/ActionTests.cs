using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using LeadScoring.Sidecar.Sync;
using LeadScoring.Sidecar.Tests.Sync;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Dashboard;

/// <summary>What the pages' forms do, and what a new organization is told on each page.</summary>
public sealed class ActionTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private static async Task<string> DoneAsync(DashboardBrowser browser, string page, string handler, params (string Name, string Value)[] fields)
    {
        var (response, html) = await browser.PostAsync("/dashboard" + page, $"/dashboard{page.Split('?')[0]}?handler={handler}", fields);
        if (response.StatusCode == HttpStatusCode.OK) return html;
        Assert.True(response.StatusCode == HttpStatusCode.Found, html);
        var next = (await browser.GetAsync(response.Headers.Location!.ToString())).Html;
        return WebUtility.HtmlDecode(Regex.Match(next, "<p class=\"notice (good|bad)[^>]*>(.*?)</p>", RegexOptions.Singleline).Value);
    }

    /// <summary>Each page that has nothing to show says so, and leads on: by a link, a button or a form.</summary>
    [Theory]
    [InlineData("", "No lead has a score yet", "/dashboard/import")]
    [InlineData("/leads", "No lead is like that", "/dashboard/import")]
    [InlineData("/review", "Nothing to look at", "/dashboard/leads")]
    [InlineData("/review?status=done", "Nobody has reviewed a score yet", "/dashboard/leads")]
    [InlineData("/business?handler=Figures", "No scored lead has a final outcome", "/dashboard/import")]
    [InlineData("/experiments", "No experiment yet", "/dashboard/training")]
    [InlineData("/model", "There is no model yet", "/dashboard/training")]
    [InlineData("/model?handler=Figures", "No decision has an outcome yet", "/dashboard/import")]
    [InlineData("/training", "No training yet", "/dashboard/import")]
    [InlineData("/drift", "Nothing to compare yet", "/dashboard/training")]
    [InlineData("/fairness?handler=Figures", "Nothing to compare", "/dashboard/settings?tab=profile")]
    [InlineData("/connectors", "No account is connected", "connectors/README.md")]
    [InlineData("/import", "Nothing was imported yet", "Choose a file above")]
    [InlineData("/settings?tab=webhooks", "No address gets events yet", "name=\"url\"")]
    public async Task Page_NewOrganization_SaysWhatToDoNext(string page, string words, string next)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        var (response, html) = await browser.GetAsync("/dashboard" + page);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains(words, html);
        Assert.Contains(next, html[html.IndexOf(words, StringComparison.Ordinal)..]);
    }

    [NativeXGBoostFact]
    public async Task Weights_Set_TrainAModelAsTheChampionWasButForThem()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        Assert.Contains("Those of model 1", (await browser.GetAsync("/dashboard/settings?tab=weights")).Html);
        Assert.Contains("is being trained", await DoneAsync(browser, "/settings?tab=weights", "Weights", ("boosting", "0.7"), ("forest", "0.2"), ("network", "0.1"), ("regression", "0")));
        var run = (await organization.GetAsync("/v1/training-runs")).Body.At("runs", 0);
        await using var connection = await sidecar.Get<LeadScoring.Sidecar.Storage.Database>().OpenConnectionAsync(CancellationToken.None);
        var settings = JsonElement.Parse((await Dapper.SqlMapper.ExecuteScalarAsync<string>(connection, "select settings from training_runs where organization_id = @Id and run_id = @run", new { organization.Id, run = run.Text("run_id") }))!);
        var weights = settings.GetProperty("weights");
        Assert.Equal((0.7, 0.2, 0.1, 0.0), (weights.GetProperty("gradient_boosting").GetDouble(), weights.GetProperty("random_forest").GetDouble(), weights.GetProperty("network").GetDouble(), weights.GetProperty("regression").GetDouble()));
        Assert.Equal(SmallModel.Settings.GradientBoosting.Rounds, settings.GetProperty("gradient_boosting").Int("rounds"));
        await organization.SendAsync(HttpMethod.Post, $"/v1/training-runs/{run.Text("run_id")}/cancel");
        Assert.Contains("not all 0", await DoneAsync(browser, "/settings?tab=weights", "Weights", ("boosting", "0"), ("forest", "0"), ("network", "0"), ("regression", "0")));
    }

    [Fact]
    public async Task Gates_SetAndTakenBack_AreTheApis()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        var html = (await browser.GetAsync("/dashboard/settings?tab=gates")).Html;
        var fields = (await organization.GetAsync("/v1/gates")).Body.GetProperty("settings").EnumerateObject()
            .Select(s => (Name: "g." + s.Name, Value: s.Value.ValueKind == JsonValueKind.Array ? "" : s.Value.ToString().Replace("True", "true").Replace("False", "false"))).ToDictionary(f => f.Name, f => f.Value);
        Assert.All(fields.Keys, name => Assert.Contains($"name=\"{name}\"", html));
        fields["g.loss_margin"] = "0.05";
        fields["g.auto_deploy"] = "false";
        fields["g.blocking_targets"] = "target_auc, target_recall";
        Assert.Contains("The gates are set", await DoneAsync(browser, "/settings?tab=gates", "Gates", [.. fields.Select(f => (f.Key, f.Value))]));
        var set = (await organization.GetAsync("/v1/gates")).Body;
        Assert.True(set.GetProperty("is_own").GetBoolean());
        Assert.Equal((0.05, false, "target_auc target_recall"), (set.GetProperty("settings").GetProperty("loss_margin").GetDouble(), set.GetProperty("settings").GetProperty("auto_deploy").GetBoolean(), string.Join(' ', set.GetProperty("settings").GetProperty("blocking_targets").EnumerateArray())));
        fields["g.loss_margin"] = "7";
        Assert.Contains("loss_margin 7 is not in 0..1", await DoneAsync(browser, "/settings?tab=gates", "Gates", [.. fields.Select(f => (f.Key, f.Value))]));
        fields["g.loss_margin"] = "much";
        Assert.Contains("\"much\" is no number", await DoneAsync(browser, "/settings?tab=gates", "Gates", [.. fields.Select(f => (f.Key, f.Value))]));
        Assert.Contains("defaults again", await DoneAsync(browser, "/settings?tab=gates", "DefaultGates"));
        Assert.False((await organization.GetAsync("/v1/gates")).Body.GetProperty("is_own").GetBoolean());
    }

    [Fact]
    public async Task Schedule_SetSwitchedOffAndTakenBack_IsTheApis()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        async Task<JsonElement> JobAsync() => (await organization.GetAsync("/v1/jobs")).Body.GetProperty("jobs").EnumerateArray().Single(j => j.Text("name") == "retrain");
        Assert.Contains("runs by this schedule", await DoneAsync(browser, "/settings?tab=schedule", "Schedule", ("name", "retrain"), ("schedule", "0 30 4 ? * MON"), ("timeZone", "Europe/Berlin"), ("enabled", "true")));
        Assert.Equal(("0 30 4 ? * MON", "Europe/Berlin", "True"), ((await JobAsync()).Text("schedule"), (await JobAsync()).Text("time_zone"), (await JobAsync()).Text("is_own")));
        Assert.Contains("0 30 4 ? * MON", (await browser.GetAsync("/dashboard/settings?tab=schedule")).Html);
        Assert.Contains("no cron expression", await DoneAsync(browser, "/settings?tab=schedule", "Schedule", ("name", "retrain"), ("schedule", "soon"), ("timeZone", "UTC"), ("enabled", "true")));
        Assert.Contains("does not run by itself", await DoneAsync(browser, "/settings?tab=schedule", "Schedule", ("name", "retrain"), ("timeZone", "UTC")));
        Assert.Null((await JobAsync()).Text("schedule"));
        Assert.Contains("schedule of the service again", await DoneAsync(browser, "/settings?tab=schedule", "CommonSchedule", ("name", "retrain")));
        Assert.Equal("False", (await JobAsync()).Text("is_own"));
    }

    [Fact]
    public async Task Webhook_NewSecret_IsShownOnceAndIsAnother()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        static string SecretIn(string html) => Regex.Match(html, "<code id=\"secret\">([^<]+)</code>").Groups[1].Value;
        var first = SecretIn(await DoneAsync(browser, "/settings?tab=webhooks", "Webhook", ("url", "https://example.com/hook"), ("events", "grade.changed")));
        var id = (await organization.GetAsync("/v1/webhooks")).Body.At("webhooks", 0).Text("webhook_id")!;
        var second = SecretIn(await DoneAsync(browser, "/settings?tab=webhooks", "RotateWebhook", ("webhookId", id)));
        Assert.StartsWith("whsec_", first);
        Assert.StartsWith("whsec_", second);
        Assert.NotEqual(first, second);
        Assert.DoesNotContain("whsec_", (await browser.GetAsync("/dashboard/settings?tab=webhooks")).Html);
    }

    [Fact]
    public async Task Profile_WithFaults_SaysLineAndColumnAndKeepsTheText()
    {
        const string Yaml = """
            name: mine
            features:
              - name: visits
              - name: size
                kind: cubic
            rules:
              - feature: nope
                points: 3
            """;
        var organization = await sidecar.NewOrganizationAsync();
        var browser = await DashboardBrowser.SignedInAsync(sidecar, organization.Key.Reveal());
        var html = WebUtility.HtmlDecode(await DoneAsync(browser, "/settings?tab=profile", "Profile", ("yaml", Yaml)));
        Assert.Contains("kind 'cubic' is not numeric, categorical or boolean (line 4, column 5)", html);
        Assert.Contains("feature 'nope' is not in the profile (line 7, column 5)", html);
        Assert.Contains("kind: cubic", html[html.IndexOf("<textarea", StringComparison.Ordinal)..]);
        Assert.Contains("line 1, column 7", WebUtility.HtmlDecode(await DoneAsync(browser, "/settings?tab=profile", "Profile", ("yaml", "name: ["))));
        Assert.Contains("is active", await DoneAsync(browser, "/settings?tab=profile", "Profile", ("yaml", Yaml.Replace("cubic", "numeric").Replace("nope", "visits"))));
        Assert.Equal("mine", (await organization.GetAsync("/v1/profile")).Body.Text("name"));
    }

    [Fact]
    public async Task Connector_SyncNowAndDeadLettersAgain_AreDone()
    {
        await using var world = await SyncWorld.StartAsync();
        var browser = await DashboardBrowser.SignedInAsync(world.Sidecar, world.Organization.Key.Reveal());
        var (good, bad) = (world.HubSpot.Add("contacts"), world.HubSpot.Add("contacts"));
        world.HubSpot.Refuse(bad);
        Assert.Contains("not yet", (await browser.GetAsync("/dashboard/connectors")).Html);
        await world.SyncAsync();
        await world.ScoreAndWriteAsync();
        var (_, html) = await browser.GetAsync("/dashboard/connectors");
        Assert.Contains(">connected<", html);
        Assert.Contains("1 could not be written", html);
        Assert.Contains("VALIDATION_ERROR", html);
        Assert.Contains($"hubspot-{bad}", html);
        Assert.DoesNotContain($"hubspot-{good}", html);
        Assert.Contains("1 tried again", await DoneAsync(browser, "/connectors", "Replay", ("name", "hubspot")));
        Assert.Equal(0, (await world.StatusAsync()).Int("dead_writes"));
        Assert.DoesNotContain("could not be written", (await browser.GetAsync("/dashboard/connectors")).Html);
        // This process runs no jobs: on PostgreSQL another one takes what is asked for, on SQLite there is none, and the page says so.
        Assert.Contains(world.Sidecar.Get<LeadScoring.Sidecar.Storage.Database>().IsPostgres ? "the sync begins" : "This process runs no jobs", await DoneAsync(browser, "/connectors", "Sync", ("name", "hubspot")));
    }

    [Fact]
    public async Task Import_MappedColumns_AreReadByTheirOtherNames()
    {
        const string Csv = "Kundennr,Alter,Notiz,Gewonnen\nk-1,41,secret,ja\nk-2,x,,nein\n,30,,\n";
        var organization = await sidecar.NewOrganizationAsync();
        var map = "&map=" + Uri.EscapeDataString("""{"Kundennr":"lead_id","alter":"age","Notiz":""}""");
        var (status, look) = await organization.ImportAsync("leads", Csv, "&dry_run=true&label=Gewonnen&positive=ja" + map);
        Assert.True(status == HttpStatusCode.OK, look.ToString());
        Assert.Equal(["Kundennr lead_id id", "Alter age attribute", "Notiz  left_out", "Gewonnen  label"], look.GetProperty("columns").EnumerateArray().Select(c => $"{c.Text("name")} {c.Text("read_as")} {c.Text("role")}"));
        Assert.Equal((3, 1, 2), (look.Int("rows"), look.Int("rejected"), look.Int("outcomes")));
        await organization.ImportAsync("leads", Csv, "&label=Gewonnen&positive=ja" + map);
        var lead = (await organization.LeadAsync("k-1"))!.Snapshot;
        Assert.Equal((41.0, false, false), (lead.Attribute("age").AsNumber(), lead.Attributes.ContainsKey("Notiz"), lead.Attributes.ContainsKey("Alter")));
        var listed = (await organization.GetAsync("/v1/imports")).Body.At("imports", 0);
        Assert.Equal(("leads", "True", 3, 2, 1, 1.0), (listed.Text("kind"), listed.Text("is_done"), listed.Int("rows"), listed.Int("created"), listed.Int("rejected"), listed.GetProperty("fraction").GetDouble()));
        Assert.Equal(4, listed.At("faults", 0).Int("line"));
        foreach (var (wrong, complaint) in ((string, string)[])[("""{"Nope":"x"}""", "no column \"Nope\""), ("""{"Alter":"Notiz","Kundennr":"lead_id"}""", "Two columns"), ("[1]", "map is a JSON object"), ("""{"Kundennr":"","Alter":"lead_id"}""", "")])
        {
            var (code, problem) = await organization.ImportAsync("leads", Csv, "&dry_run=true&map=" + Uri.EscapeDataString(wrong));
            Assert.Equal(complaint.Length == 0 ? HttpStatusCode.OK : HttpStatusCode.BadRequest, code);
            if (complaint.Length > 0) Assert.Contains(complaint, problem.At("errors", 0).Text("detail"));
        }
    }
}
