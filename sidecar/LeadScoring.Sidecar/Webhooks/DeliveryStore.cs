using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>An event on its way to one webhook.</summary>
internal sealed record Delivery
{
    public string Subject { get; init; } = "";
    public long Sequence { get; init; }
    public string EventId { get; init; } = "";
    public string EventType { get; init; } = "";
    public string Body { get; init; } = "";
    public long OccurredAtMs { get; init; }
    public string Status { get; init; } = "";
    public int Attempts { get; init; }
    public long NextAttemptMs { get; init; }
    public long? FinishedAtMs { get; init; }
    public string? Failure { get; init; }
}

/// <summary>What became of a try.</summary>
/// <param name="NextAttemptMs">When it is tried again; null: it is dead.</param>
internal sealed record DeliveryResult(WebhookRow Webhook, Delivery Delivery, string Lease, SendResult Sent, long? NextAttemptMs, long? PausedUntilMs);

/// <summary>How many events of a webhook wait and how many are dead.</summary>
internal sealed record DeliveryCounts(long Pending, long Dead);

/// <summary>The queue side of the outbox. A lease is a moment in the row: whoever dies with one loses nothing, it runs out.</summary>
internal sealed class DeliveryStore(Database database, TimeProvider time)
{
    private const string Columns = """
        subject as Subject, sequence as Sequence, event_id as EventId, event_type as EventType, body as Body, occurred_at_ms as OccurredAtMs, status as Status, attempts as Attempts,
        next_attempt_ms as NextAttemptMs, finished_at_ms as FinishedAtMs, failure as Failure
        """;

    /// <summary>Webhooks that something may be sent to now.</summary>
    internal async Task<IReadOnlyList<WebhookRow>> ListDueAsync(CancellationToken cancellationToken)
    {
        const string Sql = $"""
            select {WebhookStore.Columns} from webhooks
            where is_enabled = 1 and paused_until_ms <= @nowMs and exists (
                select 1 from webhook_deliveries d where d.organization_id = webhooks.organization_id and d.webhook_id = webhooks.webhook_id
                    and d.status = 'pending' and d.next_attempt_ms <= @nowMs and d.lease_until_ms <= @nowMs)
            order by organization_id, webhook_id
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<WebhookRow>(new CommandDefinition(Sql, new { nowMs = time.NowMs() }, cancellationToken: cancellationToken))];
    }

    /// <summary>Takes up to <paramref name="limit"/> due events that are the first of their subject; nobody else gets them until the lease ends.</summary>
    internal async Task<IReadOnlyList<Delivery>> LeaseAsync(WebhookRow webhook, int limit, string lease, TimeSpan duration, CancellationToken cancellationToken)
    {
        // Replicas on PostgreSQL pass by each other's rows; SQLite has one writer at a time anyway.
        string Sql(WriteTransaction transaction) => $"""
            with due as materialized (
                select d.subject as due_subject, d.sequence as due_sequence from webhook_deliveries d
                where d.organization_id = @OrganizationId and d.webhook_id = @WebhookId and d.status = 'pending' and d.next_attempt_ms <= @nowMs and d.lease_until_ms <= @nowMs
                    and not exists (select 1 from webhook_deliveries e where e.organization_id = d.organization_id and e.webhook_id = d.webhook_id and e.subject = d.subject
                        and e.sequence < d.sequence and e.status = 'pending')
                order by d.next_attempt_ms, d.sequence limit @limit {transaction.SkipLocked})
            update webhook_deliveries set lease = @lease, lease_until_ms = @untilMs
            from due
            where organization_id = @OrganizationId and webhook_id = @WebhookId and subject = due_subject and sequence = due_sequence
            returning {Columns}
            """;
        var nowMs = time.NowMs();
        var parameters = new { webhook.OrganizationId, webhook.WebhookId, nowMs, limit, lease, untilMs = nowMs + (long)duration.TotalMilliseconds };
        return await database.WriteAsync<IReadOnlyList<Delivery>>(
            async transaction => [.. await transaction.Connection.QueryAsync<Delivery>(transaction.Command(Sql(transaction), parameters, cancellationToken))], cancellationToken);
    }

    /// <summary>Writes down what became of some tries, all in one transaction.</summary>
    internal Task RecordAsync(IReadOnlyList<DeliveryResult> results, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                foreach (var result in results) await RecordAsync(transaction, result, cancellationToken);
                // In one order, so that two replicas do not wait for each other in a circle.
                foreach (var group in results.GroupBy(r => (r.Webhook.OrganizationId, r.Webhook.WebhookId)).OrderBy(g => g.Key.OrganizationId, StringComparer.Ordinal).ThenBy(g => g.Key.WebhookId, StringComparer.Ordinal)) await RecordHealthAsync(transaction, [.. group], cancellationToken);
            },
            cancellationToken);

    /// <summary>Gives back what was taken and not sent.</summary>
    internal Task ReleaseAsync(string lease, WebhookRow webhook, Delivery delivery, CancellationToken cancellationToken)
    {
        const string Sql = """
            update webhook_deliveries set lease = null, lease_until_ms = 0
            where organization_id = @OrganizationId and webhook_id = @WebhookId and subject = @Subject and sequence = @Sequence and lease = @lease and status = 'pending'
            """;
        return database.WriteAsync(
            transaction => transaction.ExecuteAsync(Sql, new { webhook.OrganizationId, webhook.WebhookId, delivery.Subject, delivery.Sequence, lease }, cancellationToken), cancellationToken);
    }

    internal async Task<IReadOnlyDictionary<string, DeliveryCounts>> CountAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = """
            select webhook_id, count(case when status = 'pending' then 1 end), count(case when status = 'dead' then 1 end)
            from webhook_deliveries where organization_id = @organizationId and status in ('pending', 'dead') group by webhook_id
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var rows = await connection.QueryAsync<(string WebhookId, long Pending, long Dead)>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
        return rows.ToDictionary(r => r.WebhookId, r => new DeliveryCounts(r.Pending, r.Dead), StringComparer.Ordinal);
    }

