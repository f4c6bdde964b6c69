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
        using var writer = await OpenAsync(transaction, organizationId, cancellationToken, WebhookEventTypes.ModelPromoted);
        if (writer is not null) await writer.PutAsync(WebhookEventTypes.ModelPromoted, "model", time.NowMs(), data, null, cancellationToken);
    }

    /// <summary>Tells of an alarm of the drift checks.</summary>
    internal async Task PutDriftAlertAsync(WriteTransaction transaction, string organizationId, DriftAlertData data, CancellationToken cancellationToken)
    {
        using var writer = await OpenAsync(transaction, organizationId, cancellationToken, WebhookEventTypes.DriftAlert);
        if (writer is not null) await writer.PutAsync(WebhookEventTypes.DriftAlert, null, time.NowMs(), data, null, cancellationToken);
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

/// <summary>An open outbox; dispose it before the transaction ends.</summary>
internal sealed class OutboxWriter(WriteTransaction transaction, string organizationId, Subscription[] subscriptions, long nowMs) : IDisposable
{
    private PreparedStatement? insert;

    /// <summary>An event of a lead: told in order with its other ones, to those who listen to one of its grades.</summary>
    internal Task PutOfLeadAsync(string type, long occurredAtMs, LeadEventData data, CancellationToken cancellationToken) => PutAsync(
        type, LeadSubject(data.LeadId), occurredAtMs, data,
        s => s.Grades is null || s.Grades.Contains(data.Grade, StringComparison.Ordinal) || (data.PreviousGrade is { } before && s.Grades.Contains(before, StringComparison.Ordinal)), cancellationToken);

    /// <param name="type">One of <see cref="WebhookEventTypes"/>.</param>
    /// <param name="subject">What its events are told in order of; null when they need no order.</param>
    /// <param name="occurredAtMs">When, Unix ms.</param>
    /// <param name="data">What.</param>
    /// <param name="wants">Whether a listener wants this one; null for all.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task PutAsync<TData>(string type, string? subject, long occurredAtMs, TData data, Func<Subscription, bool>? wants, CancellationToken cancellationToken)
    {
        string? eventId = null;
        string? body = null;
        foreach (var subscription in subscriptions)
        {
            if (!subscription.EventTypes.Contains(type) || wants?.Invoke(subscription) == false) continue;
            eventId ??= WebhookJson.NewEventId();
            body ??= WebhookJson.Write(eventId, type, organizationId, occurredAtMs, data);
            await InsertAsync(subscription.WebhookId, subject ?? eventId, eventId, type, body, occurredAtMs, cancellationToken);
        }
    }

    internal static string LeadSubject(string leadId) => "lead/" + leadId;

    private Task<int> InsertAsync(string webhookId, string subject, string eventId, string type, string body, long occurredAtMs, CancellationToken cancellationToken)
    {
        // Behind events of the same subject that wait for their next try: not looked at before them. A webhook deleted a moment ago gets nothing, and one that is being deleted waits for this transaction.
        var sql = $"""
            insert into webhook_deliveries (organization_id, webhook_id, subject, sequence, event_id, event_type, body, occurred_at_ms, status, attempts, next_attempt_ms, lease_until_ms)
            select w.organization_id, w.webhook_id, @subject,
                coalesce((select max(d.sequence) from webhook_deliveries d where d.organization_id = @organizationId and d.webhook_id = @webhookId and d.subject = @subject), 0) + 1,
                @eventId, @eventType, @body, @occurredAtMs, 'pending', 0,
                coalesce((select max(d.next_attempt_ms) from webhook_deliveries d
                    where d.organization_id = @organizationId and d.webhook_id = @webhookId and d.subject = @subject and d.status = 'pending' and d.next_attempt_ms > @nowMs), @nowMs), 0
            from webhooks w where w.organization_id = @organizationId and w.webhook_id = @webhookId and w.is_enabled = 1
            {(transaction.IsPostgres ? "for key share" : "")}
            """;
        insert ??= transaction.Prepare(sql, "organizationId", "webhookId", "subject", "eventId", "eventType", "body", "occurredAtMs", "nowMs").Set(0, organizationId).Set(7, nowMs);
        return insert.Set(1, webhookId).Set(2, subject).Set(3, eventId).Set(4, type).Set(5, body).Set(6, occurredAtMs).ExecuteAsync(cancellationToken);
    }

    public void Dispose() => insert?.Dispose();
}
