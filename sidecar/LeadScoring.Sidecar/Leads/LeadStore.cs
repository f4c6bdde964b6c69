using System.Runtime.CompilerServices;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Leads;

/// <summary>The leads table: attributes, the fold of each lead's activity, and which leads changed since they were scored.</summary>
internal sealed class LeadStore(Database database, Tombstones tombstones, TimeProvider time)
{
    // Well under SQLite's 32,766 parameters, and few enough texts of statements to be cached.
    private const int IdsPerQuery = 500;

    internal async Task<StoredLead?> GetAsync(string organizationId, string leadId, CancellationToken cancellationToken) =>
        (await GetManyAsync(organizationId, [leadId], cancellationToken)).GetValueOrDefault(leadId);

    /// <summary>Those of the leads that exist, by id.</summary>
    internal async Task<Dictionary<string, StoredLead>> GetManyAsync(
        string organizationId, IReadOnlyCollection<string> leadIds, CancellationToken cancellationToken, Func<string, StoredLead?>? known = null)
    {
        var sql = $"select {StoredLead.Columns} from leads where organization_id = @organizationId and lead_id {database.AnyOf("ids")}";
        var found = new Dictionary<string, StoredLead>(leadIds.Count, StringComparer.Ordinal);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        foreach (var ids in leadIds.Distinct(StringComparer.Ordinal).Chunk(IdsPerQuery))
        {
            await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(sql, new { organizationId, ids }, cancellationToken: cancellationToken));
            while (await rows.ReadAsync(cancellationToken))
            {
                var lead = StoredLead.Read(rows, known);
                found[lead.LeadId] = lead;
            }
        }

