using System.Collections.Concurrent;
using System.Data.Common;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Audit;

/// <summary>
/// Refusals, counted here and written down once a minute: whoever tries a million keys fills neither the log nor the time of those who are let in. What names no key that we know belongs to nobody's chain, and is counted by the metrics alone.
/// </summary>
internal sealed class RefusedAccess(AuditLog log, Database database, TimeProvider time, ILogger<RefusedAccess> logger) : BackgroundService
{
    /// <summary>Different ones in a minute; further ones are counted as one.</summary>
    private const int Most = 1_000;

    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<(string OrganizationId, string KeyId, string Reason), int> counts = new();

    /// <param name="organizationId">Owner of the key.</param>
    /// <param name="keyId">The key that was presented.</param>
    /// <param name="reason">wrong_secret, revoked, expired, scope, organization or rate.</param>
    internal void Tell(string organizationId, string keyId, string reason)
    {
        var key = (organizationId, keyId, reason);
        if (counts.Count >= Most && !counts.ContainsKey(key)) key = (organizationId, "others", reason);
        counts.AddOrUpdate(key, 1, static (_, count) => count + 1);
    }

    /// <summary>Writes down what was counted; how many entries.</summary>
    internal async Task<int> WriteAsync(CancellationToken cancellationToken)
    {
        var written = 0;
        foreach (var organization in counts.Keys.ToArray().GroupBy(k => k.OrganizationId))
        {
            var taken = organization.Select(key => counts.TryRemove(key, out var count) ? (Key: key, Count: count) : default).Where(t => t.Count > 0).ToArray();
            try
            {
                await database.WriteAsync(
                    transaction =>
                    {
                        foreach (var (key, count) in taken) log.Append(transaction, organization.Key, AuditKind.AccessRefused, $"key {key.KeyId}", new { key.Reason, count }, Actor.Of(key.KeyId));
                        return Task.CompletedTask;
                    },
                    cancellationToken);
                written += taken.Length;
            }
            catch
            {
                // Not written, whatever the reason: counted still.
                foreach (var (key, count) in taken) counts.AddOrUpdate(key, count, (_, since) => since + count);
                throw;
            }
        }

        return written;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await NextAsync(timer, stoppingToken)) await TryWriteAsync(stoppingToken);
        // What was counted since is not lost with the process.
        await TryWriteAsync(CancellationToken.None);
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken stoppingToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task TryWriteAsync(CancellationToken cancellationToken)
    {
        try
        {
            await WriteAsync(cancellationToken);
        }
        // A key file that cannot be read must not end the service: it is told, and scoring goes on.
        catch (Exception e) when (e is DbException or StorageException or TimeoutException or IOException or UnauthorizedAccessException or OperationCanceledException)
        {
            AuditLogMessages.NotWritten(logger, e.GetType().Name);
        }
    }
}

internal static partial class AuditLogMessages
{
    [LoggerMessage(110, LogLevel.Warning, "Refused access could not be written down and is kept for the next minute: {Failure}")]
    internal static partial void NotWritten(ILogger logger, string failure);
}
