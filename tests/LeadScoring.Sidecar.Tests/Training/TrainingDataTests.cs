using System.Globalization;
using System.Net;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Training;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Training;

/// <summary>The training set is point-in-time: each lead as it was at its decision moment.</summary>
[Trait("Category", "Slow")]
public sealed class TrainingDataTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private async Task<(LabeledSet Set, FeatureProfile Profile)> BuildAsync(TestOrganization organization)
    {
        var profile = (await sidecar.Get<ProfileStore>().GetActiveAsync(organization.Id, CancellationToken.None)).Profile;
        return (await sidecar.Get<TrainingData>().BuildAsync(organization.Id, profile, null, CancellationToken.None), profile);
    }

    private static long Ms(string moment) => DateTimeOffset.Parse(moment, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).ToUnixTimeMilliseconds();

    private static object Event(string lead, string type, string at) => new { event_id = $"{lead}-{type}-{at}", lead_id = lead, type, source = "website", occurred_at = at };

    private static async Task EventsAsync(TestOrganization organization, params object[] events)
    {
        var (status, body) = await organization.PostAsync("/v1/events", events);
        Assert.True(status == HttpStatusCode.OK && body.Int("accepted") == events.Length, body.ToString());
    }

    private static async Task OutcomeAsync(TestOrganization organization, string leadId, bool converted, string occurredAt, string? asOf = null)
    {
        var (status, body) = await organization.PostAsync("/v1/outcomes", new { lead_id = leadId, converted, occurred_at = occurredAt, as_of = asOf });
        Assert.True(status == HttpStatusCode.OK, body.ToString());
    }

    [Fact]
    public async Task Build_EventsAfterAsOf_DoNotCount()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { household_size = 3 });
        await EventsAsync(organization,
            Event("a", "showing_request", "2026-01-10T12:00:00Z"), Event("a", "phone_call", "2026-01-20T12:00:00Z"),
            // Exactly then counts; a millisecond later does not.
            Event("a", "chat", "2026-02-01T00:00:00Z"), Event("a", "showing_request", "2026-02-01T00:00:00.001Z"),
            Event("a", "showing_request", "2026-02-20T00:00:00Z"), Event("a", "phone_call", "2026-03-05T00:00:00Z"));
        await OutcomeAsync(organization, "a", true, "2026-03-01", "2026-02-01");
        var (labeled, profile) = await BuildAsync(organization);
        double Value(string feature) => labeled.Set.Row(0)[profile.IndexOf(feature)].Number;
        Assert.Equal(("a", Ms("2026-02-01"), 1f), (Assert.Single(labeled.LeadIds), Assert.Single(labeled.Set.AsOfMs!), Assert.Single(labeled.Set.Labels)));
        Assert.Equal((1, 1, 1, 3), (Value("showing_requests"), Value("phone_calls"), Value("chat_interactions"), Value("family_size")));
        Assert.Equal(0, Value("recency"), 6);
    }

    [Fact]
    public async Task Build_NoAsOf_IsDrawnOnceBetweenStartAndOutcome()
    {
        var organization = await sidecar.NewOrganizationAsync();
        string[] ids = [.. Enumerable.Range(0, 40).Select(i => $"l{i:00}")];
        foreach (var id in ids)
        {
            await organization.SendAsync(HttpMethod.Put, "/v1/leads/" + id, new { attributes = new { }, created_at = "2026-01-01" });
            await OutcomeAsync(organization, id, false, "2026-03-02T00:00:00Z");
        }

        var (first, _) = await BuildAsync(organization);
        var (second, _) = await BuildAsync(organization);
        Assert.Equal(ids, first.LeadIds);
        Assert.Equal(first.Set.AsOfMs!, second.Set.AsOfMs!);
        Assert.All(first.Set.AsOfMs!, at => Assert.InRange(at, Ms("2026-01-01"), Ms("2026-03-02") - 1));
        // Spread over the whole time, so that the distance to the outcome tells nothing.
        var days = first.Set.AsOfMs!.Select(at => (at - Ms("2026-01-01")) / (double)ActivityState.DayMs).Order().ToArray();
        Assert.True(days[0] < 10 && days[^1] > 50 && days.Distinct().Count() == 40, string.Join(" ", days));
    }

    [Theory]
    [InlineData("2026-03-01T12:00:00Z")]
    [InlineData(null)]
    public async Task Build_AsOfAtTheOutcomeOrNoHistoryBeforeIt_IsStrictlyBefore(string? asOf)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        await EventsAsync(organization, Event("a", "showing_request", "2026-03-01T12:00:00Z"));
        await OutcomeAsync(organization, "a", true, "2026-03-01T12:00:00Z", asOf);
        var (labeled, profile) = await BuildAsync(organization);
        Assert.Equal(Ms("2026-03-01T12:00:00Z") - 1, Assert.Single(labeled.Set.AsOfMs!));
        // The signing itself is no sign of intent.
        Assert.NotEqual(1, labeled.Set.Row(0)[profile.IndexOf("showing_requests")].Number);
    }

    [Theory]
    [InlineData("2026-04-01", 1)]
    [InlineData("2026-04-02", 0)]
    public async Task Build_ConversionBeyondTheHorizon_IsNone(string occurredAt, float label)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a", new { });
        // 90 days after January 1st is April 1st.
        await OutcomeAsync(organization, "a", true, occurredAt, "2026-01-01");
        Assert.Equal([label], (await BuildAsync(organization)).Set.Set.Labels);
    }

    [Fact]
    public async Task Build_YoungNonConversions_WaitUnlessFinal()
    {
        var organization = await sidecar.NewOrganizationAsync();
        string Days(int ago) => TimeProvider.System.GetUtcNow().AddDays(-ago).ToString("O", CultureInfo.InvariantCulture);
        async Task PostAsync(string lead, bool converted, int decidedAgo, bool? final, string? stage)
        {
            await organization.PutLeadAsync(lead, new { email = $"{lead}@Example.com", gender = "f" });
            var (status, body) = await organization.PostAsync("/v1/outcomes", new { lead_id = lead, converted, occurred_at = Days(decidedAgo - 1), as_of = Days(decidedAgo), final, stage });
            Assert.True(status == HttpStatusCode.OK, body.ToString());
        }

        await PostAsync("a-old", false, 91, null, null);
        await PostAsync("b-young", false, 89, null, null);
        await PostAsync("c-final", false, 10, true, null);
        await PostAsync("d-lost", false, 10, null, "Closed-Lost");
        await PostAsync("e-open", false, 10, null, "negotiation");
        await PostAsync("f-won", true, 10, null, null);
        await PostAsync("g-not-final", false, 10, false, "lost");
        var (labeled, _) = await BuildAsync(organization);
        Assert.Equal(["a-old", "c-final", "d-lost", "f-won"], labeled.LeadIds);
        Assert.Equal([0f, 0f, 0f, 1f], labeled.Set.Labels);
        Assert.Equal(3, labeled.Young.Rows);
        Assert.StartsWith("3 non-conversions younger than 90 days wait", labeled.Waiting);
        Assert.Contains("1 conversions as young", labeled.Waiting);
        Assert.Equal("email:a-old@example.com", labeled.Facts.People![0]);
        Assert.All(labeled.Facts.Sensitive["gender"], g => Assert.Equal("f", g));
    }

    /// <summary>Sales are known within days and losses at the end of the horizon: of young leads only those that converted could be trained on, and all leads would seem to convert more often than they do.</summary>
    [Fact]
    public async Task Build_YoungConversions_WaitWhereNonConversionsAsYoungAreNotKnown()
    {
        var organization = await sidecar.NewOrganizationAsync();
        string Days(int ago) => TimeProvider.System.GetUtcNow().AddDays(-ago).ToString("O", CultureInfo.InvariantCulture);
        var leads = Enumerable.Range(0, 90).Select(i => (Id: $"l{i:00}", Converted: i % 2 == 0 || i >= 70, DecidedAgo: i < 70 ? 120 : i < 80 ? 20 : 88)).ToArray();
        foreach (var chunk in leads.Chunk(500))
        {
            Assert.Equal(HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Post, "/v1/leads/batch", new { leads = chunk.Select(l => new { lead_id = l.Id, attributes = new { household_size = 2 } }) })).Status);
            Assert.Equal(HttpStatusCode.OK, (await organization.PostAsync("/v1/outcomes", new
            {
                outcomes = chunk.Select(l => new { lead_id = l.Id, converted = l.Converted, occurred_at = Days(l.DecidedAgo - (l.Converted ? 10 : 85)), as_of = Days(l.DecidedAgo), stage = l.Converted ? "won" : "closed_lost" }),
            })).Status);
        }

        var (labeled, _) = await BuildAsync(organization);
        // Nobody decided on 20 days ago can have been lost by now; of those of 88 days ago both kinds are known.
        Assert.DoesNotContain(labeled.LeadIds, id => string.CompareOrdinal(id, "l70") >= 0 && string.CompareOrdinal(id, "l80") < 0);
        Assert.Equal(80, labeled.LeadIds.Count);
        Assert.Equal(10, labeled.Young.Rows);
        Assert.Contains("10 final outcomes as young wait too", labeled.Waiting);
    }

    [Fact]
    public async Task Build_LabelsOfAFileWithoutTimes_AreHistory()
    {
        var organization = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.OK, (await organization.ImportAsync("leads", "id,x,won\n1,2,yes\n2,3,no\n", "&label=won")).Status);
        var (labeled, _) = await BuildAsync(organization);
        Assert.Equal([1f, 0f], labeled.Set.Labels);
        Assert.Null(labeled.Waiting);
        // With a time the horizon decides.
        var yesterday = TimeProvider.System.GetUtcNow().AddDays(-1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        Assert.Equal(HttpStatusCode.OK, (await organization.ImportAsync("leads", $"id,x,won,closed_at\n3,2,no,{yesterday}\n", "&label=won")).Status);
        Assert.Equal(HttpStatusCode.OK, (await organization.ImportAsync("outcomes", $"id,converted,occurred_at,final\n2,no,{yesterday},\n", "")).Status);
        (labeled, _) = await BuildAsync(organization);
        Assert.Equal(["1", "2"], labeled.LeadIds);
        Assert.Equal(1, labeled.Young.Rows);
        // Stated final by whoever knows.
        Assert.Equal(HttpStatusCode.OK, (await organization.ImportAsync("outcomes", $"id,converted,occurred_at,final\n3,no,{yesterday},yes\n", "")).Status);
        (labeled, _) = await BuildAsync(organization);
        Assert.Equal(["1", "2", "3"], labeled.LeadIds);
        Assert.Equal([1f, 0f, 0f], labeled.Set.Labels);
        Assert.Null(labeled.Waiting);
    }

    [Fact]
    public async Task Build_LeadsWithoutOutcomeOrReversed_AreNotInIt()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var id in (string[])["open", "reversed", "won", "lost"]) await organization.PutLeadAsync(id, new { });
        await OutcomeAsync(organization, "won", true, "2026-03-01");
        await OutcomeAsync(organization, "lost", false, "2026-03-01");
        await OutcomeAsync(organization, "reversed", true, "2026-03-01");
        await organization.PostAsync("/v1/outcomes", new { lead_id = "reversed", reversed = true });
        var (labeled, _) = await BuildAsync(organization);
        Assert.Equal(["lost", "won"], labeled.LeadIds);
        Assert.Equal([0f, 1f], labeled.Set.Labels);
    }

    /// <summary>A lead that is erased while the streams are open leaves events without a lead: those after it keep theirs.</summary>
    [Fact]
    public async Task Build_EventsOfALeadThatIsGone_CostTheOthersNothing()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var id in (string[])["a", "b", "c\U0001F600", "c\uFFFD"])
        {
            await organization.PutLeadAsync(id, new { });
            await EventsAsync(organization, Event(id, "phone_call", "2026-01-20T12:00:00Z"));
            await OutcomeAsync(organization, id, true, "2026-03-01", "2026-02-01");
        }

        await sidecar.Get<Database>().WriteAsync(
            transaction => transaction.ExecuteAsync("delete from leads where organization_id = @Id and lead_id in ('a', 'c\uFFFD')", new { organization.Id }, CancellationToken.None), CancellationToken.None);
        var (labeled, profile) = await BuildAsync(organization);
        Assert.Equal(["b", "c\U0001F600"], labeled.LeadIds);
        Assert.All([0, 1], row => Assert.Equal(1, labeled.Set.Row(row)[profile.IndexOf("phone_calls")].Number));
    }

    [Fact]
    public async Task Build_OddLeadIds_AreJoinedWithTheirOwnEvents()
    {
        var organization = await sidecar.NewOrganizationAsync();
        // Orders differ between UTF-8, UTF-16 and people.
        string[] ids = ["Z", "a", "_", "ä", "\U0001F600", "\uFFFD", "10", "9", "a b"];
        for (var i = 0; i < ids.Length; i++)
        {
            await EventsAsync(organization, [.. Enumerable.Range(0, i + 1).Select(k => Event(ids[i], "phone_call", $"2026-01-{k + 1:00}T12:00:00Z"))]);
            await OutcomeAsync(organization, ids[i], i % 2 == 0, "2026-03-01", "2026-02-01");
        }

        var (labeled, profile) = await BuildAsync(organization);
        Assert.Equal(ids.Order(StringComparer.Ordinal), labeled.LeadIds.Order(StringComparer.Ordinal));
        for (var row = 0; row < ids.Length; row++)
        {
            var i = Array.IndexOf(ids, labeled.LeadIds[row]);
            Assert.Equal((i + 1, i % 2 == 0 ? 1 : 0), (labeled.Set.Row(row)[profile.IndexOf("phone_calls")].Number, labeled.Set.Labels[row]));
        }
    }

    [Fact]
    public async Task Export_Csv_IsTheTrainingSet()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("a,\"1\"", new { household_size = 3, employment_type = "self, employed" });
        await organization.PutLeadAsync("b", new { });
        await OutcomeAsync(organization, "a,\"1\"", true, "2026-03-01", "2026-02-01T10:00:00Z");
        await OutcomeAsync(organization, "b", false, "2026-03-01", "2026-02-01T10:00:00Z");
        using var response = await organization.Client.GetAsync("/v1/training-data");
        Assert.Equal(("text/csv", "training-data.csv"), (response.Content.Headers.ContentType?.MediaType, response.Content.Headers.ContentDisposition?.FileName?.Trim('"')));
        var lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("lead_id,as_of,converted,age_group,income_bracket,family_size,employment_type,", lines[0]);
        Assert.Equal(3 + 26, lines[0].Split(',').Length);
        Assert.StartsWith("\"a,\"\"1\"\"\",2026-02-01T10:00:00.000Z,1,,,3,\"self, employed\",", lines[1]);
        Assert.StartsWith("b,2026-02-01T10:00:00.000Z,0,,,,,", lines[2]);
        Assert.Equal(3, lines.Length);
    }

    [Fact]
    public async Task Build_CorrectedForEffort_WorkedLeadsStandForTheOthers()
    {
        var clock = new TestClock();
        var own = TestClock.Sidecar(clock);
        await own.InitializeAsync();
        try
        {
            var organization = await own.NewOrganizationAsync();
            string[] ids = [.. Enumerable.Range(0, 60).Select(i => $"l{i:00}")];
            foreach (var id in ids)
            {
                await organization.PutLeadAsync(id, new { household_size = 3 });
                await organization.ScoreAsync(new { lead_id = id });
            }

            clock.Advance(TimeSpan.FromDays(1));
            // Every other lead is worked; one more calls by itself, which nobody worked for.
            for (var i = 0; i < ids.Length; i += 2)
            {
                var (status, body) = await organization.PostAsync($"/v1/leads/{ids[i]}/actions", new { action_id = "call", channel = "phone" });
                Assert.True(status == HttpStatusCode.OK, body.ToString());
            }

            await EventsAsync(organization, Event(ids[1], "phone_call", "2026-06-11T11:30:00Z"));
            clock.Advance(TimeSpan.FromDays(100));
            // Without a score before its outcome: whether it was worked by its score, nobody knows.
            await organization.PutLeadAsync("unscored", new { household_size = 3 });
            object[] outcomes = [.. ids.Select((id, i) => new { lead_id = id, converted = i % 4 == 0, occurred_at = "2026-09-15", final = true }), new { lead_id = "unscored", converted = false, occurred_at = "2026-06-20", final = true }];
            var (recorded, answer) = await organization.PostAsync("/v1/outcomes", new { outcomes });
            Assert.True(recorded == HttpStatusCode.OK, answer.ToString());

            var profile = (await own.Get<ProfileStore>().GetActiveAsync(organization.Id, CancellationToken.None)).Profile;
            var plain = await own.Get<TrainingData>().BuildAsync(organization.Id, profile, null, CancellationToken.None);
            Assert.Null(plain.Set.Weights);
            Assert.Equal((60, 30, EffortVerdict.Fine), (plain.Effort.Leads, plain.Effort.Worked, plain.Effort.Verdict));
            // Half of the worked leads converted, of the others none: the gap is a half whatever the score.
            Assert.Equal(0.5, plain.Effort.Gap, 6);
            var corrected = await own.Get<TrainingData>().BuildAsync(organization.Id, profile, null, CancellationToken.None, correctForEffort: true);
            var weights = corrected.LeadIds.Zip(corrected.Set.Weights!).ToDictionary(p => p.First, p => p.Second);
            Assert.All(ids.Where((_, i) => i % 2 == 0), id => Assert.InRange(weights[id], 0.5f, 2));
            Assert.Equal(30, ids.Where((_, i) => i % 2 == 0).Sum(id => weights[id]), 3);
            Assert.All(ids.Where((_, i) => i % 2 == 1), id => Assert.Equal(0, weights[id]));
            Assert.Equal(1, weights["unscored"]);
        }
        finally
        {
            await own.DisposeAsync();
        }
    }
}
