using System.Net;
using Dapper;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;
using Npgsql;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>What is PostgreSQL's own: the schema beside SQLite's, what a wrong setting is answered with, and a server that goes away.</summary>
public sealed class PostgresTests
{
    [Fact]
    public void Scripts_OfBothDatabases_HaveTheSameNames() =>
        Assert.Equal(Migrator.Scripts("sqlite").Select(s => s.Name), Migrator.Scripts("postgres").Select(s => s.Name));

    [PostgresFact]
    public async Task Schema_OfBothDatabases_HasTheSameTablesColumnsAndKeys()
    {
        // Quartz's own tables are not ours to shape, and on SQLite its schedule is in memory.
        const string Columns = """
            select table_name || '.' || column_name || case when is_nullable = 'YES' then ' null' else '' end
            from information_schema.columns where table_schema = 'public' and left(table_name, 3) <> 'bi_' and table_name not like 'qrtz%' and not (select relispartition from pg_class where oid = table_name::regclass) order by 1
            """;
        const string Keys = """
            select c.relname || '.' || a.attname || ' ' || k.n
            from pg_index i join pg_class c on c.oid = i.indrelid cross join unnest(i.indkey) with ordinality as k(number, n) join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
            where i.indisprimary and c.relnamespace = 'public'::regnamespace and c.relname not like 'qrtz%' order by 1
            """;
        var folder = Directory.CreateTempSubdirectory("leadscoring-tests-").FullName;
        var connectionString = await TestPostgres.CreateAsync();
        using (var sqlite = Database.Open(Options.Create(new StorageOptions { Data = folder })))
        using (var postgres = TestPostgres.Open(connectionString))
        {
            await new Migrator(sqlite, TimeProvider.System).MigrateAsync(CancellationToken.None);
            await using var one = await sqlite.OpenConnectionAsync(CancellationToken.None);
            await using var other = await postgres.OpenConnectionAsync(CancellationToken.None);
            const string Tables = "from sqlite_master as t, pragma_table_info(t.name) as c where t.type = 'table' and t.name not like 'sqlite_%'";
            var columns = await one.QueryAsync<string>($"select t.name || '.' || c.name || case when c.[notnull] = 0 then ' null' else '' end {Tables}");
            Assert.Equal(columns.Order(StringComparer.Ordinal), (await other.QueryAsync<string>(Columns)).Order(StringComparer.Ordinal));
            const string Views = "select table_name || '.' || column_name from information_schema.columns where table_schema = 'public' and left(table_name, 3) = 'bi_'";
            var views = await one.QueryAsync<string>("select t.name || '.' || c.name from sqlite_master as t, pragma_table_info(t.name) as c where t.type = 'view'");
            Assert.NotEmpty(views);
            Assert.Equal(views.Order(StringComparer.Ordinal), (await other.QueryAsync<string>(Views)).Order(StringComparer.Ordinal));
            var keys = await one.QueryAsync<string>($"select t.name || '.' || c.name || ' ' || c.pk {Tables} and c.pk > 0");
            // The key of events is event_ids there, as it has to hold over all months.
            keys = keys.Where(k => !k.StartsWith("events.", StringComparison.Ordinal));
            Assert.Equal(keys.Order(StringComparer.Ordinal), (await other.QueryAsync<string>(Keys)).Order(StringComparer.Ordinal));
            var first = (await other.QueryAsync<string>(Keys)).Where(k => k.EndsWith(" 1", StringComparison.Ordinal) && !k.StartsWith("schema_migrations.", StringComparison.Ordinal));
            Assert.All(first, k => Assert.EndsWith(".organization_id 1", k, StringComparison.Ordinal));
        }

        await TestPostgres.DropAsync(connectionString);
        Directory.Delete(folder, recursive: true);
    }

