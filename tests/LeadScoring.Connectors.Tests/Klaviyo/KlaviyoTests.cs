using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Connectors.Tests.Simulators;

namespace LeadScoring.Connectors.Tests.Klaviyo;

public sealed class KlaviyoTests : IAsyncLifetime
{
    private const string Secret = "a-secret-of-sixteen";
    private readonly LeapClock clock = new();
    private KlaviyoSimulator klaviyo = null!;
    private IConnector connector = null!;

    public async Task InitializeAsync()
    {
        klaviyo = await KlaviyoSimulator.StartAsync(clock);
        connector = Connect(new ConnectorSettings { BaseUrl = klaviyo.Url, Token = KlaviyoSimulator.Key, WebhookSecret = Secret, Options = { ["Events"] = "Booked demo=showing_request" } });
    }

    public async Task DisposeAsync()
    {
        connector.Dispose();
        await klaviyo.DisposeAsync();
    }

    private IConnector Connect(ConnectorSettings settings) => ConnectorCatalog.Create(new ConnectorHost("klaviyo", settings, new MemoryTokens(), clock));

    private static RecordWrite Write(string id, string score, string grade = "A") => new(id, new Dictionary<string, string> { ["lead_scoring_score"] = score, ["lead_scoring_grade"] = grade });

    [Fact]
    public async Task Contacts_MoreThanAPage_AllThenOnlyWhatChanged()
    {
        var ids = Enumerable.Range(0, 250).Select(i => klaviyo.Add($"p{i}@example.com")).ToArray();
        clock.Advance(TimeSpan.FromMinutes(30));
        var (all, cursor, pages) = await HubSpotWorld.WalkAsync(connector.ReadContactsAsync);
        Assert.Equal((ids.Length, 3), (all.Count, pages));
        Assert.Equal(ids, all.Select(c => c.Id));
        Assert.Equal(("p7@example.com", "Buyer", "Ulm", "pro", "3"), (all[7].Email, all[7].Properties["job_title"], all[7].Properties["city"], all[7].Properties["plan"], all[7].Properties["visits"]));
        Assert.DoesNotContain(all[7].Properties.Keys, k => k is "$source" or "tags" or "updated");

        klaviyo.Set(ids[3], "plan", "free");
        clock.Advance(TimeSpan.FromMinutes(1));
        var (changed, _, _) = await HubSpotWorld.WalkAsync(connector.ReadContactsAsync, cursor);
        Assert.Equal("free", Assert.Single(changed).Properties["plan"]);
    }

    /// <summary>A profile that changes while pages are read moves to the end: nobody is passed over.</summary>
    [Fact]
    public async Task Contacts_ChangedInTheMiddle_IsInTheNextWalk()
    {
        var ids = Enumerable.Range(0, 150).Select(i => klaviyo.Add($"p{i}@example.com")).ToArray();
        var first = await connector.ReadContactsAsync(null, CancellationToken.None);
        clock.Advance(TimeSpan.FromSeconds(10));
        klaviyo.Set(ids[120], "plan", "free");
        clock.Advance(TimeSpan.FromSeconds(10));
        var (rest, cursor, _) = await HubSpotWorld.WalkAsync(connector.ReadContactsAsync, first.Cursor);
        var (again, _, _) = await HubSpotWorld.WalkAsync(connector.ReadContactsAsync, cursor);
        Assert.Equal(ids, first.Items.Concat(rest).Select(c => c.Id).Distinct().Order(StringComparer.Ordinal));
        Assert.Contains(again, c => c.Id == ids[120] && c.Properties["plan"] == "free");
    }

    [Fact]
    public async Task Activity_Events_AreReadByMetricAndMachinesAreMarked()
    {
        var ann = klaviyo.Add("ann@example.com");
        var at = clock.GetUtcNow().AddDays(-1);
        for (var i = 0; i < 230; i++) klaviyo.AddEvent($"e{i:000}", ann, "Received Email", at.AddMinutes(i));
        klaviyo.AddEvent("open", ann, "Opened Email", at.AddHours(5), ("machine_open", true));
        klaviyo.AddEvent("click", ann, "Clicked Email", at.AddHours(6), ("URL", "https://example.com/offer?who=ann"));
        klaviyo.AddEvent("order", ann, "Placed Order", at.AddHours(7));
        klaviyo.AddEvent("demo", ann, "Booked Demo", at.AddHours(8));
        var (all, cursor, _) = await HubSpotWorld.WalkAsync(connector.ReadActivityAsync);
        Assert.Equal(233, all.Select(a => a.Id).Distinct().Count());
        Assert.All(all, a => Assert.Equal(ann, a.ContactId));
        Assert.Equal("true", all.Single(a => a.Type == "email_opened").Properties!["is_bot"]);
        Assert.Equal("https://example.com/offer", all.Single(a => a.Type == "email_clicked").Properties!["url"]);
        Assert.Equal("demo", all.Single(a => a.Type == "showing_request").Id);
        Assert.Equal(at.AddHours(5), all.Single(a => a.Type == "email_opened").OccurredAt);

        clock.Advance(TimeSpan.FromHours(2));
        klaviyo.AddEvent("bounce", ann, "Bounced Email", clock.GetUtcNow().AddMinutes(-1));
        var (later, _, _) = await HubSpotWorld.WalkAsync(connector.ReadActivityAsync, cursor);
        Assert.Equal([("bounce", "email_bounced")], later.Select(a => (a.Id, a.Type)));
    }

