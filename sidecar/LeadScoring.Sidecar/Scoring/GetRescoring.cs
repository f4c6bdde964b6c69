using Dapper;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>The queue of an organization: how long it is, and what holds it up.</summary>
internal static class GetRescoring
{
    private const int MostShown = 100;

    /// <param name="Failures">Tries in a row that failed.</param>
    /// <param name="Reason">Of the latest failure.</param>
    public sealed record Failed(string LeadId, int Failures, string Reason, DateTimeOffset FailedAt);

    /// <param name="Queued">Leads that wait for a new score.</param>
    /// <param name="OldestSince">Since when the oldest waits; absent when none does.</param>
    /// <param name="OldestSeconds">How long that is.</param>
    /// <param name="BeingScored">Leads that a worker has now.</param>
    /// <param name="ToBeTriedAgain">Leads that could not be scored and are tried again soon.</param>
    /// <param name="SetAside">Leads that could not be scored several times: not tried again until they change, or POST /v1/rescoring/retry.</param>
    /// <param name="SetAsideLeads">The latest 100 of them.</param>
    /// <param name="Run">The rescoring run under way; absent when there is none.</param>
    public sealed record Response(
        long Queued, DateTimeOffset? OldestSince, double? OldestSeconds, long BeingScored, long ToBeTriedAgain, long SetAside, IReadOnlyList<Failed> SetAsideLeads, RescoringRuns.Response? Run);

    public sealed record Retried(int Queued);

    private sealed record Row
    {
        public long Queued { get; init; }
        public long? OldestMs { get; init; }
        public long Claimed { get; init; }
        public long Failing { get; init; }
        public long SetAside { get; init; }
    }

    private sealed record FailedRow
    {
        public string LeadId { get; init; } = "";
        public int Failures { get; init; }
        public string Reason { get; init; } = "";
        public long FailedAtMs { get; init; }
    }

    internal static async Task<Ok<Response>> HandleAsync(Caller caller, Database database, RescoringRunStore runs, TimeProvider time, CancellationToken cancellationToken)
    {
        const string Sql = """
            select (select count(*) from leads where organization_id = @OrganizationId and is_stale = 1 and closed_at_ms is null and stale_since_ms is not null) as Queued,
                   (select min(stale_since_ms) from leads where organization_id = @OrganizationId and is_stale = 1 and closed_at_ms is null and stale_since_ms is not null) as OldestMs,
                   (select count(*) from rescoring_claims where organization_id = @OrganizationId and token <> '' and until_ms > @nowMs) as Claimed,
                   (select count(*) from rescoring_claims where organization_id = @OrganizationId and failures between 1 and @Tries - 1) as Failing,
                   (select count(*) from rescoring_claims where organization_id = @OrganizationId and failures >= @Tries) as SetAside
            """;
        const string Failures = """
            select lead_id as LeadId, failures as Failures, reason as Reason, failed_at_ms as FailedAtMs from rescoring_claims
            where organization_id = @OrganizationId and failures >= @Tries order by failed_at_ms desc, lead_id limit @MostShown
            """;
        var nowMs = time.NowMs();
        var parameters = new { caller.OrganizationId, nowMs, StaleLeads.Tries, MostShown };
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var row = await connection.QuerySingleAsync<Row>(new CommandDefinition(Sql, parameters, cancellationToken: cancellationToken));
        var failed = await connection.QueryAsync<FailedRow>(new CommandDefinition(Failures, parameters, cancellationToken: cancellationToken));
        var run = await runs.OpenAsync(caller.OrganizationId, cancellationToken);
        return TypedResults.Ok(new Response(
            row.Queued, Moment.Of(row.OldestMs), row.OldestMs is { } oldest ? Math.Round(Math.Max(0, nowMs - oldest) / 1_000.0, 1) : null, row.Claimed, row.Failing, row.SetAside,
            [.. failed.Select(f => new Failed(f.LeadId, f.Failures, f.Reason, Moment.Of(f.FailedAtMs)))], run is null ? null : RescoringRuns.Of(run)));
    }

    internal static async Task<Ok<Retried>> RetryAsync(Caller caller, StaleLeads stale, LeadsChanged changed, CancellationToken cancellationToken)
    {
        var queued = await stale.RetryAsync(caller.OrganizationId, cancellationToken);
        changed.Tell();
        return TypedResults.Ok(new Retried(queued));
    }
}
