using System.Security.Cryptography;
using System.Text;
using LeadScoring.Connectors.Mailchimp;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Connectors.Tests.Simulators;

namespace LeadScoring.Connectors.Tests.Mailchimp;

public sealed class MailchimpTests : IAsyncLifetime
{
    private const string PathSecret = "a-long-and-random-secret";
    private static readonly FieldDefinition[] Fields =
    [
        new("lead_scoring_score", "Lead score", FieldKind.Number), new("lead_scoring_grade", "Lead grade", FieldKind.Choice, ["A", "B"]), new("lead_scoring_reason_1", "Reason 1", FieldKind.Text),
        new("lead_scoring_reason_2", "Reason 2", FieldKind.Text), new("lead_scoring_next_best_action", "Next best action", FieldKind.Text), new("lead_scoring_next_best_time", "Next best time", FieldKind.Moment),
    ];

    private readonly LeapClock clock = new();
    private MailchimpSimulator mailchimp = null!;
    private IConnector connector = null!;

    public async Task InitializeAsync()
    {
        mailchimp = await MailchimpSimulator.StartAsync(clock);
        connector = Connect(new ConnectorSettings { BaseUrl = mailchimp.Url, Token = MailchimpSimulator.Key, WebhookSecret = PathSecret, RequestsPerSecond = 1_000 });
    }

    public async Task DisposeAsync()
    {
        connector.Dispose();
        await mailchimp.DisposeAsync();
    }

    private IConnector Connect(ConnectorSettings settings) => ConnectorCatalog.Create(new ConnectorHost("mailchimp", settings, new MemoryTokens(), clock));

    private static InboundRequest Hook(string body, string query = "?secret=" + PathSecret, string method = "POST", string? signature = null) =>
        new(method, new Uri("https://scores.example.com/v1/connectors/mailchimp/inbound" + query), name => name == "X-Mailchimp-Signature" ? signature : null, Encoding.UTF8.GetBytes(body));

    [Fact]
    public void Create_KeyWithoutDataCenter_SaysWhatIsMissing()
    {
        foreach (var key in (string[])["0123456789abcdef", "0123456789abcdef-evil.example/"])
        {
            var e = Assert.Throws<ConnectorException>(() => Connect(new ConnectorSettings { Token = key }));
            Assert.Equal(ConnectorFailure.Misconfigured, e.Failure);
            Assert.DoesNotContain(key, e.Message);
        }

        using var made = Connect(new ConnectorSettings { Token = MailchimpSimulator.Key });
        Assert.Equal("mailchimp", made.Name);
    }

    [Fact]
    public async Task Contacts_TwoAudiencesAndMoreThanAPageOfOneSecond_AllThenOnlyWhatChanged()
    {
        var (first, second) = (mailchimp.AddAudience("aaa"), mailchimp.AddAudience("bbb"));
        var ids = Enumerable.Range(0, 2_300).Select(i => mailchimp.Add(first, $"p{i}@example.com", "Ann")).ToList();
        clock.Advance(TimeSpan.FromMinutes(1));
        ids.AddRange(Enumerable.Range(0, 1_200).Select(i => mailchimp.Add(first, $"q{i}@example.com")));
        ids.Add(mailchimp.Add(second, "p0@example.com"));
        clock.Advance(TimeSpan.FromMinutes(30));
        var (all, cursor, _) = await HubSpotWorld.WalkAsync(connector.ReadContactsAsync);
        Assert.Equal(ids.Order(StringComparer.Ordinal), all.Select(c => c.Id).Distinct().Order(StringComparer.Ordinal));
        var one = all.First(c => c.Id == ids[0]);
        Assert.Equal(("p0@example.com", "Ann", "subscribed", "0.25"), (one.Email, one.Properties["first_name"], one.Properties["subscription"], one.Properties["email_open_rate"]));

        mailchimp.Change(ids[7], m => m["status"] = "unsubscribed");
        mailchimp.Change(ids[8], m => m["status"] = "archived");
        clock.Advance(TimeSpan.FromMinutes(1));
        var (changed, _, _) = await HubSpotWorld.WalkAsync(connector.ReadContactsAsync, cursor);
        Assert.Equal([(ids[7], false), (ids[8], true)], changed.Select(c => (c.Id, c.IsDeleted)));
    }

