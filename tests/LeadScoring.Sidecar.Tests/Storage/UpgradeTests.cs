using System.Globalization;
using System.Net;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>Databases as earlier versions left them, with rows in them, brought up to now.</summary>
public sealed class UpgradeTests
{
    private const string Yaml = "name: old\nfeatures:\n  - name: budget\n  - name: visits\n    from: [activity:visits, attribute:visits]\nrules:\n  - feature: budget\n    at_least: 100\n    points: 20\n";

    private static readonly ActivityEvent[] Events = [.. Enumerable.Range(0, 9).Select(i => new ActivityEvent($"old{i}", i % 2 == 0 ? "page_view" : "email_open", "website", 1_700_000_000_000 + (i * 86_400_000L)))];

    [Theory]
    [InlineData("0001_base.sql")]
    [InlineData("0012_rescoring.sql")]
    [InlineData("0042_experiments.sql")]
    [InlineData("0051_write_backs.sql")]
    public async Task Upgrade_DatabaseOfAnEarlierVersion_KeepsWhatWasThere(string last)
    {
        var sidecar = new SidecarFactory();
        var postgres = TestPostgres.Server is null ? null : await TestPostgres.CreateEmptyAsync();
        if (postgres is not null) sidecar.Settings["LeadScoring:Database"] = postgres;
        Directory.CreateDirectory(sidecar.Data);
        var key = ApiKey.Create();
        Dictionary<string, long> before;
        using (var database = Database.Open(Options.Create(new StorageOptions { Data = sidecar.Data, Database = postgres, Durability = "normal" })))
        {
            await ApplyAsync(database, last);
            await FillAsync(database, key, last);
            before = await CountAsync(database);
        }

        await sidecar.InitializeAsync();
        try
        {
            var organization = new TestOrganization(sidecar, "acme", key);
            // The warm-up scores stored leads, which adds to the ledger.
            Assert.All(await CountAsync(sidecar.Get<Database>(), before.Keys), row => Assert.True(row.Key == "scores" ? row.Value >= before[row.Key] : row.Value == before[row.Key], $"{row.Key}: {before[row.Key]} then, {row.Value} now"));

            var (status, lead) = await organization.GetAsync("/v1/leads/l1");
            Assert.Equal(HttpStatusCode.OK, status);
            Assert.Equal((250, "Köln"), (lead.GetProperty("attributes").GetProperty("budget").GetInt32(), lead.GetProperty("attributes").Text("city")));
            Assert.Equal(Events.Length, (await organization.GetAsync("/v1/leads/l1/events")).Body.Int("counted"));
            await organization.AssertStatesEqualReplayAsync();
            if (string.CompareOrdinal(last, "0003_scores.sql") > 0) Assert.Contains((await organization.GetAsync("/v1/leads/l1/scores")).Body.GetProperty("scores").EnumerateArray(), s => s.GetProperty("score").GetDouble() == 61.5);

            // Its profile scores, an event of then is known again, and a new one counts.
            var scored = await organization.ScoreAsync(new { lead_id = "l1", include_factors = true });
            Assert.Equal("rules", scored.Text("scored_by"));
            var (_, stored) = await organization.PostAsync("/v1/events", new[] { Item("old3", Events[3].OccurredAtMs), Item("new1", 1_750_000_000_000) });
            Assert.Equal((1, 1), (stored.Int("accepted"), stored.Int("duplicate")));
            await organization.AssertStatesEqualReplayAsync();
            Assert.Equal(1, await ScalarAsync(sidecar.Get<Database>(), "select converted from outcomes where organization_id = 'acme' and lead_id = 'l2'"));
        }
        finally
        {
            await sidecar.DisposeAsync();
            if (postgres is not null) await TestPostgres.DropAsync(postgres);
        }
    }

    private static object Item(string id, long atMs) => new { event_id = id, lead_id = "l1", type = "email_open", source = "website", occurred_at = atMs };

