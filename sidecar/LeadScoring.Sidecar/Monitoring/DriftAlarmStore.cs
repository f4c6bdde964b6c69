using Dapper;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Webhooks;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>Something that is not as it was.</summary>
internal sealed record DriftAlarm
{
    public string AlarmId { get; init; } = "";

    /// <summary>feature, prediction, performance or concept.</summary>
    public string Kind { get; init; } = "";

    /// <summary>Empty when it is about none.</summary>
    public string Feature { get; init; } = "";
    public string Aspect { get; init; } = "";
    public int Days { get; init; }
    public double Value { get; init; }
    public double Threshold { get; init; }
    public string Detail { get; init; } = "";
    public string Advice { get; init; } = "";
    public int? ModelVersion { get; init; }
    public long OpenedAtMs { get; init; }
    public long LastSeenMs { get; init; }
    public long? ClosedAtMs { get; init; }

    /// <summary>Leads that show it.</summary>
    public IReadOnlyList<string> LeadIds { get; init; } = [];

    internal (string, string, string, int) Key => (Kind, Feature, Aspect, Days);
}

/// <summary>Alarms. One stays open while its cause lasts, and is told once: to those who listen, and as a wish for a new model.</summary>
internal sealed class DriftAlarmStore(Database database, Outbox outbox, RetrainStore wishes)
{
    private const string Columns = """
        alarm_id as AlarmId, kind as Kind, feature as Feature, aspect as Aspect, days as Days, value as Value, threshold as Threshold, detail as Detail, advice as Advice,
        model_version as ModelVersion, opened_at_ms as OpenedAtMs, last_seen_ms as LastSeenMs, closed_at_ms as ClosedAtMs
        """;

    /// <summary>Takes what a check found: new alarms are stored and told, known ones stay, and those of the same kinds and window length that were not seen again end.</summary>
    /// <returns>How many are new.</returns>
    internal async Task<int> SetAsync(WriteTransaction transaction, string organizationId, IReadOnlyCollection<string> kinds, int days, IReadOnlyList<DriftAlarm> found, long nowMs, CancellationToken cancellationToken)
    {
        const string Seen = "update drift_alarms set last_seen_ms = @nowMs where organization_id = @organizationId and alarm_id = @AlarmId";
        const string Close = "update drift_alarms set closed_at_ms = @nowMs where organization_id = @organizationId and alarm_id = @AlarmId";
        var open = await OpenAsync(transaction, organizationId, cancellationToken);
        var seen = found.Select(f => f.Key).ToHashSet();
        foreach (var alarm in open.Where(a => a.Days == days && kinds.Contains(a.Kind)))
            await transaction.ExecuteAsync(seen.Contains(alarm.Key) ? Seen : Close, new { organizationId, alarm.AlarmId, nowMs }, cancellationToken);
        var known = open.Select(a => a.Key).ToHashSet();
        DriftAlarm[] added = [.. found.Where(f => !known.Contains(f.Key))];
        foreach (var alarm in added) await AddAsync(transaction, organizationId, alarm, nowMs, cancellationToken);
        return added.Length;
    }

    /// <summary>Ends the open alarms of some kinds that are about another model than this one.</summary>
    internal static Task CloseOfOtherModelsAsync(WriteTransaction transaction, string organizationId, string kind, int version, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = "update drift_alarms set closed_at_ms = @nowMs where organization_id = @organizationId and kind = @kind and closed_at_ms is null and model_version <> @version";
        return transaction.ExecuteAsync(Sql, new { organizationId, kind, version, nowMs }, cancellationToken);
    }

    /// <summary>Open alarms, the oldest first.</summary>
    internal async Task<IReadOnlyList<DriftAlarm>> OpenAsync(string organizationId, CancellationToken cancellationToken) =>
        [.. (await ListAsync(organizationId, int.MaxValue, cancellationToken)).Where(a => a.ClosedAtMs is null).Reverse()];

    /// <summary>The newest first, with their leads.</summary>
    internal async Task<IReadOnlyList<DriftAlarm>> ListAsync(string organizationId, int limit, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from drift_alarms where organization_id = @organizationId order by case when closed_at_ms is null then 0 else 1 end, opened_at_ms desc, alarm_id limit @limit";
        const string Leads = "select alarm_id as AlarmId, lead_id as LeadId from drift_alarm_leads where organization_id = @organizationId order by alarm_id, lead_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var alarms = await connection.QueryAsync<DriftAlarm>(new CommandDefinition(Sql, new { organizationId, limit }, cancellationToken: cancellationToken));
        var leads = (await connection.QueryAsync<(string AlarmId, string LeadId)>(new CommandDefinition(Leads, new { organizationId }, cancellationToken: cancellationToken))).ToLookup(l => l.AlarmId, l => l.LeadId, StringComparer.Ordinal);
        return [.. alarms.Select(a => a with { LeadIds = [.. leads[a.AlarmId]] })];
    }

    private static async Task<IReadOnlyList<DriftAlarm>> OpenAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from drift_alarms where organization_id = @organizationId and closed_at_ms is null";
        return [.. await transaction.Connection.QueryAsync<DriftAlarm>(transaction.Command(Sql, new { organizationId }, cancellationToken))];
    }

    private async Task AddAsync(WriteTransaction transaction, string organizationId, DriftAlarm alarm, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into drift_alarms (organization_id, alarm_id, kind, feature, aspect, days, value, threshold, detail, advice, model_version, opened_at_ms, last_seen_ms, closed_at_ms)
            values (@organizationId, @alarmId, @Kind, @Feature, @Aspect, @Days, @Value, @Threshold, @Detail, @Advice, @ModelVersion, @nowMs, @nowMs, null)
            """;
        // Of leads that were erased since they were looked at nothing is kept.
        const string Lead = """
            insert into drift_alarm_leads (organization_id, alarm_id, lead_id)
            select organization_id, @alarmId, lead_id from leads where organization_id = @organizationId and lead_id = @leadId
            """;
        var alarmId = $"alarm_{Guid.CreateVersion7():N}";
        await transaction.ExecuteAsync(Sql, new
        {
            organizationId, alarmId, alarm.Kind, alarm.Feature, alarm.Aspect, alarm.Days, alarm.Value, alarm.Threshold, alarm.Detail, alarm.Advice, alarm.ModelVersion, nowMs,
        }, cancellationToken);
        foreach (var leadId in alarm.LeadIds) await transaction.ExecuteAsync(Lead, new { organizationId, alarmId, leadId }, cancellationToken);
        var feature = alarm.Feature.Length == 0 ? null : alarm.Feature;
        await outbox.PutDriftAlertAsync(transaction, organizationId, new DriftAlertData(alarm.Kind, feature, alarm.Value, alarm.Threshold, $"{alarm.Detail} {alarm.Advice}"), cancellationToken);
        await wishes.AskAsync(transaction, organizationId, alarm.Kind == "performance" ? RetrainCause.Performance : RetrainCause.Drift, alarm.Detail, cancellationToken);
    }
}
