using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using static System.FormattableString;

namespace LeadScoring.Benchmarks;

/// <summary>CPU time per event and per stored score with few and with many leads in the database.</summary>
internal static class GrowthBenchmark
{
    private const string Organization = "bench";
    private const int Batch = 1_000;
    private const long SeededAtMs = 1_760_000_000_000;

    internal static async Task RunAsync(IReadOnlyList<int> sizes, bool quick, string? postgres)
    {
        await TableAsync("SQLite", sizes, leads => RunAsync(leads, quick, null));
        if (postgres is { } server) await TableAsync("PostgreSQL", sizes, leads => OnPostgresAsync(leads, quick, server));
        Report.Line($"""

            Before the measurement every lead has a score, a row in the ledger and an event. Then in {(quick ? 1 : 3)} rounds 10,000 events of leads drawn at random are stored and folded in batches of {Batch:N0}, and the leads that they changed are
            scored by rules, explained and written by the queue's worker in batches of 100: median (min) of the rounds. CPU time of this process, and with PostgreSQL of the server's processes too.
            """);
    }

    private static async Task TableAsync(string database, IReadOnlyList<int> sizes, Func<int, Task<(Timing Event, Timing Score)>> run)
    {
        // The first is measured with compiled code, like the others.
        await run(1_000);
        var lines = new List<string[]>();
        (Timing Event, Timing Score)? smallest = null;
        foreach (var leads in sizes)
        {
            Report.Progress($"{database}, {leads:N0} leads");
            var costs = await run(leads);
            smallest ??= costs;
            lines.Add([$"{leads:N0}", costs.Event.Text, $"{costs.Event.Median / smallest.Value.Event.Median:0.00}", costs.Score.Text, $"{costs.Score.Median / smallest.Value.Score.Median:0.00}"]);
        }

        Report.Line($"\n{database}\n");
        Report.Table(["leads in the database", "CPU us per event", "ratio", "CPU us per stored score", "ratio"], lines);
    }

    private static async Task<(Timing Event, Timing Score)> OnPostgresAsync(int leads, bool quick, string server)
    {
        var name = $"leadscoring_bench_{Guid.NewGuid():N}";
        await IngestionBenchmark.RawPostgres.ExecuteAsync(server, $"create database {name} template template0");
        try
        {
            return await RunAsync(leads, quick, new NpgsqlConnectionStringBuilder(server) { Database = name }.ConnectionString);
        }
        finally
        {
            await IngestionBenchmark.RawPostgres.ExecuteAsync(server, $"drop database {name} with (force)");
        }
    }

    private static async Task<(Timing Event, Timing Score)> RunAsync(int leads, bool quick, string? postgres)
    {
        var folder = Path.Combine(Path.GetTempPath(), "leadscoring-bench-" + Guid.NewGuid().ToString("N"));
        try
        {
            await using var app = SidecarApp.CreateBuilder([new("LeadScoring:Data", folder), new("LeadScoring:Database", postgres), new("LeadScoring:Durability", "normal")]).Build();
            await app.PrepareAsync(CancellationToken.None);
            await app.Services.GetRequiredService<OrganizationStore>().EnsureAsync(Organization, CancellationToken.None);
            var database = app.Services.GetRequiredService<Database>();
            await SeedAsync(database, leads);
            var postmaster = postgres is null ? 0 : await PostmasterAsync(database);
            double Clock() => CpuClock.ProcessMicroseconds + (postmaster == 0 ? 0 : IngestionBenchmark.ServerMicroseconds(postmaster));
            var (perEvent, perScore) = (new List<double>(), new List<double>());
            for (var round = 0; round < (quick ? 1 : 3); round++)
            {
                var (e, s) = await MeasureAsync(app, leads, round, Clock);
                perEvent.Add(e);
                perScore.Add(s);
            }

            return (new Timing("event", [.. perEvent], 0), new Timing("score", [.. perScore], 0));
        }
        finally
        {
            Delete(folder);
        }
    }

