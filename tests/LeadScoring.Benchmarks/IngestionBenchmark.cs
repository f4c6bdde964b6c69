using System.Diagnostics;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace LeadScoring.Benchmarks;

/// <summary>CPU time per event of storing and folding, beside raw inserts of the same rows into a table with the same key.</summary>
internal static class IngestionBenchmark
{
    private const string Organization = "bench";
    private const int Batch = 5_000;

    /// <param name="Leads">Leads that the events belong to.</param>
    /// <param name="SortedIds">Event ids that grow with time, as UUID version 7 does; else scattered.</param>
    /// <param name="Repeated">Share of events that were sent before.</param>
    private sealed record Scenario(string Durability, int Leads, bool SortedIds, double Repeated);

    internal static async Task RunAsync(BenchmarkOptions options)
    {
        var (count, rounds) = options.Quick ? (20_000, 1) : (100_000, 3);
        Scenario[] scenarios =
        [
            new("normal", 500, true, 0), new("normal", 500, false, 0), new("normal", 50_000, true, 0), new("normal", 50_000, false, 0), new("normal", 50_000, true, 0.05), new("normal", 50_000, true, 1),
            new("full", 500, true, 0), new("full", 50_000, true, 0), new("full", 50_000, false, 0),
        ];
        await RunOnceAsync(scenarios[0], 20_000);
        var lines = new List<string[]>();
        foreach (var scenario in scenarios)
        {
            Report.Progress(scenario.ToString());
            var all = new List<Costs>();
            for (var round = 0; round < rounds; round++) all.Add(await RunOnceAsync(scenario, count));
            var (append, raw, indexed) = (Of(all, "EventStore.AppendAsync", c => c.Append), Of(all, "raw", c => c.Raw), Of(all, "raw and index", c => c.Indexed));
            lines.Add(
            [
                scenario.Durability, $"{scenario.Leads:N0}", scenario.SortedIds ? "sorted" : "scattered", scenario.Repeated.ToString("0 %"), append.Text, $"{1e6 / append.Median:#,0}", raw.Text, indexed.Text,
                Report.Number(raw.TimesLessThan(append)), Report.Number(indexed.TimesLessThan(append)), $"{Statistics.Median([.. all.Select(c => c.AppendWall)]):0.0}",
            ]);
        }

        Report.Line($"{count:N0} events in batches of {Batch:N0}, one transaction each, a new file for every round; {rounds} rounds, median (min). CPU time of the whole process.\n");
        Report.Table(
            ["durability", "leads", "event ids", "repeated", "AppendAsync, CPU us per event", "events per CPU second", "raw insert, us", "raw insert and lead index, us", "times raw", "times raw and index", "AppendAsync, wall us per event"], lines);
    }

    private static Timing Of(List<Costs> all, string name, Func<Costs, double> part) => new(name, [.. all.Select(part)], 0);

    /// <summary>CPU microseconds per event of the three, batch by batch in turn, and wall microseconds of the first.</summary>
    private readonly record struct Costs(double Append, double Raw, double Indexed, double AppendWall);

