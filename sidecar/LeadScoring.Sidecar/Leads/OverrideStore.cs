using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Leads;

/// <summary>What a person says instead of the machine.</summary>
internal sealed record StoredOverride
{
    public string LeadId { get; init; } = "";
    public int Change { get; init; }
    public string Grade { get; init; } = "";
    public string Reason { get; init; } = "";
    public string SetBy { get; init; } = "";
    public long SetAtMs { get; init; }
    public long? UntilMs { get; init; }
    public string? RemovedBy { get; init; }
    public long? RemovedAtMs { get; init; }
    public double? MachineScore { get; init; }
    public string? MachineGrade { get; init; }
    public double? MachineProbability { get; init; }
    public int? ModelVersion { get; init; }

    internal bool Holds(long nowMs) => RemovedAtMs is null && (UntilMs is null || UntilMs > nowMs);
}

/// <summary>A grade that a person gave a lead. It stands beside the machine's and changes nothing of it.</summary>
/// <param name="Grade">A, B, C or D.</param>
/// <param name="Reason">Why.</param>
/// <param name="By">Who.</param>
/// <param name="SetAt">Since when.</param>
/// <param name="Until">Until when; absent when it holds until it is removed.</param>
public sealed record LeadOverride(string Grade, string Reason, string By, DateTimeOffset SetAt, DateTimeOffset? Until)
{
    internal static LeadOverride? Of(StoredOverride? o) => o is null ? null : new(o.Grade, o.Reason, o.SetBy, Moment.Of(o.SetAtMs), Moment.Of(o.UntilMs));
}

/// <summary>The overrides table. Nothing is overwritten: each is a row of its own.</summary>
internal sealed class OverrideStore(Database database, AuditLog audit, TimeProvider time)
{
    private const string Columns = """
        lead_id as LeadId, change as Change, grade as Grade, reason as Reason, set_by as SetBy, set_at_ms as SetAtMs, until_ms as UntilMs, removed_by as RemovedBy, removed_at_ms as RemovedAtMs,
        machine_score as MachineScore, machine_grade as MachineGrade, machine_probability as MachineProbability, model_version as ModelVersion
        """;

    /// <summary>The one that holds now; null when none does. An older one does not come back when a newer one is over.</summary>
    internal async Task<StoredOverride?> CurrentAsync(string organizationId, string leadId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from overrides where organization_id = @organizationId and lead_id = @leadId order by change desc limit 1";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var newest = await connection.QuerySingleOrDefaultAsync<StoredOverride>(new CommandDefinition(Sql, new { organizationId, leadId }, cancellationToken: cancellationToken));
        return newest?.Holds(time.NowMs()) == true ? newest : null;
    }

    /// <summary>The same for an answer that goes out without it while the database is away.</summary>
    internal async Task<StoredOverride?> HeardAsync(string organizationId, string leadId, CancellationToken cancellationToken)
    {
        try
        {
            return await database.HearAsync(CurrentAsync(organizationId, leadId, cancellationToken), cancellationToken);
        }
        catch (Exception e) when (StorageFaults.IsAway(e))
        {
            return null;
        }
    }

    /// <summary>All of an organization, lead by lead, in the order in which they were set.</summary>
    internal async Task<IReadOnlyList<StoredOverride>> ReadAllAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from overrides where organization_id = @organizationId order by lead_id, change";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StoredOverride>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }

    /// <summary>Sets one; the same again while it holds changes nothing. Null when there is no such lead.</summary>
    internal Task<StoredOverride?> SetAsync(string organizationId, StoredOverride wanted, CancellationToken cancellationToken) => database.WriteAsync(
        async transaction =>
        {
            const string Sql = """
                insert into overrides (organization_id, lead_id, change, grade, reason, set_by, set_at_ms, until_ms, machine_score, machine_grade, machine_probability, model_version)
                values (@organizationId, @LeadId, @Change, @Grade, @Reason, @SetBy, @SetAtMs, @UntilMs, @MachineScore, @MachineGrade, @MachineProbability, @ModelVersion)
                """;
            var newest = await LockedAsync(transaction, organizationId, wanted.LeadId, cancellationToken);
            if (newest.IsUnknownLead) return null;
            if (newest.Row is { } n && n.Holds(wanted.SetAtMs) && (n.Grade, n.Reason, n.SetBy, n.UntilMs) == (wanted.Grade, wanted.Reason, wanted.SetBy, wanted.UntilMs)) return n;
            var added = wanted with { Change = (newest.Row?.Change ?? 0) + 1 };
            await transaction.ExecuteAsync(Sql, new
            {
                organizationId, added.LeadId, added.Change, added.Grade, added.Reason, added.SetBy, added.SetAtMs, added.UntilMs, added.MachineScore, added.MachineGrade, added.MachineProbability, added.ModelVersion,
            }, cancellationToken);
            // Who and why may name people, and are in the row itself, which goes with the lead.
            audit.AppendAboutLead(transaction, organizationId, AuditKind.OverrideSet, added.LeadId, new { added.Grade, machine_grade = added.MachineGrade, until = Moment.Of(added.UntilMs) });
            return added;
        },
        cancellationToken);

    /// <summary>Removes the one that holds; false when none does.</summary>
    internal Task<bool> RemoveAsync(string organizationId, string leadId, string by, CancellationToken cancellationToken) => database.WriteAsync(
        async transaction =>
        {
            const string Sql = "update overrides set removed_by = @by, removed_at_ms = @nowMs where organization_id = @organizationId and lead_id = @leadId and change = @Change";
            var (row, _) = await LockedAsync(transaction, organizationId, leadId, cancellationToken);
            var nowMs = time.NowMs();
            if (row?.Holds(nowMs) != true) return false;
            await transaction.ExecuteAsync(Sql, new { organizationId, leadId, by, nowMs, row.Change }, cancellationToken);
            audit.AppendAboutLead(transaction, organizationId, AuditKind.OverrideRemoved, leadId, new { row.Grade });
            return true;
        },
        cancellationToken);

    private static async Task<(StoredOverride? Row, bool IsUnknownLead)> LockedAsync(WriteTransaction transaction, string organizationId, string leadId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from overrides where organization_id = @organizationId and lead_id = @leadId order by change desc limit 1";
        if ((await LeadStore.ExistingAsync(transaction, organizationId, [leadId], cancellationToken)).Count == 0) return (null, true);
        return (await transaction.Connection.QuerySingleOrDefaultAsync<StoredOverride>(transaction.Command(Sql, new { organizationId, leadId }, cancellationToken)), false);
    }
}
