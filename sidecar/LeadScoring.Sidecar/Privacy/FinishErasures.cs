using System.Data.Common;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Sync;

namespace LeadScoring.Sidecar.Privacy;

/// <summary>What an erasure leaves to be done: other replicas forget the person within a minute, and what was still being read when it was erased is scrubbed later.</summary>
internal sealed class FinishErasures(
    ErasureStore store, ErasePerson erase, PrivacyKeyStore keys, IEnumerable<ForgetLeads> memories, SealErasedLinks links, Database database, TimeProvider time, ILogger<FinishErasures> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(30);

    // Clocks of replicas differ, and a transaction is seen later than it is dated.
    private const long OverlapMs = 600_000;

    private long sinceMs = time.NowMs() - OverlapMs;

    internal async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        var nowMs = time.NowMs();
        foreach (var erased in await store.SinceAsync(sinceMs, cancellationToken))
        {
            if (await keys.FindAsync(erased.Key, cancellationToken) is not { } own) continue;
            var hashes = erased.ToHashSet(StringComparer.Ordinal);
            foreach (var forget in memories) forget(erased.Key, leadId => hashes.Contains(Convert.ToHexString(Tombstones.HashOf(own, Trace.Lead(leadId)))));
        }

        sinceMs = nowMs - OverlapMs;
        if (!database.IsPostgres && await store.IsAnyOpenAsync(cancellationToken)) await erase.ScrubAsync();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        var isSealed = false;
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    if (!isSealed) await links.RunAsync(stoppingToken);
                    isSealed = true;
                    await RunOnceAsync(stoppingToken);
                }
                catch (Exception e) when (e is DbException or StorageException or TimeoutException)
                {
                    PrivacyLog.NotFinished(logger, e.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // How a server ends.
        }
    }
}

/// <summary>Scrubbing as a job: the whole database at once, for the first organization that finds something to do.</summary>
internal sealed class ScrubJob(ErasureStore store, Database database, TimeProvider time) : IOrganizationJob
{
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        if (!await store.IsAnyOpenAsync(cancellationToken)) return "Nobody was erased since the last run.";
        var throughMs = time.NowMs();
        if (!await database.ScrubAsync(null, cancellationToken)) return "Somebody reads from before the erasure; the next run goes on.";
        await store.ScrubbedAsync(throughMs, time.NowMs(), cancellationToken);
        return "The space of deleted rows was cleaned.";
    }
}

internal static partial class PrivacyLog
{
    [LoggerMessage(130, LogLevel.Warning, "What an erasure leaves to be done waits for the next try: {Reason}")]
    internal static partial void NotFinished(ILogger logger, string reason);
}
