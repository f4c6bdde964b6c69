using LeadScoring.Sidecar.Leads;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Sync;

/// <summary>Works off webhooks and writes scores back, as soon as there is something, account by account.</summary>
internal sealed class SyncWorker(ConnectorAccounts accounts, WorkOffInbound inbound, WriteScoresBack writeBack, LeadsChanged changed, IOptions<SyncOptions> options, TimeProvider time, ILogger<SyncWorker> logger) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan FailureWait = TimeSpan.FromSeconds(5);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        options.Value.RunHere ? Task.WhenAll(accounts.All.Select(account => WorkAsync(account, stoppingToken))) : Task.CompletedTask;

    private async Task WorkAsync(ConnectorAccount account, CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var next = changed.Next;
                if (await inbound.RunOnceAsync(account, stoppingToken) + await writeBack.RunOnceAsync(account, stoppingToken) > 0) continue;
                await next.WaitAsync(LookEvery, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // A job must outlive a database that is away for a while.
                SyncLog.WorkFailed(logger, e.GetType().Name, e.StackTrace ?? "");
                await Task.Delay(FailureWait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
