using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Leads;

/// <summary>
/// Folds new events into the activity of their leads. The caller has made sure that none was folded before. Unknown leads are made, without attributes: what a
/// lead does may be known before who it is.
/// </summary>
internal static class LeadFold
{
    private const string InsertInto = "insert into leads (organization_id, lead_id, attributes, created_at_ms, updated_at_ms, activity, bot_events, revision, is_stale, stale_since_ms)";

    // A lead that waits for its score anyway (one that was set aside does not) keeps its place in the indexes: that is most of the cost of a fold. Its score makes up for it.
    private const long WaitingMs = 60_000;
    private const string IsWaiting = "leads.is_stale = 1 and leads.stale_since_ms is not null and leads.closed_at_ms is null and leads.updated_at_ms > @nowMs - @waitingMs";

    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public byte[] Activity { get; init; } = [];
    }

    /// <summary>Activity of those of the leads that exist, for <see cref="WriteAsync"/>; until the transaction ends nobody else changes them. Empty where there is one writer, who reads lead by lead.</summary>
    internal static async Task<Dictionary<string, byte[]>> LockAsync(WriteTransaction transaction, string organizationId, IEnumerable<string> leadIds, CancellationToken cancellationToken)
    {
        const string Sql = "select lead_id as LeadId, activity as Activity from leads where organization_id = @organizationId and lead_id = any(@ids) order by lead_id for update";
        if (!transaction.IsPostgres) return [];
        var ids = leadIds.Distinct(StringComparer.Ordinal).ToArray();
        var rows = await transaction.Connection.QueryAsync<Row>(transaction.Command(Sql, new { organizationId, ids }, cancellationToken));
        return rows.ToDictionary(r => r.LeadId, r => r.Activity, StringComparer.Ordinal);
    }

    internal static async Task WriteAsync(
        WriteTransaction transaction, string organizationId, IReadOnlyDictionary<string, List<ActivityEvent>> newEvents, Dictionary<string, byte[]> locked, long nowMs, CancellationToken cancellationToken)
    {
        foreach (var leadId in newEvents.Keys) transaction.Touch(organizationId, leadId);
        // In the order of the key: neighbouring rows are touched together, and everybody makes new leads in the same order.
        var byLead = newEvents.ToArray();
        Array.Sort(byLead, (a, b) => string.CompareOrdinal(a.Key, b.Key));
        if (transaction.IsPostgres) byLead = await WriteManyAsync(transaction, organizationId, byLead, locked, nowMs, cancellationToken);
        if (byLead.Length > 0) await WriteEachAsync(transaction, organizationId, byLead, nowMs, cancellationToken);
    }

    /// <summary>Two statements for any number of leads.</summary>
    /// <returns>Leads that somebody else made this moment: there is something to fold into now.</returns>
    private static async Task<KeyValuePair<string, List<ActivityEvent>>[]> WriteManyAsync(
        WriteTransaction transaction, string organizationId, KeyValuePair<string, List<ActivityEvent>>[] byLead, Dictionary<string, byte[]> locked, long nowMs, CancellationToken cancellationToken)
    {
        const string Update = $"""
            update leads
            set activity = n.activity, bot_events = n.bot_events, revision = leads.revision + 1, updated_at_ms = case when {IsWaiting} then leads.updated_at_ms else @nowMs end,
                is_stale = 1, stale_since_ms = coalesce(leads.stale_since_ms, @nowMs)
            from unnest(@ids, @activities, @bots) as n (lead_id, activity, bot_events)
            where leads.organization_id = @organizationId and leads.lead_id = n.lead_id
            """;
        const string Insert = $$"""
            {{InsertInto}}
            select @organizationId, n.lead_id, '{}', null, @nowMs, n.activity, n.bot_events, 1, 1, @nowMs from unnest(@ids, @activities, @bots) as n (lead_id, activity, bot_events)
            on conflict (organization_id, lead_id) do nothing
            returning lead_id
            """;
        object Parameters(KeyValuePair<string, List<ActivityEvent>>[] part)
        {
            var states = Array.ConvertAll(part, p => Folded(locked.GetValueOrDefault(p.Key), p.Value));
            return new { organizationId, nowMs, waitingMs = WaitingMs, ids = Array.ConvertAll(part, p => p.Key), activities = Array.ConvertAll(states, s => s.Activity), bots = Array.ConvertAll(states, s => s.Bots) };
        }

        var (known, unknown) = (Array.FindAll(byLead, p => locked.ContainsKey(p.Key)), Array.FindAll(byLead, p => !locked.ContainsKey(p.Key)));
        if (known.Length > 0) await transaction.ExecuteAsync(Update, Parameters(known), cancellationToken);
        if (unknown.Length == 0) return [];
        var made = (await transaction.Connection.QueryAsync<string>(transaction.Command(Insert, Parameters(unknown), cancellationToken))).ToHashSet(StringComparer.Ordinal);
        return Array.FindAll(unknown, p => !made.Contains(p.Key));
    }

    private static async Task WriteEachAsync(
        WriteTransaction transaction, string organizationId, KeyValuePair<string, List<ActivityEvent>>[] byLead, long nowMs, CancellationToken cancellationToken)
    {
        const string Select = $"select activity, case when {IsWaiting} then 1 else 0 end from leads where organization_id = @organizationId and lead_id = @leadId";
        const string Insert = $$"""{{InsertInto}} values (@organizationId, @leadId, '{}', null, @nowMs, @activity, @bots, 1, 1, @nowMs) on conflict (organization_id, lead_id) do nothing""";
        const string Update = """
            update leads set activity = @activity, bot_events = @bots, updated_at_ms = @nowMs, revision = revision + 1, is_stale = 1, stale_since_ms = coalesce(stale_since_ms, @nowMs)
            where organization_id = @organizationId and lead_id = @leadId
            """;
        const string UpdateWaiting = "update leads set activity = @activity, bot_events = @bots, revision = revision + 1 where organization_id = @organizationId and lead_id = @leadId";
        using var select = transaction.Prepare($"{Select} {transaction.ForUpdate}", "organizationId", "leadId", "nowMs", "waitingMs").Set(0, organizationId).Set(2, nowMs).Set(3, WaitingMs);
        using var updateWaiting = transaction.Prepare(UpdateWaiting, "organizationId", "leadId", "activity", "bots").Set(0, organizationId);
        using var insert = transaction.Prepare(Insert, "organizationId", "leadId", "activity", "bots", "nowMs").Set(0, organizationId).Set(4, nowMs);
        using var update = transaction.Prepare(Update, "organizationId", "leadId", "activity", "bots", "nowMs").Set(0, organizationId).Set(4, nowMs);
        foreach (var (leadId, events) in byLead)
        {
            // Nothing was written: the lead came or went this moment, so look again.
            while (true)
            {
                var (stored, isWaiting) = await ReadAsync(select.Set(1, leadId), cancellationToken);
                var (activity, bots) = Folded(stored, events);
                if (await (stored is null ? insert : isWaiting ? updateWaiting : update).Set(1, leadId).Set(2, activity).Set(3, bots).ExecuteAsync(cancellationToken) > 0) break;
            }
        }
    }

    private static (byte[] Activity, int Bots) Folded(byte[]? stored, List<ActivityEvent> events)
    {
        var state = ActivityState.FromBytes(stored);
        foreach (var e in events) state.Fold(e);
        return (state.ToBytes(), state.BotEvents + state.BurstEvents);
    }

    private static async Task<(byte[]? Activity, bool IsWaiting)> ReadAsync(PreparedStatement select, CancellationToken cancellationToken)
    {
        await using var row = await select.QueryAsync(cancellationToken);
        return await row.ReadAsync(cancellationToken) ? (row.GetFieldValue<byte[]>(0), row.GetInt64(1) != 0) : (null, false);
    }
}