    [PostgresFact]
    public async Task Migrate_FourAtOnce_ApplyEachScriptOnce()
    {
        var connectionString = await TestPostgres.CreateEmptyAsync();
        var applied = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            using var database = TestPostgres.Open(connectionString);
            return await new Migrator(database, TimeProvider.System).MigrateAsync(CancellationToken.None);
        })));
        Assert.Equal(Migrator.Scripts("postgres").Count, applied.Sum(a => a.Count));
        await TestPostgres.DropAsync(connectionString);
    }

    [PostgresFact]
    public async Task Prepare_WrongSetting_SaysWhatIsWrongWithoutThePassword()
    {
        const string Password = "s3cret/word";
        var server = new NpgsqlConnectionStringBuilder(TestPostgres.Server!);
        async Task<string> RefusedAsync(Action<NpgsqlConnectionStringBuilder> change)
        {
            var builder = new NpgsqlConnectionStringBuilder(TestPostgres.Server!);
            change(builder);
            using var database = TestPostgres.Open(builder.ConnectionString);
            var e = await Assert.ThrowsAsync<StorageException>(() => new Migrator(database, TimeProvider.System).MigrateAsync(CancellationToken.None));
            Assert.DoesNotContain(Password, e.ToString(), StringComparison.Ordinal);
            Assert.StartsWith("LEADSCORING__DATABASE: ", e.Message, StringComparison.Ordinal);
            return e.Message;
        }

        Assert.Contains($"refuses the password of user {server.Username}", await RefusedAsync(b => b.Password = Password));
        Assert.Contains("has no database nowhere", await RefusedAsync(b => b.Database = "nowhere"));
        Assert.Contains("127.0.0.1:1 cannot be reached", await RefusedAsync(b => (b.Host, b.Port, b.Password) = ("127.0.0.1", 1, Password)));
    }

    [Theory]
    [InlineData("postgres://me:p%40ss@db.example:5433/leads?sslmode=verify-full&application_name=x", "db.example", 5433, "leads", "me", "p@ss", SslMode.VerifyFull)]
    [InlineData("postgresql://me@db/leads", "db", 5432, "leads", "me", null, SslMode.Prefer)]
    [InlineData("Host=db;Database=leads;Username=me;Password=p;SSL Mode=Require", "db", 5432, "leads", "me", "p", SslMode.Require)]
    public void Setting_UrlOrPairs_AreReadAlike(string setting, string host, int port, string database, string user, string? password, SslMode ssl)
    {
        Assert.True(PostgresSetting.Describes(setting));
        var read = PostgresSetting.Read(new StorageOptions { Database = setting });
        Assert.Equal((host, port, database, user, password, ssl), (read.Host, read.Port, read.Database, read.Username, read.Password, read.SslMode));
        Assert.Equal(200, read.MaxAutoPrepare);
        Assert.Equal(0, PostgresSetting.Read(new StorageOptions { Database = setting.Contains('?') ? setting + "&max_auto_prepare=0" : setting.Contains("://") ? setting + "?max_auto_prepare=0" : setting + ";Max Auto Prepare=0" }).MaxAutoPrepare);
    }

    [Theory]
    [InlineData("./data/leadscoring.db")]
    [InlineData("Data Source=x.db")]
    [InlineData(null)]
    public void Setting_OfSqlite_IsNotPostgres(string? setting) => Assert.False(PostgresSetting.Describes(setting));

    [PostgresFact]
    public async Task Server_GoesAway_WritesWait503AndInlineScoringGoesOn()
    {
        var connectionString = await TestPostgres.CreateAsync();
        var server = new NpgsqlConnectionStringBuilder(connectionString);
        await using var proxy = new TcpProxy(server.Host!, server.Port);
        (server.Host, server.Port) = ("127.0.0.1", proxy.Port);
        var sidecar = new SidecarFactory();
        sidecar.Settings["LeadScoring:Database"] = server.ConnectionString;
        sidecar.Settings["LeadScoring:Api:KeyCacheTime"] = "00:00:01";
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            var inline = new { lead_id = "a", save = false, lead = new { website_sessions = 5 } };
            var before = await organization.ScoreAsync(inline);
            await proxy.CutAsync();
            // Past the time for which key and model are taken on trust.
            await Task.Delay(1_200);
            foreach (var (method, path, body) in (IEnumerable<(HttpMethod, string, object)>)[(HttpMethod.Put, "/v1/leads/a", new { attributes = new { x = 1 } }), (HttpMethod.Post, "/v1/score", new { lead_id = "a", lead = new { } })])
            {
                using var request = new HttpRequestMessage(method, path) { Content = System.Net.Http.Json.JsonContent.Create(body) };
                using var answer = await organization.Client.SendAsync(request);
                Assert.Equal((HttpStatusCode.ServiceUnavailable, 5.0), (answer.StatusCode, answer.Headers.RetryAfter?.Delta?.TotalSeconds));
                Assert.Equal("/problems/storage-unavailable", System.Text.Json.JsonElement.Parse(await answer.Content.ReadAsStringAsync()).Text("type"));
            }

            var meanwhile = await organization.ScoreAsync(inline);
            Assert.Equal(before.GetProperty("score").GetDouble(), meanwhile.GetProperty("score").GetDouble());
            var (ready, parts) = await organization.GetAsync("/readyz");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready);
            Assert.Contains("database", parts.ToString());
            proxy.Restore();
            Assert.Equal(HttpStatusCode.OK, (await organization.GetAsync("/readyz")).Status);
            await organization.PutLeadAsync("a", new { x = 1 });
        }
        finally
        {
            await sidecar.DisposeAsync();
            await TestPostgres.DropAsync(connectionString);
        }
    }

    /// <summary>Nothing is refused and nothing answered: requests end by themselves, what needs no database goes on, and what was acknowledged is there once afterwards.</summary>
    [PostgresFact]
    public async Task Server_Frozen_RequestsEndScoringGoesOnAndNothingAcknowledgedIsLost()
    {
        var connectionString = await TestPostgres.CreateAsync();
        var server = new NpgsqlConnectionStringBuilder(connectionString);
        await using var proxy = new TcpProxy(server.Host!, server.Port);
        (server.Host, server.Port, server.Timeout) = ("127.0.0.1", proxy.Port, 30);
        var sidecar = new SidecarFactory();
        sidecar.Settings["LeadScoring:Database"] = server.ConnectionString;
        sidecar.Settings["LeadScoring:BusyTimeout"] = "00:00:30";
        sidecar.Settings["LeadScoring:Api:KeyCacheTime"] = "00:00:01";
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            var inline = new { lead_id = "nobody", save = false, lead = new { website_sessions = 5 } };
            var before = await organization.ScoreAsync(inline);
            await organization.PutLeadAsync("a", new { call_count = 2 });
            var stored = (await organization.ScoreAsync(new { lead_id = "a" })).GetProperty("score").GetDouble();
            // Into memory.
            Assert.True((await organization.GetAsync("/v1/leads/a/score")).Body.GetProperty("cached").GetBoolean());
            object Event(int i) => new { event_id = $"e{i}", lead_id = $"l{i % 3}", type = "phone_call", source = "phone", occurred_at = 1_760_000_000_000 + i };
            var acknowledged = new List<int>();
            for (var i = 0; i < 5; i++)
            {
                Assert.Equal(HttpStatusCode.OK, (await organization.PostAsync("/v1/events", Event(i))).Status);
                acknowledged.Add(i);
            }

            proxy.Freeze();
            // Past the time for which key, model and lead are taken on trust.
            await Task.Delay(1_200);
            var writes = Enumerable.Range(5, 4).Select(async i =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/events") { Content = System.Net.Http.Json.JsonContent.Create(Event(i)) };
                using var answer = await organization.Client.SendAsync(request);
                Assert.Equal((HttpStatusCode.ServiceUnavailable, 5.0), (answer.StatusCode, answer.Headers.RetryAfter?.Delta?.TotalSeconds));
            }).ToArray();
            for (var i = 0; i < 2; i++)
            {
                Assert.Equal(before.GetProperty("score").GetDouble(), (await organization.ScoreAsync(inline)).GetProperty("score").GetDouble());
                foreach (var (status, body) in (IEnumerable<(HttpStatusCode, System.Text.Json.JsonElement)>)[await organization.GetAsync("/v1/leads/a/score"), await organization.PostAsync("/v1/score", new { lead_id = "a", scoring_type = "quick" })])
                    Assert.Equal((HttpStatusCode.OK, true, stored), (status, body.GetProperty("cached").GetBoolean(), body.GetProperty("score").GetDouble()));
            }

            // Statements and connections give up after 30 s: none of these has waited for one.
            Assert.DoesNotContain(writes, w => w.IsCompleted);
            await Task.WhenAll(writes).WaitAsync(TimeSpan.FromSeconds(120));
            proxy.Thaw();
            for (var tries = 0; (await organization.GetAsync("/readyz")).Status != HttpStatusCode.OK; tries++)
            {
                Assert.True(tries < 300, "The service does not recover.");
                await Task.Delay(100);
            }

            for (var i = 0; i < 10; i++) Assert.Equal(HttpStatusCode.OK, (await organization.PostAsync("/v1/events", Event(i))).Status);
            Assert.Equal(Enumerable.Range(0, 10).Select(i => $"e{i}"), (await organization.EventsAsync()).Select(e => e.Event.EventId).Order(StringComparer.Ordinal));
            await organization.AssertStatesEqualReplayAsync();
        }
        finally
        {
            await sidecar.DisposeAsync();
            await TestPostgres.DropAsync(connectionString);
        }
    }

    /// <summary>PostgreSQL's text has no U+0000: whatever has one is refused, wherever it hides.</summary>
    [PostgresFact]
    public async Task Text_WithAZeroCharacter_IsRefused()
    {
        var connectionString = await TestPostgres.CreateAsync();
        var sidecar = new SidecarFactory();
        sidecar.Settings["LeadScoring:Database"] = connectionString;
        await sidecar.InitializeAsync();
        try
        {
            var organization = await sidecar.NewOrganizationAsync();
            await organization.PutLeadAsync("a", new { call_count = 2 });
            var hidden = System.Buffers.Text.Base64Url.EncodeToString("5 \0"u8);
            foreach (var path in (string[])["/v1/erasures?cursor=%00", $"/v1/reviews?cursor={hidden}", $"/v1/leads/a/events?cursor={hidden}", "/v1/leads?q=a%00"])
            {
                var (status, body) = await organization.GetAsync(path);
                Assert.True(status == HttpStatusCode.BadRequest, $"{path}: {status} {body}");
            }
        }
        finally
        {
            await sidecar.DisposeAsync();
            await TestPostgres.DropAsync(connectionString);
        }
    }

    /// <summary>A lead's stored score goes on being served while the server is gone, from memory and from Redis.</summary>
    [PostgresFact]
    [Trait("Category", "Server")]
    public async Task Server_GoesAway_CachedScoresAreServedFromMemoryAndFromRedis()
    {
        using var redis = RedisServer.Program is null ? null : await RedisServer.StartAsync();
        var connectionString = await TestPostgres.CreateAsync();
        foreach (var useRedis in redis is null ? (bool[])[false] : [false, true])
        {
            var server = new NpgsqlConnectionStringBuilder(connectionString);
            await using var proxy = new TcpProxy(server.Host!, server.Port);
            (server.Host, server.Port) = ("127.0.0.1", proxy.Port);
            var sidecar = new SidecarFactory();
            sidecar.Settings["LeadScoring:Database"] = server.ConnectionString;
            sidecar.Settings["LeadScoring:Api:KeyCacheTime"] = "00:00:01";
            if (useRedis)
            {
                sidecar.Settings["LeadScoring:Redis"] = redis!.Address;
                sidecar.Settings["LeadScoring:Scoring:ScoreCacheSize"] = "0";
            }

            await sidecar.InitializeAsync();
            try
            {
                var organization = await sidecar.NewOrganizationAsync();
                await organization.PutLeadAsync("a", new { call_count = 2 });
                var full = await organization.ScoreAsync(new { lead_id = "a", include_factors = true });
                Task<(HttpStatusCode Status, System.Text.Json.JsonElement Body)> QuickAsync() => organization.PostAsync("/v1/score", new { lead_id = "a", scoring_type = "quick", include_factors = true });
                for (var tries = 0; tries < 500; tries++)
                {
                    await QuickAsync();
                    if (!useRedis || await redis!.SendAsync("DBSIZE") != ":0") break;
                    await Task.Delay(10);
                }

                await proxy.CutAsync();
                await Task.Delay(1_200);
                foreach (var (status, body) in (IEnumerable<(HttpStatusCode, System.Text.Json.JsonElement)>)[await QuickAsync(), await organization.GetAsync("/v1/leads/a/score?include_factors=true")])
                {
                    Assert.Equal(HttpStatusCode.OK, status);
                    Assert.True(body.GetProperty("cached").GetBoolean());
                    Assert.Equal((full.GetProperty("score").GetDouble(), full.GetProperty("factors").ToString()), (body.GetProperty("score").GetDouble(), body.GetProperty("factors").ToString()));
                }

                // What is in no copy cannot be told.
                Assert.Equal(HttpStatusCode.ServiceUnavailable, (await organization.GetAsync("/v1/leads/b/score")).Status);
            }
            finally
            {
                await sidecar.DisposeAsync();
            }
        }

        await TestPostgres.DropAsync(connectionString);
    }
}