    private static async Task<Costs> RunOnceAsync(Scenario scenario, int count)
    {
        var folder = Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));
        try
        {
            await using var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", folder), new("LeadScoring:Durability", scenario.Durability)]).Build();
            await app.PrepareAsync(CancellationToken.None);
            await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync(Organization, CancellationToken.None);
            var store = app.Services.GetRequiredService<EventStore>();
            using var raw = new RawTable(Path.Combine(folder, "raw.db"), scenario.Durability, withIndex: false);
            using var indexed = new RawTable(Path.Combine(folder, "indexed.db"), scenario.Durability, withIndex: true);
            var events = Events(scenario, count);
            if (scenario.Repeated == 1)
            {
                await MeasureAsync(events, store, raw, indexed);
            }

            return await MeasureAsync(events, store, raw, indexed);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<Costs> MeasureAsync(LeadEvent[] events, EventStore store, RawTable raw, RawTable indexed)
    {
        Costs sum = default;
        foreach (var batch in events.Chunk(Batch))
        {
            // The raw inserts get their JSON ready-made: what they measure is the database.
            var json = Array.ConvertAll(batch, e => EventProperties.ToJson(e.Event.Properties));
            var wall = Stopwatch.StartNew();
            var start = CpuClock.ProcessMicroseconds;
            await store.AppendAsync(Organization, batch, CancellationToken.None);
            var append = CpuClock.ProcessMicroseconds - start;
            var appendWall = wall.Elapsed.TotalMicroseconds;
            start = CpuClock.ProcessMicroseconds;
            raw.Insert(batch, json);
            var rawCost = CpuClock.ProcessMicroseconds - start;
            start = CpuClock.ProcessMicroseconds;
            indexed.Insert(batch, json);
            sum = new Costs(sum.Append + append, sum.Raw + rawCost, sum.Indexed + CpuClock.ProcessMicroseconds - start, sum.AppendWall + appendWall);
        }

        double n = events.Length;
        return new Costs(sum.Append / n, sum.Raw / n, sum.Indexed / n, sum.AppendWall / n);
    }

    private static LeadEvent[] Events(Scenario scenario, int count)
    {
        var random = new Random(7);
        var id = new byte[16];
        var events = new LeadEvent[count];
        for (var i = 0; i < count; i++)
        {
            if (i > 0 && scenario.Repeated < 1 && random.NextDouble() < scenario.Repeated)
            {
                events[i] = events[random.Next(i)];
                continue;
            }

            random.NextBytes(id);
            var text = new Guid(id).ToString("N");
            events[i] = new LeadEvent($"lead-{random.Next(scenario.Leads):D6}", new Ml.Features.ActivityEvent(
                scenario.SortedIds ? $"{i:x12}{text[12..]}" : text, i % 3 == 0 ? "session" : "page_view", "website", 1_760_000_000_000 + (i * 1_000L),
                new Dictionary<string, AttributeValue> { ["pages"] = AttributeValue.From(i % 9), ["session_id"] = AttributeValue.From("s" + (i / 4)) }));
        }

        return events;
    }

    /// <summary>The events table alone, without fold: the same columns, key and settings, one prepared statement.</summary>
    private sealed class RawTable : IDisposable
    {
        private readonly SqliteConnection connection;
        private readonly SqliteCommand insert;

        internal RawTable(string path, string durability, bool withIndex)
        {
            connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ConnectionString);
            connection.Open();
            Execute($"pragma journal_mode=wal; pragma synchronous={durability}; pragma cache_size=-32000; pragma temp_store=memory;");
            Execute("""
                create table events (
                    organization_id text not null, event_id text not null, lead_id text not null, type text not null, source text not null,
                    occurred_at_ms bigint not null, received_at_ms bigint not null, properties text null, primary key (organization_id, event_id)
                ) without rowid
                """);
            if (withIndex) Execute("create index ix_events_lead on events (organization_id, lead_id, occurred_at_ms)");
            insert = connection.CreateCommand();
            insert.CommandText = "insert into events values ($0, $1, $2, $3, $4, $5, $6, $7) on conflict do nothing";
            for (var i = 0; i < 8; i++) insert.Parameters.Add(new SqliteParameter { ParameterName = "$" + i });
            insert.Parameters[0].Value = Organization;
        }

        internal void Insert(LeadEvent[] events, string?[] json)
        {
            using var transaction = connection.BeginTransaction();
            insert.Transaction = transaction;
            var p = insert.Parameters;
            for (var i = 0; i < events.Length; i++)
            {
                var (leadId, e) = events[i];
                (p[1].Value, p[2].Value, p[3].Value, p[4].Value, p[5].Value, p[6].Value) = (e.EventId, leadId, e.Type, e.Source, e.OccurredAtMs, e.OccurredAtMs);
                p[7].Value = (object?)json[i] ?? DBNull.Value;
                insert.ExecuteNonQuery();
            }

            transaction.Commit();
        }

        private void Execute(string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }

        public void Dispose()
        {
            insert.Dispose();
            connection.Dispose();
        }
    }
}
