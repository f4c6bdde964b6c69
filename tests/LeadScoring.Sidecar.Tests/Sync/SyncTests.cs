using System.Globalization;
using System.Net;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Outcomes;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Sync;
using LeadScoring.Sidecar.Tests.Storage;

namespace LeadScoring.Sidecar.Tests.Sync;

[Trait("Category", "Slow")]
public sealed class SyncTests
{
    private static string Ms(DateTimeOffset at) => at.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);

    private static async Task<List<LabeledLead>> LabelsAsync(SyncWorld world)
    {
        var labels = new List<LabeledLead>();
        await foreach (var label in world.Sidecar.Get<OutcomeStore>().ReadLabeledAsync(world.Organization.Id, CancellationToken.None)) labels.Add(label);
        return labels;
    }

    /// <summary>The way of a lead: it comes, opens mails, is scored, its score is in the CRM, its deal is won, and it is in the training set as it was before.</summary>
    [Fact]
    public async Task Lead_FromContactToTrainingSet_GoesAllTheWay()
    {
        await using var world = await SyncWorld.StartAsync();
        var start = world.Clock.GetUtcNow();
        var contact = world.HubSpot.Add("contacts", ("email", "ada@example.com"), ("jobtitle", "CTO"), ("hs_email_delivered", "2"), ("hs_email_last_send_date", Ms(start.AddDays(-2))), ("hs_email_open", "1"), ("hs_email_last_open_date", Ms(start.AddDays(-1))));
        Assert.Contains("records", await world.SyncAsync());
        var lead = await world.Organization.LeadAsync("hubspot-" + contact);
        Assert.Equal("CTO", lead!.Snapshot.Attribute("job_title").AsText());
        Assert.Equal(["email_opened", "email_sent", "email_sent"], (await world.Organization.EventsAsync()).Select(e => e.Event.Type).Order());
        await world.Organization.AssertStatesEqualReplayAsync();

        Assert.Equal(1, await world.ScoreAndWriteAsync());
        var score = await world.Organization.ScoreAsync(new { lead_id = "hubspot-" + contact, scoring_type = "quick" });
        Assert.Equal(score.Text("grade"), world.HubSpot.Get("contacts", contact, "lead_scoring_grade"));
        Assert.Equal(score.GetProperty("score").GetDouble().ToString("0.0", CultureInfo.InvariantCulture), world.HubSpot.Get("contacts", contact, "lead_scoring_score"));
        Assert.Equal(score.GetProperty("recommendations").Text("next_best_action"), world.HubSpot.Get("contacts", contact, "lead_scoring_next_best_action"));
        Assert.Equal("rules", world.HubSpot.Get("contacts", contact, "lead_scoring_model_version"));
        Assert.Equal("lead_scoring", world.HubSpot.PropertyGroups["lead_scoring_reason_1"]);

        var closed = world.Clock.GetUtcNow().AddMinutes(-10);
        var deal = world.HubSpot.Add("deals", ("hs_is_closed_won", "true"), ("hs_is_closed", "true"), ("amount", "900"), ("closedate", Ms(closed)));
        world.HubSpot.Associate(deal, contact);
        await world.SyncAsync();
        var label = Assert.Single(await LabelsAsync(world));
        Assert.Equal((true, closed.ToUnixTimeMilliseconds(), 900.0), (label.Converted, label.OccurredAtMs, label.Revenue));
        // An open after the deal is no part of what training sees.
        world.HubSpot.Set("contacts", contact, ("hs_email_open", "2"), ("hs_email_first_open_date", Ms(start.AddDays(-1))), ("hs_email_last_open_date", Ms(world.Clock.GetUtcNow())));
        await world.SyncAsync();
        Assert.Equal(2, (await world.Organization.EventsAsync()).Count(e => e.Event.Type == "email_opened"));
        var training = await world.Organization.Client.GetStringAsync("/v1/training-data");
        var (header, row) = (training.Split('\n')[0].Split(','), training.Split('\n')[1].Split(','));
        Assert.Equal("hubspot-" + contact, row[Array.IndexOf(header, "lead_id")]);
        // Of two mails one was opened before the deal, or none yet at the decision moment; with the one after it would be 1.
        Assert.Contains(row[Array.IndexOf(header, "email_opens")], (string[])["0", "0.5"]);
    }

    [Fact]
    public async Task Sync_Again_ChangesNothing()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts", ("email", "a@example.com"), ("hs_email_open", "3"), ("hs_email_last_open_date", Ms(world.Clock.GetUtcNow())));
        await world.SyncAsync();
        var revision = (await world.Organization.LeadAsync("hubspot-" + contact))!.Revision;
        await world.SyncAsync();
        await world.SyncAsync();
        Assert.Equal(revision, (await world.Organization.LeadAsync("hubspot-" + contact))!.Revision);
        Assert.Equal(3, (await world.Organization.EventsAsync()).Count);
    }

    /// <summary>The loop guard: what we write changes the contact, and the contact comes again; the lead must not be scored for it.</summary>
    [Fact]
    public async Task WriteBack_OwnWrite_DoesNotMakeTheLeadStale()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts", ("email", "a@example.com"));
        await world.SyncAsync();
        Assert.Equal(1, await world.ScoreAndWriteAsync());
        world.Clock.Advance(TimeSpan.FromMinutes(20));
        await world.SyncAsync();
        Assert.False((await world.Organization.LeadAsync("hubspot-" + contact))!.IsStale);
        Assert.Equal(0, await world.ScoreAndWriteAsync());
        Assert.Single(world.HubSpot.Seen, r => r.Path.EndsWith("/batch/update", StringComparison.Ordinal));
    }

    [Fact]
    public async Task WriteBack_FieldOfTheCustomer_IsNeverOverwritten()
    {
        await using var world = await SyncWorld.StartAsync();
        world.HubSpot.AddProperty("lead_scoring_score", "contactinformation");
        var contact = world.HubSpot.Add("contacts", ("lead_scoring_score", "their own"));
        await world.SyncAsync();
        await world.ScoreAndWriteAsync();
        Assert.Equal("their own", world.HubSpot.Get("contacts", contact, "lead_scoring_score"));
        Assert.NotNull(world.HubSpot.Get("contacts", contact, "lead_scoring_grade"));
    }

    [Fact]
    public async Task WriteBack_RefusedRecord_IsDeadAndCanBeReplayed()
    {
        await using var world = await SyncWorld.StartAsync();
        var (good, bad) = (world.HubSpot.Add("contacts"), world.HubSpot.Add("contacts"));
        world.HubSpot.Refuse(bad);
        await world.SyncAsync();
        await world.ScoreAndWriteAsync();
        Assert.NotNull(world.HubSpot.Get("contacts", good, "lead_scoring_grade"));
        var (_, dead) = await world.Organization.GetAsync("/v1/connectors/hubspot/dead-letters");
        Assert.Equal((bad, "VALIDATION_ERROR"), (dead.At("dead_letters", 0).Text("record_id"), dead.At("dead_letters", 0).Text("reason")));
        Assert.Equal(1, (await world.StatusAsync()).Int("dead_writes"));
        var (status, replayed) = await world.Organization.SendAsync(HttpMethod.Post, "/v1/connectors/hubspot/dead-letters/replay");
        Assert.Equal((HttpStatusCode.OK, 1), (status, replayed.Int("count")));
        Assert.Equal(1, await world.ScoreAndWriteAsync());
    }

    [Fact]
    public async Task Deals_ReopenedAndDeleted_TakeTheOutcomeBack()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts");
        var deal = world.HubSpot.Add("deals", ("hs_is_closed_won", "true"), ("hs_is_closed", "true"), ("amount", "100"), ("closedate", Ms(world.Clock.GetUtcNow().AddDays(-3))));
        var lost = world.HubSpot.Add("deals", ("hs_is_closed_won", "false"), ("hs_is_closed", "true"), ("closedate", Ms(world.Clock.GetUtcNow().AddDays(-2))));
        world.HubSpot.Associate(deal, contact);
        world.HubSpot.Associate(lost, contact);
        await world.SyncAsync();
        Assert.True(Assert.Single(await LabelsAsync(world)).Converted);
        world.HubSpot.Set("deals", deal, ("hs_is_closed_won", "false"), ("hs_is_closed", "false"));
        await world.SyncAsync();
        Assert.Empty(await LabelsAsync(world));
        world.HubSpot.Archive("deals", deal);
        world.Clock.Advance(TimeSpan.FromHours(2));
        await world.SyncAsync();
        var label = Assert.Single(await LabelsAsync(world));
        Assert.Equal((false, true), (label.Converted, label.IsFinal));
    }

    [Fact]
    public async Task Contact_DeletedAndRestored_IsMarkedAndNotWritten()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts", ("email", "a@example.com"));
        await world.SyncAsync();
        world.HubSpot.Archive("contacts", contact);
        world.Clock.Advance(TimeSpan.FromHours(2));
        await world.SyncAsync();
        Assert.Equal("true", (await world.Organization.LeadAsync("hubspot-" + contact))!.Snapshot.Attribute("crm_deleted").AsText());
        Assert.Equal(0, await world.ScoreAndWriteAsync());
    }

    [Fact]
    public async Task Lead_Erased_IsNotBroughtBackByTheNextSync()
    {
        await using var world = await SyncWorld.StartAsync();
        var contact = world.HubSpot.Add("contacts", ("email", "a@example.com"));
        await world.SyncAsync();
        Assert.Equal(HttpStatusCode.OK, (await world.Organization.SendAsync(HttpMethod.Delete, "/v1/leads/hubspot-" + contact)).Status);
        world.HubSpot.Set("contacts", contact, ("jobtitle", "CEO"));
        await world.SyncAsync();
        Assert.Null(await world.Organization.LeadAsync("hubspot-" + contact));
    }

    [Fact]
    public async Task Status_TokenRefused_SaysWhatIsWrongAndWhatToDo()
    {
        await using var world = await SyncWorld.StartAsync();
        world.HubSpot.Add("contacts");
        await world.SyncAsync();
        var well = await world.StatusAsync();
        Assert.True(well.GetProperty("is_connected").GetBoolean());
        Assert.Equal(["activity", "contacts", "deals"], well.GetProperty("streams").EnumerateArray().Select(s => s.Text("name")));
        world.HubSpot.Revoke(LeadScoring.Connectors.Tests.HubSpot.HubSpotSimulator.Token);
        await world.SyncAsync();
        var broken = await world.StatusAsync();
        Assert.False(broken.GetProperty("is_connected").GetBoolean());
        Assert.Contains("401 EXPIRED_AUTHENTICATION", broken.Text("last_error"));
        Assert.Contains("connectors check hubspot", broken.Text("what_to_do"));
    }

    /// <summary>A page and the cursor behind it are one write: the page that could not be stored is read again.</summary>
    [SqliteFact]
    public async Task Sync_PageThatCannotBeStored_IsReadAgain()
    {
        await using var world = await SyncWorld.StartAsync();
        Task ExecuteAsync(string sql) => world.Sidecar.Get<Database>().WriteAsync(t => t.ExecuteAsync(sql, null, CancellationToken.None), CancellationToken.None);
        var contact = world.HubSpot.Add("contacts", ("email", "p@example.com"));
        await ExecuteAsync("create trigger refused before insert on lead_links begin select raise(abort, 'refused by the test'); end");
        Assert.Contains("refused by the test", (await Assert.ThrowsAsync<Microsoft.Data.Sqlite.SqliteException>(world.SyncAsync)).Message);
        await using (var connection = await world.Sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None))
            Assert.Equal(0, await connection.ExecuteScalarAsync<int>("select count(*) from connector_cursors where stream = 'contacts'"));
        await ExecuteAsync("drop trigger refused");
        await world.SyncAsync();
        Assert.NotNull(await world.Organization.LeadAsync("hubspot-" + contact));
    }

    [Fact]
    public async Task Sync_CutOffInTheMiddleOfABackfill_GoesOnAndDoesNothingTwice()
    {
        await using var world = await SyncWorld.StartAsync(("LeadScoring:Sync:PagesPerRun", "2"));
        var contacts = Enumerable.Range(0, 450).Select(i => world.HubSpot.Add("contacts", ("email", $"p{i}@example.com"), ("hs_email_open", "1"), ("hs_email_last_open_date", Ms(world.Clock.GetUtcNow())))).ToArray();
        await world.SyncAsync();
        Assert.Equal(200, (await world.StatusAsync()).GetProperty("streams").EnumerateArray().Single(s => s.Text("name") == "contacts").Int("records"));
        for (var runs = 0; runs < 6; runs++) await world.SyncAsync();
        for (var i = 0; i < 450; i += 50) Assert.NotNull(await world.Organization.LeadAsync("hubspot-" + contacts[i]));
        Assert.Equal(450, (await world.Organization.EventsAsync()).Count);
    }
}
