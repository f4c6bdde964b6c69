using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Connectors.Tests.Simulators;

namespace LeadScoring.Connectors.Tests.SendGrid;

public sealed class SendGridTests : IAsyncLifetime
{
    private static readonly FieldDefinition[] Fields = [new("lead_scoring_score", "Lead score", FieldKind.Number), new("lead_scoring_scored_at", "Scored at", FieldKind.Moment)];

    private readonly LeapClock clock = new();
    private SendGridSimulator sendgrid = null!;
    private IConnector connector = null!;

    public async Task InitializeAsync()
    {
        sendgrid = await SendGridSimulator.StartAsync(clock);
        connector = Connect(("EmailActivity", "true"));
    }

    public async Task DisposeAsync()
    {
        connector.Dispose();
        await sendgrid.DisposeAsync();
    }

    private IConnector Connect(params (string Name, string Value)[] options)
    {
        var settings = new ConnectorSettings { BaseUrl = sendgrid.Url, Token = SendGridSimulator.Key };
        foreach (var (name, value) in options) settings.Options[name] = value;
        return ConnectorCatalog.Create(new ConnectorHost("sendgrid", settings, new MemoryTokens(), clock));
    }

    private static RecordWrite Write(string id, string score) => new(id, new Dictionary<string, string> { ["lead_scoring_score"] = score, ["lead_scoring_scored_at"] = "2026-11-27T12:00:00Z" });

    /// <summary>There are no pages: more than an answer holds is found by ever shorter windows, six requests a minute.</summary>
    [Fact]
    public async Task Activity_MoreThanAnAnswerHolds_AllIsRead()
    {
        var start = clock.GetUtcNow();
        for (var i = 0; i < 2_600; i++) sendgrid.AddMessage($"m{i}", $"p{i}@example.com", start.AddDays(-20).AddMinutes(i));
        var (all, cursor, _) = await HubSpotWorld.WalkAsync(connector.ReadActivityAsync);
        Assert.Equal(Enumerable.Range(0, 2_600).Select(i => $"m{i}-email_sent-1").Order(StringComparer.Ordinal), all.Select(a => a.Id).Distinct().Order(StringComparer.Ordinal));
        Assert.All(all, a => Assert.Equal(("email_sent", "email"), (a.Type, a.Source)));

        clock.Advance(TimeSpan.FromHours(1));
        sendgrid.AddMessage("m7", "p7@example.com", clock.GetUtcNow().AddMinutes(-5), opens: 2, clicks: 1);
        sendgrid.AddMessage("bad", "x@example.com", clock.GetUtcNow().AddMinutes(-5), "not_delivered");
        var (later, _, _) = await HubSpotWorld.WalkAsync(connector.ReadActivityAsync, cursor);
        Assert.Equal(["bad-email_bounced-1", "m7-email_clicked-1", "m7-email_opened-1", "m7-email_opened-2"], later.Select(a => a.Id).Except(all.Select(a => a.Id)).Order(StringComparer.Ordinal));
        Assert.True(later.Single(a => a.Id == "m7-email_opened-1").OccurredAt > start.AddMinutes(30));
        Assert.DoesNotContain(sendgrid.Seen, r => r.Path == "/v3/marketing/contacts");
    }

    [Fact]
    public async Task Contacts_WhoGotAnEmail_AreFoundByAddress()
    {
        var (ann, bob) = (sendgrid.AddContact("ann@example.com"), sendgrid.AddContact("bob@example.com"));
        sendgrid.AddMessage("m1", "Ann@example.com", clock.GetUtcNow().AddDays(-1));
        sendgrid.AddMessage("m2", "nobody@example.com", clock.GetUtcNow().AddDays(-1));
        var (found, _, _) = await HubSpotWorld.WalkAsync(connector.ReadContactsAsync);
        var contact = Assert.Single(found);
        Assert.Equal((ann, "ann@example.com", "Ann", "pro"), (contact.Id, contact.Email, contact.Properties["first_name"], contact.Properties["plan"]));
        Assert.Equal(["old-ann@example.com"], contact.OtherEmails);
        Assert.Equal([bob], (await connector.FetchContactsAsync([bob, "gone"], CancellationToken.None)).Select(c => c.Id));
    }

