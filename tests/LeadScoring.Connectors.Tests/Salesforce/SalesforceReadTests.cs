using System.Text;
using LeadScoring.Connectors.Salesforce;
using static LeadScoring.Connectors.Tests.HubSpot.HubSpotWorld;

namespace LeadScoring.Connectors.Tests.Salesforce;

public sealed class SalesforceReadTests
{
    [Fact]
    public async Task Contacts_LeadsAndContactsOverPages_AllOnceThenOnlyWhatChanged()
    {
        await using var world = await SalesforceWorld.StartAsync();
        world.Salesforce.PageSize = 10;
        var leads = Enumerable.Range(0, 25).Select(i => world.Salesforce.Add("Lead", ("Email", $"l{i}@example.com"), ("NumberOfEmployees", "12"))).ToArray();
        var account = world.Salesforce.Add("Account", ("Industry", "Steel"));
        var contacts = Enumerable.Range(0, 5).Select(i => world.Salesforce.Add("Contact", ("Email", $"c{i}@example.com"), ("AccountId", account))).ToArray();
        world.Clock.Advance(TimeSpan.FromMinutes(30));
        var (first, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        Assert.Equal([.. leads, .. contacts], first.Select(c => c.Id));
        Assert.Equal(("l3@example.com", "12"), (first[3].Email, first[3].Properties["company_employees"]));
        Assert.Equal("Steel", first[^1].Properties["company_industry"]);

        world.Clock.Advance(TimeSpan.FromMinutes(10));
        world.Salesforce.Set(leads[3], ("Title", "Buyer"));
        var (second, next, _) = await WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal("Buyer", Assert.Single(second).Properties["job_title"]);

        // What an account says belongs to its contacts.
        world.Clock.Advance(TimeSpan.FromMinutes(10));
        world.Salesforce.Set(account, ("Industry", "Glass"));
        var (third, _, _) = await WalkAsync(world.Connector.ReadContactsAsync, next);
        Assert.Equal(contacts, third.Where(c => c.Properties.GetValueOrDefault("company_industry") == "Glass").Select(c => c.Id));
    }

    /// <summary>A mass update gives all the same stamp, and the address of the next page is lost in the middle.</summary>
    [Fact]
    public async Task Contacts_TiesAndALostPage_GoOnBehindMomentAndId()
    {
        await using var world = await SalesforceWorld.StartAsync();
        world.Salesforce.PageSize = 10;
        var (_, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        world.Clock.Advance(TimeSpan.FromMinutes(20));
        var ids = Enumerable.Range(0, 35).Select(_ => world.Salesforce.Add("Lead")).ToArray();
        var read = new List<string>();
        for (var (hasMore, pages) = (true, 0); hasMore && pages < 50; pages++)
        {
            var page = await world.Connector.ReadContactsAsync(cursor, CancellationToken.None);
            read.AddRange(page.Items.Select(c => c.Id));
            (cursor, hasMore) = (page.Cursor, page.HasMore);
            world.Salesforce.LoseLocators();
        }

        Assert.Equal(ids, read);
        Assert.Contains(world.Salesforce.Seen, r => Uri.UnescapeDataString(r.Query).Contains($"AND Id > '{ids[9]}'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Contacts_CommittedAfterTheWalkWithAnOlderStamp_FoundByTheNext()
    {
        await using var world = await SalesforceWorld.StartAsync();
        var (_, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        world.Clock.Advance(TimeSpan.FromMinutes(10));
        (_, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync, cursor);
        world.Clock.Advance(TimeSpan.FromSeconds(10));
        var late = world.Salesforce.Add("Lead", TimeSpan.FromMinutes(3));
        var (found, _, _) = await WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal([late], found.Select(c => c.Id));
    }

    [Fact]
    public async Task Contacts_DeletedPurgedMergedAndConverted_AreTold()
    {
        await using var world = await SalesforceWorld.StartAsync();
        string[] contacts = [.. Enumerable.Range(0, 5).Select(_ => world.Salesforce.Add("Contact"))];
        var lead = world.Salesforce.Add("Lead", ("Email", "a@example.com"));
        var (_, cursor, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        world.Clock.Advance(TimeSpan.FromHours(2));
        world.Salesforce.Delete(contacts[0]);
        world.Salesforce.Purge(contacts[1]);
        // 4 into 3, and that one into 2.
        world.Salesforce.Merge(contacts[3], contacts[4]);
        world.Salesforce.Merge(contacts[2], contacts[3]);
        var converted = world.Salesforce.Convert(lead, null);
        var (changed, next, _) = await WalkAsync(world.Connector.ReadContactsAsync, cursor);
        Assert.Equal([contacts[0], contacts[1]], changed.Where(c => c.IsDeleted).Select(c => c.Id).Distinct().Order());
        Assert.Equal([contacts[3], contacts[4]], changed.Where(c => c.Id == contacts[2]).SelectMany(c => c.MergedIds).Distinct().Order());
        Assert.Contains(changed, c => c.Id == converted && c.MergedIds.SequenceEqual([lead]) && c.Email == "a@example.com");
        Assert.DoesNotContain(changed, c => c.Id == lead);

        // Once more as windows overlap, and not again and again.
        world.Clock.Advance(TimeSpan.FromMinutes(20));
        (_, next, _) = await WalkAsync(world.Connector.ReadContactsAsync, next);
        world.Clock.Advance(TimeSpan.FromMinutes(20));
        Assert.Empty((await WalkAsync(world.Connector.ReadContactsAsync, next)).Items);
    }

    [Fact]
    public async Task Contacts_FieldHiddenFromUs_AreReadWithout()
    {
        await using var world = await SalesforceWorld.StartAsync(s => s.Properties = "Rating__c,Missing__c");
        world.Salesforce.HideField("Lead", "Industry");
        world.Salesforce.AddField("Lead", "Rating__c", "string");
        world.Salesforce.AddField("Lead", "lead_scoring_score__c", "double");
        world.Salesforce.Add("Lead", ("Email", "a@example.com"), ("Rating__c", "hot"), ("lead_scoring_score__c", "80"));
        var (all, _, _) = await WalkAsync(world.Connector.ReadContactsAsync);
        Assert.Equal(("hot", null), (Assert.Single(all).Properties["Rating__c"], all[0].Properties["industry"]));
        Assert.DoesNotContain(all[0].Properties, p => p.Key.StartsWith("lead_scoring", StringComparison.Ordinal) || p.Key is "SystemModstamp");
        var check = await world.Connector.CheckAsync([], CancellationToken.None);
        Assert.Contains("Missing__c", Assert.Single(check.Steps, s => !s.IsRight).Advice);
    }

    [Fact]
    public async Task Contacts_Many_AreReadByABulkQueryAndWhatChangedMeanwhileAfterIt()
    {
        await using var world = await SalesforceWorld.StartAsync(s => s.Options["BulkFrom"] = "20");
        world.Salesforce.BulkPart = 12;
        var ids = Enumerable.Range(0, 30).Select(i => world.Salesforce.Add("Lead", ("Company", $"Say \"hi\", {i}\nnow"))).ToArray();
        world.Clock.Advance(TimeSpan.FromHours(3));
        var page = await world.Connector.ReadContactsAsync(null, CancellationToken.None);
        Assert.Empty(page.Items);
        var (rest, _, _) = await WalkAsync(world.Connector.ReadContactsAsync, page.Cursor);
        Assert.Equal(ids, rest.Select(c => c.Id));
        Assert.Equal("Say \"hi\", 7\nnow", rest[7].Properties["company"]);
        Assert.Equal(3, world.Salesforce.Seen.Count(r => r.Path.EndsWith("/results", StringComparison.Ordinal)));
        Assert.Contains(TimeSpan.FromSeconds(10), world.Clock.Waits);
    }

    [Fact]
    public async Task Contacts_NoBulkApi_AreReadByPages()
    {
        await using var world = await SalesforceWorld.StartAsync(s => s.Options["BulkFrom"] = "1");
        world.Salesforce.HasBulk = false;
        var ids = Enumerable.Range(0, 3).Select(_ => world.Salesforce.Add("Lead")).ToArray();
        Assert.Equal(ids, (await WalkAsync(world.Connector.ReadContactsAsync)).Items.Select(c => c.Id));
    }

    [Theory]
    [InlineData("a,b\r\n1\r\n")]
    [InlineData("a,b\n\"1,2\n")]
    public void OfCsv_BrokenOff_IsRefused(string csv) => Assert.Throws<FormatException>(() => SalesforceRow.OfCsv(Encoding.UTF8.GetBytes(csv)));

    [Fact]
    public async Task Activity_TasksThatAreDone_AreToldByKind()
    {
        await using var world = await SalesforceWorld.StartAsync();
        var lead = world.Salesforce.Add("Lead");
        string Task(string subtype, string closed, string? duration = null) => world.Salesforce.Add("Task", ("WhoId", lead), ("TaskSubtype", subtype), ("IsClosed", closed), ("CompletedDateTime", "2026-11-20T10:00:00.000Z"), ("CallDurationInSeconds", duration));
        var (mail, call, missed, task) = (Task("Email", "true"), Task("Call", "true", "60"), Task("Call", "true", "0"), Task("Task", "true"));
        var open = Task("Task", "false");
        world.Clock.Advance(TimeSpan.FromMinutes(30));
        var (first, cursor, _) = await WalkAsync(world.Connector.ReadActivityAsync);
        Assert.Equal(
            [(mail, "email_sent", "email"), (call, "phone_call", "phone"), (missed, "call_attempted", "phone"), (task, "task_completed", "crm")], first.Select(a => (a.Id, a.Type, a.Source)));
        Assert.All(first, a => Assert.Equal((lead, new DateTimeOffset(2026, 11, 20, 10, 0, 0, TimeSpan.Zero)), (a.ContactId, a.OccurredAt)));
        world.Clock.Advance(TimeSpan.FromHours(1));
        world.Salesforce.Set(open, ("IsClosed", "true"));
        Assert.Equal([open], (await WalkAsync(world.Connector.ReadActivityAsync, cursor)).Items.Select(a => a.Id));
    }

    [Fact]
    public async Task Deals_WonReopenedLostAndConvertedWithoutOne_AreTold()
    {
        await using var world = await SalesforceWorld.StartAsync();
        var (contact, lead, plain) = (world.Salesforce.Add("Contact"), world.Salesforce.Add("Lead"), world.Salesforce.Add("Lead"));
        var won = world.Salesforce.Add("Opportunity", ("IsWon", "true"), ("IsClosed", "true"), ("Amount", "1200.5"), ("CloseDate", "2026-11-20"), ("LastStageChangeDate", "2026-11-20T15:00:00.000Z"), ("StageName", "Closed Won"));
        var ahead = world.Salesforce.Add("Opportunity", ("IsClosed", "true"), ("IsWon", "false"), ("CloseDate", "2027-03-01"), ("LastStageChangeDate", "2026-11-21T09:00:00.000Z"));
        world.Salesforce.Add("OpportunityContactRole", ("OpportunityId", won), ("ContactId", contact));
        var made = world.Salesforce.Convert(lead, won);
        var plainContact = world.Salesforce.Convert(plain, null);
        var (first, cursor, _) = await WalkAsync(world.Connector.ReadDealsAsync);
        var deal = first.First(d => d.Id == won);
        Assert.Equal((DealState.Won, 1200.5, new DateTimeOffset(2026, 11, 20, 15, 0, 0, TimeSpan.Zero), "Closed Won"), (deal.State, deal.Amount, deal.ClosedAt, deal.Stage));
        Assert.Equal([contact, lead], deal.ContactIds);
        Assert.Equal((DealState.Lost, new DateTimeOffset(2026, 11, 21, 9, 0, 0, TimeSpan.Zero)), (first.First(d => d.Id == ahead).State, first.First(d => d.Id == ahead).ClosedAt));
        var conversion = Assert.Single(first, d => d.Id == plain);
        Assert.Equal((DealState.Won, new DateTimeOffset(2026, 11, 27, 0, 0, 0, TimeSpan.Zero)), (conversion.State, conversion.ClosedAt));
        Assert.Equal([plain, plainContact], conversion.ContactIds);

        world.Clock.Advance(TimeSpan.FromHours(2));
        world.Salesforce.Set(won, ("IsWon", "false"), ("IsClosed", "false"), ("StageName", "Talks"));
        world.Salesforce.Purge(ahead);
        var (second, next, _) = await WalkAsync(world.Connector.ReadDealsAsync, cursor);
        Assert.Equal((DealState.Open, null), (second.First(d => d.Id == won).State, second.First(d => d.Id == won).ClosedAt));
        Assert.Equal(DealState.Deleted, Assert.Single(second, d => d.Id == ahead).State);

        // Somebody is added: the opportunity itself does not change.
        world.Clock.Advance(TimeSpan.FromMinutes(20));
        world.Salesforce.Add("OpportunityContactRole", ("OpportunityId", won), ("ContactId", made));
        var (third, _, _) = await WalkAsync(world.Connector.ReadDealsAsync, next);
        Assert.Equal([contact, made, lead], third[^1].ContactIds);
    }
}
