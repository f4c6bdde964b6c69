using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Connectors.Tests.Simulators;

namespace LeadScoring.Connectors.Tests.Generic;

/// <summary>The two examples of connectors/GENERIC.md, as they are in the repository, against an API of their kind.</summary>
public sealed class GenericTests : IAsyncLifetime
{
    private readonly LeapClock clock = new();
    private GenericSimulator api = null!;

    public async Task InitializeAsync() => api = await GenericSimulator.StartAsync(clock);

    public async Task DisposeAsync() => await api.DisposeAsync();

    private IConnector Example(string file) => Connect(("File", Path.Combine(Repository(), "connectors", "examples", file)));

    private IConnector Connect(params (string Name, string Value)[] options)
    {
        var settings = new ConnectorSettings { Vendor = "http", BaseUrl = api.Url, Token = GenericSimulator.Token, RequestsPerSecond = 100 };
        foreach (var (name, value) in options) settings.Options[name] = value;
        return ConnectorCatalog.Create(new ConnectorHost("own", settings, new MemoryTokens(), clock));
    }

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "LeadScoring.N8n.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("Not in the repository.");
    }

    [Fact]
    public async Task Crm_ContactsByCursor_AllThenOnlyWhatChanged()
    {
        using var crm = Example("crm-by-cursor.json");
        for (var i = 0; i < 230; i++) api.AddContact($"p{i}@example.com");
        clock.Advance(TimeSpan.FromMinutes(30));
        var (all, cursor, pages) = await HubSpotWorld.WalkAsync(crm.ReadContactsAsync);
        Assert.Equal((230, 3), (all.Select(c => c.Id).Distinct().Count(), pages));
        Assert.Equal(("p6@example.com", "Ann", "Buyer", null), (all[6].Email, all[6].Properties["first_name"], all[6].Properties["job_title"], all[6].Properties["company"]));
        Assert.Equal(new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero), all[6].CreatedAt);
        api.SetContact(5, "new@example.com");
        api.SetContact(6, "x@example.com", archived: true);
        clock.Advance(TimeSpan.FromMinutes(1));
        var (changed, _, _) = await HubSpotWorld.WalkAsync(crm.ReadContactsAsync, cursor);
        Assert.Equal([("5", "new@example.com", false), ("6", null, true)], changed.Select(c => (c.Id, c.Email, c.IsDeleted)));
    }

    [Fact]
    public async Task Crm_DealsByPage_HaveStatesAndPeople()
    {
        using var crm = Example("crm-by-cursor.json");
        for (var i = 1; i <= 120; i++) api.SetDeal(i, "talks");
        api.SetDeal(7, "won", 1, 2);
        api.SetDeal(8, "trashed", 3);
        clock.Advance(TimeSpan.FromMinutes(30));
        var (all, cursor, pages) = await HubSpotWorld.WalkAsync(crm.ReadDealsAsync);
        Assert.Equal((120, 3), (all.Count, pages));
        var won = all.Single(d => d.Id == "7");
        Assert.Equal((DealState.Won, 1200.5, "Closing", new DateTimeOffset(2026, 11, 20, 9, 0, 0, TimeSpan.Zero)), (won.State, won.Amount, won.Stage, won.ClosedAt!.Value.ToUniversalTime()));
        Assert.Equal(["1", "2"], won.ContactIds);
        Assert.Equal((DealState.Deleted, DealState.Open, null), (all.Single(d => d.Id == "8").State, all[0].State, all[0].ClosedAt));
        clock.Advance(TimeSpan.FromHours(1));
        api.SetDeal(7, "talks", 1);
        var (changed, _, _) = await HubSpotWorld.WalkAsync(crm.ReadDealsAsync, cursor);
        Assert.Equal([("7", DealState.Open)], changed.Select(d => (d.Id, d.State)));
    }

    [Fact]
    public async Task Crm_WriteBack_FillsTheTemplate()
    {
        using var crm = Example("crm-by-cursor.json");
        var (ann, eve) = (api.AddContact("ann@example.com"), api.AddContact("eve@example.com"));
        FieldDefinition[] fields = [new("lead_scoring_score", "Score", FieldKind.Number), new("lead_scoring_reason_1", "Reason", FieldKind.Text)];
        var report = await crm.EnsureFieldsAsync(fields, CancellationToken.None);
        Assert.Equal(["lead_scoring_score"], report.Ready);
        Assert.Equal(["lead_scoring_reason_1"], report.Missing);
        var results = await crm.WriteAsync(
        [
            new RecordWrite("1", new Dictionary<string, string> { ["lead_scoring_score"] = "71.5", ["lead_scoring_next_best_action"] = "Call \"now\"" }),
            new RecordWrite("99", new Dictionary<string, string> { ["lead_scoring_score"] = "5" }), new RecordWrite("2", new Dictionary<string, string> { ["lead_scoring_grade"] = "refuse" }),
        ], CancellationToken.None);
        Assert.Equal([WriteStatus.Written, WriteStatus.Gone, WriteStatus.Rejected], results.Select(r => r.Status));
        Assert.Equal("{\"lead_score\":71.5,\"note\":\"Next: Call \\u0022now\\u0022\"}", api.Custom(ann).ToJsonString());
        Assert.Equal("{}", api.Custom(eve).ToJsonString());
        Assert.True((await crm.CheckAsync(fields, CancellationToken.None)).IsRight);
    }

    [Fact]
    public async Task Mailer_SubscribersByLink_AllAreReadAndNoOtherHostIsAsked()
    {
        using var mailer = Example("mailer-by-link.json");
        for (var i = 0; i < 250; i++) api.AddSubscriber($"s{i}");
        var (all, _, pages) = await HubSpotWorld.WalkAsync(mailer.ReadContactsAsync);
        Assert.Equal((250, 3), (all.Select(c => c.Id).Distinct().Count(), pages));
        Assert.Equal(("s3@example.com", "Ulm", DateTimeOffset.FromUnixTimeSeconds(1_790_000_000)), (all[3].Email, all[3].Properties["city"], all[3].CreatedAt));
        api.LinksTo = new Uri("https://elsewhere.example/");
        Assert.Contains("another host", (await Assert.ThrowsAsync<ConnectorException>(() => mailer.ReadContactsAsync(null, CancellationToken.None))).Message);
    }

    [Fact]
    public async Task Mailer_EventsByOffset_AreActivityByTable()
    {
        using var mailer = Example("mailer-by-link.json");
        var at = clock.GetUtcNow().AddDays(-1);
        for (var i = 0; i < 210; i++) api.AddEvent($"e{i}", "open", at.AddMinutes(i));
        api.AddEvent("other", "printed", at);
        var (all, cursor, _) = await HubSpotWorld.WalkAsync(mailer.ReadActivityAsync);
        Assert.Equal(210, all.Select(a => a.Id).Distinct().Count());
        Assert.All(all, a => Assert.Equal(("email_opened", "email", "a@example.com", "https://example.com/"), (a.Type, a.Source, a.Email, a.Properties!["url"])));
        clock.Advance(TimeSpan.FromHours(2));
        api.AddEvent("later", "click", clock.GetUtcNow().AddMinutes(-1));
        Assert.Equal(["later"], (await HubSpotWorld.WalkAsync(mailer.ReadActivityAsync, cursor)).Items.Select(a => a.Id));
        Assert.Equal(new ConnectorAbilities(true, true, false, false, false, 50, 50), mailer.Abilities);
    }

    [Theory]
    [InlineData("{}", "contacts: is missing")]
    [InlineData("""{"contacts":{"path":"people","fields":{"id":"/id"}}}""", "contacts.path: 'people' is no path; begin it with one /")]
    [InlineData("""{"contacts":{"path":"//evil.example/x","fields":{"id":"/id"}}}""", "contacts.path: '//evil.example/x' is no path")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"email":"/e"}}}""", "contacts.fields.id: is missing; add the JSON pointer")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"id":"id"}}}""", "contacts.fields.id: 'id' is no JSON pointer; begin it with /")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"id":"/id","phone":"/p"}}}""", "contacts.fields.phone: is not known; use one of id, email, createdAt, deleted, or properties.NAME")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"id":"/id","properties.lead_scoring_score":"/p"}}}""", "contacts.fields.properties.lead_scoring_score: is what we write ourselves")]
    [InlineData("""{"contacts":{"path":"/p","records":"data","fields":{"id":"/id"}}}""", "contacts.records: 'data' is no JSON pointer; begin it with /")]
    [InlineData("""{"contacts":{"path":"/p","since":"days","fields":{"id":"/id"}}}""", "contacts.since: 'days' is not known; use one of iso, seconds, milliseconds")]
    [InlineData("""{"contacts":{"path":"/p","query":{"q":"{from}"},"fields":{"id":"/id"}}}""", "contacts.query.q: {from} is not known; use {since} or {size}")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"id":"/id"},"paging":{"style":"scroll"}}}""", "contacts.paging.style: 'scroll' is not known")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"id":"/id"},"paging":{"style":"cursor","parameter":"c"}}}""", "contacts.paging.next: is missing")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"id":"/id"},"paging":{"style":"offset"}}}""", "contacts.paging.parameter: is missing; name the query parameter of the offset")]
    [InlineData("""{"activity":{"path":"/p","fields":{"id":"/id","type":"/t","occurredAt":"/a"}}}""", "activity.fields: neither contactId nor email")]
    [InlineData("""{"activity":{"path":"/p","values":{"x":"E-Mail"},"fields":{"id":"/id","email":"/e","type":"/t","occurredAt":"/a"}}}""", "activity.values.x: 'E-Mail' is no type")]
    [InlineData("""{"deals":{"path":"/p","fields":{"id":"/id","state":"/s","contactIds":"/c"}}}""", "deals.values: is missing")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"id":"/id"}},"writeBack":{"path":"/p","body":{"s":"{lead_scoring_score}"}}}""", "writeBack.path: nothing says which record")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"id":"/id"}},"writeBack":{"path":"/p/{id}","body":{"s":"{score}"}}}""", "writeBack.body: {score} is not known; use {id} or our fields, such as {lead_scoring_score}")]
    [InlineData("""{"contacts":{"path":"/p","fields":{"id":"/id"}},"headers":{"X Y":"z"}}""", "headers.X Y: is no header")]
    [InlineData("""{"contats":{}}""", "line 1: is no JSON of the right form")]
    [InlineData("{", "is no JSON of the right form")]
    public void Create_DefinitionWrong_NamesTheFieldAndWhatToDo(string definition, string fault)
    {
        var e = Assert.Throws<ConnectorException>(() => Connect(("Definition", definition)));
        Assert.Equal(ConnectorFailure.Misconfigured, e.Failure);
        Assert.Contains(fault, e.Message);
    }

    [Fact]
    public void Create_WithoutDefinitionOrFile_SaysWhatToSet()
    {
        Assert.Contains("OPTIONS__FILE", Assert.Throws<ConnectorException>(() => Connect()).Message);
        Assert.Contains("cannot be read", Assert.Throws<ConnectorException>(() => Connect(("File", "/no/such/file.json"))).Message);
    }

    [Fact]
    public async Task Read_PointerToNothing_IsSaidAndNotReadAsEmpty()
    {
        api.AddContact("a@example.com");
        using var wrong = Connect(("Definition", """{"headers":{"Authorization":"Token token={token}"},"contacts":{"path":"/api/contacts?limit=5","records":"/items","fields":{"id":"/id"}}}"""));
        Assert.Contains("contacts.records", (await Assert.ThrowsAsync<ConnectorException>(() => wrong.ReadContactsAsync(null, CancellationToken.None))).Message);
        using var other = Connect(("Definition", """{"headers":{"Authorization":"Token token={token}"},"contacts":{"path":"/api/contacts?limit=5","records":"/data","fields":{"id":"/number"}}}"""));
        Assert.Contains("contacts.fields.id", Assert.Single((await other.CheckAsync([], CancellationToken.None)).Steps).Advice);
    }
}
