using System.Text.Json;
using Dapper;
using LeadScoring.Ml.Calibration;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Sidecar.Experiments;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>A score to be stored.</summary>
/// <param name="Lead">The lead that was scored, as it was read.</param>
/// <param name="Result">Its score.</param>
/// <param name="Change">What made it another than before; null when there was none before.</param>
/// <param name="ScoredWith">What scored, in one word.</param>
internal sealed record ScoreWrite(StoredLead Lead, ScoreResult Result, ScoreChange? Change, string ScoredWith)
{
    internal string LeadId => Lead.LeadId;
}

/// <summary>A row of the ledger.</summary>
internal sealed record StoredScore
{
    public long ScoredAtMs { get; init; }
    public double Score { get; init; }
    public string Grade { get; init; } = "";
    public double Probability { get; init; }
    public double Confidence { get; init; }
    public int? ModelVersion { get; init; }
    public string ScoredBy { get; init; } = "";
    public bool NeedsReview { get; init; }
    public double BasePoints { get; init; }
    public string Factors { get; init; } = "[]";
    public string? Cause { get; init; }
    public double? NewDataPoints { get; init; }
    public double? ElapsedTimePoints { get; init; }
    public double? ModelPoints { get; init; }
    public double? CalibrationPoints { get; init; }
    public string? Exclusion { get; init; }

    private StoredExplanation? explanation;

    /// <summary>Why the score was what it was; read once.</summary>
    internal StoredExplanation Explanation => explanation ??= ReadExplanation();

    // Earlier versions stored the factors alone.
    private StoredExplanation ReadExplanation() => Factors.StartsWith('[')
        ? new StoredExplanation(JsonSerializer.Deserialize<FeaturePoints[]>(Factors) ?? [], null, null)
        : JsonSerializer.Deserialize<StoredExplanation>(Factors)!;
}

/// <summary>What is stored with a score so that it can be told later: factors in words, interval, reason to review.</summary>
internal sealed record StoredExplanation(IReadOnlyList<FeaturePoints> Factors, ConversionInterval? Interval, string? ReviewReason)
{
    private static readonly JsonSerializerOptions Compact = new() { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };

    internal static string Write(ScoreResult result) => JsonSerializer.Serialize(new StoredExplanation(result.Factors ?? [], result.Interval, result.ReviewReason), Compact);
}

/// <summary>The score ledger: append-only, a row whenever score, grade or model of a lead changed.</summary>
internal sealed class ScoreStore(Database database, ScoreEvents events)
{
    // Of no lead: what is written for it goes on the queue.
    private const long NoRevision = -1;

    private const string Columns = """
        scored_at_ms as ScoredAtMs, score as Score, grade as Grade, probability as Probability, confidence as Confidence, model_version as ModelVersion,
        scored_by as ScoredBy, needs_review as NeedsReview, base_points as BasePoints, factors as Factors,
        cause as Cause, new_data_points as NewDataPoints, elapsed_time_points as ElapsedTimePoints, model_points as ModelPoints, calibration_points as CalibrationPoints, exclusion as Exclusion
        """;

