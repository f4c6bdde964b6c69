using System.Text.Json.Nodes;
using LeadScoring.Connectors.Tests.Simulators;
using Microsoft.AspNetCore.Http;
using static LeadScoring.Connectors.Tests.HubSpot.HubSpotWorld;

namespace LeadScoring.Connectors.Tests.Dynamics;

public sealed class DynamicsTests
{
    private static readonly FieldDefinition[] Fields =
    [
        new("lead_scoring_score", "Score", FieldKind.Number), new("lead_scoring_grade", "Grade", FieldKind.Choice, ["A", "B", "C", "D"]), new("lead_scoring_reason_1", "Reason", FieldKind.Text),
    ];

    private sealed class World(DynamicsSimulator dynamics, IConnector connector) : IAsyncDisposable
    {
        internal DynamicsSimulator Dynamics { get; } = dynamics;

        internal IConnector Connector { get; } = connector;

        internal static async Task<World> StartAsync(Action<ConnectorSettings>? set = null)
        {
            var clock = new LeapClock();
            var dynamics = await DynamicsSimulator.StartAsync(clock);
            var settings = new ConnectorSettings { BaseUrl = dynamics.Url, ClientId = DynamicsSimulator.ClientId, ClientSecret = DynamicsSimulator.ClientSecret };
            (settings.Options["TenantId"], settings.Options["LoginUrl"]) = (DynamicsSimulator.Tenant, dynamics.Url.AbsoluteUri);
            set?.Invoke(settings);
            return new World(dynamics, ConnectorCatalog.Create(new ConnectorHost("dynamics", settings, new MemoryTokens(), clock)));
        }

        public async ValueTask DisposeAsync()
        {
            Connector.Dispose();
            await Dynamics.DisposeAsync();
        }
    }

    [Fact]
    public async Task Contacts_OverPages_AllOnceThenOnlyWhatChanged()
    {
        await using var world = await World.StartAsync(s => s.Properties = "new_region");
        world.Dynamics.PageSize = 4;
        var ids = Enumerable.Range(0, 10).Select(i => world.Dynamics.Add("leads", new JsonObject
        {
            ["emailaddress1"] = $"l{i}@example.com", ["emailaddress2"] = $"m{i}@example.com", ["industrycode"] = 7, ["industrycode@label"] = "Consulting", ["new_region"] = "South", ["donotbulkemail"] = true,
        })).ToArray();
        var (first, cursor, pages) = await WalkAsync(world.Connector.ReadContactsAsync);
        Assert.Equal((ids.Length, 3), (first.Count, pages));
        Assert.Equal(ids, first.Select(c => c.Id));
        Assert.Equal(("l3@example.com", "Consulting", "South", "true"), (first[3].Email, first[3].Properties["industry"], first[3].Properties["new_region"], first[3].Properties["email_opt_out"]));
        Assert.Equal(["m3@example.com"], first[3].OtherEmails);

        world.Dynamics.Set("leads", ids[3], ("jobtitle", "Buyer"));
        world.Dynamics.Delete("leads", ids[4]);
        var (second, next, _) = await WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal([(ids[3], false), (ids[4], true)], second.Select(c => (c.Id, c.IsDeleted)));
        Assert.Equal("Buyer", second[0].Properties["job_title"]);
        Assert.Empty((await WalkAsync(world.Connector.ReadContactsAsync, next)).Items);
    }

