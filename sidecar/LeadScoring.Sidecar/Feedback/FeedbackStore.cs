using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Feedback;

/// <summary>What became of feedback that was sent in.</summary>
public enum FeedbackStatus
{
    /// <summary>New.</summary>
    Recorded,

    /// <summary>Recorded already.</summary>
    Unchanged,

    /// <summary>Not stored: no such lead, or its id stands for other feedback.</summary>
    Rejected,
}

/// <summary>Feedback with the score that stood when it was given.</summary>
internal sealed record StoredFeedback
{
    public string LeadId { get; init; } = "";
    public string Verdict { get; init; } = "";
    public double? Probability { get; init; }
    public string? Grade { get; init; }
    public long GivenAtMs { get; init; }
}

/// <summary>The feedback table.</summary>
internal sealed class FeedbackStore(Database database, TimeProvider time)
{
    private sealed record Known
    {
        public string LeadId { get; init; } = "";
        public string Verdict { get; init; } = "";
        public string? Reason { get; init; }
        public string? By { get; init; }
    }

    /// <summary>One status an item, and why one was rejected.</summary>
    internal Task<(FeedbackStatus Status, string? Why)[]> WriteAsync(string organizationId, IReadOnlyList<FeedbackGiven> items, CancellationToken cancellationToken) => database.WriteAsync(
        async transaction =>
        {
            await transaction.LockAsync($"feedback {organizationId}", cancellationToken);
            var existing = await LeadStore.ExistingAsync(transaction, organizationId, items.Select(i => i.LeadId), cancellationToken);
            var results = new (FeedbackStatus, string?)[items.Count];
            for (var i = 0; i < results.Length; i++)
                results[i] = existing.Contains(items[i].LeadId) ? await WriteAsync(transaction, organizationId, items[i], cancellationToken)
                    : (FeedbackStatus.Rejected, "The organization has no lead with this id.");
            return results;
        },
        cancellationToken);

    private async Task<(FeedbackStatus Status, string? Why)> WriteAsync(WriteTransaction transaction, string organizationId, FeedbackGiven item, CancellationToken cancellationToken)
    {
        const string Select = "select lead_id as LeadId, verdict as Verdict, reason as Reason, given_by as By from feedback where organization_id = @organizationId and feedback_id = @FeedbackId";
        // The score that stood then; of feedback from before the first score there is none.
        const string Insert = """
            insert into feedback (organization_id, feedback_id, lead_id, verdict, reason, given_by, given_at_ms, score, grade, probability, model_version, recorded_at_ms)
            select @organizationId, @FeedbackId, @LeadId, @verdict, @Reason, @By, @GivenAtMs, s.score, s.grade, s.probability, s.model_version, @nowMs
            from (select 1 as one) as o left join scores s on s.organization_id = @organizationId and s.lead_id = @LeadId
                and s.change = (select max(c.change) from scores c where c.organization_id = @organizationId and c.lead_id = @LeadId and c.scored_at_ms <= @GivenAtMs)
            """;
        var verdict = item.IsGood ? "good" : "bad";
        var known = await transaction.Connection.QuerySingleOrDefaultAsync<Known>(transaction.Command(Select, new { organizationId, item.FeedbackId }, cancellationToken));
        if (known is not null)
            return known == new Known { LeadId = item.LeadId, Verdict = verdict, Reason = item.Reason, By = item.By } ? (FeedbackStatus.Unchanged, null)
                : (FeedbackStatus.Rejected, "This id was recorded with other feedback; what was recorded stands. Send a new id.");
        await transaction.ExecuteAsync(Insert, new { organizationId, item.FeedbackId, item.LeadId, verdict, item.Reason, item.By, item.GivenAtMs, nowMs = time.NowMs() }, cancellationToken);
        return (FeedbackStatus.Recorded, null);
    }

    /// <summary>Feedback given from a moment on.</summary>
    internal async Task<IReadOnlyList<StoredFeedback>> ReadAsync(string organizationId, long sinceMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            select lead_id as LeadId, verdict as Verdict, probability as Probability, grade as Grade, given_at_ms as GivenAtMs
            from feedback where organization_id = @organizationId and given_at_ms >= @sinceMs order by given_at_ms, feedback_id
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StoredFeedback>(new CommandDefinition(Sql, new { organizationId, sinceMs }, cancellationToken: cancellationToken))];
    }
}