    [Fact]
    public async Task Activity_OfCampaigns_IsToldOnceAndWithoutQueries()
    {
        var list = mailchimp.AddAudience("aaa");
        var (ann, bob) = (mailchimp.Add(list, "ann@example.com"), mailchimp.Add(list, "bob@example.com"));
        var at = clock.GetUtcNow().AddDays(-2);
        mailchimp.Send("c1", list, at, ann, bob);
        mailchimp.Send("c2", list, at.AddDays(-400), ann);
        mailchimp.Act("c1", ann, "open", at.AddHours(1));
        mailchimp.Act("c1", ann, "click", at.AddHours(1), "https://example.com/offer?who=ann@example.com");
        mailchimp.Act("c1", ann, "click", at.AddHours(1), "https://example.com/other");
        mailchimp.Act("c1", bob, "bounce", at.AddMinutes(1));
        mailchimp.Unsubscribe("c1", ann, at.AddHours(2));
        var (first, cursor, _) = await HubSpotWorld.WalkAsync(connector.ReadActivityAsync);
        Assert.Equal(["email_bounced", "email_clicked", "email_clicked", "email_opened", "email_sent", "email_sent", "email_unsubscribed"], first.Select(a => a.Type).Order(StringComparer.Ordinal));
        Assert.Equal(7, first.Select(a => a.Id).Distinct().Count());
        Assert.All(first, a => Assert.True(a.Id.Length <= 150 && a.ContactId is not null && a.Source == "email"));
        Assert.Equal(["https://example.com/offer", "https://example.com/other"], first.Where(a => a.Type == "email_clicked").Select(a => a.Properties!["url"]).Order(StringComparer.Ordinal));
        Assert.Equal(at.AddHours(2), first.Single(a => a.Type == "email_unsubscribed").OccurredAt);

        clock.Advance(TimeSpan.FromDays(3));
        mailchimp.Act("c1", bob, "open", clock.GetUtcNow().AddMinutes(-5));
        var (second, _, _) = await HubSpotWorld.WalkAsync(connector.ReadActivityAsync, cursor);
        var added = Assert.Single(second.ExceptBy(first.Select(a => a.Id), a => a.Id));
        Assert.Equal(("email_opened", bob), (added.Type, added.ContactId));
        Assert.DoesNotContain(second, a => a.Type is "email_sent" or "email_clicked");
    }

    [Fact]
    public async Task Fields_MadeOnceUnderShortTags_AndWritten()
    {
        var list = mailchimp.AddAudience("aaa");
        var report = await connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(Fields.Select(f => f.Name), report.Ready);
        Assert.Equal(["FNAME", "LS_SCORE", "LS_GRADE", "LS_REASON1", "LS_REASON2", "LS_NEXTBES", "LS_NEXTBE1"], mailchimp.Tags(list));
        Assert.Empty((await connector.EnsureFieldsAsync(Fields, CancellationToken.None)).Created);

        var (ann, bob) = (mailchimp.Add(list, "ann@example.com", "Ann"), mailchimp.Add(list, "bob@example.com"));
        mailchimp.Delete(bob);
        var before = Assert.Single(await connector.FetchContactsAsync([ann], CancellationToken.None));
        var values = new Dictionary<string, string> { ["lead_scoring_score"] = "71.5", ["lead_scoring_next_best_time"] = "2026-11-27T12:00:00Z" };
        // A connector of another process knows no tags yet.
        using var other = Connect(new ConnectorSettings { BaseUrl = mailchimp.Url, Token = MailchimpSimulator.Key });
        var results = await other.WriteAsync([new RecordWrite(ann, values), new RecordWrite(bob, values), new RecordWrite(ann, new Dictionary<string, string> { ["no_such"] = "x" })], CancellationToken.None);
        Assert.Equal([WriteStatus.Written, WriteStatus.Gone, WriteStatus.Rejected], results.Select(r => r.Status));
        Assert.Equal(("71.5", "2026-11-27T12:00:00Z"), (mailchimp.MergeValue(ann, "LS_SCORE"), mailchimp.MergeValue(ann, "LS_NEXTBE1")));
        Assert.Equal(before.Properties, Assert.Single(await connector.FetchContactsAsync([ann, bob], CancellationToken.None)).Properties);
    }

    [Fact]
    public async Task Fields_TagOfTheCustomer_IsForeignAndNeverWritten()
    {
        var list = mailchimp.AddAudience("aaa");
        mailchimp.AddField(list, "LS_SCORE", "ours since 2019");
        var report = await connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(["lead_scoring_score"], report.Foreign);
        Assert.DoesNotContain("lead_scoring_score", report.Ready);
        var ann = mailchimp.Add(list, "ann@example.com");
        var result = Assert.Single(await connector.WriteAsync([new RecordWrite(ann, new Dictionary<string, string> { ["lead_scoring_score"] = "5" })], CancellationToken.None));
        Assert.Equal((WriteStatus.Rejected, "FIELD_MISSING"), (result.Status, result.Reason));
        Assert.Contains(await CheckAsync(), s => s.What == "fields of others in audience aaa" && s.Advice!.Contains("LS_SCORE", StringComparison.Ordinal));
    }

    private async Task<IReadOnlyList<CheckStep>> CheckAsync() => (await connector.CheckAsync(Fields, CancellationToken.None)).Steps;

    [Fact]
    public async Task Check_AllInPlace_NamesTheAccount()
    {
        Assert.Contains(await CheckAsync(), s => s is { What: "audiences", IsRight: false });
        mailchimp.AddAudience("aaa");
        await connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        var check = await connector.CheckAsync(Fields, CancellationToken.None);
        Assert.True(check.IsRight, string.Join("; ", check.Steps));
        Assert.Equal("account acc1", check.Account);
    }

