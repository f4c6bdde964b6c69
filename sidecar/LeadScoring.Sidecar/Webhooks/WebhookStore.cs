using System.Text;
using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Audit;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Webhooks;

/// <summary>A webhook as stored.</summary>
internal sealed record WebhookRow
{
    public string OrganizationId { get; init; } = "";
    public string WebhookId { get; init; } = "";
    public string Url { get; init; } = "";
    public string? Description { get; init; }
    public string EventTypes { get; init; } = "";
    public string? Grades { get; init; }
    public bool IsEnabled { get; init; }
    public string? DisabledReason { get; init; }
    public byte[] Secret { get; init; } = [];
    public byte[]? PreviousSecret { get; init; }
    public long PreviousUntilMs { get; init; }
    public long PausedUntilMs { get; init; }
    public long? LastSuccessMs { get; init; }
    public long? LastFailureMs { get; init; }
    public string? LastFailure { get; init; }
    public long CreatedAtMs { get; init; }
}

/// <summary>What of a webhook its owner says.</summary>
internal sealed record WebhookSettings(string Url, string? Description, string EventTypes, string? Grades, bool IsEnabled);

/// <summary>Webhooks of organizations, and their secrets.</summary>
internal sealed class WebhookStore(Database database, SecretBox box, Outbox outbox, AuditLog audit, TimeProvider time)
{
    internal const string Columns = """
        organization_id as OrganizationId, webhook_id as WebhookId, url as Url, description as Description, event_types as EventTypes, grades as Grades, is_enabled as IsEnabled,
        disabled_reason as DisabledReason, secret as Secret, previous_secret as PreviousSecret, previous_until_ms as PreviousUntilMs, paused_until_ms as PausedUntilMs,
        last_success_ms as LastSuccessMs, last_failure_ms as LastFailureMs, last_failure as LastFailure, created_at_ms as CreatedAtMs
        """;

