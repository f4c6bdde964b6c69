using Dapper;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Leads;

/// <summary>What stands on a lead that is about to get another score.</summary>
internal sealed record StandingScore
{
    public string LeadId { get; init; } = "";
    public long Revision { get; init; }
    public bool IsStale { get; init; }
    public long? ScoredAtMs { get; init; }
    public double? Score { get; init; }
    public string? Grade { get; init; }
    public int? ModelVersion { get; init; }
    public string? ScoredBy { get; init; }
    public string? Exclusion { get; init; }

    /// <summary>Whether score, grade, model, kind of scoring or exclusion of another differ.</summary>
    internal bool DiffersFrom(LatestScore s) => Score != s.Score || Grade?[0] != s.Grade || ModelVersion != s.ModelVersion || ScoredBy != s.ScoredBy || Exclusion != s.Exclusion;
}

/// <summary>The latest score on the lead itself.</summary>
internal static class LatestScores
{
    private const string Columns = """
        lead_id as LeadId, revision as Revision, is_stale as IsStale, scored_at_ms as ScoredAtMs, score as Score, grade as Grade, model_version as ModelVersion, scored_by as ScoredBy,
        exclusion as Exclusion
        """;

    /// <summary>What stands on those of the leads that exist; until the transaction ends nobody else changes them.</summary>
    internal static async Task<Dictionary<string, StandingScore>> LockAsync(WriteTransaction transaction, string organizationId, IReadOnlyCollection<string> leadIds, CancellationToken cancellationToken)
    {
        var standing = new Dictionary<string, StandingScore>(leadIds.Count, StringComparer.Ordinal);
        // Few ids a statement where there is no round trip to save: its text holds one parameter an id.
        foreach (var ids in leadIds.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Chunk(transaction.IsPostgres ? int.MaxValue : 50))
        {
            var sql = $"select {Columns} from leads where organization_id = @organizationId and lead_id {(transaction.IsPostgres ? "= any(@ids)" : "in @ids")} order by lead_id {transaction.ForUpdate}";
            foreach (var row in await transaction.Connection.QueryAsync<StandingScore>(transaction.Command(sql, new { organizationId, ids }, cancellationToken))) standing[row.LeadId] = row;
        }

        return standing;
    }

    /// <summary>
    /// Puts scores onto leads that are locked, and takes them off the queue if they are still at the revision that was scored: a change in between keeps its place. A score that is out of date already puts its lead on the queue.
    /// Events that were folded while the lead waited count as of its score: only the first of them moved the moment of its last change.
    /// </summary>
    internal static Task SetAsync(WriteTransaction transaction, string organizationId, IReadOnlyCollection<LatestScore> scores, CancellationToken cancellationToken)
    {
        foreach (var score in scores) transaction.Touch(organizationId, score.LeadId);
        return scores.Count == 0 ? Task.CompletedTask
            : transaction.IsPostgres ? SetManyAsync(transaction, organizationId, scores, cancellationToken)
            : SetEachAsync(transaction, organizationId, scores, cancellationToken);
    }

