using System.Text.Json.Nodes;
using static LeadScoring.Connectors.Tests.HubSpot.HubSpotWorld;

namespace LeadScoring.Connectors.Tests.Pipedrive;

public sealed class PipedriveWriteTests
{
    private static readonly FieldDefinition[] Fields =
    [
        new("lead_scoring_score", "Score", FieldKind.Number), new("lead_scoring_grade", "Grade", FieldKind.Choice, ["A", "B", "C", "D"]), new("lead_scoring_scored_at", "Scored at", FieldKind.Moment),
    ];

    private static RecordWrite Write(string id, string score, string grade = "A") =>
        new(id, new Dictionary<string, string> { ["lead_scoring_score"] = score, ["lead_scoring_grade"] = grade, ["lead_scoring_scored_at"] = "2026-11-27T12:00:00Z" });

    private static string Person(PipedriveWorld world) => world.Pipedrive.Add("persons", new JsonObject { ["name"] = "Ada", ["custom_fields"] = new JsonObject() });

    [Fact]
    public async Task EnsureFields_Absent_AreMadeOnce()
    {
        await using var world = await PipedriveWorld.StartAsync();
        var before = await world.Connector.CheckAsync(Fields, CancellationToken.None);
        Assert.Contains("lead_scoring_score", Assert.Single(before.Steps, s => !s.IsRight).Advice);
        var first = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(Fields.Select(f => f.Name), first.Created);
        var second = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Empty(second.Created);
        Assert.Equal(first.Ready, second.Ready);
        Assert.Equal(["double", "enum", "varchar"], world.Pipedrive.Fields.Skip(1).Select(f => (string)f["field_type"]!));
        var check = await world.Connector.CheckAsync(Fields, CancellationToken.None);
        Assert.True(check.IsRight, string.Join("; ", check.Steps));
        Assert.Equal("company 4711", check.Account);
    }

    [Theory]
    [InlineData("lead_scoring_score", "varchar", "")]
    [InlineData("lead_scoring_grade", "enum", "Hot,Cold")]
    public async Task EnsureFields_OfAnotherType_IsForeignAndNeverWritten(string name, string type, string options)
    {
        await using var world = await PipedriveWorld.StartAsync();
        world.Pipedrive.AddField(name, type, options.Split(',', StringSplitOptions.RemoveEmptyEntries));
        var report = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal([name], report.Foreign);
        Assert.DoesNotContain(name, report.Ready);
        Assert.Contains("FIELDPREFIX", Assert.Single((await world.Connector.CheckAsync(Fields, CancellationToken.None)).Steps, s => !s.IsRight).Advice);
    }

    [Fact]
    public async Task Write_EachRecord_HasItsResultByHashAndOption()
    {
        await using var world = await PipedriveWorld.StartAsync();
        await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        var (good, refused, odd) = (Person(world), Person(world), Person(world));
        world.Pipedrive.Refuse(refused);
        var results = await world.Connector.WriteAsync([Write(good, "71.5", "B"), Write(refused, "5"), Write("999", "6"), Write(odd, "7", "Z")], CancellationToken.None);
        Assert.Equal([WriteStatus.Written, WriteStatus.Rejected, WriteStatus.Gone, WriteStatus.Rejected], results.Select(r => r.Status));
        Assert.Equal(("ERR_SCHEMA_VALIDATION_FAILED", "UNKNOWN_FIELD_OR_VALUE"), (results[1].Reason, results[3].Reason));
        var grade = world.Pipedrive.Fields.First(f => (string?)f["field_name"] == "lead_scoring_grade");
        Assert.Equal(("71.5", grade["options"]![1]!["id"]!.ToString(), "2026-11-27T12:00:00Z"),
            (world.Pipedrive.CustomValue(good, "lead_scoring_score")!.ToString(), world.Pipedrive.CustomValue(good, "lead_scoring_grade")!.ToString(), world.Pipedrive.CustomValue(good, "lead_scoring_scored_at")!.ToString()));

        // An empty value empties the field.
        await world.Connector.WriteAsync([new RecordWrite(good, new Dictionary<string, string> { ["lead_scoring_grade"] = "" })], CancellationToken.None);
        Assert.Null(world.Pipedrive.CustomValue(good, "lead_scoring_grade"));
    }