    /// <summary>The schema as the program was that had this script as its last.</summary>
    private static async Task ApplyAsync(Database database, string last)
    {
        await database.PrepareAsync(CancellationToken.None);
        foreach (var script in Migrator.Scripts(database.Dialect).Where(s => string.CompareOrdinal(s.Name, last) <= 0))
        {
            await database.WriteAsync(async t =>
            {
                await t.ExecuteAsync("create table if not exists schema_migrations (name text not null primary key, applied_at_ms bigint not null)", null, CancellationToken.None);
                await t.ExecuteAsync(script.Sql, null, CancellationToken.None);
                await t.ExecuteAsync("insert into schema_migrations values (@Name, 0)", new { script.Name }, CancellationToken.None);
            }, CancellationToken.None);
        }
    }

    /// <summary>Only what the first version had columns for.</summary>
    private static Task FillAsync(Database database, ApiKey key, string last) => database.WriteAsync(async t =>
    {
        Task DoAsync(string sql, object? parameters = null) => t.ExecuteAsync(sql, parameters, CancellationToken.None);
        await DoAsync("insert into organizations (organization_id, name, created_at_ms) values ('acme', 'Acme', 1), ('other', 'Other', 1)");
        await DoAsync("insert into api_keys (organization_id, key_id, name, scope, secret_sha256, created_at_ms) values ('acme', @KeyId, 'old', 'admin', @hash, 1)", new { key.KeyId, hash = key.SecretHash() });
        await DoAsync("insert into profiles (organization_id, version, name, yaml, hash, is_active, created_at_ms) values ('acme', 1, 'old', @Yaml, @hash, 1, 1)", new { Yaml, hash = FeatureProfile.Parse(Yaml).Hash });
        const string Lead = "insert into leads (organization_id, lead_id, attributes, created_at_ms, updated_at_ms, activity, revision, is_stale) values (@organization, @id, @attributes, 1690000000000, 1700000000000, @activity, 1, 0)";
        await DoAsync(Lead, new { organization = "acme", id = "l1", attributes = """{"budget":250,"city":"Köln"}""", activity = ActivityState.Replay(Events, long.MaxValue).ToBytes() });
        await DoAsync(Lead, new { organization = "acme", id = "l2", attributes = """{"budget":5}""", activity = Array.Empty<byte>() });
        await DoAsync(Lead, new { organization = "other", id = "l1", attributes = "{}", activity = Array.Empty<byte>() });
        var before = string.CompareOrdinal(last, "0030_retention.sql") < 0;
        foreach (var e in Events)
        {
            await DoAsync("insert into events (organization_id, event_id, lead_id, type, source, occurred_at_ms, received_at_ms) values ('acme', @EventId, 'l1', @Type, @Source, @OccurredAtMs, @OccurredAtMs)", e);
            // From that version on ids are kept beside the events.
            if (!before) await DoAsync("insert into event_ids (organization_id, id_hash) values ('acme', @hash)", new { hash = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(e.EventId))[..16] });
        }

        await DoAsync("insert into outcomes (organization_id, lead_id, source, converted, occurred_at_ms, recorded_at_ms) values ('acme', 'l2', 'crm', 1, 1700000000000, 1700000000000)");
        if (string.CompareOrdinal(last, "0003_scores.sql") > 0)
        {
            await DoAsync("insert into scores (organization_id, lead_id, change, scored_at_ms, score, grade, probability, confidence, scored_by, needs_review, base_points, factors) values ('acme', 'l1', 1, 1700000000000, 61.5, 'C', 0.615, 0.7, 'rules', 0, 50, '[]')");
        }
    }, CancellationToken.None);

    private static readonly string[] Tables = ["organizations", "api_keys", "profiles", "leads", "events", "outcomes", "scores"];

    private static async Task<Dictionary<string, long>> CountAsync(Database database, IEnumerable<string>? tables = null)
    {
        var counts = new Dictionary<string, long>();
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        foreach (var table in tables ?? Tables)
        {
            try
            {
                counts[table] = await connection.ExecuteScalarAsync<long>($"select count(*) from {table}");
            }
            catch (System.Data.Common.DbException) when (table == "scores")
            {
                // The first version had none.
            }
        }

        return counts;
    }

    private static async Task<long> ScalarAsync(Database database, string sql)
    {
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        return Convert.ToInt64(await connection.ExecuteScalarAsync(sql), CultureInfo.InvariantCulture);
    }
}
