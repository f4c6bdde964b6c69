using Dapper;
using FsCheck;
using FsCheck.Fluent;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Privacy;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Training;

namespace LeadScoring.Sidecar.Tests.Privacy;

/// <summary>Months and what is removed with them: an event is counted once whatever its month, and no score and no activity changes because something old was removed.</summary>
[Trait("Category", "Slow")]
public sealed class RetentionTests : IAsyncLifetime
{
    // It stands on 10 June 2026: that month, July and August are made at the start.
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public RetentionTests()
    {
        sidecar = TestClock.Sidecar(clock);
        sidecar.Settings["LeadScoring:Retention:EventsMonths"] = "2";
        sidecar.Settings["LeadScoring:Retention:LedgerMonths"] = "2";
    }

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static long Ms(int year, int month, int day = 1) => new DateTimeOffset(year, month, day, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private static LeadEvent Event(string id, long atMs, string lead = "a", string type = "phone_call") => new(lead, new ActivityEvent(id, type, "phone", atMs));

    private Task<bool[]> AppendAsync(TestOrganization organization, params LeadEvent[] events) => sidecar.Get<EventStore>().AppendAsync(organization.Id, events, CancellationToken.None);

    private Task<RetentionReport> RunAsync() => sidecar.Get<Retention>().RunAsync(CancellationToken.None);

    private void AdvanceTo(int month) => clock.Advance(new DateTimeOffset(2026, month, 10, 12, 0, 0, TimeSpan.Zero) - clock.GetUtcNow());

    private async Task<string[]> IdsAsync(TestOrganization organization) => [.. (await organization.EventsAsync()).Select(e => e.Event.EventId)];

    private async Task<T[]> RowsAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        return [.. await connection.QueryAsync<T>(sql, parameters)];
    }

    /// <summary>On both sides of the border between months, in a month long before the first one, and in one that nobody has made.</summary>
    private static readonly long[] Moments = [Ms(2026, 7) - 1, Ms(2026, 7), Ms(2026, 6), Ms(2026, 8, 31), Ms(2019, 3), Ms(2031, 1), 0];

    [Fact]
    public void Append_IdsThatComeAgainInOtherMonths_CountOnce()
    {
        var any = from id in Gen.Choose(0, 30)
                  from lead in Gen.Choose(0, 2)
                  from at in Gen.Elements(Moments)
                  from later in Gen.Choose(0, 2)
                  select Event($"e{id}", at + (later * 40_000_000L), $"lead-{lead}");
        var batches = any.ListOf().Select(l => l.ToList()).ListOf().Select(l => l.ToList());
        Prop.ForAll(batches.ToArbitrary(), given => Check(given).GetAwaiter().GetResult()).Check(Config.QuickThrowOnFailure.WithMaxTest(40));

        async Task<bool> Check(List<List<LeadEvent>> batches)
        {
            var organization = await sidecar.NewOrganizationAsync();
            var first = new Dictionary<string, LeadEvent>();
            foreach (var batch in batches) Assert.Equal(batch.Select(e => first.TryAdd(e.Event.EventId, e)), await AppendAsync(organization, [.. batch]));
            Assert.Equal(first.Values.Select(e => (e.Event.EventId, e.LeadId, e.Event.OccurredAtMs)).Order(), (await organization.EventsAsync()).Select(e => (e.Event.EventId, e.LeadId, e.Event.OccurredAtMs)).Order());
            await organization.AssertStatesEqualReplayAsync();
            return true;
        }
    }

    [Fact]
    public async Task Run_OldEvents_AreRemovedAndNothingElseChanges()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await AppendAsync(organization, Event("early", Ms(2026, 4)), Event("june", Ms(2026, 6, 30)), Event("july", Ms(2026, 7)), Event("june of b", Ms(2026, 6, 2), "b"));
        AdvanceTo(9);
        await AppendAsync(organization, Event("september", Ms(2026, 9)));
        await organization.ScoreAsync(new { lead_id = "a" });
        var (activity, score) = ((await organization.LeadAsync("a"))!.Snapshot.Activity.ToBytes(), (await organization.GetAsync("/v1/leads/a/score")).Body.ToString());

        var report = await RunAsync();
        Assert.True(report.IsDone);
        Assert.Equal(["july", "september"], await IdsAsync(organization));
        Assert.Equal(sidecar.Get<Database>().IsPostgres ? (1, 1) : (0, 3), (report.MonthsDropped, report.EventsRemoved));
        Assert.Equal(activity, (await organization.LeadAsync("a"))!.Snapshot.Activity.ToBytes());
        Assert.Equal(score, (await organization.GetAsync("/v1/leads/a/score")).Body.ToString());