    [Fact]
    public async Task Write_SomeGoneSomeRefused_EachHasItsResultAndNobodyIsMade()
    {
        var (ann, bob, eve) = (klaviyo.Add("ann@example.com"), klaviyo.Add("bob@example.com"), klaviyo.Add("eve@example.com"));
        klaviyo.Delete(bob);
        var before = Assert.Single(await connector.FetchContactsAsync([ann, bob], CancellationToken.None));
        var results = await connector.WriteAsync([Write(ann, "71.5"), Write(bob, "5"), Write(eve, "6", "refuse")], CancellationToken.None);
        Assert.Equal([WriteStatus.Written, WriteStatus.Gone, WriteStatus.Rejected], results.Select(r => r.Status));
        Assert.Equal("invalid", results[2].Reason);
        Assert.Equal(71.5, (double?)klaviyo.Property(ann, "lead_scoring_score"));
        Assert.Equal("A", (string?)klaviyo.Property(ann, "lead_scoring_grade"));
        Assert.Equal("pro", (string?)klaviyo.Property(ann, "plan"));
        Assert.Equal(before.Properties, Assert.Single(await connector.FetchContactsAsync([ann, bob], CancellationToken.None)).Properties);
    }

    private (string[] Ids, RecordWrite[] Writes) Many(int count)
    {
        var ids = Enumerable.Range(0, count).Select(i => klaviyo.Add($"m{i}@example.com")).ToArray();
        klaviyo.Delete(ids[7]);
        return (ids, [.. ids.Select((id, i) => Write(id, i.ToString(CultureInfo.InvariantCulture), i == 9 ? "refuse" : "A"))]);
    }

    private void AssertAllWritten(string[] ids, IReadOnlyList<WriteResult> results)
    {
        for (var i = 0; i < ids.Length; i++)
        {
            Assert.Equal((ids[i], i switch { 7 => WriteStatus.Gone, 9 => WriteStatus.Rejected, _ => WriteStatus.Written }), (results[i].RecordId, results[i].Status));
            if (results[i].Status == WriteStatus.Written) Assert.Equal(i, (double?)klaviyo.Property(ids[i], "lead_scoring_score"));
        }
    }

    /// <summary>Nobody is made: profiles go by their ids alone, without anything that a new one could be made of.</summary>
    [Fact]
    public async Task Write_Many_IsOneJobAndEachHasItsResult()
    {
        var (ids, writes) = Many(1_000);
        AssertAllWritten(ids, await connector.WriteAsync(writes, CancellationToken.None));
        var job = Assert.Single(klaviyo.Seen, r => r.Method == "POST");
        Assert.DoesNotContain("email", job.Body, StringComparison.Ordinal);
        // The two that the job could not write tell why, themselves.
        Assert.Equal(2, klaviyo.Seen.Count(r => r.Method == "PATCH"));
        Assert.Equal(0, klaviyo.Throttled);
        Assert.Equal(1_000, connector.Abilities.WriteBatch);
    }

    [Fact]
    public async Task Write_ManyWhereErrorsDoNotSayWhose_IsAskedOneByOne()
    {
        klaviyo.ErrorsTellWhose = false;
        var (ids, writes) = Many(60);
        AssertAllWritten(ids, await connector.WriteAsync(writes, CancellationToken.None));
        Assert.Equal(60, klaviyo.Seen.Count(r => r.Method == "PATCH"));
    }

    [Fact]
    public async Task Write_ManyWithoutTheScopeOfJobs_GoesOneByOne()
    {
        klaviyo.HasLists = false;
        var (ids, writes) = Many(60);
        AssertAllWritten(ids, await connector.WriteAsync(writes, CancellationToken.None));
    }

    [Fact]
    public async Task Write_JobThatDoesNotEnd_IsTriedAgain()
    {
        klaviyo.LooksOfAJob = int.MaxValue;
        var (_, writes) = Many(60);
        Assert.All(await connector.WriteAsync(writes, CancellationToken.None), r => Assert.Equal((WriteStatus.TryAgain, "PENDING"), (r.Status, r.Reason)));
        Assert.Equal(60, klaviyo.Seen.Count(r => r.Method == "GET"));
    }