    [Fact]
    public async Task Write_VendorStopsInTheMiddle_TheRestIsForLater()
    {
        await using var world = await PipedriveWorld.StartAsync();
        await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        string[] ids = [Person(world), Person(world), Person(world)];
        world.Pipedrive.Fail(20, 502, "/persons/" + ids[1]);
        var results = await world.Connector.WriteAsync([.. ids.Select(id => Write(id, "5"))], CancellationToken.None);
        Assert.Equal([WriteStatus.Written, WriteStatus.TryAgain, WriteStatus.TryAgain], results.Select(r => r.Status));
    }

    /// <summary>Lists cost 10 tokens of the day, leads and archived deals 20, writes 5.</summary>
    [Fact]
    public async Task Budget_TokensOfTheDay_AreCountedAsTheVendorDoes()
    {
        await using var world = await PipedriveWorld.StartAsync(s => s.DailyBudget = 1_000);
        await WalkAsync(world.Connector.ReadContactsAsync);
        Assert.Equal(30, world.Connector.Budget.Status.UsedToday);
        await WalkAsync(world.Connector.ReadDealsAsync);
        Assert.Equal(60, world.Connector.Budget.Status.UsedToday);
        await world.Connector.EnsureFieldsAsync(Fields[..1], CancellationToken.None);
        Assert.Equal(85, world.Connector.Budget.Status.UsedToday);
    }

    [Fact]
    public async Task Budget_WhatTheHeaderSaysIsLeft_IsLearned()
    {
        await using var world = await PipedriveWorld.StartAsync(s => s.DailyBudget = 1_000);
        world.Pipedrive.TokensLeft = 5;
        // The second list that it asks for costs more than that.
        await Assert.ThrowsAsync<ConnectorException>(() => world.Connector.FetchDealsAsync(["1"], CancellationToken.None));
        Assert.Equal(5, world.Connector.Budget.Status.LeftToday);
        var e = await Assert.ThrowsAsync<ConnectorException>(() => world.Connector.ReadContactsAsync(null, CancellationToken.None));
        Assert.Equal((ConnectorFailure.RateLimited, TimeSpan.FromHours(12)), (e.Failure, e.RetryAfter));
    }

    /// <summary>The smallest plan takes 20 requests in two seconds.</summary>
    [Fact]
    public async Task Budget_AsFastAsItGoes_StaysUnderTheVendorsRate()
    {
        await using var world = await PipedriveWorld.StartAsync();
        await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        var results = await world.Connector.WriteAsync([.. Enumerable.Range(0, 50).Select(_ => Write(Person(world), "5"))], CancellationToken.None);
        Assert.All(results, r => Assert.Equal(WriteStatus.Written, r.Status));
        Assert.InRange(world.Pipedrive.MostInTwoSeconds, 10, 20);
    }

    [Fact]
    public async Task Budget_BurstIsUsedUp_WaitsAsLongAsTheHeaderSays()
    {
        await using var world = await PipedriveWorld.StartAsync();
        world.Pipedrive.Fail(1, 429, "/persons", "{\"success\":false}", ("x-ratelimit-reset", "7"));
        Assert.Empty((await WalkAsync(world.Connector.ReadContactsAsync)).Items);
        Assert.Contains(TimeSpan.FromSeconds(7), world.Clock.Waits);
    }

    [Fact]
    public async Task Tokens_OAuth_RotateAreKeptAndUsedAtTheCompanysAddress()
    {
        await using var world = await PipedriveWorld.StartAsync(s => (s.Token, s.ClientId, s.ClientSecret, s.RefreshToken) = (null, PipedriveSimulator.ClientId, PipedriveSimulator.ClientSecret, "refresh-0"));
        Assert.Empty((await WalkAsync(world.Connector.ReadContactsAsync)).Items);
        Assert.Equal(("access-1", "refresh-1", "localhost"), (world.Tokens.Stored!.AccessToken, world.Tokens.Stored.RefreshToken, world.Tokens.Stored.BaseUrl!.Host));
        world.Pipedrive.Revoke("access-1");
        Assert.Empty((await WalkAsync(world.Connector.ReadContactsAsync)).Items);
        Assert.Equal("refresh-2", world.Tokens.Stored.RefreshToken);
    }
}
