using System.Net;
using System.Text;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Privacy;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Cli;
using LeadScoring.Sidecar.Tests.Storage;
using LeadScoring.Sidecar.Tests.Webhooks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LeadScoring.Sidecar.Tests.Privacy;

/// <summary>Erasure of a person: nothing is left anywhere, nothing comes back, and what is said of it is signed.</summary>
public sealed class ErasureTests : IAsyncLifetime
{
    private readonly Lines log = new();
    private readonly SidecarFactory sidecar;

    public ErasureTests() => sidecar = new SidecarFactory { Settings = { ["LeadScoring:Webhooks:AllowedPrivateHosts"] = "127.0.0.1" }, Configure = services => services.AddLogging(l => l.AddProvider(log).SetMinimumLevel(LogLevel.Trace)) };

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    /// <summary>All that is logged.</summary>
    private sealed class Lines : ILoggerProvider, ILogger
    {
        private readonly StringBuilder text = new();

        internal string Text
        {
            get
            {
                lock (text) return text.ToString();
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (text) text.Append(formatter(state, exception)).Append(exception).Append('\n');
        }

        public void Dispose()
        {
        }
    }

    private static async Task<JsonElement> EraseAsync(TestOrganization organization, string leadId)
    {
        var (status, body) = await organization.SendAsync(HttpMethod.Delete, "/v1/leads/" + leadId);
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return body;
    }

    private async Task<long> CountAsync(string sql, object? parameters = null)
    {
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        return await connection.ExecuteScalarAsync<long>(sql, parameters);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?keep=anonymous")]
    public async Task Delete_PersonWhoIsEverywhere_LeavesNothingAnywhere(string keep)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var database = sidecar.Get<Database>();
        await new Canary(sidecar, organization).PlantAsync();
        var before = await Canary.DumpAsync(database);
        var planted = before.Where(t => Canary.FindIn(t.Value).Count > 0).Select(t => t.Key).Where(t => t != "pg_stats").ToHashSet(StringComparer.Ordinal);
        // Every table that names leads or records was planted: a new one must be, too.
        foreach (var table in before.Keys.Where(t => t is not ("pg_stats" or "schema_migrations")))
        {
            if (await NamesPeopleAsync(table)) Assert.True(planted.Contains(table), $"Nothing of the canary was planted in {table}.");
        }

        using var request = new HttpRequestMessage(HttpMethod.Delete, $"/v1/leads/{Canary.Id}{keep}");
        request.Headers.Add("Idempotency-Key", "erase-1");
        using var response = await organization.Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        if (database.IsPostgres) await sidecar.Get<ScrubJob>().RunAsync(organization.Id, CancellationToken.None);

        foreach (var (table, bytes) in await Canary.DumpAsync(database)) Assert.True(Canary.FindIn(bytes).Count == 0, $"{table} holds {string.Join(", ", Canary.FindIn(bytes))}");
        foreach (var path in Directory.EnumerateFiles(sidecar.Data, "*", SearchOption.AllDirectories))
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var bytes = new MemoryStream();
            await file.CopyToAsync(bytes);
            Assert.True(Canary.FindIn(bytes.ToArray()).Count == 0, $"{Path.GetFileName(path)} holds {string.Join(", ", Canary.FindIn(bytes.ToArray()))}");
        }

        Assert.Empty(Canary.FindIn(Encoding.UTF8.GetBytes(text)));
        Assert.Empty(Canary.FindIn(Encoding.UTF8.GetBytes(log.Text)));
        Assert.DoesNotContain(Remembered(organization), id => Canary.Words.Contains(id));
        foreach (var path in (string[])["/v1/training-data", "/v1/erasures", "/metrics", "/v1/leads?limit=200"])
        {
            using var export = await organization.Client.GetAsync(path);
            Assert.Empty(Canary.FindIn(await export.Content.ReadAsByteArrayAsync()));
        }