    /// <summary>75 at once and 750 a minute are allowed: two thousand requests never break either.</summary>
    [Fact]
    public async Task Requests_ManyMoreThanAllowed_StayUnderBurstAndSteadyLimit()
    {
        var ann = klaviyo.Add("ann@example.com");
        for (var i = 0; i < 20; i++) await connector.FetchContactsAsync([.. Enumerable.Repeat(ann, 100)], CancellationToken.None);
        Assert.Equal(2_000, klaviyo.Seen.Count);
        Assert.Equal(0, klaviyo.Throttled);
    }

    [Fact]
    public async Task Check_ScopeMissing_SaysWhichToGive()
    {
        var check = await connector.CheckAsync([], CancellationToken.None);
        Assert.True(check.IsRight, string.Join("; ", check.Steps));
        Assert.Equal("account ACC1", check.Account);
        klaviyo.Fail(1, 403, "/api/events", "{\"errors\":[{\"code\":\"permission_denied\"}]}");
        Assert.Contains("events:read", Assert.Single((await connector.CheckAsync([], CancellationToken.None)).Steps, s => !s.IsRight).Advice);
    }

    private InboundResult Hook(string body, string? signature, string? timestamp, string? secret = Secret, string? id = null)
    {
        using var made = Connect(new ConnectorSettings { Token = "x", WebhookSecret = secret });
        return made.ReadInbound(new InboundRequest(
            "POST", new Uri("https://scores.example.com/hook"), name => name switch { "Klaviyo-Signature" => signature, "Klaviyo-Timestamp" => timestamp, "Klaviyo-Webhook-Id" => id, _ => null }, Encoding.UTF8.GetBytes(body)));
    }

    private static string Sign(string body, string timestamp, string secret = Secret) => Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(body + timestamp)));

    private const string Opened = """
        {"data":[{"external_id":"x","topic":"event:klaviyo.opened_email","payload":{"data":{"type":"event","id":"e1","attributes":{"timestamp":1795780800,"event_properties":{"machine_open":true}},"relationships":{"profile":{"data":{"type":"profile","id":"P1"}}}}}},
         {"external_id":"y","topic":"event:klaviyo.placed_order","payload":{"data":{"type":"event","id":"e2","attributes":{"timestamp":1795780800},"relationships":{"profile":{"data":{"type":"profile","id":"P1"}}}}}}],"meta":{}}
        """;

    [Fact]
    public void Webhook_Signed_TellsTheActivityInFull()
    {
        var timestamp = clock.GetUtcNow().ToString("r", CultureInfo.InvariantCulture);
        var result = Hook(Opened, Sign(Opened, timestamp), timestamp);
        Assert.Null(result.Refusal);
        var change = Assert.Single(result.Changes);
        Assert.Equal(("e1", InboundKind.Activity, "P1", "email_opened", "true"), (change.EventId, change.Kind, change.RecordId, change.Activity!.Type, change.Activity.Properties!["is_bot"]));
    }

    [Fact]
    public void Webhook_AnythingChanged_IsRefused()
    {
        var now = clock.GetUtcNow();
        var timestamp = now.ToString("r", CultureInfo.InvariantCulture);
        Assert.Equal("the signature is wrong", Hook(Opened + " ", Sign(Opened, timestamp), timestamp).Refusal);
        Assert.Equal("the signature is wrong", Hook(Opened, Sign(Opened, timestamp), now.AddSeconds(1).ToString("r", CultureInfo.InvariantCulture)).Refusal);
        Assert.Equal("the signature is wrong", Hook(Opened, Sign(Opened, timestamp, "other"), timestamp).Refusal);
        Assert.Equal("the signature is wrong", Hook(Opened, "00", timestamp).Refusal);
        Assert.Equal("no signature", Hook(Opened, null, timestamp).Refusal);
        Assert.Equal("no timestamp", Hook(Opened, Sign(Opened, timestamp), null).Refusal);
        Assert.Equal("no timestamp", Hook(Opened, Sign(Opened, "soon"), "soon").Refusal);
        Assert.Equal("no secret is set", Hook(Opened, Sign(Opened, timestamp), timestamp, null).Refusal);
        var named = Opened.Replace("\"meta\":{}", "\"meta\":{\"klaviyo_webhook_id\":\"w1\"}", StringComparison.Ordinal);
        Assert.Null(Hook(named, Sign(named, timestamp), timestamp, id: "w1").Refusal);
        foreach (var other in (string?[])["w2", null]) Assert.Equal("header and body name different webhooks", Hook(named, Sign(named, timestamp), timestamp, id: other).Refusal);
        foreach (var seconds in (int[])[-301, 301])
        {
            var late = now.AddSeconds(seconds).ToString("r", CultureInfo.InvariantCulture);
            Assert.Equal("the timestamp is too old or ahead", Hook(Opened, Sign(Opened, late), late).Refusal);
        }
    }
}
