using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>An open outbox: takes events, and writes them with <see cref="FlushAsync"/> before the transaction ends.</summary>
internal sealed class OutboxWriter(WriteTransaction transaction, string organizationId, Subscription[] subscriptions, long nowMs)
{
    private const string Into = """
        insert into webhook_deliveries (organization_id, webhook_id, subject, sequence, event_id, event_type, body, occurred_at_ms, status, attempts, next_attempt_ms, lease_until_ms)
        """;

    private readonly List<Row> rows = [];

    private sealed record Row(string WebhookId, string Subject, string EventId, string Type, string Body, long OccurredAtMs);

    /// <summary>An event of a lead: told in order with its other ones, to those who listen to one of its grades.</summary>
    internal void PutOfLead(string type, long occurredAtMs, LeadEventData data) => Put(
        type, LeadSubject(data.LeadId), occurredAtMs, data,
        s => s.Grades is null || s.Grades.Contains(data.Grade, StringComparison.Ordinal) || (data.PreviousGrade is { } before && s.Grades.Contains(before, StringComparison.Ordinal)));

    /// <param name="type">One of <see cref="WebhookEventTypes"/>.</param>
    /// <param name="subject">What its events are told in order of; null when they need no order.</param>
    /// <param name="occurredAtMs">When, Unix ms.</param>
    /// <param name="data">What.</param>
    /// <param name="wants">Whether a listener wants this one; null for all.</param>
    internal void Put<TData>(string type, string? subject, long occurredAtMs, TData data, Func<Subscription, bool>? wants)
    {
        string? eventId = null;
        string? body = null;
        foreach (var subscription in subscriptions)
        {
            if (!subscription.EventTypes.Contains(type) || wants?.Invoke(subscription) == false) continue;
            eventId ??= WebhookJson.NewEventId();
            body ??= WebhookJson.Write(eventId, type, organizationId, occurredAtMs, data);
            rows.Add(new Row(subscription.WebhookId, subject ?? eventId, eventId, type, body, occurredAtMs));
        }
    }

    internal static string LeadSubject(string leadId) => "lead/" + leadId;

    /// <summary>Writes what was put, in its order.</summary>
    /// <remarks>
    /// Behind events of the same subject that wait for their next try: not looked at before them. A webhook deleted a moment ago gets nothing, and one that is being deleted waits for this transaction.
    /// </remarks>
    internal async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (rows.Count > 0) await (transaction.IsPostgres ? InsertManyAsync(cancellationToken) : InsertEachAsync(cancellationToken));
        rows.Clear();
    }

    private Task<int> InsertManyAsync(CancellationToken cancellationToken)
    {
        const string Sql = $"""
            with live as materialized (
                select webhook_id from webhooks where organization_id = @organizationId and webhook_id = any(@webhookIds) and is_enabled = 1 order by webhook_id for key share)
            {Into}
            select @organizationId, n.webhook_id, n.subject,
                coalesce((select max(d.sequence) from webhook_deliveries d where d.organization_id = @organizationId and d.webhook_id = n.webhook_id and d.subject = n.subject), 0)
                    + row_number() over (partition by n.webhook_id, n.subject order by n.number),
                n.event_id, n.event_type, n.body, n.occurred_at_ms, 'pending', 0,
                coalesce((select max(d.next_attempt_ms) from webhook_deliveries d
                    where d.organization_id = @organizationId and d.webhook_id = n.webhook_id and d.subject = n.subject and d.status = 'pending' and d.next_attempt_ms > @nowMs), @nowMs), 0
            from unnest(@webhookIds, @subjects, @eventIds, @types, @bodies, @occurredAtMs) with ordinality as n (webhook_id, subject, event_id, event_type, body, occurred_at_ms, number)
                join live on live.webhook_id = n.webhook_id
            """;
        T[] Of<T>(Func<Row, T> part) => [.. rows.Select(part)];
        return transaction.ExecuteAsync(Sql, new
        {
            organizationId, nowMs, webhookIds = Of(r => r.WebhookId), subjects = Of(r => r.Subject), eventIds = Of(r => r.EventId), types = Of(r => r.Type), bodies = Of(r => r.Body), occurredAtMs = Of(r => r.OccurredAtMs),
        }, cancellationToken);
    }

    private async Task InsertEachAsync(CancellationToken cancellationToken)
    {
        const string Sql = $"""
            {Into}
            select w.organization_id, w.webhook_id, @subject,
                coalesce((select max(d.sequence) from webhook_deliveries d where d.organization_id = @organizationId and d.webhook_id = @webhookId and d.subject = @subject), 0) + 1,
                @eventId, @eventType, @body, @occurredAtMs, 'pending', 0,
                coalesce((select max(d.next_attempt_ms) from webhook_deliveries d
                    where d.organization_id = @organizationId and d.webhook_id = @webhookId and d.subject = @subject and d.status = 'pending' and d.next_attempt_ms > @nowMs), @nowMs), 0
            from webhooks w where w.organization_id = @organizationId and w.webhook_id = @webhookId and w.is_enabled = 1
            """;
        using var insert = transaction.Prepare(Sql, "organizationId", "webhookId", "subject", "eventId", "eventType", "body", "occurredAtMs", "nowMs").Set(0, organizationId).Set(7, nowMs);
        foreach (var row in rows)
            await insert.Set(1, row.WebhookId).Set(2, row.Subject).Set(3, row.EventId).Set(4, row.Type).Set(5, row.Body).Set(6, row.OccurredAtMs).ExecuteAsync(cancellationToken);
    }
}
