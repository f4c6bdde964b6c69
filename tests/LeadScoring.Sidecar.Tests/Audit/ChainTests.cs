using System.Data.Common;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Organizations;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Cli;

namespace LeadScoring.Sidecar.Tests.Audit;

/// <summary>The audit log: every change has its entry, and whatever is done to the chain from outside is found.</summary>
public sealed class ChainTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private Task<AuditVerdict> VerifyAsync(string organizationId, (long, string)? known = null) => sidecar.Get<VerifyChain>().RunAsync(organizationId, known, CancellationToken.None);

    private async Task<List<JsonElement>> EntriesAsync(TestOrganization organization, string query = "")
    {
        var (status, body) = await organization.GetAsync($"/v1/audit?limit=1000{query}");
        Assert.True(status == HttpStatusCode.OK, body.ToString());
        return [.. body.GetProperty("entries").EnumerateArray().Reverse()];
    }

    private Task AppendAsync(string organizationId, int count) => sidecar.Get<Database>().WriteAsync(
        transaction =>
        {
            for (var i = 0; i < count; i++) sidecar.Get<AuditLog>().Append(transaction, organizationId, AuditKind.Exported, $"test {i}", new { i });
            return Task.CompletedTask;
        },
        CancellationToken.None);

    [Fact]
    public async Task Changes_Each_HaveTheirEntry()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("l-1", new { age = 40 });
        var made = (await organization.PostAsync("/v1/keys", new { name = "n8n", scope = "score", expires_in_days = 30 })).Body;
        var keyId = made.Text("key_id");
        await organization.PostAsync($"/v1/keys/{keyId}/rotate", new { });
        await organization.SendAsync(HttpMethod.Delete, $"/v1/keys/{keyId}");
        await organization.SendAsync(HttpMethod.Put, "/v1/profile", new { yaml = ProfileStore.Load("generic").Yaml });
        await organization.SendAsync(HttpMethod.Put, "/v1/grades", new { mode = "fixed" });
        await organization.SendAsync(HttpMethod.Put, "/v1/gates", new { auto_deploy = false });
        await organization.SendAsync(HttpMethod.Delete, "/v1/gates");
        await organization.SendAsync(HttpMethod.Put, "/v1/sampling", new { exploration_share = 0.01 });
        await organization.SendAsync(HttpMethod.Put, "/v1/leads/l-1/override", new { grade = "A", reason = "knows us", by = "Jane Roe" });
        await organization.SendAsync(HttpMethod.Delete, "/v1/leads/l-1/override");
        var hook = (await organization.PostAsync("/v1/webhooks", new { url = "https://example.com/x?token=abc", events = new[] { "grade.changed" } })).Body.GetProperty("webhook").Text("webhook_id");
        await organization.SendAsync(HttpMethod.Put, $"/v1/webhooks/{hook}", new { url = "https://example.com/y", events = new[] { "grade.changed" } });
        await organization.PostAsync($"/v1/webhooks/{hook}/rotate-secret", new { });
        await organization.SendAsync(HttpMethod.Delete, $"/v1/webhooks/{hook}");
        await organization.SendAsync(HttpMethod.Delete, "/v1/leads/l-1");
        var entries = await EntriesAsync(organization);
        Assert.Equal(
            [
                "organization.created", "profile.changed", "key.created", "key.created", "key.rotated", "key.revoked", "profile.changed", "grades.changed", "gates.changed", "gates.changed", "sampling.changed",
                "override.set", "override.removed", "webhook.created", "webhook.changed", "webhook.secret_rotated", "webhook.removed", "lead.erased",
            ],
            entries.Select(e => e.Text("kind")!));
        Assert.All(entries.Skip(3), e => Assert.Equal($"key {organization.Key.KeyId}", e.Text("actor")));
        Assert.Equal("service", entries[0].Text("actor"));
        // No secret and nobody in it, and the lead that was erased stands for nobody.
        var all = string.Join('\n', entries);
        Assert.DoesNotContain(made.Text("key")!.Split('_')[2], all);
        foreach (var unwanted in (string[])["token=abc", "whsec_", "Jane Roe", "knows us", "l-1"]) Assert.DoesNotContain(unwanted, all);
        var verdict = await VerifyAsync(organization.Id);
        Assert.True(verdict.IsWhole, string.Join("; ", verdict.Faults));
        Assert.Equal(18, verdict.Rows);
        Assert.True((await organization.GetAsync("/v1/audit/verify")).Body.GetProperty("is_whole").GetBoolean());
    }

    [Fact]
    public async Task Lead_UntilItIsErased_IsNamed()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.PutLeadAsync("jane-roe", new { age = 40 });
        await organization.SendAsync(HttpMethod.Put, "/v1/leads/jane-roe/override", new { grade = "A", reason = "x", by = "y" });
        var before = (await EntriesAsync(organization, "&kind=override.")).Single();
        Assert.Equal("jane-roe", before.Text("lead_id"));
        await organization.SendAsync(HttpMethod.Delete, "/v1/leads/jane-roe");
        var after = (await EntriesAsync(organization, "&kind=override.")).Single();
        Assert.Null(after.Text("lead_id"));
        Assert.Equal(before.Text("subject"), after.Text("subject"));
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        Assert.Equal(0, await connection.ExecuteScalarAsync<long>("select count(*) from audit_leads where organization_id = @Id", new { organization.Id }));
        Assert.True((await VerifyAsync(organization.Id)).IsWhole);
    }

    [Fact]
    public async Task Change_ThatFails_HasNoEntry()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var before = (await VerifyAsync(organization.Id)).Rows;
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Delete, "/v1/keys/000000000000")).Status);
        await Assert.ThrowsAsync<InvalidOperationException>(() => sidecar.Get<Database>().WriteAsync<int>(
            transaction =>
            {
                sidecar.Get<AuditLog>().Append(transaction, organization.Id, AuditKind.Exported);
                throw new InvalidOperationException();
            },
            CancellationToken.None));
        Assert.Equal(before, (await VerifyAsync(organization.Id)).Rows);
    }

    /// <summary>Scores, leads and events are no changes of who may do what: the hot path never waits for the chain.</summary>
    [Fact]
    public async Task Work_ScoresLeadsAndEvents_WritesNoEntry()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var before = (await VerifyAsync(organization.Id)).Rows;
        await organization.PutLeadAsync("l-1", new { age = 40 });
        await organization.ScoreAsync(new { lead_id = "l-1" });
        await organization.PostAsync("/v1/events", new { events = new[] { new { lead_id = "l-1", type = "page_view", source = "web", occurred_at = "2026-06-01T00:00:00Z" } } });
        Assert.Equal(before, (await VerifyAsync(organization.Id)).Rows);
    }

    [Fact]
    public async Task Append_ManyAtOnce_StaysOneChain()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var before = (await VerifyAsync(organization.Id)).Rows;
        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() => AppendAsync(organization.Id, (i % 3) + 1))));
        var verdict = await VerifyAsync(organization.Id);
        Assert.True(verdict.IsWhole, string.Join("; ", verdict.Faults));
        Assert.Equal(before + Enumerable.Range(0, 40).Sum(i => (i % 3) + 1), verdict.Rows);
    }

    /// <summary>Every member of every row, every row gone, every pair changed in place, every row twice, and the end cut off: all are found, by who has the whole database but not the key file.</summary>
    [Fact]
    public async Task Verify_AnythingDoneFromOutside_IsFound()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await AppendAsync(organization.Id, 6);
        var rows = (await ReadAsync(organization.Id)).ToArray();
        var head = (await sidecar.Get<AuditReader>().HeadAsync(organization.Id, CancellationToken.None))!;
        var random = new Random(7);
        var tampered = 0;
        async Task FoundAsync(string what, Func<DbConnection, Task> act)
        {
            await using (var connection = await OpenBareAsync())
            {
                await act(connection);
                var verdict = await VerifyAsync(organization.Id);
                Assert.False(verdict.IsWhole, what);
                await RestoreAsync(connection, organization.Id, rows, head);
            }

            Assert.True((await VerifyAsync(organization.Id)).IsWhole, "The test did not mend what it broke: " + what);
            tampered++;
        }

        for (var i = 0; i < rows.Length; i++)
        {
            var n = rows[i].Sequence;
            foreach (var column in (string[])["at_ms = at_ms + 1", "kind = kind || 'x'", "actor = actor || 'x'", "subject = coalesce(subject, '') || 'x'", "detail = detail || ' '", "previous_hash = @other", "hash = @other"])
                await FoundAsync($"row {n}: {column}", c => c.ExecuteAsync($"update audit_log set {column} where organization_id = @Id and sequence = @n", new { organization.Id, n, other = RandomBytes(random) }));
            await FoundAsync($"row {n} removed", c => c.ExecuteAsync("delete from audit_log where organization_id = @Id and sequence = @n", new { organization.Id, n }));
            // With the numbers behind it closed up.
            await FoundAsync($"row {n} removed, others moved up", async c =>
            {
                await c.ExecuteAsync("delete from audit_log where organization_id = @Id and sequence = @n", new { organization.Id, n });
                foreach (var later in rows.Where(r => r.Sequence > n)) await c.ExecuteAsync("update audit_log set sequence = @to where organization_id = @Id and sequence = @from", new { organization.Id, from = later.Sequence, to = later.Sequence - 1 });
            });
            await FoundAsync($"a row inserted after {n}, others moved down", async c =>
            {
                foreach (var later in rows.Where(r => r.Sequence > n).Reverse()) await c.ExecuteAsync("update audit_log set sequence = @to where organization_id = @Id and sequence = @from", new { organization.Id, from = later.Sequence, to = later.Sequence + 1 });
                await InsertAsync(c, organization.Id, rows[i] with { Sequence = n + 1 });
            });
            for (var j = i + 1; j < rows.Length; j++)
                await FoundAsync($"rows {n} and {rows[j].Sequence} changed places", async c =>
                {
                    await c.ExecuteAsync("delete from audit_log where organization_id = @Id and sequence in (@a, @b)", new { organization.Id, a = n, b = rows[j].Sequence });
                    await InsertAsync(c, organization.Id, rows[i] with { Sequence = rows[j].Sequence });
                    await InsertAsync(c, organization.Id, rows[j] with { Sequence = n });
                });
        }

        // The end cut off, and the head moved back to it, or removed: only the key can seal another one.
        var last = rows[^2];
        await FoundAsync("end cut off", async c =>
        {
            await c.ExecuteAsync("delete from audit_log where organization_id = @Id and sequence > @Sequence", new { organization.Id, last.Sequence });
            await c.ExecuteAsync("update audit_heads set sequence = @Sequence, hash = @Hash where organization_id = @Id", new { organization.Id, last.Sequence, last.Hash });
        });
        await FoundAsync("head removed", c => c.ExecuteAsync("delete from audit_heads where organization_id = @Id", new { organization.Id }));
        await FoundAsync("all removed", async c =>
        {
            await c.ExecuteAsync("delete from audit_log where organization_id = @Id", new { organization.Id });
        });
        // A whole chain written anew from a row on, each hash right: the seal is not.
        await FoundAsync("written anew", async c =>
        {
            var previous = rows[1].PreviousHash;
            foreach (var row in rows.Skip(1))
            {
                var forged = row with { Actor = "key 000000000000", PreviousHash = previous };
                forged = forged with { Hash = forged.Digest(organization.Id) };
                previous = forged.Hash;
                await c.ExecuteAsync("update audit_log set actor = @Actor, previous_hash = @PreviousHash, hash = @Hash where organization_id = @Id and sequence = @Sequence", new { organization.Id, forged.Actor, forged.PreviousHash, forged.Hash, forged.Sequence });
            }

            await c.ExecuteAsync("update audit_heads set hash = @previous where organization_id = @Id", new { organization.Id, previous });
        });
        Assert.True(tampered > 100, $"{tampered}");
    }

    /// <summary>What is appended after somebody was at the end does not bless it.</summary>
    [Fact]
    public async Task Append_AfterTheEndWasCutOff_IsFoundStill()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await AppendAsync(organization.Id, 3);
        var rows = await ReadAsync(organization.Id);
        await using (var connection = await OpenBareAsync())
        {
            await connection.ExecuteAsync("delete from audit_log where organization_id = @Id and sequence = @Sequence", new { organization.Id, rows[^1].Sequence });
            await connection.ExecuteAsync("update audit_heads set sequence = @Sequence, hash = @Hash where organization_id = @Id", new { organization.Id, rows[^2].Sequence, rows[^2].Hash });
        }

        await AppendAsync(organization.Id, 1);
        var verdict = await VerifyAsync(organization.Id);
        Assert.False(verdict.IsWhole);
        Assert.Contains(verdict.Faults, f => f.Detail.Contains("not sealed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Verify_RowThatWasWrittenDown_MustBeThere()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var head = await VerifyAsync(organization.Id);
        await AppendAsync(organization.Id, 2);
        Assert.True((await VerifyAsync(organization.Id, (head.Last, head.Head!))).IsWhole);
        Assert.False((await VerifyAsync(organization.Id, (head.Last, new string('0', 64)))).IsWhole);
        Assert.False((await VerifyAsync(organization.Id, (head.Last + 10, head.Head!))).IsWhole);
    }

    [Fact]
    public async Task Table_UpdateAndDelete_AreRefused()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await using var connection = await sidecar.Get<Database>().OpenConnectionAsync(CancellationToken.None);
        foreach (var sql in (string[])["update audit_log set actor = 'x' where organization_id = @Id", "delete from audit_log where organization_id = @Id"])
            Assert.Contains("audit_log takes no", (await Assert.ThrowsAnyAsync<DbException>(() => connection.ExecuteAsync(sql, new { organization.Id }))).Message);
    }

    [Fact]
    public async Task Cut_OldEnd_LeavesAChainThatProvesItself()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await AppendAsync(organization.Id, 5);
        await Task.Delay(5);
        var middle = sidecar.Get<TimeProvider>().GetUtcNow();
        await Task.Delay(5);
        await AppendAsync(organization.Id, 3);
        var before = await VerifyAsync(organization.Id);
        Assert.Equal(before.Rows - 3, await sidecar.Get<CutChain>().RunAsync(organization.Id, middle.ToUnixTimeMilliseconds(), CancellationToken.None));
        var after = await VerifyAsync(organization.Id);
        Assert.True(after.IsWhole, string.Join("; ", after.Faults));
        Assert.Equal((4, before.Last - 2, before.Last + 1), (after.Rows, after.First, after.Last));
        Assert.Equal("audit.cut", (await EntriesAsync(organization))[^1].Text("kind"));
        // Nothing more is that old, and without the mark the rest hangs in the air.
        Assert.Equal(0, await sidecar.Get<CutChain>().RunAsync(organization.Id, middle.ToUnixTimeMilliseconds(), CancellationToken.None));
        await using var connection = await OpenBareAsync();
        await connection.ExecuteAsync("delete from audit_anchors where organization_id = @Id", new { organization.Id });
        Assert.False((await VerifyAsync(organization.Id)).IsWhole);
        await Assert.ThrowsAsync<StorageException>(() => sidecar.Get<CutChain>().RunAsync(organization.Id, long.MaxValue, CancellationToken.None));
    }

    /// <summary>Whoever has the export can prove it without this program: the hash is of what the lines say.</summary>
    [Fact]
    public async Task Export_Lines_ProveThemselves()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await AppendAsync(organization.Id, 3);
        using var response = await organization.Client.GetAsync("/v1/audit?format=ndjson");
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType!.MediaType);
        var lines = (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonElement.Parse(l)).ToArray();
        var previous = new string('0', 64);
        foreach (var line in lines)
        {
            Assert.Equal(previous, line.Text("previous_hash"));
            string[] members = ["audit 1", line.Text("organization_id")!, line.GetProperty("sequence").GetRawText(), line.GetProperty("at_ms").GetRawText(), line.Text("kind")!, line.Text("actor")!, line.Text("subject") is { Length: > 0 } subject ? subject : "-", line.Text("detail")!, previous];
            var text = string.Concat(members.Select(m => $"{Encoding.UTF8.GetByteCount(m)}:{m}"));
            previous = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
            Assert.Equal(previous, line.Text("hash"));
        }

        Assert.Equal("data.exported", lines[^1].Text("kind"));
    }

    [Fact]
    public async Task List_PagesAndFilters_HoldWhatWasAskedFor()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await AppendAsync(organization.Id, 5);
        var seen = new List<long>();
        for (string? cursor = ""; cursor is not null;)
        {
            var (_, page) = await organization.GetAsync("/v1/audit?limit=3" + (cursor.Length > 0 ? "&cursor=" + cursor : ""));
            seen.AddRange(page.GetProperty("entries").EnumerateArray().Select(e => e.GetProperty("sequence").GetInt64()));
            cursor = page.Text("next_cursor");
        }

        Assert.Equal(Enumerable.Range(1, 8).Select(i => (long)i).Reverse(), seen);
        Assert.Equal(5, (await EntriesAsync(organization, "&kind=data.exported")).Count);
        Assert.Equal(5, (await EntriesAsync(organization, "&kind=data.")).Count);
        Assert.Empty(await EntriesAsync(organization, "&actor=nobody"));
        Assert.Empty(await EntriesAsync(organization, "&until=2020-01-01"));
        Assert.Equal(8, (await EntriesAsync(organization, "&since=2020-01-01T00:00:00Z")).Count);
        foreach (var bad in (string[])["limit=0", "cursor=x", "format=xml", "kind="]) Assert.Equal(HttpStatusCode.BadRequest, (await organization.GetAsync("/v1/audit?" + bad)).Status);
    }

    [Fact]
    public async Task Refusals_OfAMinute_AreOneEntry()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var small = await organization.WithScopeAsync(ApiScope.Score);
        for (var i = 0; i < 3; i++) Assert.Equal(HttpStatusCode.Forbidden, (await small.GetAsync("/v1/keys")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await sidecar.With(small.Key with { Secret = new string('A', 43) }).GetAsync("/v1/leads")).StatusCode);
        await sidecar.Get<RefusedAccess>().WriteAsync(CancellationToken.None);
        var entries = await EntriesAsync(organization, "&kind=access.refused");
        Assert.Equal(["scope 3", "wrong_secret 1"], entries.Select(e => $"{e.GetProperty("detail").Text("reason")} {e.GetProperty("detail").Int("count")}").Order());
        Assert.All(entries, e => Assert.Equal($"key {small.Key.KeyId}", e.Text("actor")));
    }

    [Fact]
    public async Task Command_VerifyExportAndCut_SayWhatIs()
    {
        using var run = new CommandRun();
        Assert.Equal(0, (await run.WithDataAsync("keys", "create", "--organization", "acme")).Code);
        var verified = await run.WithDataAsync("audit", "verify");
        Assert.Equal(0, verified.Code);
        Assert.Contains("acme: whole, 3 rows, 1 to 3", verified.Output);
        Assert.Equal(0, (await run.WithDataAsync("audit", "verify", "--organization", "acme", "--known", verified.Output.Trim().Split(' ')[^1])).Code);
        CommandRun.AssertOneLine(await run.WithDataAsync("audit", "verify", "--organization", "acme", "--known", "3:" + new string('0', 64)), "written down");
        Assert.Contains("\"actor\":\"command keys create\"", (await run.WithDataAsync("audit", "export", "--organization", "acme")).Output);
        Assert.Contains("Removed 0 rows", (await run.WithDataAsync("audit", "cut", "--organization", "acme", "--before", "2020-01-01")).Output);
    }

    private async Task<List<AuditEntry>> ReadAsync(string organizationId)
    {
        var rows = new List<AuditEntry>();
        await foreach (var row in sidecar.Get<AuditReader>().ReadAsync(organizationId, new AuditFilter(), CancellationToken.None)) rows.Add(row);
        return rows;
    }

    /// <summary>Somebody who may do anything in the database: the guards are taken away first.</summary>
    private async Task<DbConnection> OpenBareAsync()
    {
        var database = sidecar.Get<Database>();
        var connection = await database.OpenConnectionAsync(CancellationToken.None);
        if (database.IsPostgres)
            await connection.ExecuteAsync("alter table audit_log disable trigger user; alter table audit_anchors disable trigger user");
        else
        {
            foreach (var trigger in (string[])["audit_log_no_update", "audit_log_no_delete", "audit_anchors_no_update", "audit_anchors_no_delete"]) await connection.ExecuteAsync($"drop trigger if exists {trigger}");
        }

        return connection;
    }

    private static async Task RestoreAsync(DbConnection connection, string organizationId, AuditEntry[] rows, AuditMark head)
    {
        await connection.ExecuteAsync("delete from audit_log where organization_id = @organizationId", new { organizationId });
        foreach (var row in rows) await InsertAsync(connection, organizationId, row);
        await connection.ExecuteAsync("delete from audit_heads where organization_id = @organizationId", new { organizationId });
        await connection.ExecuteAsync("insert into audit_heads (organization_id, sequence, hash, seal) values (@organizationId, @Sequence, @Hash, @Seal)", new { organizationId, head.Sequence, head.Hash, head.Seal });
    }

    private static Task InsertAsync(DbConnection connection, string organizationId, AuditEntry row) => connection.ExecuteAsync(
        "insert into audit_log (organization_id, sequence, at_ms, kind, actor, subject, detail, previous_hash, hash) values (@organizationId, @Sequence, @AtMs, @Kind, @Actor, @Subject, @Detail, @PreviousHash, @Hash)",
        new { organizationId, row.Sequence, row.AtMs, row.Kind, row.Actor, row.Subject, row.Detail, row.PreviousHash, row.Hash });

    private static byte[] RandomBytes(Random random)
    {
        var bytes = new byte[32];
        random.NextBytes(bytes);
        return bytes;
    }
}