    /// <summary>Latest score onto the lead, off the queue if nothing changed meanwhile, and into the ledger if it is another than before.</summary>
    /// <param name="organizationId">Whose leads.</param>
    /// <param name="active">What the scores were made by.</param>
    /// <param name="writes">The scores.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>False when something else scores by now; the leads are then on the queue.</returns>
    internal Task<bool> WriteAsync(string organizationId, ActiveModel active, IReadOnlyList<ScoreWrite> writes, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var isCurrent = await ActiveModels.IsCurrentAsync(transaction, organizationId, active, cancellationToken);
                var standing = await LatestScores.LockAsync(transaction, organizationId, [.. writes.Select(w => w.LeadId)], cancellationToken);
                await WriteAsync(transaction, organizationId, active, [.. writes.Where(w => IsNewest(w, standing))], standing, isCurrent, cancellationToken);
                return isCurrent;
            },
            cancellationToken);

    /// <summary>The same for leads that a worker has claimed: a lead of which it lost the claim, or that is off the queue by now, is left alone.</summary>
    /// <returns>False when something else scores by now; nothing is stored then, and the leads keep their place on the queue.</returns>
    internal Task<bool> WriteClaimedAsync(LeadClaim claim, ActiveModel active, IReadOnlyList<ScoreWrite> writes, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                var isCurrent = await ActiveModels.IsCurrentAsync(transaction, claim.OrganizationId, active, cancellationToken);
                var standing = await LatestScores.LockAsync(transaction, claim.OrganizationId, [.. writes.Select(w => w.LeadId)], cancellationToken);
                var held = await StaleLeads.RedeemAsync(transaction, claim, [.. writes.Select(w => w.LeadId)], cancellationToken);
                ScoreWrite[] mine = [.. writes.Where(w => held.Contains(w.LeadId) && standing.TryGetValue(w.LeadId, out var s) && s.IsStale)];
                if (isCurrent) await WriteAsync(transaction, claim.OrganizationId, active, mine, standing, isCurrent: true, cancellationToken);
                return isCurrent;
            },
            cancellationToken);

    /// <summary>The same for a batch of a run: scores and how far the run is are one write.</summary>
    /// <returns>False when something else scores by now; nothing is stored then.</returns>
    /// <exception cref="RescoringLostException">Another has the run by now, or it was ended; nothing is stored.</exception>
    internal Task<bool> WriteRunAsync(RescoringRun run, string position, int leads, ActiveModel active, IReadOnlyList<ScoreWrite> writes, long nowMs, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async transaction =>
            {
                if (!await ActiveModels.IsCurrentAsync(transaction, run.OrganizationId, active, cancellationToken)) return false;
                var standing = await LatestScores.LockAsync(transaction, run.OrganizationId, [.. writes.Select(w => w.LeadId)], cancellationToken);
                var told = await WriteAsync(transaction, run.OrganizationId, active, [.. writes.Where(w => IsNewest(w, standing))], standing, isCurrent: true, cancellationToken);
                var moves = writes.Where(w => told.ContainsKey(w.LeadId) && standing[w.LeadId].Grade is { } before && before[0] != w.Result.Grade)
                    .GroupBy(w => $"{standing[w.LeadId].Grade}>{w.Result.Grade}").ToDictionary(g => g.Key, g => g.Count());
                var batch = new RescoringProgress(position, leads, told.Count, moves);
                return await RescoringRunStore.AdvanceAsync(transaction, run, batch, nowMs, cancellationToken) ? true : throw new RescoringLostException();
            },
            cancellationToken);

    /// <summary>Not of a lead that is gone by now, or that was changed and scored again while this score was being made: what is there is newer.</summary>
    private static bool IsNewest(ScoreWrite write, Dictionary<string, StandingScore> standing) =>
        standing.TryGetValue(write.LeadId, out var s) && !(s.Revision > write.Lead.Revision && !s.IsStale && s.ScoredAtMs is not null);

    /// <returns>Leads with a new row in the ledger, and what to do about each.</returns>
    private async Task<Dictionary<string, string>> WriteAsync(
        WriteTransaction transaction, string organizationId, ActiveModel active, ScoreWrite[] writes, Dictionary<string, StandingScore> standing, bool isCurrent, CancellationToken cancellationToken)
    {
        LatestScore[] scores = [.. writes.Select(w => Latest(w, isCurrent))];
        if (isCurrent && active.Trial is { } trial) await ExposeAsync(transaction, organizationId, trial, writes.Where(w => standing[w.LeadId].Score is null), cancellationToken);
        await LatestScores.SetAsync(transaction, organizationId, scores, cancellationToken);
        await RecommendedActions.LogAsync(transaction, organizationId, writes, cancellationToken);
        var rows = new List<(ScoreWrite Write, ScoreChange? Change)>(writes.Length);
        for (var i = 0; i < writes.Length; i++)
        {
            if (!standing[writes[i].LeadId].DiffersFrom(scores[i])) continue;
            // Another score may have been stored since the lead was read: the ledger must sum all the same.
            rows.Add((writes[i], standing[writes[i].LeadId].Score is not { } before ? null
                : writes[i].Change is { } c && writes[i].Lead.Latest is { } seen ? c.From(seen.Score, before) : ScoreChange.Of(writes[i].Result.Score.Points - before, 0, 0, 0)));
        }

        if (rows.Count == 0) return [];
        if (transaction.IsPostgres) await AddManyAsync(transaction, organizationId, rows, cancellationToken);
        else await AddEachAsync(transaction, organizationId, rows, cancellationToken);
        var told = rows.ToDictionary(r => r.Write.LeadId, r => r.Write.Result.Recommendation.Action, StringComparer.Ordinal);
        await events.PutAsync(transaction, organizationId, [.. told.Keys], told, cancellationToken);
        return told;
    }

    /// <summary>A lead's first score is its exposure: nobody has worked it by another model's score.</summary>
    private static Task ExposeAsync(WriteTransaction transaction, string organizationId, ModelTrial trial, IEnumerable<ScoreWrite> first, CancellationToken cancellationToken) =>
        ExperimentLeads.ExposeAsync(
            transaction, organizationId, trial,
            [.. first.Where(w => w.Result.ModelVersion is not null).Select(w => new Exposure(w.LeadId, w.Result.ModelVersion == trial.Version, w.Result.ScoredAtMs, w.Result.Score.Probability))], cancellationToken);

    private static async Task AddEachAsync(WriteTransaction transaction, string organizationId, List<(ScoreWrite Write, ScoreChange? Change)> rows, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into scores (organization_id, lead_id, change, scored_at_ms, score, grade, probability, confidence, model_version, scored_by, needs_review, base_points, factors,
                cause, new_data_points, elapsed_time_points, model_points, calibration_points, exclusion)
            select @organizationId, @leadId, coalesce(max(change), 0) + 1, @scoredAtMs, @score, @grade, @probability, @confidence, @modelVersion, @scoredBy, @needsReview, @basePoints, @factors,
                @cause, @newData, @elapsedTime, @model, @calibration, @exclusion
            from scores where organization_id = @organizationId and lead_id = @leadId
            """;
        using var insert = transaction.Prepare(Sql, "organizationId", "leadId", "scoredAtMs", "score", "grade", "probability", "confidence", "modelVersion", "scoredBy", "needsReview", "basePoints", "factors", "cause", "newData", "elapsedTime", "model", "calibration", "exclusion")
            .Set(0, organizationId);
        foreach (var (write, change) in rows)
        {
            var r = write.Result;
            await insert.Set(1, write.LeadId).Set(2, r.ScoredAtMs).Set(3, r.Score.Points).Set(4, r.Grade.ToString()).Set(5, r.Score.Probability).Set(6, r.Score.Confidence)
                .Set(7, r.ModelVersion).Set(8, Name(r.ScoredBy)).Set(9, r.NeedsReview ? 1 : 0).Set(10, r.BasePoints)
                .Set(11, StoredExplanation.Write(r))
                .Set(12, Name(change?.Cause ?? ChangeCause.First)).Set(13, change?.NewData).Set(14, change?.ElapsedTime).Set(15, change?.Model).Set(16, change?.Calibration).Set(17, r.Exclusion?.Id).ExecuteAsync(cancellationToken);
        }
    }

    private static Task AddManyAsync(WriteTransaction transaction, string organizationId, List<(ScoreWrite Write, ScoreChange? Change)> rows, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into scores (organization_id, lead_id, change, scored_at_ms, score, grade, probability, confidence, model_version, scored_by, needs_review, base_points, factors,
                cause, new_data_points, elapsed_time_points, model_points, calibration_points, exclusion)
            select @organizationId, n.lead_id, coalesce((select max(s.change) from scores as s where s.organization_id = @organizationId and s.lead_id = n.lead_id), 0) + 1,
                n.scored_at_ms, n.score, n.grade, n.probability, n.confidence, n.model_version, n.scored_by, n.needs_review, n.base_points, n.factors, n.cause, n.new_data, n.elapsed_time, n.model, n.calibration, n.exclusion
            from unnest(@ids, @scoredAtMs, @points, @grades, @probabilities, @confidences, @modelVersions, @scoredBy, @needsReview, @basePoints, @factors, @causes, @newData, @elapsedTime, @model, @calibration, @exclusions)
                as n (lead_id, scored_at_ms, score, grade, probability, confidence, model_version, scored_by, needs_review, base_points, factors, cause, new_data, elapsed_time, model, calibration, exclusion)
            """;
        T[] Of<T>(Func<ScoreWrite, ScoreChange?, T> part) => [.. rows.Select(r => part(r.Write, r.Change))];
        return transaction.ExecuteAsync(Sql, new
        {
            organizationId, ids = Of((w, _) => w.LeadId), scoredAtMs = Of((w, _) => w.Result.ScoredAtMs), points = Of((w, _) => w.Result.Score.Points), grades = Of((w, _) => w.Result.Grade.ToString()),
            probabilities = Of((w, _) => w.Result.Score.Probability), confidences = Of((w, _) => w.Result.Score.Confidence), modelVersions = Of((w, _) => w.Result.ModelVersion),
            scoredBy = Of((w, _) => Name(w.Result.ScoredBy)), needsReview = Of((w, _) => w.Result.NeedsReview ? (short)1 : (short)0), basePoints = Of((w, _) => w.Result.BasePoints),
            factors = Of((w, _) => StoredExplanation.Write(w.Result)), causes = Of((_, c) => Name(c?.Cause ?? ChangeCause.First)), newData = Of((_, c) => c?.NewData), elapsedTime = Of((_, c) => c?.ElapsedTime),
            model = Of((_, c) => c?.Model), calibration = Of((_, c) => c?.Calibration), exclusions = Of((w, _) => w.Result.Exclusion?.Id),
        }, cancellationToken);
    }

    internal async Task<StoredScore?> LatestAsync(string organizationId, string leadId, CancellationToken cancellationToken) =>
        (await ListAsync(organizationId, leadId, 1, cancellationToken)).FirstOrDefault();

    /// <summary>The lead's scores, the newest first.</summary>
    internal async Task<IReadOnlyList<StoredScore>> ListAsync(string organizationId, string leadId, int limit, CancellationToken cancellationToken)
    {
        const string Sql = $"select {Columns} from scores where organization_id = @organizationId and lead_id = @leadId order by change desc limit @limit";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<StoredScore>(new CommandDefinition(Sql, new { organizationId, leadId, limit }, cancellationToken: cancellationToken))];
    }

    /// <summary>Removes rows of some leads that are older than a moment, but never a lead's latest: it says why the score is what it is, and the next change is told from it.</summary>
    internal static Task<int> RemoveAsync(WriteTransaction transaction, string organizationId, string[] ids, long cutoffMs, CancellationToken cancellationToken)
    {
        var sql = $"""
            delete from scores where organization_id = @organizationId and lead_id {(transaction.IsPostgres ? "= any(@ids)" : "in @ids")} and scored_at_ms < @cutoffMs
                and change < (select max(n.change) from scores as n where n.organization_id = scores.organization_id and n.lead_id = scores.lead_id)
            """;
        return transaction.ExecuteAsync(sql, new { organizationId, ids, cutoffMs }, cancellationToken);
    }

    internal static string Name<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    internal static T Parse<T>(string name) where T : struct, Enum => Enum.Parse<T>(name.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);

    private static LatestScore Latest(ScoreWrite write, bool isCurrent) => new(
        write.LeadId, isCurrent ? write.Lead.Revision : NoRevision, write.Lead.Revision, write.Result.Score.Points, write.Result.Grade, write.Result.Score.Probability, write.Result.Score.Confidence,
        write.Result.ModelVersion, Name(write.Result.ScoredBy), write.ScoredWith, write.Result.ScoredAtMs, write.Result.Exclusion?.Id)
    {
        Slice = write.Result.Slice,
    };
}

/// <summary>A batch of a run that somebody else has by now, or that was ended.</summary>
internal sealed class RescoringLostException() : Exception("The run is another's by now, or was ended.");