        Assert.Equal((string[])["june", "september"], (await sidecar.Get<EventStore>().KnownIdsAsync(organization.Id, ["june", "never", "september"], CancellationToken.None)).Order());
        // Sent again, in a request with other events and with a score: known, though stored no more.
        Assert.Equal((bool[])[false, false, true], await AppendAsync(organization, Event("june", Ms(2026, 6, 30)), Event("early", Ms(2026, 4)), Event("new", Ms(2026, 9, 2))));
        await organization.ScoreAsync(new { lead_id = "a", events = new[] { new { event_id = "june", type = "phone_call", source = "phone", occurred_at = Ms(2026, 6, 30) } } });
        Assert.Equal(5, (await organization.LeadAsync("a"))!.Snapshot.Activity.Events);
        // Late, of a month that is gone: counts like any other.
        Assert.Equal((bool[])[true], await AppendAsync(organization, Event("late", Ms(2026, 6, 29))));
        Assert.Equal(6, (await organization.LeadAsync("a"))!.Snapshot.Activity.Events);
        var again = await RunAsync();
        Assert.Equal((0, true), (again.MonthsDropped, again.IsDone));
        Assert.Equal((bool[])[false], await AppendAsync(organization, Event("late", Ms(2026, 6, 29))));
    }

    [Fact]
    public async Task Run_Ledger_KeepsTheLatestRowOfALeadAndGoesOnFromIt()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var (calls, showings) in (IEnumerable<(int, int)>)[(0, 0), (1, 0), (0, 1)])
        foreach (var lead in (string[])["still", "busy"])
            await organization.ScoreAsync(new { lead_id = lead, lead = new { call_count = calls, showing_requests = showings } });
        AdvanceTo(9);
        await organization.ScoreAsync(new { lead_id = "busy", lead = new { call_count = 1, showing_requests = 1 } });
        async Task<string> LatestAsync() => (await organization.GetAsync("/v1/leads/still/scores")).Body.At("scores", 0).ToString();
        var before = await LatestAsync();
        var report = await RunAsync();
        Assert.Equal((5, true), (report.ScoresRemoved, report.IsDone));
        const string Sql = "select change from scores where organization_id = @Id and lead_id = @lead order by change";
        foreach (var (lead, kept) in (IEnumerable<(string, int)>)[("still", 3), ("busy", 4)]) Assert.Equal((int[])[kept], await RowsAsync<int>(Sql, new { organization.Id, lead }));
        Assert.Equal(before, await LatestAsync());

        await organization.ScoreAsync(new { lead_id = "still", lead = new { call_count = 1, showing_requests = 1 } });
        var rows = await RowsAsync<(int Change, double Score, double? Data, double? Time, double? Model)>(
            "select change, score, new_data_points, elapsed_time_points, model_points from scores where organization_id = @Id and lead_id = 'still' order by change", new { organization.Id });
        Assert.Equal([3, 4], rows.Select(r => r.Change));
        Assert.Equal(rows[1].Score - rows[0].Score, rows[1].Data!.Value + rows[1].Time!.Value + rows[1].Model!.Value, 6);
    }

    /// <summary>Every table that may be named: what is older goes, by the month, and what is in force stays.</summary>
    [Fact]
    public async Task Run_TablesByName_RemovesWhatIsOlderAndNotInForce()
    {
        sidecar.Get<Microsoft.Extensions.Options.IOptions<RetentionOptions>>().Value.TableMonths = string.Join(",", AgedTable.All.Select(t => $"{t.Name}=2"));
        var (organization, other) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        var database = sidecar.Get<Database>();
        foreach (var org in (TestOrganization[])[organization, other])
        {
            await org.PutLeadAsync("a", new { x = 1 });
            await org.PutLeadAsync("b", new { x = 1 });
            await database.WriteAsync(async t =>
            {
                // One row on either side of the border, which is 1 July when it is September; of the other organization young ones only.
                foreach (var (n, atMs) in (IEnumerable<(int, long)>)[(1, Ms(2026, 7) - 1), (2, Ms(2026, 7))])
                foreach (var table in AgedTable.All)
                    await t.ExecuteAsync(Planted[table.Name], new { org = org.Id, n, id = $"{table.Name}-{n}", atMs = org == other ? Ms(2026, 8) : atMs }, CancellationToken.None);
                // A lead of which there is an old row alone: it is the newest.
                foreach (var table in (string[])["overrides", "recommended_actions"]) await t.ExecuteAsync(Planted[table].Replace("'a'", "'b'", StringComparison.Ordinal), new { org = org.Id, n = 1, id = "b", atMs = Ms(2026, 1) }, CancellationToken.None);
                // An import that goes on.
                await t.ExecuteAsync(Planted["imports"].Replace("'{}', 1,", "'{}', 0,", StringComparison.Ordinal), new { org = org.Id, n = 1, id = "open", atMs = Ms(2026, 1) }, CancellationToken.None);
            }, CancellationToken.None);
        }

        AdvanceTo(9);
        var report = await RunAsync();
        Assert.Equal((AgedTable.All.Count, true), (report.RowsRemoved, report.IsDone));
        foreach (var table in AgedTable.All)
        {
            foreach (var org in (TestOrganization[])[organization, other])
            {
                var kept = await RowsAsync<long>($"select {table.Moment} from {table.Name} where organization_id = @Id order by {table.Moment}", new { org.Id });
                long[] expected = [.. table.Name is "overrides" or "recommended_actions" or "imports" ? (long[])[Ms(2026, 1)] : [], .. org == other ? (long[])[Ms(2026, 8), Ms(2026, 8)] : [Ms(2026, 7)]];
                Assert.True(expected.SequenceEqual(kept), $"{table.Name} keeps {string.Join(" ", kept)}");
            }
        }

        Assert.Equal((0, true), ((await RunAsync()).RowsRemoved, true));
    }

    private static readonly Dictionary<string, string> Planted = new()
    {
        ["actions_taken"] = "insert into actions_taken (organization_id, record_id, lead_id, action_id, channel, taken_at_ms, recorded_at_ms) values (@org, @id, 'a', 'call', '', @atMs, 1)",
        ["anonymous_leads"] = "insert into anonymous_leads (organization_id, anonymous_id, features, decided_ms, days, converted) values (@org, @id, '{}', @atMs, 1, 1)",
        ["feedback"] = "insert into feedback (organization_id, feedback_id, lead_id, verdict, given_at_ms, recorded_at_ms) values (@org, @id, 'a', 'good', @atMs, 1)",
        ["imports"] = "insert into imports (organization_id, import_id, kind, file_sha256, rows_done, report, is_done, started_at_ms, updated_at_ms) values (@org, @id, 'leads', 'x', 1, '{}', 1, 1, @atMs)",
        ["outcome_history"] = "insert into outcome_history (organization_id, lead_id, source, change, reversed, recorded_at_ms) values (@org, 'a', 'crm', @n, 0, @atMs)",
        ["overrides"] = "insert into overrides (organization_id, lead_id, change, grade, reason, set_by, set_at_ms) values (@org, 'a', @n, 'A', 'x', 'ann', @atMs)",
        ["recommended_actions"] = "insert into recommended_actions (organization_id, lead_id, change, action_id, recommended_at_ms) values (@org, 'a', @n, 'call', @atMs)",
        ["reviews"] = "insert into reviews (organization_id, review_id, lead_id, change, is_random, is_low_confidence, selection_probability, score, grade, probability, confidence, scored_at_ms, selected_at_ms) values (@org, @id, 'a', 1, 1, 0, 1, 5, 'D', 0.1, 0.1, 1, @atMs)",
    };

    [Theory]
    [InlineData("feedback=24, Reviews=12,", null)]
    [InlineData("leads=3", "'leads=3': rows by age have actions_taken,")]
    [InlineData("feedback", "'feedback': write feedback=MONTHS, from 1 to 1,200.")]
    [InlineData("feedback=0", "from 1 to 1,200.")]
    [InlineData("feedback=1,feedback=2", "named twice")]
    public void Options_TableMonths_AreCheckedAtTheStart(string text, string? fault)
    {
        var options = new RetentionOptions { TableMonths = text };
        var results = options.Validate(new System.ComponentModel.DataAnnotations.ValidationContext(options)).ToArray();
        if (fault is null) Assert.Empty(results);
        else Assert.Contains(fault, Assert.Single(results).ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_KeepingAll_RemovesNothing()
    {
        var all = TestClock.Sidecar(clock);
        await all.InitializeAsync();
        try
        {
            var organization = await all.NewOrganizationAsync();
            await all.Get<EventStore>().AppendAsync(organization.Id, [Event("old", Ms(2001, 1))], CancellationToken.None);
            Assert.Equal(new RetentionReport(0, 0, 0, 0, true), await all.Get<Retention>().RunAsync(CancellationToken.None));
            Assert.Single(await organization.EventsAsync());
        }
        finally
        {
            await all.DisposeAsync();
        }
    }

    [Fact]
    public async Task Walk_StoppedAndTwoAtOnce_VisitsEachLeadOnce()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PostAsync("/v1/leads/batch", Enumerable.Range(0, 20).Select(i => new { lead_id = $"l{i:00}", attributes = new { } }).ToArray());
        var visited = new System.Collections.Concurrent.ConcurrentQueue<string>();
        Task<(int Removed, bool IsDone, int Left)> WalkAsync(int steps) => sidecar.Get<RetentionWalk>().RunAsync("scores", Ms(2026, 4), 3, steps, (_, _, leads) =>
        {
            foreach (var lead in leads) visited.Enqueue(lead);
            return Task.FromResult(leads.Length);
        }, CancellationToken.None);
        Assert.Equal((6, false, 0), await WalkAsync(2));
        var both = await Task.WhenAll(Task.Run(() => WalkAsync(100)), Task.Run(() => WalkAsync(100)));
        Assert.Equal((14, true), (both.Sum(b => b.Removed), both.All(b => b.IsDone)));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"l{i:00}"), visited.Order(StringComparer.Ordinal));
        Assert.Equal((0, true, 100), await WalkAsync(100));
    }

    [Fact]
    public async Task Erase_Lead_TakesItsEventsOfAllMonthsAndTheirIds()
    {
        var organization = await sidecar.NewOrganizationAsync();
        LeadEvent[] ofA = [.. Moments.Select((at, i) => Event($"a{i}", at))];
        await AppendAsync(organization, [.. ofA, .. Moments.Select((at, i) => Event($"b{i}", at, "b"))]);
        Assert.Equal(System.Net.HttpStatusCode.OK, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/a")).Status);
        Assert.Equal(Moments.Length, (await organization.EventsAsync()).Count(e => e.LeadId == "b"));
        Assert.Equal(Moments.Length, (await organization.EventsAsync()).Count);
        if (sidecar.Get<Database>().IsPostgres) Assert.Equal((long[])[Moments.Length], await RowsAsync<long>("select count(*) from event_ids where organization_id = @Id", new { organization.Id }));
        // Nor do they come back.
        Assert.All(await AppendAsync(organization, ofA), Assert.False);
        Assert.Equal(Moments.Length, (await organization.EventsAsync()).Count);
    }

    [Fact]
    public async Task Refold_LeadWithRemovedEvents_KeepsWhatItHas()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await AppendAsync(organization, Event("june", Ms(2026, 6, 2)), Event("july", Ms(2026, 7)), Event("whole", Ms(2026, 7), "b"));
        AdvanceTo(9);
        await RunAsync();
        var before = (await organization.LeadAsync("a"))!.Snapshot.Activity.ToBytes();
        await sidecar.Get<Database>().WriteAsync(t => t.ExecuteAsync("update leads set fold_version = 2 where organization_id = @Id", new { organization.Id }, CancellationToken.None), CancellationToken.None);
        Assert.Equal(2, await sidecar.Get<RefoldActivity>().RunAsync(CancellationToken.None));
        Assert.Equal(before, (await organization.LeadAsync("a"))!.Snapshot.Activity.ToBytes());
        Assert.Equal(0, await sidecar.Get<RefoldActivity>().RunAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Training_LeadsWithRemovedEvents_AreCountedInItsNotes()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await AppendAsync(organization, Event("june", Ms(2026, 6, 2)), Event("july", Ms(2026, 7)), Event("whole", Ms(2026, 7), "b"));
        AdvanceTo(9);
        await organization.PostAsync("/v1/outcomes", new[] { "a", "b" }.Select(id => new { lead_id = id, converted = true, occurred_at = Ms(2026, 9) }).ToArray());
        var profile = (await sidecar.Get<ProfileStore>().GetActiveAsync(organization.Id, CancellationToken.None)).Profile;
        async Task<string?> NotesAsync() => (await sidecar.Get<TrainingData>().BuildAsync(organization.Id, profile, null, CancellationToken.None)).Waiting;
        var whole = await NotesAsync();
        await RunAsync();
        Assert.DoesNotContain("retention", whole ?? "", StringComparison.Ordinal);
        Assert.Contains("Of 1 of 2 leads retention has removed events", await NotesAsync(), StringComparison.Ordinal);
    }
}
