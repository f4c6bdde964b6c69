using System.Globalization;
using System.Text;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Feedback;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Webhooks;

namespace LeadScoring.Sidecar.Tests.Privacy;

/// <summary>A person who is planted in every store of an organization, and how traces of it are looked for.</summary>
internal sealed class Canary(SidecarFactory sidecar, TestOrganization organization)
{
    internal const string Id = "canary-7f3a9c";
    internal const string Merged = "canary-merged-51b0";
    internal const string Email = "zora.kanarek@canary.example";
    internal const string RecordId = "990017734421";
    internal const string Name = "Zora Kanarekova";
    internal const string Phone = "+49 170 5550199";

    internal static readonly string[] Words = [Id, Merged, Email, RecordId, Name, Phone];

    /// <summary>All that must be found nowhere: the words, and the hashes by which a list of learned leads or the e-mail index would know the person.</summary>
    internal static IEnumerable<(string What, byte[] Bytes)> Needles =>
    [
        .. Words.Select(w => (w, Encoding.UTF8.GetBytes(w))), ("StableHash of the id", BitConverter.GetBytes(StableHash.Of(Id))),
        ("hash of the e-mail address", Encoding.UTF8.GetBytes(Sidecar.Leads.Trace.HashOfEmail(Email))),
    ];

    internal async Task PlantAsync()
    {
        var database = sidecar.Get<Database>();
        // Neighbours on both sides, and rows that grow: pages are split, rows are moved.
        var filler = new string('x', 300);
        await organization.PostAsync("/v1/leads/batch", new { leads = Enumerable.Range(0, 300).Select(i => new { lead_id = $"can{i:000}", attributes = new { notes = filler } }) });
        var (webhookId, _) = await organization.SubscribeAsync(new Uri("http://127.0.0.1:9/"), ["score.updated", "grade.changed"]);
        for (var round = 1; round <= 4; round++)
        {
            await KeyedAsync(HttpMethod.Put, "/v1/leads/" + Id, new { attributes = new { name = Name, email = Email, phone = Phone, call_count = round, notes = string.Concat(Enumerable.Repeat($"{Name}, {Phone}. ", 4 * round)) } }, $"put-{Id}-{round}");
            await organization.PostAsync("/v1/leads/batch", new { leads = Enumerable.Range(0, 60).Select(i => new { lead_id = $"canary-7f{(char)('a' + (i % 26))}{round}{i}", attributes = new { notes = filler } }) });
        }

        await KeyedAsync(HttpMethod.Post, "/v1/leads/batch", new { leads = new[] { new { lead_id = Id, attributes = new { city = "Kanarek" } }, new { lead_id = "can001", attributes = new { city = "Other" } } } }, "batch-of-two");
        await organization.PutLeadAsync(Merged, new { email = Email, call_count = 1 });
        await KeyedAsync(HttpMethod.Post, "/v1/events", new
        {
            events = Enumerable.Range(0, 30).Select(i => new { event_id = $"{Id}-visit-{i}", lead_id = Id, type = "page_view", source = "website", occurred_at = $"2026-05-{1 + (i % 28):00}", properties = new { mail = Email, note = filler } }),
        }, "events-of-one");
        await organization.PostAsync("/v1/outcomes", new { lead_id = Id, converted = false, occurred_at = "2026-06-01", stage = $"lost to {Name}" });
        await organization.PostAsync("/v1/outcomes", new { lead_id = Id, reversed = true });
        await organization.PostAsync("/v1/outcomes", new { lead_id = Id, converted = false, occurred_at = "2026-06-02", stage = $"lost to {Name}", source = "phone" });
        await organization.ImportAsync("leads", $"id,name,email,phone\n{Id},{Name},{Email},{Phone}\nother,Somebody,else@example.com,1\n");
        for (var i = 0; i < 3; i++) await organization.ScoreAsync(new { lead_id = Id, lead = new { call_count = 9 * i, showing_requests = i } });
        await organization.GetAsync($"/v1/leads/{Id}/score");
        await organization.PostAsync("/v1/score", new { lead_id = Id, scoring_type = "quick" });
        await KeyedAsync(HttpMethod.Post, "/v1/feedback", new { lead_id = Id, verdict = "bad", reason = $"{Name} hung up", by = "ann" }, "feedback-1");
        await KeyedAsync(HttpMethod.Put, $"/v1/leads/{Id}/override", new { grade = "A", reason = $"{Name} is a friend", by = "ann" }, "override-1");
        await organization.PostAsync($"/v1/leads/{Id}/actions", new { action_id = "call", taken_at = "2026-06-02", channel = "phone" });
        await sidecar.Get<SelectReviews>().RunAsync(organization.Id, CancellationToken.None);
        await database.WriteAsync(t => PlantRowsAsync(t, webhookId), CancellationToken.None);
    }

