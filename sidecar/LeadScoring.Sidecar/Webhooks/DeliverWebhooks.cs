using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Threading.Channels;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;
using LeadScoring.Sidecar.Telemetry;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>
/// Takes due events off the outbox and sends them: at least once, those of a lead one after the other, several leads at a time. Any number of replicas share the work.
/// </summary>
internal sealed class DeliverWebhooks(
    DeliveryStore deliveries, WebhookStore webhooks, SendWebhook send, Outbox outbox, IOptions<WebhookOptions> options, TimeProvider time, ILogger<DeliverWebhooks> logger) : BackgroundService
{
    private static readonly Counter<long> Attempts = Instruments.Meter.CreateCounter<long>("leadscoring.webhooks.attempts", "{request}", "Events sent to webhooks, by result: delivered, failed");

    private const double Growth = 2.5;
    private const double Jitter = 0.2;
    private const int RecordsAtOnce = 500;
    private const int PurgeBatch = 1_000;
    private static readonly TimeSpan IdleWait = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan FailureWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PurgeEvery = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LeaseMargin = TimeSpan.FromSeconds(5);
    // Requests that are under way when the process ends get this long to be answered: one that is cut off will be sent twice.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);
    // A lead's events wait for each other, so tries alone do not bound how long a dead receiver is tried.
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromDays(2);

    private readonly ConcurrentDictionary<string, int> underWay = new(StringComparer.Ordinal);
    private readonly Channel<DeliveryResult> results = Channel.CreateUnbounded<DeliveryResult>(new UnboundedChannelOptions { SingleReader = true });
    private readonly SemaphoreSlim changed = new(0, 1);
    private readonly CancellationTokenSource sending = new();
    private readonly string name = Guid.NewGuid().ToString("N");

    /// <summary>Wait before the next try; about 22 hours over eleven of them with the default first one.</summary>
    internal static TimeSpan Backoff(TimeSpan first, int failures, double jitter) => first * (Math.Pow(Growth, failures - 1) * (1 - Jitter + (2 * Jitter * jitter)));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.DeliverHere) return;
        var recording = RecordAsync();
        var nextPurge = time.GetTimestamp();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (time.GetElapsedTime(nextPurge) >= TimeSpan.Zero && await PurgeAsync(stoppingToken)) nextPurge = time.GetTimestamp() + (long)(PurgeEvery.TotalSeconds * time.TimestampFrequency);
                if (await StartDueAsync(stoppingToken) == 0) await changed.WaitAsync(IdleWait, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                // A job must outlive a database that is away for a while.
                WebhookLog.Failed(logger, e.GetType().Name, e.StackTrace ?? "");
                await Task.Delay(FailureWait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        sending.CancelAfter(Grace);
        while (!underWay.IsEmpty) await Task.Delay(10, CancellationToken.None);
        results.Writer.Complete();
        await recording;
    }

    /// <summary>Takes what is due and starts to send it; the number of events taken.</summary>
    private async Task<int> StartDueAsync(CancellationToken cancellationToken)
    {
        var taken = 0;
        foreach (var webhook in await deliveries.ListDueAsync(cancellationToken))
        {
            var free = options.Value.ParallelPerWebhook - underWay.GetValueOrDefault(webhook.WebhookId);
            if (free <= 0 || !TryKeys(webhook, out var keys)) continue;
            var lease = $"{name}/{Guid.NewGuid():N}";
            foreach (var delivery in await deliveries.LeaseAsync(webhook, free, lease, options.Value.Timeout + LeaseMargin, cancellationToken))
            {
                taken++;
                underWay.AddOrUpdate(webhook.WebhookId, 1, (_, count) => count + 1);
                _ = SendAsync(webhook, keys, delivery, lease);
            }
        }

        return taken;
    }

    private bool TryKeys(WebhookRow webhook, out IReadOnlyList<byte[]> keys)
    {
        try
        {
            keys = webhooks.Keys(webhook);
            return true;
        }
        catch (StorageException e)
        {
            // The key file of this replica is not the one that the secret was sealed with: no reason to keep other webhooks waiting.
            WebhookLog.NoKey(logger, webhook.WebhookId, e.Message);
            keys = [];
            return false;
        }
    }

    private async Task SendAsync(WebhookRow webhook, IReadOnlyList<byte[]> keys, Delivery delivery, string lease)
    {
        try
        {
            var sent = await send.RunAsync(new Uri(webhook.Url), keys, delivery.EventId, delivery.Body, sending.Token);
            Attempts.Add(1, new KeyValuePair<string, object?>("result", sent.Failure is null ? "delivered" : "failed"));
            var nextMs = sent.Failure is null ? null : NextAttempt(delivery, sent);
            var pausedMs = sent.Status is 429 or 503 && sent.RetryAfter is { } pause ? time.NowMs() + (long)pause.TotalMilliseconds : (long?)null;
            results.Writer.TryWrite(new DeliveryResult(webhook, delivery, lease, sent, nextMs, pausedMs));
        }
        catch (OperationCanceledException)
        {
            await deliveries.ReleaseAsync(lease, webhook, delivery, CancellationToken.None);
        }
        catch (Exception e)
        {
            // Its lease runs out, and it is tried again.
            WebhookLog.Failed(logger, e.GetType().Name, e.StackTrace ?? "");
        }
        finally
        {
            LeaveOne(webhook.WebhookId);
        }
    }

    private void LeaveOne(string webhookId)
    {
        var left = underWay.AddOrUpdate(webhookId, 0, (_, count) => count - 1);
        if (left == 0) underWay.TryRemove(KeyValuePair.Create(webhookId, 0));
    }

    private long? NextAttempt(Delivery delivery, SendResult sent)
    {
        var failures = delivery.Attempts + 1;
        var nowMs = time.NowMs();
        // Whoever wants no more gets no more, but what was meant for it is kept: it may be enabled again.
        if (!sent.IsGone && (failures >= options.Value.Attempts || nowMs - delivery.OccurredAtMs > GiveUpAfter.TotalMilliseconds)) return null;
        var wait = Backoff(options.Value.FirstRetry, failures, RandomNumberGenerator.GetInt32(1_000) / 1_000.0);
        if (sent.RetryAfter is { } asked && asked > wait) wait = asked;
        return nowMs + (long)wait.TotalMilliseconds;
    }

    /// <summary>Writes down results as they come, as many as there are in one transaction.</summary>
    private async Task RecordAsync()
    {
        var batch = new List<DeliveryResult>();
        while (await results.Reader.WaitToReadAsync(CancellationToken.None))
        {
            while (batch.Count < RecordsAtOnce && results.Reader.TryRead(out var result)) batch.Add(result);
            try
            {
                await deliveries.RecordAsync(batch, CancellationToken.None);
                foreach (var gone in batch.Where(r => r.Sent.IsGone)) outbox.Forget(gone.Webhook.OrganizationId);
                foreach (var result in batch.Where(r => r.Sent.Failure is not null && r.NextAttemptMs is null)) WebhookLog.Dead(logger, result.Delivery.EventId, result.Webhook.WebhookId, result.Sent.Failure!);
            }
            catch (Exception e)
            {
                // Not written down is not lost: the leases run out, and the events are sent once more.
                WebhookLog.Failed(logger, e.GetType().Name, e.StackTrace ?? "");
            }

            batch.Clear();
            if (changed.CurrentCount == 0) changed.Release();
        }
    }

    /// <returns>True when there is nothing more to remove.</returns>
    private async Task<bool> PurgeAsync(CancellationToken cancellationToken) =>
        await deliveries.PurgeAsync(options.Value.KeepDelivered, options.Value.KeepDead, PurgeBatch, cancellationToken) < PurgeBatch;

    public override void Dispose()
    {
        base.Dispose();
        sending.Dispose();
        changed.Dispose();
    }
}

internal static partial class WebhookLog
{
    [LoggerMessage(50, LogLevel.Error, "Delivery of webhooks failed and will be tried again: {Failure} {Stack}")]
    internal static partial void Failed(ILogger logger, string failure, string stack);

    [LoggerMessage(51, LogLevel.Warning, "Event {EventId} for webhook {WebhookId} is dead: {Failure}. Replay it with POST /v1/webhooks/{WebhookId}/replay.")]
    internal static partial void Dead(ILogger logger, string eventId, string webhookId, string failure);

    [LoggerMessage(52, LogLevel.Error, "Webhook {WebhookId} cannot be signed for: {Why}")]
    internal static partial void NoKey(ILogger logger, string webhookId, string why);
}
