using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Monitoring;

/// <summary>A window that was looked at.</summary>
internal sealed record WatchedWindow
{
    public int Days { get; init; }
    public long StartsAtMs { get; init; }
    public int? ModelVersion { get; init; }
    public int Leads { get; init; }
    public long CheckedAtMs { get; init; }
    public string? Report { get; init; }
}

/// <summary>Which windows were looked at, and what was seen.</summary>
internal sealed class MonitoringStore(Database database)
{
    internal const string Drift = "drift";
    internal const string Performance = "performance";
    internal const string Concept = "concept";

    /// <summary>Keeps what was seen in a window; false when it was looked at before, by whomever.</summary>
    internal static async Task<bool> AddAsync(WriteTransaction transaction, string organizationId, string kind, WatchedWindow window, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into monitoring_windows (organization_id, kind, days, starts_at_ms, model_version, leads, checked_at_ms, report)
            values (@organizationId, @kind, @Days, @StartsAtMs, @ModelVersion, @Leads, @CheckedAtMs, @Report)
            on conflict (organization_id, kind, days, starts_at_ms) do nothing
            """;
        return await transaction.ExecuteAsync(Sql, new { organizationId, kind, window.Days, window.StartsAtMs, window.ModelVersion, window.Leads, window.CheckedAtMs, window.Report }, cancellationToken) == 1;
    }

    /// <summary>The newest window of a kind and length that was looked at; null when none was.</summary>
    internal async Task<WatchedWindow?> LatestAsync(string organizationId, string kind, int days, CancellationToken cancellationToken)
    {
        const string Sql = """
            select days as Days, starts_at_ms as StartsAtMs, model_version as ModelVersion, leads as Leads, checked_at_ms as CheckedAtMs, report as Report
            from monitoring_windows where organization_id = @organizationId and kind = @kind and days = @days order by starts_at_ms desc limit 1
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<WatchedWindow>(new CommandDefinition(Sql, new { organizationId, kind, days }, cancellationToken: cancellationToken));
    }

    /// <summary>The windows that are over and were not looked at yet, the oldest first: from the last one that was, at most a quarter back; the first time only the last one.</summary>
    internal async Task<IReadOnlyList<TimeWindow>> DueAsync(string organizationId, string kind, int days, long nowMs, CancellationToken cancellationToken)
    {
        var last = TimeWindow.LastClosed(days, nowMs);
        var seen = await LatestAsync(organizationId, kind, days, cancellationToken);
        var most = Math.Max(1, 91 / days);
        var due = new List<TimeWindow>();
        for (var window = last; due.Count < (seen is null ? 1 : most) && (seen is null || window.StartsAtMs > seen.StartsAtMs); window = window with { StartsAtMs = window.StartsAtMs - (window.EndsAtMs - window.StartsAtMs) }) due.Add(window);
        due.Reverse();
        return due;
    }
}