    // SQLite may still be removing its log of a database that was just closed.
    private static void Delete(string folder)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
                return;
            }
            catch (IOException) when (tries < 20)
            {
                Thread.Sleep(100);
            }
        }
    }

    private static async Task<(double PerEvent, double PerScore)> MeasureAsync(WebApplication app, int leads, int round, Func<double> clock)
    {
        const int Events = 10 * Batch;
        var (store, worker) = (app.Services.GetRequiredService<EventStore>(), app.Services.GetRequiredService<RescoreChangedLeads>());
        var random = new Random(round);
        var events = new LeadEvent[Events];
        for (var i = 0; i < Events; i++)
        {
            events[i] = new LeadEvent($"lead-{random.Next(leads):D8}", new ActivityEvent(
                Guid.NewGuid().ToString("N"), i % 3 == 0 ? "session" : "phone_call", "website", SeededAtMs + (round * 100_000_000L) + (i * 1_000L),
                new Dictionary<string, AttributeValue> { ["pages"] = AttributeValue.From(i % 9), ["session_id"] = AttributeValue.From($"s{round}-{i / 4}") }));
        }

        var start = clock();
        foreach (var batch in events.Chunk(Batch)) await store.AppendAsync(Organization, batch, CancellationToken.None);
        var perEvent = (clock() - start) / Events;
        start = clock();
        var scored = 0;
        for (int some; (some = await worker.RunOnceAsync(CancellationToken.None)) > 0;) scored += some;
        return (perEvent, (clock() - start) / scored);
    }

    /// <summary>Leads with a score, a ledger row and an event each, in a few statements.</summary>
    private static async Task SeedAsync(Database database, int leads)
    {
        var id = database.IsPostgres ? "'lead-' || lpad(i::text, 8, '0')" : "printf('lead-%08d', i)";
        var numbers = database.IsPostgres
            ? "with n as (select generate_series(@from, @to) as i)"
            : "with recursive n(i) as (select @from union all select i + 1 from n where i < @to)";
        // About as long as the factors of a score.
        var padding = database.IsPostgres ? "repeat('0', 800)" : "hex(zeroblob(400))";
        var state = new ActivityState();
        state.Fold(new ActivityEvent("seed", "page_view", "website", SeededAtMs));
        string[] statements =
        [
            $$"""
            {{numbers}}
            insert into leads (organization_id, lead_id, attributes, created_at_ms, updated_at_ms, activity, revision, is_stale, score, grade, probability, confidence, scored_by, scored_at_ms, scored_revision)
            select '{{Organization}}', {{id}}, '{}', @at, @at, @activity, 1, 0, 10 + i % 80, 'D', 0.1, 0.9, 'rules', @at, 1 from n
            """,
            $$"""
            insert into scores (organization_id, lead_id, change, scored_at_ms, score, grade, probability, confidence, scored_by, needs_review, base_points, factors, cause)
            select organization_id, lead_id, 1, @at, score, grade, probability, confidence, scored_by, 0, 10, '{"Factors":[],"ReviewReason":"' || {{padding}} || '"}', 'first' from leads where lead_id between @first and @last
            """,
            "insert into events (organization_id, event_id, lead_id, type, source, occurred_at_ms, received_at_ms) select organization_id, 'seed-' || lead_id, lead_id, 'page_view', 'website', @at, @at from leads where lead_id between @first and @last",
            .. database.IsPostgres ? ["insert into event_ids select organization_id, substring(sha256(convert_to(event_id, 'UTF8')) from 1 for 16) from events where lead_id between @first and @last"] : Array.Empty<string>(),
        ];
        // In parts, each within the time that a statement has.
        const int Part = 50_000;
        for (var from = 0; from < leads; from += Part)
        {
            var to = Math.Min(from + Part, leads) - 1;
            var parameters = new { from, to, first = Invariant($"lead-{from:D8}"), last = Invariant($"lead-{to:D8}"), at = SeededAtMs, activity = state.ToBytes() };
            foreach (var sql in statements) await database.WriteAsync(t => t.ExecuteAsync(sql, parameters, CancellationToken.None), CancellationToken.None);
        }

        if (!database.IsPostgres) return;
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        await connection.ExecuteAsync("analyze leads, scores, events, event_ids");
    }

    private static async Task<int> PostmasterAsync(Database database)
    {
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        return IngestionBenchmark.RawPostgres.Parent($"/proc/{await connection.ExecuteScalarAsync<int>("select pg_backend_pid()")}");
    }
}
