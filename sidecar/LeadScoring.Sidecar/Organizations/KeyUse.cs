using System.Collections.Concurrent;
using System.Data.Common;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Organizations;

/// <summary>When keys were used: noted in memory by the request, written down once a minute. The first use of a day goes into the audit log.</summary>
internal sealed class KeyUse(AuditLog audit, Database database, TimeProvider time, ILogger<KeyUse> logger) : BackgroundService
{
    private const long DayMs = 86_400_000;
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<(string OrganizationId, string KeyId), Entry> entries = new();

    /// <summary>One key. Its fields are written by any number of requests at once, and the last one wins.</summary>
    internal sealed class Entry
    {
        internal RateAllowance Allowance { get; } = new();

        internal long AtMs { get; set; }

        internal long WrittenMs { get; set; }
    }

    internal Entry Of(string organizationId, string keyId) => entries.GetOrAdd((organizationId, keyId), static _ => new Entry());

    /// <summary>Writes down what was noted; how many keys.</summary>
    internal async Task<int> WriteAsync(CancellationToken cancellationToken)
    {
        const string Used = "update api_keys set last_used_at_ms = @atMs where organization_id = @organizationId and key_id = @keyId and (last_used_at_ms is null or last_used_at_ms < @atMs)";
        const string FirstToday = "update api_keys set last_used_at_ms = @atMs where organization_id = @organizationId and key_id = @keyId and (last_used_at_ms is null or last_used_at_ms < @dayMs)";
        var written = 0;
        foreach (var organization in entries.Where(e => e.Value.AtMs > e.Value.WrittenMs).GroupBy(e => e.Key.OrganizationId))
        {
            var used = organization.Select(e => (e.Value, e.Key.KeyId, e.Value.AtMs)).OrderBy(e => e.KeyId, StringComparer.Ordinal).ToArray();
            await database.WriteAsync(
                async transaction =>
                {
                    foreach (var (_, keyId, atMs) in used)
                    {
                        var row = new { organizationId = organization.Key, keyId, atMs, dayMs = atMs - (atMs % DayMs) };
                        // Of several replicas one finds the row as it was the day before.
                        if (await transaction.ExecuteAsync(FirstToday, row, cancellationToken) > 0) audit.Append(transaction, organization.Key, AuditKind.KeyUsed, $"key {keyId}", null, Actor.Of(keyId));
                        else await transaction.ExecuteAsync(Used, row, cancellationToken);
                    }
                },
                cancellationToken);
            foreach (var (entry, _, atMs) in used) entry.WrittenMs = atMs;
            written += used.Length;
        }

        return written;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stoppingToken);
                await WriteAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            // A key file that cannot be read must not end the service: it is told, and scoring goes on.
            catch (Exception e) when (e is DbException or StorageException or TimeoutException or IOException or UnauthorizedAccessException)
            {
                // Noted still, and written in the next minute.
                KeyUseLog.NotWritten(logger, e.GetType().Name);
            }
        }
    }
}

internal static partial class KeyUseLog
{
    [LoggerMessage(111, LogLevel.Warning, "When keys were used could not be written down and is kept for the next minute: {Failure}")]
    internal static partial void NotWritten(ILogger logger, string failure);
}
