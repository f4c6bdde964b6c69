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
        const string Columns = """
            select table_name || '.' || column_name || case when is_nullable = 'YES' then ' null' else '' end
            from information_schema.columns where table_schema = 'public' order by 1
            """;
        const string Keys = """
            select c.relname || '.' || a.attname || ' ' || k.n
            from pg_index i join pg_class c on c.oid = i.indrelid cross join unnest(i.indkey) with ordinality as k(number, n) join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
            where i.indisprimary and c.relnamespace = 'public'::regnamespace order by 1
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
            var keys = await one.QueryAsync<string>($"select t.name || '.' || c.name || ' ' || c.pk {Tables} and c.pk > 0");
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
}