        return found;
    }

    /// <summary>All leads in the order of their ids, from one consistent moment.</summary>
    internal async IAsyncEnumerable<StoredLead> StreamAllAsync(string organizationId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Sql = $"select {StoredLead.Columns} from leads where organization_id = @organizationId order by lead_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken)) yield return StoredLead.Read(rows);
    }

    /// <summary>The leads that changed last, the latest first.</summary>
    internal async IAsyncEnumerable<StoredLead> StreamRecentAsync(string organizationId, int limit, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Sql = $"select {StoredLead.Columns} from leads where organization_id = @organizationId order by updated_at_ms desc, lead_id desc limit @limit";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var rows = await connection.ExecuteReaderAsync(new CommandDefinition(Sql, new { organizationId, limit }, cancellationToken: cancellationToken));
        while (await rows.ReadAsync(cancellationToken)) yield return StoredLead.Read(rows);
    }

    internal async Task<long> CountAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select count(*) from leads where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
    }

    /// <summary>Until the transaction ends nobody else changes these leads. All that a transaction needs go into one call: then two transactions never wait for each other in a circle.</summary>
    internal static async Task LockAsync(WriteTransaction transaction, string organizationId, IEnumerable<string> leadIds, CancellationToken cancellationToken)
    {
        // Elsewhere there is one writer.
        if (transaction.IsPostgres) await ExistingAsync(transaction, organizationId, leadIds, cancellationToken);
    }

    /// <summary>Those of the ids that exist; locked as by <see cref="LockAsync"/>.</summary>
    internal static async Task<HashSet<string>> ExistingAsync(WriteTransaction transaction, string organizationId, IEnumerable<string> leadIds, CancellationToken cancellationToken)
    {
        if (transaction.IsPostgres)
        {
            const string Sql = "select lead_id from leads where organization_id = @organizationId and lead_id = any(@ids) order by lead_id for update";
            var ids = leadIds.Distinct(StringComparer.Ordinal).ToArray();
            return ids.Length == 0 ? new(StringComparer.Ordinal) : new(await transaction.Connection.QueryAsync<string>(transaction.Command(Sql, new { organizationId, ids }, cancellationToken)), StringComparer.Ordinal);
        }

        using var select = transaction.Prepare("select 1 from leads where organization_id = @organizationId and lead_id = @leadId", "organizationId", "leadId");
        select.Set(0, organizationId);
        var existing = new HashSet<string>(StringComparer.Ordinal);
        foreach (var leadId in leadIds)
        {
            await using var row = await select.Set(1, leadId).QueryAsync(cancellationToken);
            if (await row.ReadAsync(cancellationToken)) existing.Add(leadId);
        }

        return existing;
    }

    /// <summary>Merges attributes in order (a later write of the same lead sees the earlier one). One result per write; what is of somebody erased is rejected.</summary>
    /// <param name="erased">Receives the ids of leads that were rejected because their person was erased.</param>
    internal async Task<IReadOnlyList<LeadWriteStatus>> UpsertAsync(
        WriteTransaction transaction, string organizationId, IReadOnlyList<LeadWrite> writes, CancellationToken cancellationToken, ISet<string>? erased = null)
    {
        var found = await tombstones.FindAsync(transaction, organizationId, writes.SelectMany(Trace.Of), cancellationToken);
        if (found.Count == 0) return await StoreAsync(transaction, organizationId, writes, cancellationToken);
        // A lead that is here and has an address in common with somebody erased is somebody else, until he is erased too.
        var existing = await ExistingAsync(transaction, organizationId, writes.Select(w => w.LeadId), cancellationToken);
        Trace[] RefusedBy(LeadWrite write) => [.. Trace.Of(write).Where(t => found.Contains(t) && (t.IsLead || !existing.Contains(write.LeadId)))];
        await tombstones.CountAsync(transaction, organizationId, [.. writes.SelectMany(RefusedBy).Distinct()], cancellationToken);
        int[] kept = [.. Enumerable.Range(0, writes.Count).Where(i => RefusedBy(writes[i]).Length == 0)];
        erased?.UnionWith(writes.Where(w => RefusedBy(w).Length > 0).Select(w => w.LeadId));
        var results = new LeadWriteStatus[writes.Count];
        Array.Fill(results, LeadWriteStatus.Rejected);
        var stored = await StoreAsync(transaction, organizationId, [.. kept.Select(i => writes[i])], cancellationToken);
        for (var i = 0; i < kept.Length; i++) results[kept[i]] = stored[i];
        return results;
    }

    private async Task<IReadOnlyList<LeadWriteStatus>> StoreAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<LeadWrite> writes, CancellationToken cancellationToken)
    {
        const string Select = "select attributes, created_at_ms from leads where organization_id = @organizationId and lead_id = @leadId";
        const string Insert = """
            insert into leads (organization_id, lead_id, attributes, created_at_ms, updated_at_ms, activity, revision, is_stale, stale_since_ms)
            values (@organizationId, @leadId, @attributes, @createdAtMs, @nowMs, @empty, 1, 1, @nowMs)
            on conflict (organization_id, lead_id) do nothing
            """;
        const string Update = """
            update leads
            set attributes = @attributes, created_at_ms = @createdAtMs, updated_at_ms = @nowMs, revision = revision + 1,
                is_stale = 1, stale_since_ms = coalesce(stale_since_ms, @nowMs)
            where organization_id = @organizationId and lead_id = @leadId
            """;
        foreach (var write in writes) transaction.Touch(organizationId, write.LeadId);
        var results = new LeadWriteStatus[writes.Count];
        IEnumerable<int> left = transaction.IsPostgres ? await UpsertManyAsync(transaction, organizationId, writes, results, cancellationToken) : Enumerable.Range(0, writes.Count);
        using var select = transaction.Prepare($"{Select} {transaction.ForUpdate}", "organizationId", "leadId").Set(0, organizationId);
        using var insert = transaction.Prepare(Insert, "organizationId", "leadId", "attributes", "createdAtMs", "nowMs", "empty")
            .Set(0, organizationId).Set(4, time.NowMs()).Set(5, Array.Empty<byte>());
        using var update = transaction.Prepare(Update, "organizationId", "leadId", "attributes", "createdAtMs", "nowMs").Set(0, organizationId).Set(4, time.NowMs());
        foreach (var i in left) results[i] = await UpsertAsync(writes[i], select, insert, update, cancellationToken);
        return results;
    }

    /// <summary>Some leads whose activity was folded by rules of an earlier version, from one organization; empty when there are none.</summary>
    internal async Task<(string OrganizationId, IReadOnlyList<string> LeadIds)> FoldedBeforeAsync(int version, int limit, CancellationToken cancellationToken)
    {
        const string Sql = "select organization_id, lead_id from leads where fold_version < @version order by organization_id, lead_id limit @limit";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var found = (await connection.QueryAsync<(string OrganizationId, string LeadId)>(new CommandDefinition(Sql, new { version, limit }, cancellationToken: cancellationToken))).AsList();
        return found.Count == 0 ? ("", []) : (found[0].OrganizationId, [.. found.Where(f => f.OrganizationId == found[0].OrganizationId).Select(f => f.LeadId)]);
    }

    /// <summary>Puts activity that was folded anew in the place of the old; a lead that it changes goes on the queue.</summary>
    internal static async Task SetActivityAsync(WriteTransaction transaction, string organizationId, IReadOnlyDictionary<string, ActivityState> states, int version, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            update leads set fold_version = @version, activity = @activity, bot_events = @botEvents,
                revision = case when activity = @activity then revision else revision + 1 end,
                is_stale = case when activity = @activity then is_stale else 1 end,
                stale_since_ms = case when activity = @activity then stale_since_ms else coalesce(stale_since_ms, @nowMs) end
            where organization_id = @organizationId and lead_id = @leadId
            """;
        foreach (var (leadId, state) in states.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            transaction.Touch(organizationId, leadId);
            await transaction.ExecuteAsync(Sql, new { organizationId, leadId, activity = state.ToBytes(), botEvents = state.BotEvents + state.BurstEvents, version, nowMs }, cancellationToken);
        }
    }

    private sealed record Known
    {
        public string LeadId { get; init; } = "";
        public string Attributes { get; init; } = "";
        public long? CreatedAtMs { get; init; }
        public bool IsNew { get; init; }
    }

    /// <summary>Three statements for any number of leads.</summary>
    /// <returns>Writes of leads that somebody else made this moment: there is something to merge into now.</returns>
    private async Task<List<int>> UpsertManyAsync(
        WriteTransaction transaction, string organizationId, IReadOnlyList<LeadWrite> writes, LeadWriteStatus[] results, CancellationToken cancellationToken)
    {
        const string Select = """
            select lead_id as LeadId, attributes as Attributes, created_at_ms as CreatedAtMs from leads
            where organization_id = @organizationId and lead_id = any(@ids) order by lead_id for update
            """;
        const string Update = """
            update leads
            set attributes = n.attributes, created_at_ms = n.created_at_ms, updated_at_ms = @nowMs, revision = leads.revision + 1, is_stale = 1, stale_since_ms = coalesce(leads.stale_since_ms, @nowMs)
            from unnest(@ids, @attributes, @createdAtMs) as n (lead_id, attributes, created_at_ms)
            where leads.organization_id = @organizationId and leads.lead_id = n.lead_id
            """;
        const string Insert = """
            insert into leads (organization_id, lead_id, attributes, created_at_ms, updated_at_ms, activity, revision, is_stale, stale_since_ms)
            select @organizationId, n.lead_id, n.attributes, n.created_at_ms, @nowMs, '', 1, 1, @nowMs from unnest(@ids, @attributes, @createdAtMs) as n (lead_id, attributes, created_at_ms)
            on conflict (organization_id, lead_id) do nothing
            returning lead_id
            """;
        var ids = writes.Select(w => w.LeadId).Distinct(StringComparer.Ordinal).ToArray();
        var known = (await transaction.Connection.QueryAsync<Known>(transaction.Command(Select, new { organizationId, ids }, cancellationToken))).ToDictionary(k => k.LeadId, StringComparer.Ordinal);
        var changed = new SortedDictionary<string, Known>(StringComparer.Ordinal);
        for (var i = 0; i < writes.Count; i++)
        {
            var write = writes[i];
            var before = known.GetValueOrDefault(write.LeadId);
            var merged = LeadAttributes.Merge(before?.Attributes ?? "{}", write.Attributes, out var count);
            var after = new Known { LeadId = write.LeadId, Attributes = merged, CreatedAtMs = write.CreatedAtMs ?? before?.CreatedAtMs, IsNew = before?.IsNew ?? true };
            results[i] = count > LeadAttributes.MaxCount ? LeadWriteStatus.Rejected : before is null ? LeadWriteStatus.Created : after == before ? LeadWriteStatus.Unchanged : LeadWriteStatus.Updated;
            if (results[i] is LeadWriteStatus.Created or LeadWriteStatus.Updated) known[write.LeadId] = changed[write.LeadId] = after;
        }

        object Parameters(Known[] part) => new
        {
            organizationId, nowMs = time.NowMs(), ids = Array.ConvertAll(part, k => k.LeadId), attributes = Array.ConvertAll(part, k => k.Attributes), createdAtMs = Array.ConvertAll(part, k => k.CreatedAtMs),
        };
        Known[] old = [.. changed.Values.Where(k => !k.IsNew)], made = [.. changed.Values.Where(k => k.IsNew)];
        if (old.Length > 0) await transaction.ExecuteAsync(Update, Parameters(old), cancellationToken);
        if (made.Length == 0) return [];
        var inserted = (await transaction.Connection.QueryAsync<string>(transaction.Command(Insert, Parameters(made), cancellationToken))).ToHashSet(StringComparer.Ordinal);
        return [.. Enumerable.Range(0, writes.Count).Where(i => changed.TryGetValue(writes[i].LeadId, out var k) && k.IsNew && !inserted.Contains(k.LeadId))];
    }

    /// <summary>Closes leads (an outcome came in) or opens them again (it was taken back); an opened lead goes on the queue.</summary>
    internal async Task SetClosedAsync(WriteTransaction transaction, string organizationId, IReadOnlyCollection<(string LeadId, bool Closed)> leads, CancellationToken cancellationToken)
    {
        static string Sql(string closedAtMs) => $"""
            update leads
            set closed_at_ms = {closedAtMs},
                is_stale = case when cast({closedAtMs} as bigint) is null then 1 else is_stale end,
                stale_since_ms = case when cast({closedAtMs} as bigint) is null then coalesce(stale_since_ms, @nowMs) else stale_since_ms end
            """;
        const string Of = "where leads.organization_id = @organizationId and leads.lead_id =";
        var nowMs = time.NowMs();
        foreach (var (leadId, _) in leads) transaction.Touch(organizationId, leadId);
        if (transaction.IsPostgres)
        {
            var sql = $"{Sql("n.closed_at_ms")} from unnest(@ids, @closedAtMs) as n (lead_id, closed_at_ms) {Of} n.lead_id";
            await transaction.ExecuteAsync(sql, new { organizationId, nowMs, ids = leads.Select(l => l.LeadId).ToArray(), closedAtMs = leads.Select(l => l.Closed ? nowMs : (long?)null).ToArray() }, cancellationToken);
            return;
        }

        using var update = transaction.Prepare($"{Sql("@closedAtMs")} {Of} @leadId", "organizationId", "leadId", "closedAtMs", "nowMs").Set(0, organizationId).Set(3, nowMs);
        foreach (var (leadId, closed) in leads) await update.Set(1, leadId).Set(2, closed ? nowMs : null).ExecuteAsync(cancellationToken);
    }

    private static async Task<LeadWriteStatus> UpsertAsync(LeadWrite write, PreparedStatement select, PreparedStatement insert, PreparedStatement update, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (attributes, createdAtMs) = await ReadAttributesAsync(select.Set(1, write.LeadId), cancellationToken);
            var merged = LeadAttributes.Merge(attributes ?? "{}", write.Attributes, out var count);
            if (count > LeadAttributes.MaxCount) return LeadWriteStatus.Rejected;
            var created = write.CreatedAtMs ?? createdAtMs;
            if (attributes is not null && merged == attributes && created == createdAtMs) return LeadWriteStatus.Unchanged;
            // Nothing was written: somebody else made the lead this moment, and there is something to merge into now.
            if (await (attributes is null ? insert : update).Set(1, write.LeadId).Set(2, merged).Set(3, created).ExecuteAsync(cancellationToken) == 0) continue;
            return attributes is null ? LeadWriteStatus.Created : LeadWriteStatus.Updated;
        }
    }

    private static async Task<(string? Attributes, long? CreatedAtMs)> ReadAttributesAsync(PreparedStatement select, CancellationToken cancellationToken)
    {
        await using var row = await select.QueryAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? (row.GetString(0), row.IsDBNull(1) ? null : row.GetInt64(1)) : (null, null);
    }
}