    /// <summary>Events of one status, the newest first.</summary>
    internal async Task<IReadOnlyList<Delivery>> ListAsync(string organizationId, string webhookId, string status, int limit, CancellationToken cancellationToken)
    {
        const string Sql = $"""
            select {Columns} from webhook_deliveries
            where organization_id = @organizationId and webhook_id = @webhookId and status = @status order by occurred_at_ms desc, subject, sequence desc limit @limit
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<Delivery>(new CommandDefinition(Sql, new { organizationId, webhookId, status, limit }, cancellationToken: cancellationToken))];
    }

    /// <summary>Makes dead events pending again, with all their tries; one of them or all.</summary>
    internal Task<int> ReplayAsync(string organizationId, string webhookId, string? eventId, CancellationToken cancellationToken)
    {
        const string Sql = """
            update webhook_deliveries set status = 'pending', attempts = 0, next_attempt_ms = @nowMs, lease = null, lease_until_ms = 0, finished_at_ms = null
            where organization_id = @organizationId and webhook_id = @webhookId and status = 'dead' and (@all = 1 or event_id = @eventId)
            """;
        var parameters = new { organizationId, webhookId, eventId = eventId ?? "", all = eventId is null ? 1 : 0, nowMs = time.NowMs() };
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, parameters, cancellationToken), cancellationToken);
    }

    /// <summary>Removes finished events that are past their time, a batch a transaction.</summary>
    internal Task<int> PurgeAsync(TimeSpan keepDelivered, TimeSpan keepDead, int batch, CancellationToken cancellationToken)
    {
        const string Sql = """
            delete from webhook_deliveries where (organization_id, webhook_id, subject, sequence) in (
                select organization_id, webhook_id, subject, sequence from webhook_deliveries
                where (status = 'delivered' and finished_at_ms < @deliveredMs) or (status = 'dead' and finished_at_ms < @deadMs) limit @batch)
            """;
        var nowMs = time.NowMs();
        var parameters = new { batch, deliveredMs = nowMs - (long)keepDelivered.TotalMilliseconds, deadMs = nowMs - (long)keepDead.TotalMilliseconds };
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, parameters, cancellationToken), cancellationToken);
    }

    private async Task RecordAsync(WriteTransaction transaction, DeliveryResult result, CancellationToken cancellationToken)
    {
        const string Row = "organization_id = @OrganizationId and webhook_id = @WebhookId and subject = @Subject and status = 'pending'";
        // Received is received, also when the lease ran out meanwhile; a failure counts only for whoever holds the lease.
        const string Delivered = $"update webhook_deliveries set status = 'delivered', attempts = attempts + 1, finished_at_ms = @nowMs, lease = null, lease_until_ms = 0, failure = null where {Row} and sequence = @Sequence";
        const string Dead = $"update webhook_deliveries set status = 'dead', attempts = attempts + 1, finished_at_ms = @nowMs, lease = null, lease_until_ms = 0, failure = @Failure where {Row} and sequence = @Sequence and lease = @Lease";
        const string Again = $"update webhook_deliveries set attempts = attempts + 1, next_attempt_ms = @nextMs, lease = null, lease_until_ms = 0, failure = @Failure where {Row} and sequence = @Sequence and lease = @Lease";
        // Those behind it wait with it, so that the queue does not look at them before.
        const string Behind = $"update webhook_deliveries set next_attempt_ms = @nextMs where {Row} and sequence > @Sequence and next_attempt_ms < @nextMs";
        var (webhook, delivery) = (result.Webhook, result.Delivery);
        var parameters = new
        {
            webhook.OrganizationId, webhook.WebhookId, delivery.Subject, delivery.Sequence, result.Lease, result.Sent.Failure, nowMs = time.NowMs(), nextMs = result.NextAttemptMs ?? 0,
        };
        if (result.Sent.Failure is null) await transaction.ExecuteAsync(Delivered, parameters, cancellationToken);
        else if (result.NextAttemptMs is null) await transaction.ExecuteAsync(Dead, parameters, cancellationToken);
        else
        {
            await transaction.ExecuteAsync(Again, parameters, cancellationToken);
            await transaction.ExecuteAsync(Behind, parameters, cancellationToken);
        }
    }

    private async Task RecordHealthAsync(WriteTransaction transaction, IReadOnlyList<DeliveryResult> results, CancellationToken cancellationToken)
    {
        const string Success = "update webhooks set last_success_ms = @nowMs where organization_id = @OrganizationId and webhook_id = @WebhookId";
        const string Failure = """
            update webhooks set last_failure_ms = @nowMs, last_failure = @Failure, paused_until_ms = case when paused_until_ms < @pausedMs then @pausedMs else paused_until_ms end
            where organization_id = @OrganizationId and webhook_id = @WebhookId
            """;
        const string Gone = "update webhooks set is_enabled = 0, disabled_reason = @Failure where organization_id = @OrganizationId and webhook_id = @WebhookId";
        var webhook = results[0].Webhook;
        var failed = results.LastOrDefault(r => r.Sent.Failure is not null);
        var parameters = new { webhook.OrganizationId, webhook.WebhookId, nowMs = time.NowMs(), failed?.Sent.Failure, pausedMs = results.Max(r => r.PausedUntilMs) ?? 0 };
        if (results.Any(r => r.Sent.Failure is null)) await transaction.ExecuteAsync(Success, parameters, cancellationToken);
        if (failed is not null) await transaction.ExecuteAsync(Failure, parameters, cancellationToken);
        if (results.FirstOrDefault(r => r.Sent.IsGone) is { } gone) await transaction.ExecuteAsync(Gone, new { webhook.OrganizationId, webhook.WebhookId, gone.Sent.Failure }, cancellationToken);
    }
}