    private static async Task SetEachAsync(WriteTransaction transaction, string organizationId, IReadOnlyCollection<LatestScore> scores, CancellationToken cancellationToken)
    {
        const string Sql = """
            update leads
            set score = @score, grade = @grade, probability = @probability, confidence = @confidence, model_version = @modelVersion, scored_by = @scoredBy,
                scored_at_ms = @scoredAtMs, scored_revision = @scoredRevision, exclusion = @exclusion, scored_with = @scoredWith,
                slice = coalesce(slice, @slice), slice_probability = case when slice is null then @sliceProbability else slice_probability end,
                sliced_at_ms = case when slice is null and cast(@slice as text) is not null then @scoredAtMs else sliced_at_ms end,
                updated_at_ms = case when revision > coalesce(scored_revision, 0) and updated_at_ms < @scoredAtMs then @scoredAtMs else updated_at_ms end,
                is_stale = case when revision = @revision then 0 when @revision < 0 then 1 else is_stale end,
                stale_since_ms = case when revision = @revision then null when @revision < 0 then coalesce(stale_since_ms, @scoredAtMs) else stale_since_ms end
            where organization_id = @organizationId and lead_id = @leadId
            """;
        using var update = transaction.Prepare(Sql, "organizationId", "leadId", "score", "grade", "probability", "confidence", "modelVersion", "scoredBy", "scoredAtMs", "revision", "scoredRevision", "exclusion", "scoredWith", "slice", "sliceProbability")
            .Set(0, organizationId);
        foreach (var s in scores)
        {
            await update.Set(1, s.LeadId).Set(2, s.Score).Set(3, s.Grade.ToString()).Set(4, s.Probability).Set(5, s.Confidence).Set(6, s.ModelVersion).Set(7, s.ScoredBy).Set(8, s.ScoredAtMs)
                .Set(9, s.Revision).Set(10, s.ScoredRevision).Set(11, s.Exclusion).Set(12, s.ScoredWith).Set(13, s.Slice?.Name).Set(14, s.Slice?.Probability).ExecuteAsync(cancellationToken);
        }
    }

    private static Task SetManyAsync(WriteTransaction transaction, string organizationId, IReadOnlyCollection<LatestScore> scores, CancellationToken cancellationToken)
    {
        const string Sql = """
            update leads
            set score = n.score, grade = n.grade, probability = n.probability, confidence = n.confidence, model_version = n.model_version, scored_by = n.scored_by,
                scored_at_ms = n.scored_at_ms, scored_revision = n.scored_revision, exclusion = n.exclusion, scored_with = n.scored_with,
                slice = coalesce(leads.slice, n.slice), slice_probability = case when leads.slice is null then n.slice_probability else leads.slice_probability end,
                sliced_at_ms = case when leads.slice is null and n.slice is not null then n.scored_at_ms else leads.sliced_at_ms end,
                updated_at_ms = case when leads.revision > coalesce(leads.scored_revision, 0) and leads.updated_at_ms < n.scored_at_ms then n.scored_at_ms else leads.updated_at_ms end,
                is_stale = case when leads.revision = n.revision then 0 when n.revision < 0 then 1 else leads.is_stale end,
                stale_since_ms = case when leads.revision = n.revision then null when n.revision < 0 then coalesce(leads.stale_since_ms, n.scored_at_ms) else leads.stale_since_ms end
            from unnest(@ids, @points, @grades, @probabilities, @confidences, @modelVersions, @scoredBy, @scoredAtMs, @revisions, @scoredRevisions, @exclusions, @scoredWith, @slices, @sliceProbabilities)
                as n (lead_id, score, grade, probability, confidence, model_version, scored_by, scored_at_ms, revision, scored_revision, exclusion, scored_with, slice, slice_probability)
            where leads.organization_id = @organizationId and leads.lead_id = n.lead_id
            """;
        T[] Of<T>(Func<LatestScore, T> part) => [.. scores.Select(part)];
        return transaction.ExecuteAsync(Sql, new
        {
            organizationId, ids = Of(s => s.LeadId), points = Of(s => s.Score), grades = Of(s => s.Grade.ToString()), probabilities = Of(s => s.Probability), confidences = Of(s => s.Confidence),
            modelVersions = Of(s => s.ModelVersion), scoredBy = Of(s => s.ScoredBy), scoredAtMs = Of(s => s.ScoredAtMs), revisions = Of(s => s.Revision), scoredRevisions = Of(s => s.ScoredRevision),
            exclusions = Of(s => s.Exclusion), scoredWith = Of(s => s.ScoredWith), slices = Of(s => s.Slice?.Name), sliceProbabilities = Of(s => s.Slice?.Probability),
        }, cancellationToken);
    }
}