    private async Task KeyedAsync(HttpMethod method, string path, object body, string key)
    {
        using var request = new HttpRequestMessage(method, path) { Content = System.Net.Http.Json.JsonContent.Create(body) };
        request.Headers.Add("Idempotency-Key", key);
        using var response = await organization.Client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>What connectors, checks and workers leave behind, without their worlds around them.</summary>
    private async Task PlantRowsAsync(WriteTransaction transaction, string webhookId)
    {
        var activity = System.Text.Json.JsonSerializer.Serialize(new LeadScoring.Connectors.ActivityRecord("act-1", null, Email, "email_open", "email", DateTimeOffset.UnixEpoch));
        var learned = Sidecar.Models.LearnedLeads.Of([Id, "can001", "can002"]);
        string[] statements =
        [
            "insert into reviews (organization_id, review_id, lead_id, change, is_random, is_low_confidence, selection_probability, score, grade, probability, confidence, scored_at_ms, selected_at_ms, comment) values (@org, 'r-canary', @id, 1, 1, 0, 1, 5, 'D', 0.1, 0.1, 1, 1, @name)",
            "insert into lead_links (organization_id, connector, record_id, lead_id, is_primary, is_deleted, linked_by, linked_at_ms) values (@org, 'crm', @record, @id, 1, 0, 'new', 1)",
            "insert into lead_emails (organization_id, email_hash, lead_id) values (@org, @hash, @id)",
            "insert into lead_merges (organization_id, merge_id, lead_id, merged_lead_id, connector, reason, merged_at_ms) values (@org, 'm-1', @id, @merged, 'crm', 'email', 1)",
            "insert into lead_merge_parts (organization_id, merge_id, kind, connector, part_id) values (@org, 'm-1', 'link', 'crm', @record)",
            "insert into write_backs (organization_id, connector, record_id, lead_id, status, attempts, next_attempt_ms, lease_until_ms) values (@org, 'crm', @record, @id, 'dead', 3, 0, 0)",
            "insert into connector_inbound (organization_id, connector, event_id, kind, record_id, status, attempts, next_attempt_ms, received_at_ms) values (@org, 'crm', 'e1', 'contact_changed', @record, 'done', 0, 0, 1)",
            "insert into connector_inbound (organization_id, connector, event_id, kind, record_id, payload, status, attempts, next_attempt_ms, received_at_ms) values (@org, 'crm', 'e2', 'activity', '', @activity, 'pending', 0, 0, 1)",
            "insert into connector_deals (organization_id, connector, deal_id, state, amount, stage) values (@org, 'crm', 'deal-of-canary', 'lost', 5, @name)",
            "insert into connector_deal_contacts (organization_id, connector, deal_id, record_id) values (@org, 'crm', 'deal-of-canary', @record)",
            "insert into experiment_leads (organization_id, experiment_id, lead_id, is_challenger, exposed_at_ms, place, is_waiting) values (@org, 'x', @id, 0, 1, 0, 0)",
            "insert into drift_alarm_leads (organization_id, alarm_id, lead_id) values (@org, 'a', @id)",
            "insert into monitoring_reports (organization_id, report, asked, is_default, as_of_ms, body) values (@org, 'business', 'x', 0, 1, @name)",
            "insert into rescoring_claims (organization_id, lead_id, token, until_ms, failures, reason) values (@org, @id, '', 0, 1, 'failed')",
            "insert into rescoring_runs (organization_id, run_id, reason, status, position, done, total, changed, moves, token, until_ms, created_at_ms, updated_at_ms) values (@org, 'run', 'request', 'cancelled', @id, 1, 1, 0, '{}', '', 0, 1, 1)",
            "insert into retention_progress (organization_id, kind, cutoff_ms, position, is_done) values (@org, 'scores', 1, @id, 0)",
            "update webhook_deliveries set status = 'dead', failure = 'refused' where organization_id = @org and webhook_id = @webhookId and sequence = 1",
            "insert into model_bundles (organization_id, version, bundle, learned_from) values (@org, 901, @learned, @learned)",
        ];
        var values = new { org = organization.Id, id = Id, merged = Merged, record = RecordId, name = Name, hash = Sidecar.Leads.Trace.HashOfEmail(Email), activity, learned, webhookId };
        foreach (var sql in statements) await transaction.ExecuteAsync(sql, values, CancellationToken.None);
        // The bundle itself is none here, and knows nobody.
        await transaction.ExecuteAsync("update model_bundles set bundle = @none where version = 901", new { none = new byte[1] }, CancellationToken.None);
    }

    /// <summary>Tables of the schema, without their partitions.</summary>
    internal static async Task<IReadOnlyList<string>> TablesAsync(Database database)
    {
        const string Sqlite = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name";
        const string Postgres = "select c.relname::text from pg_class c where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = current_schema()::regnamespace and c.relname not like 'qrtz_%' order by 1";
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        return [.. await connection.QueryAsync<string>(database.IsPostgres ? Postgres : Sqlite)];
    }

    /// <summary>Every value of every row of every table, as bytes.</summary>
    internal static async Task<Dictionary<string, byte[]>> DumpAsync(Database database)
    {
        var dump = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var table in await TablesAsync(database)) dump[table] = await DumpAsync(database, $"select * from {table}");
        if (database.IsPostgres) dump["pg_stats"] = await DumpAsync(database, "select tablename, attname, most_common_vals::text, histogram_bounds::text from pg_stats where schemaname = current_schema()");
        return dump;
    }

    private static async Task<byte[]> DumpAsync(Database database, string sql)
    {
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        await using var rows = await connection.ExecuteReaderAsync(sql);
        using var bytes = new MemoryStream();
        while (await rows.ReadAsync())
        {
            for (var i = 0; i < rows.FieldCount; i++)
            {
                bytes.Write(rows.GetValue(i) switch { byte[] blob => blob, DBNull => [], var value => Encoding.UTF8.GetBytes(Convert.ToString(value, CultureInfo.InvariantCulture)!) });
                bytes.WriteByte((byte)'|');
            }
        }

        return bytes.ToArray();
    }

    /// <summary>What of the person is in some bytes.</summary>
    internal static IReadOnlyList<string> FindIn(byte[] bytes) => [.. Needles.Where(n => bytes.AsSpan().IndexOf(n.Bytes) >= 0).Select(n => n.What)];
}
