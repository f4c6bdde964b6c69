using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Jobs;
using LeadScoring.Sidecar.Storage;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Feedback;

/// <summary>
/// Puts new scores of open leads on the review list: a random share, drawn by a stable hash with its probability kept, and all of low confidence. Running it again, or on several
/// replicas, draws the same.
/// </summary>
internal sealed class SelectReviews(Database database, IOptions<FeedbackOptions> options, TimeProvider time) : IOrganizationJob
{
    private const int Seed = 41;
    private const int Batch = 2_000;

    // A score is stored a little after the moment it carries.
    private const long OverlapMs = 10 * 60_000;
    private const long FirstLookBackMs = 7 * ActivityState.DayMs;

    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public int Change { get; init; }
        public long ScoredAtMs { get; init; }
        public double Score { get; init; }
        public string Grade { get; init; } = "";
        public double Probability { get; init; }
        public double Confidence { get; init; }
        public int? ModelVersion { get; init; }
        public bool NeedsReview { get; init; }
    }

    /// <returns>What was done, in words.</returns>
    public async Task<string> RunAsync(string organizationId, CancellationToken cancellationToken)
    {
        var nowMs = time.NowMs();
        var sinceMs = await ThroughAsync(organizationId, cancellationToken) is { } through ? through - OverlapMs : nowMs - FirstLookBackMs;
        int seen = 0, added = 0;
        await foreach (var batch in ReadAsync(organizationId, sinceMs, cancellationToken))
        {
            seen += batch.Count;
            StoredReview[] chosen = [.. batch.Select(r => Of(r, nowMs)).Where(r => r.IsRandom || r.IsLowConfidence)];
            if (chosen.Length > 0) added += await database.WriteAsync(transaction => ReviewStore.AddAsync(transaction, organizationId, chosen, cancellationToken), cancellationToken);
        }

        await SetThroughAsync(organizationId, nowMs, cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"{seen:N0} scores since the last time; {added:N0} put on the review list.");
    }

    private StoredReview Of(Row r, long nowMs)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{r.LeadId}\n{r.Change}");
        return new StoredReview
        {
            ReviewId = "rev_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 16)), LeadId = r.LeadId, Change = r.Change,
            IsRandom = StableHash.Unit(key, Seed) < options.Value.ReviewShare, IsLowConfidence = r.NeedsReview, SelectionProbability = options.Value.ReviewShare,
            Score = r.Score, Grade = r.Grade, Probability = r.Probability, Confidence = r.Confidence, ModelVersion = r.ModelVersion, ScoredAtMs = r.ScoredAtMs, SelectedAtMs = nowMs,
        };
    }

    private async IAsyncEnumerable<IReadOnlyList<Row>> ReadAsync(string organizationId, long sinceMs, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string Sql = """
            select lead_id as LeadId, change as Change, scored_at_ms as ScoredAtMs, score as Score, grade as Grade, probability as Probability, confidence as Confidence,
                   model_version as ModelVersion, needs_review as NeedsReview
            from scores where organization_id = @organizationId and (scored_at_ms, change, lead_id) > (@AtMs, @Change, @LeadId)
            order by scored_at_ms, change, lead_id limit @Batch
            """;
        var at = (AtMs: sinceMs, Change: 0, LeadId: "");
        while (true)
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            var rows = (await connection.QueryAsync<Row>(new CommandDefinition(Sql, new { organizationId, at.AtMs, at.Change, at.LeadId, Batch }, cancellationToken: cancellationToken))).AsList();
            if (rows.Count == 0) yield break;
            yield return rows;
            at = (rows[^1].ScoredAtMs, rows[^1].Change, rows[^1].LeadId);
        }
    }

    private async Task<long?> ThroughAsync(string organizationId, CancellationToken cancellationToken)
    {
        const string Sql = "select through_ms from review_progress where organization_id = @organizationId";
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<long?>(new CommandDefinition(Sql, new { organizationId }, cancellationToken: cancellationToken));
    }

    private Task SetThroughAsync(string organizationId, long nowMs, CancellationToken cancellationToken)
    {
        const string Sql = """
            insert into review_progress (organization_id, through_ms) values (@organizationId, @nowMs)
            on conflict (organization_id) do update set through_ms = case when review_progress.through_ms < excluded.through_ms then excluded.through_ms else review_progress.through_ms end
            """;
        return database.WriteAsync(transaction => transaction.ExecuteAsync(Sql, new { organizationId, nowMs }, cancellationToken), cancellationToken);
    }
}
