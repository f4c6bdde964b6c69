using static LeadScoring.Connectors.Tests.HubSpot.HubSpotWorld;

namespace LeadScoring.Connectors.Tests.Salesforce;

public sealed class SalesforceWriteTests
{
    private static readonly FieldDefinition[] Fields =
    [
        new("lead_scoring_score", "Score", FieldKind.Number), new("lead_scoring_grade", "Grade", FieldKind.Choice, ["A", "B", "C", "D"]), new("lead_scoring_scored_at", "Scored at", FieldKind.Moment),
    ];

    private static async Task<SalesforceWorld> WithFieldsAsync()
    {
        var world = await SalesforceWorld.StartAsync();
        foreach (var type in (string[])["Lead", "Contact"])
        {
            world.Salesforce.AddField(type, "lead_scoring_score__c", "double", "Written by lead scoring");
            world.Salesforce.AddField(type, "lead_scoring_grade__c", "picklist", "Written by Lead Scoring");
            world.Salesforce.AddField(type, "lead_scoring_scored_at__c", "datetime", "lead scoring");
        }

        return world;
    }

    private static RecordWrite Write(string id, string score, string? grade = null)
    {
        var values = new Dictionary<string, string> { ["lead_scoring_score"] = score };
        if (grade is not null) values["lead_scoring_grade"] = grade;
        return new RecordWrite(id, values);
    }

    [Fact]
    public async Task EnsureFields_MadeOnBothWithOurMark_AreReady()
    {
        await using var world = await WithFieldsAsync();
        var report = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(Fields.Select(f => f.Name), report.Ready);
        Assert.Empty(report.Foreign.Concat(report.Missing).Concat(report.Created));
        var check = await world.Connector.CheckAsync(Fields, CancellationToken.None);
        Assert.True(check.IsRight, string.Join("; ", check.Steps));
        Assert.StartsWith("organization 00D", check.Account);
    }

    [Fact]
    public async Task EnsureFields_MissingOnContacts_SaysWhatToMakeAndHow()
    {
        await using var world = await WithFieldsAsync();
        world.Salesforce.HideField("Contact", "lead_scoring_grade__c");
        var report = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(["lead_scoring_grade"], report.Missing);
        var step = Assert.Single((await world.Connector.CheckAsync(Fields, CancellationToken.None)).Steps, s => !s.IsRight);
        Assert.Equal("fields of Contact", step.What);
        Assert.Contains("lead_scoring_grade__c (Picklist of A, B, C, D)", step.Advice);
        Assert.Contains("\"lead scoring\" in the help text", step.Advice);
    }

    [Theory]
    [InlineData("double", null, true)]
    [InlineData("double", "Score of our partner", true)]
    [InlineData("string", "lead scoring", true)]
    [InlineData("double", "lead scoring", false)]
    public async Task EnsureFields_NoMarkOtherTypeOrReadOnly_IsForeign(string type, string? help, bool updateable)
    {
        await using var world = await WithFieldsAsync();
        world.Salesforce.AddField("Lead", "lead_scoring_score__c", type, help, updateable);
        var report = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(["lead_scoring_score"], report.Foreign);
        Assert.DoesNotContain("lead_scoring_score", report.Ready);
    }

    [Fact]
    public async Task Write_EachRecord_HasItsResult()
    {
        await using var world = await WithFieldsAsync();
        string[] leads = [.. Enumerable.Range(0, 6).Select(_ => world.Salesforce.Add("Lead"))];
        var contact = world.Salesforce.Add("Contact");
        world.Salesforce.Delete(leads[1]);
        world.Salesforce.Refuse(leads[2], "FIELD_CUSTOM_VALIDATION_EXCEPTION");
        world.Salesforce.Refuse(leads[3], "UNABLE_TO_LOCK_ROW");
        world.Salesforce.Convert(leads[4], null);
        world.Salesforce.Purge(leads[5]);
        // In turns of lead and contact, ten of which Salesforce takes at most.
        RecordWrite[] writes = [Write(leads[0], "71.5", "A"), Write(contact, "50", ""), .. leads[1..].Select(l => Write(l, "1"))];
        var results = await world.Connector.WriteAsync(writes, CancellationToken.None);
        Assert.Equal(writes.Select(w => w.RecordId), results.Select(r => r.RecordId));
        Assert.Equal([WriteStatus.Written, WriteStatus.Written, WriteStatus.Gone, WriteStatus.Rejected, WriteStatus.TryAgain, WriteStatus.Gone, WriteStatus.Gone], results.Select(r => r.Status));
        Assert.Equal(("71.5", "A"), (world.Salesforce.Get(leads[0], "lead_scoring_score__c"), world.Salesforce.Get(leads[0], "lead_scoring_grade__c")));
        Assert.Null(world.Salesforce.Get(contact, "lead_scoring_grade__c"));
        Assert.Equal("FIELD_CUSTOM_VALIDATION_EXCEPTION", results[3].Reason);
    }

