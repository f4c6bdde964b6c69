namespace LeadScoring.Connectors.Tests.HubSpot;

public sealed class HubSpotReadTests
{
    private static readonly string[] Stamps = ["email_sent", "email_sent", "email_opened"];

    [Fact]
    public async Task Contacts_MoreThanAPage_AllOnceThenOnlyWhatChanged()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var ids = Enumerable.Range(0, 230).Select(i => world.HubSpot.Add("contacts", ("email", $"p{i}@example.com"))).ToArray();
        world.Clock.Advance(TimeSpan.FromMinutes(30));
        var (first, cursor, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync);
        Assert.Equal(ids, first.Select(c => c.Id));
        Assert.Equal("p7@example.com", first[7].Email);

        world.HubSpot.Set("contacts", ids[3], ("jobtitle", "Buyer"));
        var added = world.HubSpot.Add("contacts", ("email", "new@example.com"));
        world.Clock.Advance(TimeSpan.FromMinutes(1));
        var (second, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal([ids[3], added], second.Select(c => c.Id).Order());
        Assert.Equal("Buyer", second[0].Properties["job_title"]);
    }

    /// <summary>The index lags: what changed just before a walk is not in it, and must be in the next.</summary>
    [Fact]
    public async Task Contacts_IndexBehind_FoundByTheNextWalk()
    {
        await using var world = await HubSpotWorld.StartAsync();
        world.HubSpot.IndexLag = TimeSpan.FromMinutes(2);
        var (_, cursor, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync);
        world.Clock.Advance(TimeSpan.FromMinutes(10));
        var late = world.HubSpot.Add("contacts", ("email", "late@example.com"));
        var (none, next, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Empty(none);
        world.Clock.Advance(TimeSpan.FromMinutes(3));
        var (found, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync, next);
        Assert.Equal([late], found.Select(c => c.Id));
    }

    /// <summary>More changes than a search gives out: by id, not by offset.</summary>
    [Fact]
    public async Task Contacts_TwelveThousandChangedAtOnce_AllAreRead()
    {
        await using var world = await HubSpotWorld.StartAsync(s => s.RequestsPerSecond = 100);
        var (_, cursor, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync);
        var ids = Enumerable.Range(0, 12_000).Select(_ => world.HubSpot.Add("contacts")).ToHashSet(StringComparer.Ordinal);
        world.Clock.Advance(TimeSpan.FromMinutes(1));
        var (changed, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal(12_000, changed.Count);
        Assert.True(ids.SetEquals(changed.Select(c => c.Id)));
    }

    [Fact]
    public async Task Contacts_DeletedAndMerged_AreTold()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var (one, two, three) = (world.HubSpot.Add("contacts"), world.HubSpot.Add("contacts"), world.HubSpot.Add("contacts"));
        var (_, cursor, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync);
        world.HubSpot.Archive("contacts", one);
        world.HubSpot.Merge(winner: two, loser: three);
        world.Clock.Advance(TimeSpan.FromHours(2));
        var (changed, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.True(Assert.Single(changed, c => c.Id == one).IsDeleted);
        Assert.Equal([three], Assert.Single(changed, c => c.Id == two).MergedIds);
    }

    [Fact]
    public async Task Contacts_CompanyChanged_ItsContactsAreReadAgain()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var company = world.HubSpot.Add("companies", ("industry", "Steel"));
        var ids = Enumerable.Range(0, 5).Select(_ => world.HubSpot.Add("contacts", ("associatedcompanyid", company))).ToArray();
        world.HubSpot.Add("contacts");
        world.Clock.Advance(TimeSpan.FromMinutes(20));
        var (first, cursor, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync);
        Assert.Equal(5, first.Count(c => c.Properties["company_industry"] == "Steel"));
        world.Clock.Advance(TimeSpan.FromMinutes(20));
        world.HubSpot.Set("companies", company, ("industry", "Glass"));
        world.Clock.Advance(TimeSpan.FromMinutes(1));
        var (changed, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal(ids, changed.Select(c => c.Id).Order());
        Assert.All(changed, c => Assert.Equal("Glass", c.Properties["company_industry"]));
    }

    [Fact]
    public async Task Contacts_OurOwnFields_AreNeverAmongTheProperties()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var id = world.HubSpot.Add("contacts", ("lead_scoring_score", "80"), ("email", "a@example.com"));
        var before = Assert.Single(await world.Connector.FetchContactsAsync([id], CancellationToken.None));
        world.Clock.Advance(TimeSpan.FromMinutes(1));
        world.HubSpot.Set("contacts", id, ("lead_scoring_score", "90"));
        var after = Assert.Single(await world.Connector.FetchContactsAsync([id], CancellationToken.None));
        Assert.Equal(before.Properties, after.Properties);
        Assert.DoesNotContain(after.Properties.Keys, k => k.StartsWith("lead_scoring_", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Activity_CountsAndMomentsOfAContact_AreOneEventEach()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var at = world.Clock.GetUtcNow();
        string Ms(int hours) => at.AddHours(hours).ToUnixTimeMilliseconds().ToString(System.Globalization.CultureInfo.InvariantCulture);
        var id = world.HubSpot.Add("contacts", ("hs_email_delivered", "2"), ("hs_email_first_send_date", Ms(-48)), ("hs_email_last_send_date", Ms(-24)), ("hs_email_open", "1"), ("hs_email_last_open_date", Ms(-20)));
        var (walked, cursor, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync);
        var first = Assert.Single(walked).Activity;
        Assert.Equal(Stamps, first.Select(a => a.Type));
        Assert.Equal([at.AddHours(-48), at.AddHours(-24), at.AddHours(-20)], first.Select(a => a.OccurredAt));
        Assert.All(first, a => Assert.Equal(id, a.ContactId));

        world.HubSpot.Set("contacts", id, ("hs_email_open", "2"), ("hs_email_first_open_date", Ms(-20)), ("hs_email_last_open_date", Ms(0)));
        world.Clock.Advance(TimeSpan.FromMinutes(1));
        var (again, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync, cursor);
        var second = Assert.Single(again).Activity;
        Assert.Equal(second.Select(a => a.Id), Assert.Single(await world.Connector.FetchContactsAsync([id], CancellationToken.None)).Activity.Select(a => a.Id));
        Assert.Equal($"{id}-email_opened-2", Assert.Single(second.ExceptBy(first.Select(a => a.Id), a => a.Id)).Id);
    }

    [Fact]
    public async Task Activity_Events_AreReadWithoutQueriesAndOnce()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var id = world.HubSpot.Add("contacts");
        var at = world.Clock.GetUtcNow().AddDays(-1);
        for (var i = 0; i < 150; i++) world.HubSpot.AddEvent($"e{i}", id, "e_visited_page", at.AddMinutes(i));
        var (first, cursor, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadActivityAsync);
        Assert.Equal(150, first.Count);
        Assert.All(first, a => Assert.Equal(("page_view", "https://example.com/offer"), (a.Type, a.Properties!["url"])));
        world.Clock.Advance(TimeSpan.FromMinutes(30));
        world.HubSpot.AddEvent("later", id, "e_visited_page", world.Clock.GetUtcNow());
        var (second, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadActivityAsync, cursor);
        Assert.Equal(["later"], second.Select(a => a.Id));
    }

    [Fact]
    public async Task Activity_PlanWithoutEvents_GoesOnWithTheRest()
    {
        await using var world = await HubSpotWorld.StartAsync();
        world.HubSpot.HasEvents = false;
        world.HubSpot.Add("contacts", ("recent_conversion_date", "1700000000000"), ("num_conversion_events", "1"));
        var (activity, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadActivityAsync);
        Assert.Empty(activity);
        var (contacts, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadContactsAsync);
        Assert.Equal("form_submission", Assert.Single(Assert.Single(contacts).Activity).Type);
    }

    [Fact]
    public async Task Deals_WonLostOpenAgainAndDeleted_AreTold()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var contacts = Enumerable.Range(0, 3).Select(_ => world.HubSpot.Add("contacts")).ToArray();
        var won = world.HubSpot.Add("deals", ("hs_is_closed_won", "true"), ("hs_is_closed", "true"), ("dealstage", "won"), ("amount", "1200.50"), ("closedate", "2026-11-20T10:00:00Z"));
        var byStage = world.HubSpot.Add("deals", ("dealstage", "lost"), ("closedate", "2026-11-21T10:00:00Z"));
        foreach (var contact in contacts) world.HubSpot.Associate(won, contact);
        var (first, cursor, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadDealsAsync);
        Assert.Equal((DealState.Won, 1200.5, new DateTimeOffset(2026, 11, 20, 10, 0, 0, TimeSpan.Zero), "Closed won"), (first[0].State, first[0].Amount, first[0].ClosedAt, first[0].Stage));
        Assert.Equal(contacts, first[0].ContactIds);
        Assert.Equal(DealState.Lost, first[1].State);

        world.HubSpot.Set("deals", won, ("hs_is_closed_won", "false"), ("hs_is_closed", "false"), ("dealstage", "talks"));
        world.HubSpot.Archive("deals", byStage);
        world.Clock.Advance(TimeSpan.FromHours(2));
        var (second, _, _) = await HubSpotWorld.WalkAsync(world.Connector.ReadDealsAsync, cursor);
        Assert.Equal((DealState.Open, null), (Assert.Single(second, d => d.Id == won).State, second.First(d => d.Id == won).ClosedAt));
        // By the search, which knows no associations, two a page.
        Assert.Equal(contacts, second.First(d => d.Id == won).ContactIds);
        Assert.Equal(DealState.Deleted, Assert.Single(second, d => d.Id == byStage).State);
    }
}