    internal async Task<string> AddAsync(string organizationId, WebhookSettings settings, string secret, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into webhooks (organization_id, webhook_id, url, description, event_types, grades, is_enabled, secret, previous_until_ms, paused_until_ms, created_at_ms)
            values (@organizationId, @webhookId, @Url, @Description, @EventTypes, @Grades, @isEnabled, @secret, 0, 0, @nowMs)
            """;
        var webhookId = $"wh_{Guid.CreateVersion7():N}";
        var row = new
        {
            organizationId, webhookId, settings.Url, settings.Description, settings.EventTypes, settings.Grades, isEnabled = settings.IsEnabled ? 1 : 0,
            secret = Seal(organizationId, webhookId, secret), nowMs = time.NowMs(),
        };
        await database.WriteAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync(Sql, row, cancellationToken);
                audit.Append(transaction, organizationId, AuditKind.WebhookCreated, $"webhook {webhookId}", Told(settings));
            },
            cancellationToken);
        outbox.Forget(organizationId);
        return webhookId;
    }

    /// <returns>False when there is no such webhook.</returns>
    internal async Task<bool> UpdateAsync(string organizationId, string webhookId, WebhookSettings settings, CancellationToken cancellationToken)
    {
        const string Sql = """
            update webhooks set url = @Url, description = @Description, event_types = @EventTypes, grades = @Grades, is_enabled = @isEnabled, disabled_reason = null, paused_until_ms = 0
            where organization_id = @organizationId and webhook_id = @webhookId
            """;
        // Whoever has just mended the address does not want to wait for the next try.
        const string Waiting = """
            update webhook_deliveries set next_attempt_ms = @nowMs
            where organization_id = @organizationId and webhook_id = @webhookId and status = 'pending' and next_attempt_ms > @nowMs
            """;
        var row = new { organizationId, webhookId, settings.Url, settings.Description, settings.EventTypes, settings.Grades, isEnabled = settings.IsEnabled ? 1 : 0 };
        var rows = await database.WriteAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync(Waiting, new { organizationId, webhookId, nowMs = time.NowMs() }, cancellationToken);
                var changed = await transaction.ExecuteAsync(Sql, row, cancellationToken);
                if (changed > 0) audit.Append(transaction, organizationId, AuditKind.WebhookChanged, $"webhook {webhookId}", Told(settings));
                return changed;
            },
            cancellationToken);
        outbox.Forget(organizationId);
        return rows > 0;
    }

    /// <summary>Removes a webhook and what was not delivered to it.</summary>
    /// <returns>False when there is no such webhook.</returns>
    internal async Task<bool> DeleteAsync(string organizationId, string webhookId, CancellationToken cancellationToken)
    {
        const string Deliveries = "delete from webhook_deliveries where organization_id = @organizationId and webhook_id = @webhookId";
        const string Webhook = "delete from webhooks where organization_id = @organizationId and webhook_id = @webhookId";
        var rows = await database.WriteAsync(
            async transaction =>
            {
                var deleted = await transaction.ExecuteAsync(Webhook, new { organizationId, webhookId }, cancellationToken);
                if (deleted > 0) audit.Append(transaction, organizationId, AuditKind.WebhookRemoved, $"webhook {webhookId}");
                await transaction.ExecuteAsync(Deliveries, new { organizationId, webhookId }, cancellationToken);
                return deleted;
            },
            cancellationToken);
        outbox.Forget(organizationId);
        return rows > 0;
    }

    internal async Task<IReadOnlyList<WebhookRow>> ListAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from webhooks where organization_id = @organizationId order by created_at_ms, webhook_id";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<WebhookRow>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken))];
    }

    /// <exception cref="ProblemException">There is no such webhook.</exception>
    internal async Task<WebhookRow> GetAsync(string organizationId, string webhookId, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from webhooks where organization_id = @organizationId and webhook_id = @webhookId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.QuerySingleOrDefaultAsync<WebhookRow>(new CommandDefinition(Sql, new { organizationId, webhookId }, cancellationToken: cancellationToken)) ?? throw Unknown();
    }

    /// <summary>Makes a new secret the webhook's; the one before signs as well until the overlap ends.</summary>
    internal async Task<long> RotateAsync(WebhookRow webhook, string secret, TimeSpan overlap, CancellationToken cancellationToken)
    {
        const string Sql = """
            update webhooks set previous_secret = secret, previous_until_ms = @untilMs, secret = @secret
            where organization_id = @OrganizationId and webhook_id = @WebhookId
            """;
        var untilMs = time.NowMs() + (long)overlap.TotalMilliseconds;
        var row = new { webhook.OrganizationId, webhook.WebhookId, untilMs, secret = Seal(webhook.OrganizationId, webhook.WebhookId, secret) };
        await database.WriteAsync(
            async transaction =>
            {
                await transaction.ExecuteAsync(Sql, row, cancellationToken);
                audit.Append(transaction, webhook.OrganizationId, AuditKind.WebhookSecretRotated, $"webhook {webhook.WebhookId}", new { previous_until = Moment.Of(untilMs) });
            },
            cancellationToken);
        return untilMs;
    }

    /// <summary>Keys to sign with now, the current one first.</summary>
    /// <exception cref="StorageException">The secret cannot be opened with this process's key.</exception>
    internal IReadOnlyList<byte[]> Keys(WebhookRow webhook)
    {
        List<byte[]> sealedSecrets = [webhook.Secret];
        if (webhook.PreviousSecret is { } previous && webhook.PreviousUntilMs > time.NowMs()) sealedSecrets.Add(previous);
        return [.. sealedSecrets.Select(s => WebhookSignature.TryReadSecret(Encoding.UTF8.GetString(box.Open(s, Place(webhook.OrganizationId, webhook.WebhookId))), out var key)
            ? key : throw new StorageException("A stored webhook secret is too short."))];
    }

    internal static ProblemException Unknown() => new(ProblemKind.NotFound, "The organization has no such webhook. GET /v1/webhooks lists them.");

    // The address without its query: some receivers keep their own secret there.
    private static object Told(WebhookSettings settings) => new { host = new Uri(settings.Url).Authority, events = settings.EventTypes, grades = settings.Grades, enabled = settings.IsEnabled };

    private byte[] Seal(string organizationId, string webhookId, string secret) => box.Seal(Encoding.UTF8.GetBytes(secret), Place(organizationId, webhookId));

    private static string Place(string organizationId, string webhookId) => $"webhooks/{organizationId}/{webhookId}";
}
