namespace LeadScoring.Connectors.Tests.HubSpot;

public sealed class HubSpotWriteTests
{
    private static readonly FieldDefinition[] Fields =
    [
        new("lead_scoring_score", "Score", FieldKind.Number), new("lead_scoring_grade", "Grade", FieldKind.Choice, ["A", "B", "C", "D"]), new("lead_scoring_scored_at", "Scored at", FieldKind.Moment),
    ];

    private static RecordWrite Write(string id, string score) => new(id, new Dictionary<string, string> { ["lead_scoring_score"] = score });

    [Fact]
    public async Task EnsureFields_Absent_AreMadeInOurGroupOnce()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var first = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(Fields.Select(f => f.Name), first.Created);
        Assert.All(Fields, f => Assert.Equal("lead_scoring", world.HubSpot.PropertyGroups[f.Name]));
        var second = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Empty(second.Created);
        Assert.Equal(first.Ready, second.Ready);
    }

    [Fact]
    public async Task EnsureFields_NameOfTheCustomer_IsForeignAndLeftAlone()
    {
        await using var world = await HubSpotWorld.StartAsync();
        world.HubSpot.AddProperty("lead_scoring_score", "contactinformation");
        var report = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(["lead_scoring_score"], report.Foreign);
        Assert.DoesNotContain("lead_scoring_score", report.Ready);
        var check = await world.Connector.CheckAsync(Fields, CancellationToken.None);
        Assert.False(check.IsRight);
        Assert.Contains("FIELDPREFIX", Assert.Single(check.Steps, s => s.What == "fields of others").Advice);
    }

    [Fact]
    public async Task Write_SomeGoneSomeRefused_EachHasItsResult()
    {
        await using var world = await HubSpotWorld.StartAsync();
        await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        var (good, refused, gone) = (world.HubSpot.Add("contacts"), world.HubSpot.Add("contacts"), world.HubSpot.Add("contacts"));
        world.HubSpot.Refuse(refused);
        world.HubSpot.Archive("contacts", gone);
        var results = await world.Connector.WriteAsync([Write(good, "71.5"), Write(refused, "5"), Write(gone, "6")], CancellationToken.None);
        Assert.Equal([WriteStatus.Written, WriteStatus.Rejected, WriteStatus.Gone], results.Select(r => r.Status));
        Assert.Equal("71.5", world.HubSpot.Get("contacts", good, "lead_scoring_score"));
    }

    [Fact]
    public async Task Write_WholeBatchRefusedForOne_OnlyThatOneIsRejected()
    {
        await using var world = await HubSpotWorld.StartAsync();
        await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        var ids = Enumerable.Range(0, 7).Select(_ => world.HubSpot.Add("contacts")).ToArray();
        RecordWrite[] writes = [.. ids.Select((id, i) => i == 4 ? new RecordWrite(id, new Dictionary<string, string> { ["no_such_field"] = "x" }) : Write(id, "50"))];
        var results = await world.Connector.WriteAsync(writes, CancellationToken.None);
        Assert.Equal(ids, results.Select(r => r.RecordId));
        Assert.Equal([4], results.Select((r, i) => (r, i)).Where(x => x.r.Status != WriteStatus.Written).Select(x => x.i));
        Assert.Equal("VALIDATION_ERROR", results[4].Reason);
    }

    [Fact]
    public async Task Check_AllInPlace_NamesTheAccount()
    {
        await using var world = await HubSpotWorld.StartAsync();
        await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        var check = await world.Connector.CheckAsync(Fields, CancellationToken.None);
        Assert.True(check.IsRight, string.Join("; ", check.Steps));
        Assert.Equal("portal 4711", check.Account);
    }

    [Fact]
    public async Task Check_ScopeMissing_SaysWhichToGive()
    {
        await using var world = await HubSpotWorld.StartAsync();
        world.HubSpot.Fail(100, 403, "/crm/objects/2026-09/deals", "{\"category\":\"MISSING_SCOPES\"}");
        var check = await world.Connector.CheckAsync([], CancellationToken.None);
        Assert.Contains("crm.objects.deals.read", Assert.Single(check.Steps, s => !s.IsRight).Advice);
    }
}
