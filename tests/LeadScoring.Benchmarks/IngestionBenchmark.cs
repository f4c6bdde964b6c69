using System.Diagnostics;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Organizations;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

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
        if (options.Growth.Length > 0)
        {
            await GrowthBenchmark.RunAsync(options.Growth, options.Quick, options.Postgres);
            return;
        }

        var (count, rounds) = options.Quick ? (20_000, 1) : (100_000, 3);
        Scenario[] scenarios =
        [
            new("normal", 500, true, 0), new("normal", 500, false, 0), new("normal", 50_000, true, 0), new("normal", 50_000, false, 0), new("normal", 50_000, true, 0.05), new("normal", 50_000, true, 1),
            new("full", 500, true, 0), new("full", 50_000, true, 0), new("full", 50_000, false, 0),
        ];
        await TableAsync("SQLite", scenarios, rounds, scenario => RunOnceAsync(scenario, count, null));
        if (options.Postgres is { } server) await TableAsync("PostgreSQL", [.. scenarios.Where(s => s.Durability == "normal")], rounds, scenario => OnPostgresAsync(scenario, count, server));
        Report.Line($"""

            {count:N0} events in batches of {Batch:N0}, one transaction each, a new database for every round; {rounds} rounds, median (min). CPU time of the whole process, and with PostgreSQL of the
            server's processes too. "Repeated 100 %" sends everything a second time: nothing is folded. The raw inserts get their JSON ready-made; "same key" has the key of the events table only, "same
            indexes" its second index too.
            """);
    }

    private static async Task TableAsync(string database, Scenario[] scenarios, int rounds, Func<Scenario, Task<Costs>> run)
    {
        await run(scenarios[0]);
        var lines = new List<string[]>();
        foreach (var scenario in scenarios)
        {
            Report.Progress($"{database} {scenario}");
            var all = new List<Costs>();
            for (var round = 0; round < rounds; round++) all.Add(await run(scenario));
            var (append, raw, indexed) = (Of(all, "EventStore.AppendAsync", c => c.Append), Of(all, "raw", c => c.Raw), Of(all, "raw and index", c => c.Indexed));
            lines.Add(
            [
                scenario.Durability, $"{scenario.Leads:N0}", scenario.SortedIds ? "sorted" : "scattered", scenario.Repeated.ToString("0 %"), append.Text, $"{1e6 / append.Median:#,0}", raw.Text, indexed.Text,
                $"{raw.Median / append.Median:0.00}", $"{indexed.Median / append.Median:0.00}", $"{Statistics.Median([.. all.Select(c => c.AppendWall)]):0.0}",
            ]);
        }

        Report.Line($"\n{database}\n");
        Report.Table(
            ["durability", "leads", "event ids", "repeated", "AppendAsync, CPU us per event", "events per CPU second", "raw, same key, us", "raw, same indexes, us", "rate to same key", "rate to same indexes", "AppendAsync, wall us per event"], lines);
    }

    private static Timing Of(List<Costs> all, string name, Func<Costs, double> part) => new(name, [.. all.Select(part)], 0);

    /// <summary>CPU microseconds per event of the three, batch by batch in turn, and wall microseconds of the first.</summary>
    private readonly record struct Costs(double Append, double Raw, double Indexed, double AppendWall);

    private static async Task<Costs> OnPostgresAsync(Scenario scenario, int count, string server)
    {
        var name = $"leadscoring_bench_{Guid.NewGuid():N}";
        await RawPostgres.ExecuteAsync(server, $"create database {name} template template0");
        try
        {
            return await RunOnceAsync(scenario, count, new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString);
        }
        finally
        {
            await RawPostgres.ExecuteAsync(server, $"drop database {name} with (force)");
        }
    }

    private static async Task<Costs> RunOnceAsync(Scenario scenario, int count, string? postgres)
    {
        var folder = Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));
        try
        {
            await using var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", folder), new("LeadScoring:Database", postgres), new("LeadScoring:Durability", scenario.Durability)]).Build();
            await app.PrepareAsync(CancellationToken.None);
            await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync(Organization, CancellationToken.None);
            var store = app.Services.GetRequiredService<EventStore>();
            using IRawTable raw = postgres is null ? new RawTable(Path.Combine(folder, "raw.db"), scenario.Durability, withIndex: false) : new RawPostgres(postgres, "raw_events", withIndex: false);
            using IRawTable indexed = postgres is null ? new RawTable(Path.Combine(folder, "indexed.db"), scenario.Durability, withIndex: true) : new RawPostgres(postgres, "raw_indexed", withIndex: true);
            Func<double> clock = postgres is null ? () => CpuClock.ProcessMicroseconds : () => CpuClock.ProcessMicroseconds + ServerMicroseconds(((RawPostgres)raw).Postmaster);
            var events = Events(scenario, count);
            if (scenario.Repeated == 1) await MeasureAsync(events, store, raw, indexed, clock);
            return await MeasureAsync(events, store, raw, indexed, clock);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<Costs> MeasureAsync(LeadEvent[] events, EventStore store, IRawTable raw, IRawTable indexed, Func<double> clock)
    {
        Costs sum = default;
        foreach (var batch in events.Chunk(Batch))
        {
            // The raw inserts get their JSON ready-made: what they measure is the database.
            var json = Array.ConvertAll(batch, e => EventProperties.ToJson(e.Event.Properties));
            var wall = Stopwatch.StartNew();
            var start = clock();
            await store.AppendAsync(Organization, batch, CancellationToken.None);
            var append = clock() - start;
            var appendWall = wall.Elapsed.TotalMicroseconds;
            start = clock();
            raw.Insert(batch, json);
            var rawCost = clock() - start;
            start = clock();
            indexed.Insert(batch, json);
            sum = new Costs(sum.Append + append, sum.Raw + rawCost, sum.Indexed + clock() - start, sum.AppendWall + appendWall);
        }

        double n = events.Length;
        return new Costs(sum.Append / n, sum.Raw / n, sum.Indexed / n, sum.AppendWall / n);
    }

    /// <summary>CPU time of all processes of the server at the other end of a connection; it must be on this machine.</summary>
    internal static double ServerMicroseconds(int postmaster)
    {
        var nanoseconds = 0L;
        foreach (var folder in Directory.GetDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
        {
            try
            {
                if (RawPostgres.Parent(folder) == postmaster) nanoseconds += long.Parse(File.ReadAllText(folder + "/schedstat").Split(' ')[0]);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Ended this moment.
            }
        }

        return nanoseconds / 1000.0;
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

    internal interface IRawTable : IDisposable
    {
        void Insert(LeadEvent[] events, string?[] json);
    }

    /// <summary>The events table alone on PostgreSQL, without fold: the same columns and key, one statement with arrays a batch.</summary>
    internal sealed class RawPostgres : IRawTable
    {
        private readonly NpgsqlConnection connection;
        private readonly string table;

        internal RawPostgres(string database, string table, bool withIndex)
        {
            this.table = table;
            connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { Pooling = false, Options = "-c synchronous_commit=off" }.ConnectionString);
            connection.Open();
            Postmaster = Parent($"/proc/{connection.ProcessID}");
            using var command = connection.CreateCommand();
            command.CommandText = $"""
                create table {table} (
                    organization_id text collate "C" not null, event_id text collate "C" not null, lead_id text collate "C" not null, type text not null, source text not null,
                    occurred_at_ms bigint not null, received_at_ms bigint not null, properties text null, primary key (organization_id, event_id))
                """;
            command.ExecuteNonQuery();
            if (!withIndex) return;
            command.CommandText = $"create index on {table} (organization_id, lead_id, occurred_at_ms)";
            command.ExecuteNonQuery();
        }

        /// <summary>The server's first process, which all others come from.</summary>
        internal int Postmaster { get; }

        internal static int Parent(string folder) => File.ReadAllText(folder + "/stat") is var stat ? int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1]) : 0;

        public void Insert(LeadEvent[] events, string?[] json)
        {
            using var command = connection.CreateCommand();
            command.CommandText = $"insert into {table} select $1, e.* from unnest($2, $3, $4, $5, $6, $7, $8) as e on conflict do nothing";
            object[] values =
            [
                Organization, Array.ConvertAll(events, e => e.Event.EventId), Array.ConvertAll(events, e => e.LeadId), Array.ConvertAll(events, e => e.Event.Type), Array.ConvertAll(events, e => e.Event.Source),
                Array.ConvertAll(events, e => e.Event.OccurredAtMs), Array.ConvertAll(events, e => e.Event.OccurredAtMs), json,
            ];
            foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
            command.ExecuteNonQuery();
        }

        internal static async Task ExecuteAsync(string server, string sql)
        {
            await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server) { Pooling = false }.ConnectionString);
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync();
        }

        public void Dispose() => connection.Dispose();
    }

    /// <summary>The events table alone, without fold: the same columns, key and settings, one prepared statement.</summary>
    private sealed class RawTable : IRawTable
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

        public void Insert(LeadEvent[] events, string?[] json)
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