    [Fact]
    public async Task Write_LeadsAndContactsInTurns_AreOneRequestOf200()
    {
        await using var world = await WithFieldsAsync();
        RecordWrite[] writes = [.. Enumerable.Range(0, 200).Select(i => Write(world.Salesforce.Add(i % 2 == 0 ? "Lead" : "Contact"), "10"))];
        var results = await world.Connector.WriteAsync(writes, CancellationToken.None);
        Assert.All(results, r => Assert.Equal(WriteStatus.Written, r.Status));
        Assert.Single(world.Salesforce.Seen, r => r.Method == "PATCH");
    }

    [Fact]
    public async Task Write_WholeRequestRefusedForOne_OnlyThatOneIsRejected()
    {
        await using var world = await WithFieldsAsync();
        var ids = Enumerable.Range(0, 5).Select(_ => world.Salesforce.Add("Lead")).ToArray();
        RecordWrite[] writes = [.. ids.Select((id, i) => i == 3 ? new RecordWrite(id, new Dictionary<string, string> { ["no_such"] = "x" }) : Write(id, "5"))];
        var results = await world.Connector.WriteAsync(writes, CancellationToken.None);
        Assert.Equal([3], results.Select((r, i) => (r, i)).Where(x => x.r.Status != WriteStatus.Written).Select(x => x.i));
        Assert.Equal("INVALID_FIELD", results[3].Reason);
    }

    [Fact]
    public async Task Write_OurOwn_ChangesNoProperty()
    {
        await using var world = await WithFieldsAsync();
        var id = world.Salesforce.Add("Lead", ("Email", "a@example.com"));
        var before = Assert.Single(await world.Connector.FetchContactsAsync([id], CancellationToken.None));
        world.Clock.Advance(TimeSpan.FromMinutes(1));
        await world.Connector.WriteAsync([Write(id, "90")], CancellationToken.None);
        Assert.Equal(before.Properties, Assert.Single(await world.Connector.FetchContactsAsync([id], CancellationToken.None)).Properties);
    }

    [Fact]
    public async Task Tokens_OAuth_RotateAreKeptAndUsedAtTheInstance()
    {
        await using var world = await SalesforceWorld.StartAsync(OAuth);
        world.Salesforce.Add("Lead");
        Assert.Single((await WalkAsync(world.Connector.ReadContactsAsync)).Items);
        Assert.Equal(("access-1", "refresh-1", "localhost"), (world.Tokens.Stored!.AccessToken, world.Tokens.Stored.RefreshToken, world.Tokens.Stored.BaseUrl!.Host));
        world.Salesforce.Revoke("access-1");
        Assert.Single((await WalkAsync(world.Connector.ReadContactsAsync)).Items);
        Assert.Equal((2, "refresh-2"), (world.Salesforce.Refreshes, world.Tokens.Stored.RefreshToken));
    }

    [Fact]
    public async Task Tokens_ClientCredentials_NeedNoRefreshToken()
    {
        await using var world = await SalesforceWorld.StartAsync(s =>
        {
            OAuth(s);
            s.RefreshToken = null;
        });
        Assert.Empty((await WalkAsync(world.Connector.ReadContactsAsync)).Items);
        Assert.Contains("grant_type=client_credentials", world.Salesforce.Seen[0].Body);
    }

    [Fact]
    public async Task Tokens_RefreshRefused_IsUnauthorizedAndTellsNothing()
    {
        await using var world = await SalesforceWorld.StartAsync(s =>
        {
            OAuth(s);
            s.RefreshToken = "dead";
        });
        var e = await Assert.ThrowsAsync<ConnectorException>(() => world.Connector.ReadContactsAsync(null, CancellationToken.None));
        Assert.Equal(ConnectorFailure.Unauthorized, e.Failure);
        Assert.DoesNotContain("dead", e.ToString());
        Assert.DoesNotContain("secret@example.com", e.ToString());
    }

    private static void OAuth(ConnectorSettings settings) =>
        (settings.Token, settings.ClientId, settings.ClientSecret, settings.RefreshToken) = (null, SalesforceSimulator.ClientId, SalesforceSimulator.ClientSecret, "refresh-0");

    [Fact]
    public async Task Budget_LimitInfoOfTheHeader_IsLearned()
    {
        await using var world = await SalesforceWorld.StartAsync();
        world.Salesforce.Usage = 14_990;
        // The first answer says that only the reserve is left, which reading leaves alone.
        var e = await Assert.ThrowsAsync<ConnectorException>(() => world.Connector.FetchContactsAsync([world.Salesforce.Add("Lead")], CancellationToken.None));
        Assert.Equal((ConnectorFailure.RateLimited, 10L), (e.Failure, world.Connector.Budget.Status.LeftToday!.Value));
    }

    [Fact]
    public async Task Budget_DayUsedUpSaidBy403_IsNoLackOfPermission()
    {
        await using var world = await SalesforceWorld.StartAsync();
        world.Salesforce.Fail(1, 403, "/query", "[{\"errorCode\":\"REQUEST_LIMIT_EXCEEDED\",\"message\":\"x\"}]");
        var e = await Assert.ThrowsAsync<ConnectorException>(() => world.Connector.ReadContactsAsync(null, CancellationToken.None));
        Assert.Equal((ConnectorFailure.RateLimited, TimeSpan.FromHours(1)), (e.Failure, e.RetryAfter));
        Assert.NotNull(world.Connector.Budget.Status.PausedUntil);
    }
}
