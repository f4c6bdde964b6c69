using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Scoring;
using LeadScoring.Sidecar.Tests.Storage;

namespace LeadScoring.Sidecar.Tests.Privacy;

/// <summary>The months of the events table on PostgreSQL: made by one of many, never in the way, and made out of a table that had none.</summary>
public sealed class EventMonthsTests
{
    private static LeadEvent Event(string id, long atMs) => new("a", new ActivityEvent(id, "phone_call", "phone", atMs));

    private static long Ms(int year, int month, int day = 1) => new DateTimeOffset(year, month, day, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private static async Task<(string Table, string EventId)[]> WhereAsync(SidecarFactory sidecar)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        return [.. await connection.QueryAsync<(string, string)>("select tableoid::regclass::text, event_id from events order by event_id")];
    }

    [PostgresFact]
    public async Task Ensure_FourAtOnceAsTimeGoesOn_MakesEachMonthOnceAheadOfTime()
    {
        var clock = new TestClock();
        var sidecar = TestClock.Sidecar(clock);
        await sidecar.InitializeAsync();
        try
        {
            var months = sidecar.Get<EventMonths>();
            Assert.Equal(["events_202606", "events_202607", "events_202608", "events_default", "events_early"], (await months.NamesAsync(CancellationToken.None)).Order(StringComparer.Ordinal));
            clock.Advance(TimeSpan.FromDays(60));
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => months.EnsureAsync(CancellationToken.None))));
            Assert.Equal(
                ["events_202606", "events_202607", "events_202608", "events_202609", "events_202610", "events_default", "events_early"], (await months.NamesAsync(CancellationToken.None)).Order(StringComparer.Ordinal));
            var organization = await sidecar.NewOrganizationAsync();
            await sidecar.Get<EventStore>().AppendAsync(organization.Id, [Event("1", Ms(2026, 5, 31)), Event("2", Ms(2026, 6)), Event("3", Ms(2026, 10, 31)), Event("4", Ms(2026, 11))], CancellationToken.None);
            Assert.Equal([("events_early", "1"), ("events_202606", "2"), ("events_202610", "3"), ("events_default", "4")], await WhereAsync(sidecar));
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    /// <summary>A long read holds the table: nobody waits behind the one who wants to make a month, and events of that month find a place and keep it.</summary>
    [PostgresFact]
    public async Task Ensure_TableInUse_GivesUpSoonAndEventsFindAPlace()
    {
        var clock = new TestClock();
        var sidecar = TestClock.Sidecar(clock);
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            var (months, store) = (sidecar.Get<EventMonths>(), sidecar.Get<EventStore>());
            clock.Advance(TimeSpan.FromDays(31));
            await using (var reader = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None))
            await using (var reading = await reader.BeginTransactionAsync())
            {
                await reader.ExecuteScalarAsync<long>("select count(*) from events", transaction: reading);
                await months.EnsureAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));
                Assert.DoesNotContain("events_202609", await months.NamesAsync(CancellationToken.None));
                Assert.Equal((bool[])[true], await store.AppendAsync(organization.Id, [Event("1", Ms(2026, 9))], CancellationToken.None));
            }

            // The month has rows elsewhere by now, so it stays there.
            await months.EnsureAsync(CancellationToken.None);
            Assert.Equal((bool[])[true, false], await store.AppendAsync(organization.Id, [Event("2", Ms(2026, 9)), Event("1", Ms(2026, 8))], CancellationToken.None));
            Assert.Equal([("events_default", "1"), ("events_default", "2")], await WhereAsync(sidecar));
            await organization.AssertStatesEqualReplayAsync();
        }
        finally
        {
            await sidecar.DisposeAsync();
        }
    }

    [PostgresFact]
    public async Task Migrate_TableWithEvents_KeepsThemAndTheirIds()
    {
        var connectionString = await TestPostgres.CreateEmptyAsync();
        using (var before = TestPostgres.Open(connectionString))
        {
            foreach (var script in Migrator.Scripts("postgres").Where(s => string.CompareOrdinal(s.Name, "0030") < 0))
                await before.WriteAsync(t => t.ExecuteAsync(
                    $"create table if not exists schema_migrations (name text not null primary key, applied_at_ms bigint not null); {script.Sql}; insert into schema_migrations values ('{script.Name}', 0)", null, CancellationToken.None), CancellationToken.None);
            await before.WriteAsync(t => t.ExecuteAsync(
                $"""
                insert into events values ('org-1', 'ünicode', 'a', 'phone_call', 'phone', {Ms(2026, 6, 9)}, 0, null), ('org-1', 'old', 'a', 'phone_call', 'phone', 0, 0, null)
                """, null, CancellationToken.None), CancellationToken.None);
        }

        var clock = new TestClock();
        var sidecar = TestClock.Sidecar(clock);
        sidecar.Settings["LeadScoring:Database"] = connectionString;
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            // June is in the one piece still; July is the first month of its own.
            Assert.Equal(["events_202607", "events_202608", "events_default", "events_early"], (await sidecar.Get<EventMonths>().NamesAsync(CancellationToken.None)).Order(StringComparer.Ordinal));
            Assert.Equal((bool[])[false, false, true, true], await sidecar.Get<EventStore>().AppendAsync(organization.Id, [Event("ünicode", Ms(2026, 7)), Event("old", Ms(2026, 6)), Event("new", Ms(2026, 6, 30)), Event("next", Ms(2026, 7))], CancellationToken.None));
            Assert.Equal([("events_early", "new"), ("events_202607", "next"), ("events_early", "old"), ("events_early", "ünicode")], await WhereAsync(sidecar));
        }
        finally
        {
            await sidecar.DisposeAsync();
            await TestPostgres.DropAsync(connectionString);
        }
    }
}
