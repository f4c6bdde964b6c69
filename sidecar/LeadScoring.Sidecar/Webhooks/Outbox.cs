using System.Collections.Concurrent;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>Who wants what of an organization.</summary>
internal sealed record Subscription(string WebhookId, string[] EventTypes, string? Grades);

/// <summary>
/// Takes events in the transaction of the change that they tell of: both are there afterwards, or neither.
/// Who listens is remembered for two seconds, so an install without webhooks pays a look into a dictionary.
/// </summary>
internal sealed class Outbox(TimeProvider time)
{
    private static readonly TimeSpan Staleness = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<string, (Subscription[] Subscriptions, long Since)> cache = new(StringComparer.Ordinal);

    private sealed record Row
    {
        public string WebhookId { get; init; } = "";
        public string EventTypes { get; init; } = "";
        public string? Grades { get; init; }
    }

    /// <summary>Where to put events; null when nobody listens to any of the types.</summary>
    internal async ValueTask<OutboxWriter?> OpenAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken, params string[] eventTypes)
    {
        var subscriptions = await SubscriptionsAsync(transaction, organizationId, cancellationToken);
        Subscription[] listening = subscriptions.Length == 0 ? subscriptions : [.. subscriptions.Where(s => s.EventTypes.Any(eventTypes.Contains))];
        return listening.Length == 0 ? null : new OutboxWriter(transaction, organizationId, listening, time.NowMs());
    }

    /// <summary>Tells of a new champion.</summary>
    internal async Task PutModelPromotedAsync(WriteTransaction transaction, string organizationId, ModelPromotedData data, CancellationToken cancellationToken)
    {
        var writer = await OpenAsync(transaction, organizationId, cancellationToken, WebhookEventTypes.ModelPromoted);
        if (writer is null) return;
        writer.Put(WebhookEventTypes.ModelPromoted, "model", time.NowMs(), data, null);
        await writer.FlushAsync(cancellationToken);
    }

    /// <summary>Tells of an alarm of the drift checks.</summary>
    internal async Task PutDriftAlertAsync(WriteTransaction transaction, string organizationId, DriftAlertData data, CancellationToken cancellationToken)
    {
        var writer = await OpenAsync(transaction, organizationId, cancellationToken, WebhookEventTypes.DriftAlert);
        if (writer is null) return;
        writer.Put(WebhookEventTypes.DriftAlert, null, time.NowMs(), data, null);
        await writer.FlushAsync(cancellationToken);
    }

    /// <summary>This process has changed the organization's webhooks; others notice when their entry ends.</summary>
    internal void Forget(string organizationId) => cache.TryRemove(organizationId, out _);

    private async ValueTask<Subscription[]> SubscriptionsAsync(WriteTransaction transaction, string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select webhook_id as WebhookId, event_types as EventTypes, grades as Grades from webhooks where organization_id = @organizationId and is_enabled = 1 order by webhook_id";
        if (cache.TryGetValue(organizationId, out var hit) && time.GetElapsedTime(hit.Since) < Staleness) return hit.Subscriptions;
        var since = time.GetTimestamp();
        var rows = await transaction.Connection.QueryAsync<Row>(transaction.Command(Sql, new { organizationId }, cancellationToken));
        Subscription[] subscriptions = [.. rows.Select(r => new Subscription(r.WebhookId, r.EventTypes.Split(' '), r.Grades))];
        cache[organizationId] = (subscriptions, since);
        return subscriptions;
    }
}