    /// <summary>Mailchimp refuses the eleventh request at a time.</summary>
    [Fact]
    public async Task Requests_ManyAtOnce_NeverMoreThanTen()
    {
        var list = mailchimp.AddAudience("aaa");
        var ids = Enumerable.Range(0, 50).Select(i => mailchimp.Add(list, $"p{i}@example.com")).ToArray();
        mailchimp.Pace = TimeSpan.FromMilliseconds(20);
        var found = await Task.WhenAll(ids.Chunk(10).Select(part => connector.FetchContactsAsync(part, CancellationToken.None)));
        Assert.Equal(50, found.Sum(f => f.Count));
        Assert.InRange(mailchimp.Peak, 2, 10);
    }

    [Fact]
    public async Task Gateway_ForbiddenWithoutJson_IsOverloadAndNotAPermission()
    {
        mailchimp.Fail(1, 403);
        var e = await Assert.ThrowsAsync<ConnectorException>(() => connector.ReadContactsAsync(null, CancellationToken.None));
        Assert.Equal((ConnectorFailure.RateLimited, TimeSpan.FromMinutes(1)), (e.Failure, e.RetryAfter));
        mailchimp.Fail(1, 403, "", "{\"title\":\"Forbidden\",\"status\":403}");
        Assert.Equal(ConnectorFailure.Forbidden, (await Assert.ThrowsAsync<ConnectorException>(() => connector.ReadContactsAsync(null, CancellationToken.None))).Failure);
    }

    /// <summary>Anybody who knows the address could have sent it: it says only whom to look at.</summary>
    [Fact]
    public async Task Webhook_AnyNotice_IsAContactToFetch()
    {
        var list = mailchimp.AddAudience("aaa");
        var ann = mailchimp.Add(list, "Ann@example.com");
        var gone = connector.ReadInbound(Hook("type=unsubscribe&fired_at=2026-11-27+12%3A00%3A00&data%5Baction%5D=delete&data%5Bemail%5D=ann%40example.com&data%5Blist_id%5D=aaa"));
        Assert.Null(gone.Refusal);
        var change = Assert.Single(gone.Changes);
        Assert.Equal((InboundKind.ContactChanged, ann), (change.Kind, change.RecordId));
        Assert.Single(await connector.FetchContactsAsync([change.RecordId], CancellationToken.None));
        var moved = connector.ReadInbound(Hook("type=upemail&fired_at=x&data[new_email]=new%40example.com&data[old_email]=ann%40example.com&data[list_id]=aaa"));
        Assert.Equal([ann, $"aaa-{MailchimpMembers.Hash("new@example.com")}"], moved.Changes.Select(c => c.RecordId));
        Assert.Empty(connector.ReadInbound(Hook("", method: "GET")).Changes);
        Assert.Empty(connector.ReadInbound(Hook("type=campaign&data[list_id]=aaa")).Changes);
    }

    [Theory]
    [InlineData("?secret=wrong", "the secret in the address is wrong")]
    [InlineData("", "no secret in the address")]
    [InlineData("?secret=", "no secret in the address")]
    [InlineData("?secret=a-long-and-random-secret&secret=x", "no secret in the address")]
    public void Webhook_SecretNotRight_IsRefused(string query, string why) => Assert.Equal(why, connector.ReadInbound(Hook("type=profile", query)).Refusal);

    [Fact]
    public void Webhook_NoOrShortSecret_IsRefused()
    {
        foreach (var secret in (string?[])[null, "short"])
        {
            using var made = Connect(new ConnectorSettings { Token = MailchimpSimulator.Key, WebhookSecret = secret });
            Assert.StartsWith("no secret of 16", made.ReadInbound(Hook("type=profile", "?secret=" + secret)).Refusal);
        }
    }

    [Fact]
    public void Webhook_Signed_ChecksEveryPart()
    {
        const string Body = "type=profile&fired_at=x&data[email]=ann%40example.com&data[list_id]=aaa";
        using var signed = Connect(new ConnectorSettings { Token = MailchimpSimulator.Key, Options = { ["SigningSecret"] = "whsec" } });
        var moment = clock.GetUtcNow().ToUnixTimeSeconds();
        string Sign(long t, string secret = "whsec") => $"t={t},v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{t}.{Body}")))}";
        Assert.Single(signed.ReadInbound(Hook(Body, "", signature: Sign(moment))).Changes);
        Assert.Equal("the signature is wrong", signed.ReadInbound(Hook(Body + "&x=1", "", signature: Sign(moment))).Refusal);
        Assert.Equal("the signature is wrong", signed.ReadInbound(Hook(Body, "", signature: Sign(moment, "other"))).Refusal);
        Assert.Equal("the timestamp is too old or ahead", signed.ReadInbound(Hook(Body, "", signature: Sign(moment - 301))).Refusal);
        Assert.Equal("no signature", signed.ReadInbound(Hook(Body, "")).Refusal);
        Assert.Equal("no signature", signed.ReadInbound(Hook(Body, "", signature: "v1=00")).Refusal);
    }
}
