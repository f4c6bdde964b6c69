using LeadScoring.Sidecar.Models;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Training;

/// <summary>Takes training runs off the queue, one at a time. A run whose process died is taken up again from its start.</summary>
internal sealed class TrainingQueue(TrainingRunStore runs, TrainingProcess process, ActiveModels models, IOptions<TrainingOptions> options, TimeProvider time, ILogger<TrainingQueue> logger)
    : BackgroundService
{
    private static readonly TimeSpan IdleWait = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.RunHere) return;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await runs.TakeAsync(options.Value.HeartbeatTimeout, stoppingToken) is { } run)
                {
                    TrainingLog.Started(logger, run.OrganizationId, run.RunId);
                    await process.RunAsync(run, stoppingToken);
                    models.Forget(run.OrganizationId);
                    continue;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // The queue outlives one bad run and a database that is away.
                TrainingLog.Failed(logger, e.GetType().Name, e.StackTrace ?? "");
            }

            await Task.Delay(IdleWait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}

internal static partial class TrainingLog
{
    [LoggerMessage(40, LogLevel.Information, "Training run {RunId} of {OrganizationId} started")]
    internal static partial void Started(ILogger logger, string organizationId, string runId);

    [LoggerMessage(41, LogLevel.Error, "Training queue: {Failure} {Stack}")]
    internal static partial void Failed(ILogger logger, string failure, string stack);
}