    [Fact]
    public async Task Write_SomeGoneSomeRefused_EachHasItsResultAndNobodyIsMade()
    {
        Assert.Equal(Fields.Select(f => f.Name), (await connector.EnsureFieldsAsync(Fields, CancellationToken.None)).Created);
        Assert.Empty((await connector.EnsureFieldsAsync(Fields, CancellationToken.None)).Created);
        var ids = Enumerable.Range(0, 7).Select(i => sendgrid.AddContact($"p{i}@example.com", i == 2 ? "crm-2" : null)).ToArray();
        sendgrid.Refuse(ids[4]);
        sendgrid.Delete(ids[5]);
        var before = await connector.FetchContactsAsync([ids[2]], CancellationToken.None);
        var results = await connector.WriteAsync([.. ids.Select(id => Write(id, "71.5"))], CancellationToken.None);
        Assert.Equal(ids, results.Select(r => r.RecordId));
        Assert.Equal([(4, WriteStatus.Rejected), (5, WriteStatus.Gone)], results.Select((r, i) => (i, r.Status)).Where(r => r.Status != WriteStatus.Written));
        Assert.Equal(("71.5", "2026-11-27T12:00:00Z"), (sendgrid.Custom(ids[2], "lead_scoring_score"), sendgrid.Custom(ids[2], "lead_scoring_scored_at")));
        Assert.Equal(6, sendgrid.Contacts);
        Assert.Contains("\"custom_fields\":{\"e1_N\":71.5", sendgrid.Seen.First(r => r.Method == "PUT").Body, StringComparison.Ordinal);
        Assert.Equal(before[0].Properties, (await connector.FetchContactsAsync([ids[2]], CancellationToken.None))[0].Properties);
    }

    [Fact]
    public async Task Write_JobThatDoesNotEnd_IsTriedAgain()
    {
        await connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        sendgrid.LooksUntilDone = int.MaxValue;
        var result = Assert.Single(await connector.WriteAsync([Write(sendgrid.AddContact("ann@example.com"), "5")], CancellationToken.None));
        Assert.Equal((WriteStatus.TryAgain, "PENDING"), (result.Status, result.Reason));
    }

    [Fact]
    public async Task Fields_OfAnotherType_AreForeign()
    {
        sendgrid.AddField("Lead_Scoring_Score", "Date");
        var report = await connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(["lead_scoring_score"], report.Foreign);
        Assert.Equal(["lead_scoring_scored_at"], report.Ready);
        Assert.Contains("FIELDPREFIX", Assert.Single((await connector.CheckAsync(Fields, CancellationToken.None)).Steps, s => s.What == "fields of others").Advice);
    }

    [Fact]
    public async Task Check_WithoutTheAddOn_SaysWhatToDo()
    {
        await connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.True((await connector.CheckAsync(Fields, CancellationToken.None)).IsRight);
        sendgrid.HasEmailActivity = false;
        Assert.Contains("Email Activity History", Assert.Single((await connector.CheckAsync(Fields, CancellationToken.None)).Steps, s => !s.IsRight).Advice);
        using var neither = Connect();
        Assert.Contains("WEBHOOKSECRET", Assert.Single((await neither.CheckAsync(Fields, CancellationToken.None)).Steps, s => !s.IsRight).Advice);
    }

    /// <summary>The same open has one id in the webhook and another in the API: it must not come both ways.</summary>
    [Fact]
    public void Abilities_OfActivity_AreWebhookOrApi()
    {
        using var webhook = ConnectorCatalog.Create(new ConnectorHost("sendgrid", new ConnectorSettings { Token = "x", WebhookSecret = "key", Options = { ["EmailActivity"] = "true" } }, new MemoryTokens(), clock));
        Assert.Equal((true, false, true), (webhook.Abilities.Contacts, webhook.Abilities.Activity, webhook.Abilities.Inbound));
        Assert.Equal((true, true, false), (connector.Abilities.Contacts, connector.Abilities.Activity, connector.Abilities.Inbound));
    }
}