    [Fact]
    public async Task Contacts_LinkTooOld_BeginsAgain()
    {
        await using var world = await World.StartAsync();
        var id = world.Dynamics.Add("leads", new JsonObject());
        var (_, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        world.Dynamics.OldestVersion = 100;
        Assert.Equal([id], (await WalkAsync(world.Connector.ReadContactsAsync, cursor)).Items.Select(c => c.Id));
    }

    /// <summary>The token must not follow a link to somewhere else.</summary>
    [Fact]
    public async Task Contacts_LinkElsewhere_IsNotFollowed()
    {
        await using var world = await World.StartAsync();
        world.Dynamics.On(1, "/leads", (http, _) => http.Response.WriteAsync("""{"value":[],"@odata.nextLink":"http://elsewhere.example/api/data/v9.2/leads"}""", http.RequestAborted));
        var e = await Assert.ThrowsAsync<ConnectorException>(() => world.Connector.ReadContactsAsync(null, CancellationToken.None));
        Assert.Equal(ConnectorFailure.Unavailable, e.Failure);
    }

    [Fact]
    public async Task Contacts_Merged_AreToldAsPartOfTheOther()
    {
        await using var world = await World.StartAsync();
        var (winner, loser) = (world.Dynamics.Add("leads", new JsonObject { ["emailaddress1"] = "a@example.com" }), world.Dynamics.Add("leads", new JsonObject()));
        var (_, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        world.Dynamics.Set("leads", loser, ("merged", true), ("_masterid_value", winner), ("statecode", 2));
        var record = Assert.Single((await WalkAsync(world.Connector.ReadContactsAsync, cursor)).Items);
        Assert.Equal((winner, "a@example.com"), (record.Id, record.Email));
        Assert.Equal([loser], record.MergedIds);
    }

    [Fact]
    public async Task Deals_WonReopenedDeletedAndDisqualified_AreTold()
    {
        await using var world = await World.StartAsync();
        var (lead, other) = (world.Dynamics.Add("leads", new JsonObject { ["statecode"] = 1 }), world.Dynamics.Add("leads", new JsonObject { ["statecode"] = 2 }));
        var won = world.Dynamics.Add("opportunities", new JsonObject { ["statecode"] = 1, ["actualvalue"] = 1200.5, ["estimatedvalue"] = 9, ["actualclosedate"] = "2026-11-20", ["stepname"] = "Close", ["_originatingleadid_value"] = lead });
        var (first, cursor, _) = await WalkAsync(world.Connector.ReadDealsAsync);
        Assert.Equal((DealState.Won, 1200.5, new DateTimeOffset(2026, 11, 20, 0, 0, 0, TimeSpan.Zero), "Close"), (first[0].State, first[0].Amount, first[0].ClosedAt, first[0].Stage));
        Assert.Equal([lead], first[0].ContactIds);
        Assert.Equal([(won, DealState.Won), (lead, DealState.Deleted), (other, DealState.Lost)], first.Select(d => (d.Id, d.State)));

        world.Dynamics.Set("opportunities", won, ("statecode", 0), ("actualclosedate", null));
        world.Dynamics.Set("leads", other, ("statecode", 0));
        var (second, next, _) = await WalkAsync(world.Connector.ReadDealsAsync, cursor);
        Assert.Equal([(won, DealState.Open), (other, DealState.Deleted)], second.Select(d => (d.Id, d.State)));
        world.Dynamics.Delete("opportunities", won);
        Assert.Equal([(won, DealState.Deleted)], (await WalkAsync(world.Connector.ReadDealsAsync, next)).Items.Select(d => (d.Id, d.State)));
    }

    private static RecordWrite Write(string id, string? score, string? grade) =>
        new(id, new[] { ("lead_scoring_score", score), ("lead_scoring_grade", grade) }.Where(v => v.Item2 is not null).ToDictionary(v => v.Item1, v => v.Item2!));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Write_ScoreAndGrade_GoIntoTheNativeTableByItsKey(bool upserts)
    {
        await using var world = await World.StartAsync();
        world.Dynamics.Upserts = upserts;
        string[] ids = [.. Enumerable.Range(0, 4).Select(_ => world.Dynamics.Add("leads", new JsonObject()))];
        for (var round = 0; round < 2; round++)
        {
            var results = await world.Connector.WriteAsync([Write(ids[0], "71.5", "B"), Write(ids[1], "99.9", "A"), Write(ids[2], null, "A"), Write("no id", "5", "D")], CancellationToken.None);
            Assert.Equal([WriteStatus.Written, WriteStatus.Written, WriteStatus.Rejected, WriteStatus.Rejected], results.Select(r => r.Status));
        }

        Assert.Equal([(ids[0], 72, 1), (ids[1], 100, 0)], world.Dynamics.Scores.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => (s.Key, (int)s.Value["msdyn_score"]!, (int)s.Value["msdyn_grade"]!)));
    }

    [Fact]
    public async Task EnsureFields_OnlyScoreAndGrade_AreReady()
    {
        await using var world = await World.StartAsync();
        var report = await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None);
        Assert.Equal(["lead_scoring_score", "lead_scoring_grade"], report.Ready);
        Assert.Equal(["lead_scoring_reason_1"], report.Missing);
        var check = await world.Connector.CheckAsync(Fields, CancellationToken.None);
        Assert.True(check.IsRight, string.Join("; ", check.Steps));
        Assert.Equal("organization " + DynamicsSimulator.Tenant, check.Account);
    }

    [Fact]
    public async Task EnsureFields_NoTableInThisEdition_NothingIsReady()
    {
        await using var world = await World.StartAsync();
        world.Dynamics.HasScores = false;
        Assert.Empty((await world.Connector.EnsureFieldsAsync(Fields, CancellationToken.None)).Ready);
        Assert.StartsWith("score table", Assert.Single((await world.Connector.CheckAsync(Fields, CancellationToken.None)).Steps, s => !s.IsRight).What);
    }

    [Fact]
    public async Task Tokens_ClientCredentials_AreAskedForAgainWhenRefused()
    {
        await using var world = await World.StartAsync();
        Assert.Empty((await WalkAsync(world.Connector.ReadContactsAsync)).Items);
        world.Dynamics.Revoke();
        Assert.Empty((await WalkAsync(world.Connector.ReadContactsAsync)).Items);
        Assert.Equal(2, world.Dynamics.Seen.Count(r => r.Path.EndsWith("/oauth2/v2.0/token", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Tokens_WrongSecret_IsUnauthorizedAndTellsNothing()
    {
        await using var world = await World.StartAsync(s => s.ClientSecret = "wrong-one");
        var e = await Assert.ThrowsAsync<ConnectorException>(() => world.Connector.ReadContactsAsync(null, CancellationToken.None));
        Assert.Equal(ConnectorFailure.Unauthorized, e.Failure);
        Assert.DoesNotContain("wrong-one", e.ToString());
    }

    [Fact]
    public void ReadInbound_Anything_IsRefused()
    {
        using var connector = ConnectorCatalog.Create(new ConnectorHost("dynamics", new ConnectorSettings { BaseUrl = new Uri("https://example.crm.dynamics.com") }, new MemoryTokens(), new LeapClock()));
        Assert.NotNull(connector.ReadInbound(new InboundRequest("POST", new Uri("https://example.com"), _ => null, default)).Refusal);
    }
}
