using Dapper;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Webhooks;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>What another slice does about new scores, in the transaction that wrote them. Register one as a singleton.</summary>
internal delegate Task ScoresChanged(WriteTransaction transaction, string organizationId, IReadOnlyList<string> leadIds, CancellationToken cancellationToken);

/// <summary>Tells listeners of the rows that a transaction has just added to the ledger: a lead's newest row against the one before.</summary>
internal sealed class ScoreEvents(Outbox outbox, IEnumerable<ScoresChanged> listeners)
{
    private const int LeadsPerQuery = 500;

    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public long ScoredAtMs { get; init; }
        public double Score { get; init; }
        public string Grade { get; init; } = "";
        public double Probability { get; init; }
        public double Confidence { get; init; }
        public int? ModelVersion { get; init; }
        public string ScoredBy { get; init; } = "";
        public bool NeedsReview { get; init; }
        public string Factors { get; init; } = "";
        public string Cause { get; init; } = "";
    }

    /// <param name="transaction">The one that wrote the ledger.</param>
    /// <param name="organizationId">Whose leads.</param>
    /// <param name="leadIds">Leads with one new row each.</param>
    /// <param name="nextBestActions">Per lead; empty when nobody was scored anew.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task PutAsync(
        WriteTransaction transaction, string organizationId, IReadOnlyList<string> leadIds, IReadOnlyDictionary<string, string> nextBestActions, CancellationToken cancellationToken)
    {
        var sql = $"""
            select lead_id as LeadId, scored_at_ms as ScoredAtMs, score as Score, grade as Grade, probability as Probability, confidence as Confidence, model_version as ModelVersion, scored_by as ScoredBy,
                   needs_review as NeedsReview, factors as Factors, cause as Cause
            from scores s
            where organization_id = @organizationId and lead_id {(transaction.IsPostgres ? "= any(@ids)" : "in @ids")}
                and change >= (select max(change) - 1 from scores n where n.organization_id = s.organization_id and n.lead_id = s.lead_id)
            order by lead_id, change
            """;
        if (leadIds.Count == 0) return;
        foreach (var tell in listeners) await tell(transaction, organizationId, leadIds, cancellationToken);
        var writer = await outbox.OpenAsync(transaction, organizationId, cancellationToken, WebhookEventTypes.ScoreUpdated, WebhookEventTypes.GradeChanged, WebhookEventTypes.ReviewNeeded);
        if (writer is null) return;
        foreach (var ids in leadIds.Chunk(LeadsPerQuery))
        {
            var rows = await transaction.Connection.QueryAsync<Row>(transaction.Command(sql, new { organizationId, ids }, cancellationToken));
            foreach (var lead in rows.GroupBy(r => r.LeadId)) Put(writer, lead.Last(), lead.Count() > 1 ? lead.First() : null, nextBestActions.GetValueOrDefault(lead.Key));
            await writer.FlushAsync(cancellationToken);
        }
    }

    private static void Put(OutboxWriter writer, Row row, Row? before, string? nextBestAction)
    {
        // Only what needs a review carries a reason, and reading it out of the factors costs something.
        var reason = row.NeedsReview ? new StoredScore { Factors = row.Factors }.Explanation.ReviewReason : null;
        var data = new LeadEventData(
            row.LeadId, row.Score, row.Grade, before?.Grade, row.Probability, row.Confidence, row.NeedsReview, reason, nextBestAction, row.ModelVersion, row.ScoredBy);
        // Where bounds between grades moved, the score stayed what it was.
        if (nextBestAction is not null) writer.PutOfLead(WebhookEventTypes.ScoreUpdated, row.ScoredAtMs, data);
        if (row.Grade != before?.Grade) writer.PutOfLead(WebhookEventTypes.GradeChanged, row.ScoredAtMs, data);
        if (row.NeedsReview && before?.NeedsReview != true) writer.PutOfLead(WebhookEventTypes.ReviewNeeded, row.ScoredAtMs, data);
    }
}