        // The others are all there.
        Assert.Equal(1, await CountAsync("select count(*) from leads where organization_id = @Id and lead_id = 'can001'", new { organization.Id }));
        var receipt = JsonElement.Parse(text).GetProperty("receipt");
        Assert.Equal(2, receipt.Int("leads"));
        Assert.Equal(keep.Length == 0 ? ("erasure", null, 0) : ("anonymization", 1, 1), (receipt.Text("kind"), receipt.TryGetProperty("anonymous_rows", out var rows) ? rows.GetInt32() : (int?)null, (int)await CountAsync("select count(*) from anonymous_leads")));
        Assert.Equal([901], receipt.GetProperty("learned_versions").EnumerateArray().Select(v => v.GetInt32()));
        // Those that were sent, and the recorded action.
        Assert.Equal(31, receipt.GetProperty("stores").EnumerateArray().Single(s => s.Text("store") == "events").Int("rows"));
        // Asked again with the same key, it answers the same; with none, there is nobody.
        using var again = new HttpRequestMessage(HttpMethod.Delete, $"/v1/leads/{Canary.Id}{keep}");
        again.Headers.Add("Idempotency-Key", "erase-1");
        using var replayed = await organization.Client.SendAsync(again);
        Assert.Equal(text, await replayed.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Delete, "/v1/leads/" + Canary.Id)).Status);
    }

    /// <summary>Ids that copies in memory know.</summary>
    private List<string> Remembered(TestOrganization organization)
    {
        var ids = new List<string>();
        foreach (var forget in sidecar.Services.GetServices<ForgetLeads>())
        {
            forget(organization.Id, id =>
            {
                ids.Add(id);
                return false;
            });
        }

        return ids;
    }

    private async Task<bool> NamesPeopleAsync(string table)
    {
        var database = sidecar.Get<Database>();
        var sql = database.IsPostgres
            ? "select count(*) from information_schema.columns where table_schema = current_schema() and table_name = @table and column_name in ('lead_id', 'record_id', 'position', 'email_hash')"
            : "select count(*) from pragma_table_info(@table) where name in ('lead_id', 'record_id', 'position', 'email_hash')";
        // A position in a vendor's list is the vendor's.
        return table != "connector_cursors" && await CountAsync(sql, new { table }) > 0;
    }

    [Fact]
    public async Task SendAgain_WhateverTheWay_IsRefusedCountedAndAllowedOnceLifted()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("p", new { email = "p@example.com" });
        await organization.PutLeadAsync("couple", new { email = "p@example.com" });
        var erased = await EraseAsync(organization, "p");
        var id = erased.GetProperty("receipt").Text("erasure_id")!;
        object lead = new { attributes = new { x = 1 } };
        Assert.Equal((HttpStatusCode.Conflict, Tombstones.Refusal), await RefusedAsync(HttpMethod.Put, "/v1/leads/p", lead));
        Assert.Equal((HttpStatusCode.Conflict, Tombstones.Refusal), await RefusedAsync(HttpMethod.Put, "/v1/leads/another", new { attributes = new { Email = "P@Example.com " } }));
        Assert.Equal((HttpStatusCode.Conflict, Tombstones.Refusal), await RefusedAsync(HttpMethod.Post, "/v1/score", new { lead_id = "p", lead = new { x = 1 } }));
        Assert.Equal((HttpStatusCode.Conflict, Tombstones.Refusal), await RefusedAsync(HttpMethod.Post, "/v1/events", new { event_id = "e", lead_id = "p", type = "chat", source = "website", occurred_at = "2026-01-01" }));
        // Somebody who is here already and shares the address goes on.
        await organization.PutLeadAsync("couple", new { email = "p@example.com", x = 1 });

        var batch = (await organization.PostAsync("/v1/leads/batch", new { leads = new[] { new { lead_id = "p", attributes = new { x = 1 } }, new { lead_id = "q", attributes = new { x = 1 } } } })).Body;
        Assert.Equal((1, 1), (batch.Int("rejected"), batch.Int("created")));
        Assert.Equal(Tombstones.Refusal, batch.At("results", 0).At("errors", 0).Text("detail"));
        var events = (await organization.PostAsync("/v1/events", new { events = new[] { "p", "q" }.Select(l => new { event_id = "e-" + l, lead_id = l, type = "chat", source = "website", occurred_at = "2026-01-01" }) })).Body;
        Assert.Equal((1, 1, 0), (events.Int("rejected"), events.Int("accepted"), events.Int("duplicate")));
        var scored = (await organization.PostAsync("/v1/score/batch", new { items = new[] { new { lead_id = "p", lead = new { x = 1 } }, new { lead_id = "q", lead = new { x = 1 } } } })).Body;
        Assert.Contains(Tombstones.Refusal, scored.ToString());
        var leads = (await organization.ImportAsync("leads", "id,x,converted\np,1,yes\nr,1,no\n", "&label_column=converted")).Body;
        Assert.Equal((1, 1), (leads.Int("rejected"), leads.Int("created")));
        var history = (await organization.ImportAsync("events", "event_id,lead_id,type,source,occurred_at\ne1,p,chat,website,2026-01-01\ne2,r,chat,website,2026-01-01\n")).Body;
        Assert.Equal((1, 1, 0), (history.Int("rejected"), history.Int("created"), history.Int("duplicates")));
        using var stream = new StringContent("""{"event_id":"s1","lead_id":"p","type":"chat","source":"website","occurred_at":"2026-01-01"}""" + "\n" + """{"event_id":"s2","lead_id":"r","type":"chat","source":"website","occurred_at":"2026-01-01"}""", Encoding.UTF8, "application/x-ndjson");
        using var streamed = await organization.Client.PostAsync("/v1/events", stream);
        var last = JsonElement.Parse((await streamed.Content.ReadAsStringAsync()).TrimEnd().Split('\n')[^1]);
        Assert.Equal((1, 1, 0), (last.Int("accepted"), last.Int("rejected"), last.Int("duplicate")));
        Assert.Null(await organization.LeadAsync("p"));
        Assert.Null(await organization.LeadAsync("another"));

        var state = (await organization.GetAsync("/v1/erasures/" + id)).Body.GetProperty("state");
        Assert.True(state.Int("refused") >= 9, state.ToString());
        Assert.Equal(HttpStatusCode.BadRequest, (await organization.PostAsync($"/v1/erasures/{id}/lift", new { })).Status);
        var (status, lifted) = await organization.PostAsync($"/v1/erasures/{id}/lift", new { reason = "asked for a quote again" });
        Assert.Equal((HttpStatusCode.OK, "asked for a quote again"), (status, lifted.GetProperty("state").Text("lift_reason")));
        await organization.PutLeadAsync("p", new { email = "p@example.com" });
        Assert.True((await organization.GetAsync("/v1/erasures")).Body.At("erasures", 0).GetProperty("is_lifted").GetBoolean());
        Assert.Equal(HttpStatusCode.NotFound, (await organization.PostAsync("/v1/erasures/er_nobody/lift", new { reason = "x" })).Status);
        var stranger = await sidecar.NewOrganizationAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await stranger.GetAsync("/v1/erasures/" + id)).Status);
        await stranger.PutLeadAsync("p", new { email = "p@example.com" });

        async Task<(HttpStatusCode, string?)> RefusedAsync(HttpMethod method, string path, object body)
        {
            var (code, problem) = await organization.SendAsync(method, path, body);
            return (code, problem.Text("detail"));
        }
    }

    [Fact]
    public async Task Receipt_ChangedOrOfAnotherKey_IsFoundOut()
    {
        var (one, two) = (await sidecar.NewOrganizationAsync(), await sidecar.NewOrganizationAsync());
        await one.PutLeadAsync("p", new { x = 1 });
        await two.PutLeadAsync("p", new { x = 1 });
        var (first, second) = (await EraseAsync(one, "p"), await EraseAsync(two, "p"));
        var signed = SignedReceipt.Read(first.ToString());
        var key = Convert.FromBase64String(signed.Signature.PublicKey);
        Assert.True(signed.IsSignedBy(key));
        // However it is laid out.
        var turned = JsonSerializer.Serialize(new { signature = first.GetProperty("signature"), receipt = new SortedDictionary<string, JsonElement>(first.GetProperty("receipt").EnumerateObject().ToDictionary(p => p.Name, p => p.Value)) }, new JsonSerializerOptions { WriteIndented = true });
        Assert.True(SignedReceipt.Read(turned).IsSignedBy(key));
        Assert.False(SignedReceipt.Read(first.ToString().Replace("\"rows\":1", "\"rows\":2", StringComparison.Ordinal)).IsSignedBy(key));
        Assert.False(signed.IsSignedBy(Convert.FromBase64String(SignedReceipt.Read(second.ToString()).Signature.PublicKey)));
        Assert.NotEqual(first.GetProperty("receipt").Text("subject"), second.GetProperty("receipt").Text("subject"));
        Assert.Equal(first.GetProperty("receipt").ToString(), (await one.GetAsync("/v1/erasures/" + first.GetProperty("receipt").Text("erasure_id"))).Body.GetProperty("receipt").ToString());
        Assert.Equal(HttpStatusCode.Forbidden, (await (await one.WithScopeAsync(Sidecar.Api.ApiScope.Write)).GetAsync("/v1/erasures")).Status);
    }

    [Fact]
    public async Task Command_EraseAndVerify_TellGoodFromBad()
    {
        using var run = new CommandRun();
        await run.WithDataAsync("import", run.File("leads.csv", "id,x\np,1\nq,2\n"), "--kind", "leads");
        var (code, receipt, error) = await run.WithDataAsync("privacy", "erase", "p");
        Assert.True(code == 0, error);
        var file = run.File("receipt.json", receipt);
        (code, var good, _) = await run.WithDataAsync("privacy", "verify-receipt", file, "--lead", "p");
        Assert.Equal(0, code);
        Assert.StartsWith("Good: erasure er_", good, StringComparison.Ordinal);
        CommandRun.AssertOneLine(await run.WithDataAsync("privacy", "verify-receipt", file, "--lead", "q"), "somebody else");
        CommandRun.AssertOneLine(await run.WithDataAsync("privacy", "verify-receipt", run.File("bad.json", receipt.Replace("\"leads\":1", "\"leads\":3", StringComparison.Ordinal))), "was changed");
        CommandRun.AssertOneLine(await run.WithDataAsync("privacy", "verify-receipt", run.File("none.json", "{}")), "is no receipt");
        CommandRun.AssertOneLine(await run.WithDataAsync("privacy", "erase", "p"), "no lead with this id");
        (code, receipt, error) = await run.WithDataAsync("privacy", "erase", "q", "--keep", "anonymous");
        Assert.True(code == 0, error);
        Assert.Equal(("anonymization", 0), (JsonElement.Parse(receipt).GetProperty("receipt").Text("kind"), JsonElement.Parse(receipt).GetProperty("receipt").Int("anonymous_rows")));
        Assert.NotEqual(0, (await run.WithDataAsync("privacy", "erase", "q", "--keep", "all")).Code);
        Assert.Equal(0, (await run.WithDataAsync("privacy", "scrub")).Code);
        using var other = new CommandRun();
        CommandRun.AssertOneLine(await other.WithDataAsync("privacy", "verify-receipt", file), "not signed here");
        var key = SignedReceipt.Read(receipt).Signature.PublicKey;
        Assert.Equal(0, (await other.WithDataAsync("privacy", "verify-receipt", file, "--public-key", key)).Code);
    }

    [Fact]
    public async Task Forget_ErasedByAnotherProcess_IsDroppedFromMemory()
    {
        var organization = await sidecar.NewOrganizationAsync();
        foreach (var id in (string[])["p", "q"])
        {
            await organization.ScoreAsync(new { lead_id = id, lead = new { call_count = 1 } });
            await organization.PostAsync("/v1/score", new { lead_id = id, scoring_type = "quick" });
        }

        // As another process does it: the rows go and the tombstone stands, and nothing is told here.
        var keys = await sidecar.Get<PrivacyKeyStore>().EnsureAsync(organization.Id, CancellationToken.None);
        await sidecar.Get<Database>().WriteAsync(t => sidecar.Get<Tombstones>().PutAsync(t, organization.Id, "er_x", [Trace.Lead("p")], CancellationToken.None), CancellationToken.None);
        Assert.Equal(2, Remembered(organization).Count(id => id == "p"));
        await sidecar.Get<FinishErasures>().RunOnceAsync(CancellationToken.None);
        Assert.Equal((0, 2), (Remembered(organization).Count(id => id == "p"), Remembered(organization).Count(id => id == "q")));
    }

    [Fact]
    public async Task Scrub_WhileSomebodyReadsFromBefore_IsDoneLater()
    {
        var database = sidecar.Get<Database>();
        if (database.IsPostgres) return;
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("p", new { x = 1 });
        string id;
        await using (var reader = await database.OpenConnectionAsync(CancellationToken.None))
        {
            await using var transaction = ((Microsoft.Data.Sqlite.SqliteConnection)reader).BeginTransaction(deferred: true);
            await reader.ExecuteScalarAsync<long>("select count(*) from leads", transaction: transaction);
            var answer = await EraseAsync(organization, "p");
            id = answer.GetProperty("receipt").Text("erasure_id")!;
            Assert.Null(answer.GetProperty("state").Text("files_clean_at"));
        }

        await sidecar.Get<FinishErasures>().RunOnceAsync(CancellationToken.None);
        Assert.NotNull((await organization.GetAsync("/v1/erasures/" + id)).Body.GetProperty("state").Text("files_clean_at"));
    }

    [RedisFact]
    public async Task Delete_ScoreInRedis_IsGoneThereToo()
    {
        using var redis = await RedisServer.StartAsync();
        var shared = new SidecarFactory { Settings = { ["LeadScoring:Redis"] = redis.Address } };
        await shared.InitializeAsync();
        try
        {
            await Waiting.UntilAsync(() => Task.FromResult(!((RedisCache)shared.Get<ISharedCache>()).IsOpen), "Redis is not used.");
            var organization = await shared.NewOrganizationAsync();
            // A name that a pattern could mistake, and one that begins alike.
            foreach (var id in (string[])["p[1]*", "p[1]*x", "q"])
            {
                await organization.ScoreAsync(new { lead_id = id, lead = new { call_count = 1 } });
                await organization.PostAsync("/v1/score", new { lead_id = id, scoring_type = "quick" });
            }

            await Waiting.UntilAsync(async () => await redis.SendAsync("DBSIZE") == ":3", "The scores are not in Redis.");
            var answer = await EraseAsync(organization, Uri.EscapeDataString("p[1]*"));
            Assert.Equal("Nothing is left of it.", answer.Text("shared_cache"));
            Assert.Equal(":2", await redis.SendAsync("DBSIZE"));
            redis.Freeze();
            var late = await EraseAsync(organization, "q");
            Assert.Contains("end by themselves within 01:00:00", late.Text("shared_cache"));
            redis.Thaw();
        }
        finally
        {
            await shared.DisposeAsync();
        }
    }
}
