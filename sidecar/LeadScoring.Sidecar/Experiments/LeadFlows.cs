using Dapper;
using LeadScoring.Ml.Experiments;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;

namespace LeadScoring.Sidecar.Experiments;

/// <summary>How many leads an organization gets, and how many of them convert: what forecasts rest on.</summary>
internal sealed class LeadFlows(ActiveModels models, Database database, TimeProvider time)
{
    private const int WeeksOfLeads = 8;
    private const int WeeksOfConversions = 26;
    private const int FewestLeads = 50;
    private const double LeastRate = 0.001;
    private const double UnknownRate = 0.1;

    private sealed record Row
    {
        public long? FirstMs { get; init; }
        public long Recent { get; init; }
        public long Mature { get; init; }
        public long Converted { get; init; }
    }

    /// <summary>First scores of the last eight weeks; conversions within the horizon of the half year before it. Where there are too few, what the champion saw in training.</summary>
    internal async Task<LeadFlow> GetAsync(string organizationId, int horizonDays, CancellationToken cancellationToken)
    {
        const string Sql = """
            select min(s.scored_at_ms) as FirstMs,
                   coalesce(sum(case when s.scored_at_ms >= @recentMs then 1 else 0 end), 0) as Recent,
                   coalesce(sum(case when s.scored_at_ms < @matureMs then 1 else 0 end), 0) as Mature,
                   coalesce(sum(case when s.scored_at_ms < @matureMs and exists (select 1 from outcomes o
                       where o.organization_id = s.organization_id and o.lead_id = s.lead_id and o.converted = 1 and o.occurred_at_ms between s.scored_at_ms and s.scored_at_ms + @horizonMs) then 1 else 0 end), 0) as Converted
            from scores s
            where s.organization_id = @organizationId and s.change = 1 and s.scored_at_ms >= @sinceMs
            """;
        var (nowMs, weekMs, horizonMs) = (time.NowMs(), 7 * ActivityState.DayMs, horizonDays * ActivityState.DayMs);
        var matureMs = nowMs - horizonMs;
        var sinceMs = Math.Min(nowMs - (WeeksOfLeads * weekMs), matureMs - (WeeksOfConversions * weekMs));
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var row = await connection.QuerySingleAsync<Row>(new CommandDefinition(Sql, new { organizationId, recentMs = nowMs - (WeeksOfLeads * weekMs), matureMs, horizonMs, sinceMs }, cancellationToken: cancellationToken));
        // A young organization is not one with few leads.
        var weeks = row.FirstMs is { } first ? Math.Clamp((nowMs - first) / (double)weekMs, 1, WeeksOfLeads) : WeeksOfLeads;
        var rate = row.Mature >= FewestLeads ? row.Converted / (double)row.Mature : await TrainedRateAsync(organizationId, cancellationToken);
        return new LeadFlow(row.Recent / weeks, Math.Clamp(rate, LeastRate, 1 - LeastRate));
    }

    private async Task<double> TrainedRateAsync(string organizationId, CancellationToken cancellationToken) =>
        (await models.GetAsync(organizationId, cancellationToken)).Bundle?.Manifest.OutOfFold?.Ensemble is { Rows: > 0 } trained ? trained.Positives / (double)trained.Rows : UnknownRate;
}
