using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Feedback;

/// <summary>A score that a person looks at, or has looked at.</summary>
internal sealed record StoredReview
{
    public string ReviewId { get; init; } = "";
    public string LeadId { get; init; } = "";
    public int Change { get; init; }
    public bool IsRandom { get; init; }
    public bool IsLowConfidence { get; init; }
    public double SelectionProbability { get; init; }
    public double Score { get; init; }
    public string Grade { get; init; } = "";
    public double Probability { get; init; }
    public double Confidence { get; init; }
    public int? ModelVersion { get; init; }
    public long ScoredAtMs { get; init; }
    public long SelectedAtMs { get; init; }
    public string? Verdict { get; init; }
    public string? Comment { get; init; }
    public string? ReviewedBy { get; init; }
    public long? ReviewedAtMs { get; init; }
}

/// <summary>The reviews table.</summary>
internal sealed class ReviewStore(Database database)
{
    private const string Columns = """
        review_id as ReviewId, lead_id as LeadId, change as Change, is_random as IsRandom, is_low_confidence as IsLowConfidence, selection_probability as SelectionProbability,
        score as Score, grade as Grade, probability as Probability, confidence as Confidence, model_version as ModelVersion, scored_at_ms as ScoredAtMs, selected_at_ms as SelectedAtMs,
        verdict as Verdict, comment as Comment, reviewed_by as ReviewedBy, reviewed_at_ms as ReviewedAtMs
        """;

    /// <summary>Those after a position, the oldest first; open or done.</summary>
    internal async Task<IReadOnlyList<StoredReview>> ListAsync(string organizationId, bool isOpen, (long AtMs, string Id)? after, int limit, CancellationToken cancellationToken)
    {
        var sql = $"""
            select {Columns} from reviews
            where organization_id = @organizationId and verdict is {(isOpen ? "null" : "not null")} {(after is null ? "" : "and (selected_at_ms, review_id) > (@afterMs, @afterId)")}
            order by selected_at_ms, review_id limit @limit
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StoredReview>(new CommandDefinition(sql, new { organizationId, afterMs = after?.AtMs, afterId = after?.Id, limit }, cancellationToken: cancellationToken))];
    }

    /// <summary>Keeps what a person said; a later verdict takes the place of an earlier one. Null when there is no such review.</summary>
    internal Task<StoredReview?> SetVerdictAsync(string organizationId, string reviewId, string verdict, string? comment, string by, long nowMs, CancellationToken cancellationToken) => database.WriteAsync(
        async transaction =>
        {
            const string Sql = "update reviews set verdict = @verdict, comment = @comment, reviewed_by = @by, reviewed_at_ms = @nowMs where organization_id = @organizationId and review_id = @reviewId";
            const string Select = $"select {Columns} from reviews where organization_id = @organizationId and review_id = @reviewId";
            await transaction.ExecuteAsync(Sql, new { organizationId, reviewId, verdict, comment, by, nowMs }, cancellationToken);
            return await transaction.Connection.QuerySingleOrDefaultAsync<StoredReview>(transaction.Command(Select, new { organizationId, reviewId }, cancellationToken));
        },
        cancellationToken);

    /// <summary>Puts scores on the list; those that are on it stay as they are. How many are new.</summary>
    internal static async Task<int> AddAsync(WriteTransaction transaction, string organizationId, IReadOnlyList<StoredReview> reviews, CancellationToken cancellationToken)
    {
        // Of low confidence alone one a lead is enough while it waits; all of the random ones are needed, or they would not be a random sample.
        const string Sql = """
            insert into reviews (organization_id, review_id, lead_id, change, is_random, is_low_confidence, selection_probability, score, grade, probability, confidence, model_version, scored_at_ms, selected_at_ms)
            select l.organization_id, @reviewId, l.lead_id, @change, @isRandom, @isLowConfidence, @selectionProbability, @score, @grade, @probability, @confidence, cast(@modelVersion as integer), @scoredAtMs, @selectedAtMs
            from leads l where l.organization_id = @organizationId and l.lead_id = @leadId and l.closed_at_ms is null
                and (@isRandom = 1 or not exists (select 1 from reviews r where r.organization_id = @organizationId and r.lead_id = @leadId and r.verdict is null))
            on conflict (organization_id, review_id) do nothing
            """;
        var added = 0;
        foreach (var r in reviews)
        {
            added += await transaction.ExecuteAsync(Sql, new
            {
                organizationId, reviewId = r.ReviewId, leadId = r.LeadId, change = r.Change, isRandom = r.IsRandom ? 1 : 0, isLowConfidence = r.IsLowConfidence ? 1 : 0, selectionProbability = r.SelectionProbability,
                score = r.Score, grade = r.Grade, probability = r.Probability, confidence = r.Confidence, modelVersion = r.ModelVersion, scoredAtMs = r.ScoredAtMs, selectedAtMs = r.SelectedAtMs,
            }, cancellationToken);
        }

        return added;
    }
}
