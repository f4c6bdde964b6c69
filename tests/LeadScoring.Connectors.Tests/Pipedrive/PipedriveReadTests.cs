using System.Text.Json.Nodes;
using static LeadScoring.Connectors.Tests.HubSpot.HubSpotWorld;

namespace LeadScoring.Connectors.Tests.Pipedrive;

public sealed class PipedriveReadTests
{
    private static JsonObject Person(string email, long? organization = null) => new()
    {
        ["name"] = "Ada Field", ["first_name"] = "Ada", ["last_name"] = "Field", ["org_id"] = organization, ["is_deleted"] = false, ["custom_fields"] = new JsonObject(),
        ["emails"] = new JsonArray(new JsonObject { ["value"] = "old@example.com", ["primary"] = false }, new JsonObject { ["value"] = email, ["primary"] = true }),
    };

    private static long Id(string id) => long.Parse(id, System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public async Task Contacts_OverPagesWithTheirOrganization_AllOnceThenOnlyWhatChanged()
    {
        await using var world = await PipedriveWorld.StartAsync();
        world.Pipedrive.MostOfPage = 10;
        var organization = world.Pipedrive.Add("organizations", new JsonObject { ["name"] = "Mill", ["employee_count"] = 12, ["address"] = new JsonObject { ["country"] = "Italy" } });
        var ids = Enumerable.Range(0, 25).Select(i => world.Pipedrive.Add("persons", Person($"p{i}@example.com", Id(organization)))).ToArray();
        world.Clock.Advance(TimeSpan.FromMinutes(30));
        var (first, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        Assert.Equal(ids, first.Select(c => c.Id));
        Assert.Equal(("p7@example.com", "Mill", "Italy", "12"), (first[7].Email, first[7].Properties["company"], first[7].Properties["company_country"], first[7].Properties["company_employees"]));
        Assert.Equal(["old@example.com"], first[7].OtherEmails);

        world.Clock.Advance(TimeSpan.FromMinutes(10));
        world.Pipedrive.Set("persons", ids[3], ("job_title", "Buyer"));
        world.Pipedrive.Set("persons", ids[4], ("is_deleted", true));
        var (second, next, _) = await WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal([ids[3], ids[4]], second.Select(c => c.Id));
        Assert.Equal(("Buyer", true), (second[0].Properties["job_title"], second[1].IsDeleted));

        // Once more as windows overlap, and not again and again.
        world.Clock.Advance(TimeSpan.FromMinutes(10));
        (_, next, _) = await WalkAsync(world.Connector.ReadContactsAsync, next);
        world.Clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Empty((await WalkAsync(world.Connector.ReadContactsAsync, next)).Items);
    }

    /// <summary>Records that change in the middle of a walk move to its end: nothing is passed over.</summary>
    [Fact]
    public async Task Contacts_ChangedInTheMiddleOfAWalk_NoneIsPassedOver()
    {
        await using var world = await PipedriveWorld.StartAsync();
        var (_, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        world.Pipedrive.MostOfPage = 4;
        world.Clock.Advance(TimeSpan.FromMinutes(10));
        var ids = Enumerable.Range(0, 12).Select(i => world.Pipedrive.Add("persons", Person($"p{i}@example.com"))).ToArray();
        var first = await world.Connector.ReadContactsAsync(cursor, CancellationToken.None);
        world.Clock.Advance(TimeSpan.FromSeconds(5));
        world.Pipedrive.Set("persons", ids[0], ("job_title", "Buyer"));
        var (rest, _, _) = await WalkAsync(world.Connector.ReadContactsAsync, first.Cursor);
        Assert.Equal(ids.Order(), first.Items.Concat(rest).Select(c => c.Id).Distinct().Order());
        Assert.Equal("Buyer", rest.Last(c => c.Id == ids[0]).Properties["job_title"]);
    }

    [Fact]
    public async Task Contacts_Leads_TellTheirPersonWhereItCameFrom()
    {
        await using var world = await PipedriveWorld.StartAsync();
        world.Pipedrive.MostOfPage = 2;
        var ids = Enumerable.Range(0, 3).Select(i => world.Pipedrive.Add("persons", Person($"p{i}@example.com"))).ToArray();
        foreach (var id in ids) world.Pipedrive.Add("leads", new JsonObject { ["person_id"] = Id(id), ["source_name"] = "Webforms", ["value"] = new JsonObject { ["amount"] = 999.5, ["currency"] = "EUR" } });
        world.Pipedrive.Add("leads", new JsonObject { ["organization_id"] = 1, ["source_name"] = "API" });
        var (all, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        Assert.Equal(ids, all.Where(c => c.Properties.GetValueOrDefault("lead_source") == "Webforms" && c.Properties["lead_value"] == "999.5").Select(c => c.Id));

        // Once an hour: a page of leads costs 20 tokens.
        var asked = world.Pipedrive.Seen.Count(r => r.Path == "/v1/leads");
        world.Clock.Advance(TimeSpan.FromMinutes(5));
        (_, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal(asked, world.Pipedrive.Seen.Count(r => r.Path == "/v1/leads"));
        world.Clock.Advance(TimeSpan.FromHours(1));
        await WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal(asked + 2, world.Pipedrive.Seen.Count(r => r.Path == "/v1/leads"));
    }

    [Fact]
    public async Task Contacts_CustomFieldsOfTheSettings_AreReadByNameAndOursNever()
    {
        await using var world = await PipedriveWorld.StartAsync(s => s.Properties = "Region,Nowhere");
        var (region, ours) = (world.Pipedrive.AddField("Region", "enum", "North", "South"), world.Pipedrive.AddField("lead_scoring_score", "double"));
        var south = (int)world.Pipedrive.Fields.First(f => (string?)f["field_code"] == region)["options"]![1]!["id"]!;
        var person = Person("a@example.com");
        person["custom_fields"] = new JsonObject { [region] = south, [ours] = 80 };
        var id = world.Pipedrive.Add("persons", person);
        var contact = Assert.Single(await world.Connector.FetchContactsAsync([id, "999"], CancellationToken.None));
        Assert.Equal("South", contact.Properties["Region"]);
        Assert.DoesNotContain(contact.Properties, p => p.Key.StartsWith("lead_scoring", StringComparison.Ordinal) || p.Value == "80");
        var check = await world.Connector.CheckAsync([], CancellationToken.None);
        Assert.Contains("Nowhere", Assert.Single(check.Steps, s => !s.IsRight).Advice);
    }

    [Fact]
    public async Task Activity_ThatIsDone_IsToldByKind()
    {
        await using var world = await PipedriveWorld.StartAsync();
        string Add(string type, bool done, long? person = 7, JsonArray? participants = null) => world.Pipedrive.Add("activities", new JsonObject
        {
            ["type"] = type, ["done"] = done, ["is_deleted"] = false, ["person_id"] = person, ["participants"] = participants, ["marked_as_done_time"] = done ? "2026-11-20T10:00:00Z" : null,
        });
        var (call, mail, lunch) = (Add("call", true), Add("email", true), Add("lunch", true, null, new JsonArray(new JsonObject { ["person_id"] = 9, ["primary"] = true })));
        var open = Add("call", false);
        Add("call", true, null);
        world.Clock.Advance(TimeSpan.FromMinutes(30));
        var (first, cursor, _) = await WalkAsync(world.Connector.ReadActivityAsync);
        Assert.Equal([(call, "phone_call", "7"), (mail, "email_sent", "7"), (lunch, "task_completed", "9")], first.Select(a => (a.Id, a.Type, a.ContactId)));
        Assert.All(first, a => Assert.Equal(new DateTimeOffset(2026, 11, 20, 10, 0, 0, TimeSpan.Zero), a.OccurredAt));
        world.Clock.Advance(TimeSpan.FromMinutes(10));
        world.Pipedrive.Set("activities", open, ("done", true), ("marked_as_done_time", "2026-11-27T12:00:00Z"));
        Assert.Equal([open], (await WalkAsync(world.Connector.ReadActivityAsync, cursor)).Items.Select(a => a.Id));
    }

    [Fact]
    public async Task Deals_WonLostArchivedReopenedAndDeleted_AreTold()
    {
        await using var world = await PipedriveWorld.StartAsync();
        var won = world.Pipedrive.Add("deals", new JsonObject { ["person_id"] = 7, ["status"] = "won", ["value"] = 1200.5, ["won_time"] = "2026-11-20T10:00:00Z", ["stage_id"] = 2, ["is_archived"] = false });
        var archived = world.Pipedrive.Add("deals", new JsonObject { ["person_id"] = 8, ["status"] = "lost", ["lost_time"] = "2026-01-02T10:00:00Z", ["stage_id"] = 99, ["is_archived"] = true });
        world.Pipedrive.Add("deals", new JsonObject { ["person_id"] = 8, ["status"] = "deleted", ["is_archived"] = false });
        world.Clock.Advance(TimeSpan.FromMinutes(30));
        var (first, cursor, _) = await WalkAsync(world.Connector.ReadDealsAsync);
        Assert.Equal([won, archived], first.Select(d => d.Id));
        Assert.Equal((DealState.Won, 1200.5, new DateTimeOffset(2026, 11, 20, 10, 0, 0, TimeSpan.Zero), "Contract"), (first[0].State, first[0].Amount, first[0].ClosedAt, first[0].Stage));
        Assert.Equal(["7"], first[0].ContactIds);
        Assert.Equal((DealState.Lost, new DateTimeOffset(2026, 1, 2, 10, 0, 0, TimeSpan.Zero), null), (first[1].State, first[1].ClosedAt, first[1].Stage));

        world.Clock.Advance(TimeSpan.FromHours(2));
        world.Pipedrive.Set("deals", won, ("status", "open"), ("won_time", null), ("stage_id", 1));
        world.Pipedrive.Set("deals", archived, ("status", "deleted"), ("is_archived", false));
        var (second, _, _) = await WalkAsync(world.Connector.ReadDealsAsync, cursor);
        Assert.Equal([(won, DealState.Open), (archived, DealState.Deleted)], second.Select(d => (d.Id, d.State)));
        Assert.Equal((null, "Talks"), (second[0].ClosedAt, second[0].Stage));
    }

    [Fact]
    public async Task FetchDeals_ArchivedOnes_AreFoundAndDeletedOnesAreNot()
    {
        await using var world = await PipedriveWorld.StartAsync();
        var (open, archived) = (world.Pipedrive.Add("deals", new JsonObject { ["status"] = "open" }), world.Pipedrive.Add("deals", new JsonObject { ["status"] = "won", ["is_archived"] = true }));
        var deleted = world.Pipedrive.Add("deals", new JsonObject { ["status"] = "deleted" });
        Assert.Equal([open, archived], (await world.Connector.FetchDealsAsync([open, archived, deleted, "not an id"], CancellationToken.None)).Select(d => d.Id));
    }
}
