using System.ComponentModel;
using System.Globalization;
using Dapper;
using LeadScoring.Ml.Experiments;
using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Experiments;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Scoring;

/// <summary>Whom to call today: the best open leads, the best first. While an interleaved experiment runs, both models choose in turn.</summary>
internal static class GetCallQueue
{
    private const int MaxLimit = 200;

    // Of a team that calls a few dozen leads a day, what lies behind these is called by nobody.
    private const int MostRanked = 2_000;

    /// <param name="Place">1 for the first to call.</param>
    public sealed record Item(int Place, string LeadId, double Score, string Grade, double ConversionProbability, DateTimeOffset ScoredAt);

    /// <param name="Leads">Open leads that no exclusion keeps from being called.</param>
    public sealed record Response(IReadOnlyList<Item> Leads);

    private sealed record Row
    {
        public string LeadId { get; init; } = "";
        public double Score { get; init; }
        public string Grade { get; init; } = "";
        public double Probability { get; init; }
        public long ScoredAtMs { get; init; }
    }

    internal static async Task<Ok<Response>> HandleAsync(
        Caller caller, ActiveModels models, LeadStore leads, LeadScorer scorer, ExperimentLeads experiments, Database database, TimeProvider time, CancellationToken cancellationToken,
        [Description("1 to 200; default 50.")] int limit = 50)
    {
        if (limit is < 1 or > MaxLimit) throw ProblemException.Invalid("?limit", $"limit is 1 to {MaxLimit}.");
        var active = await models.GetAsync(caller.OrganizationId, cancellationToken);
        var isDrafted = active is { Challenger: not null, Trial: { } trial } && trial.ReadKind() == ExperimentKind.Interleaved;
        var rows = await RankedAsync(database, caller.OrganizationId, isDrafted ? MostRanked : limit, cancellationToken);
        if (isDrafted) rows = await DraftAsync(caller.OrganizationId, active, rows, limit, leads, scorer, experiments, database, time, cancellationToken);
        return TypedResults.Ok(new Response([.. rows.Select((r, i) => new Item(i + 1, r.LeadId, r.Score, r.Grade, Math.Round(r.Probability, 6), Moment.Of(r.ScoredAtMs)))]));
    }

    private static async Task<Row[]> RankedAsync(Database database, string organizationId, int most, CancellationToken cancellationToken)
    {
        const string Sql = """
            select lead_id as LeadId, score as Score, grade as Grade, probability as Probability, scored_at_ms as ScoredAtMs from leads
            where organization_id = @organizationId and score is not null and closed_at_ms is null and exclusion is null
            order by score desc, lead_id desc limit @most
            """;
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return [.. await connection.QueryAsync<Row>(new CommandDefinition(Sql, new { organizationId, most }, cancellationToken: cancellationToken))];
    }

    /// <summary>The day's draft. A lead that comes onto a list for the first time is credited to the model that put it there, and stays so.</summary>
    private static async Task<Row[]> DraftAsync(
        string organizationId, ActiveModel active, Row[] rows, int limit, LeadStore leads, LeadScorer scorer, ExperimentLeads experiments, Database database, TimeProvider time, CancellationToken cancellationToken)
    {
        var (trial, nowMs) = (active.Trial!, time.NowMs());
        var stored = await leads.GetManyAsync(organizationId, [.. rows.Select(r => r.LeadId)], cancellationToken);
        Row[] known = [.. rows.Where(r => stored.ContainsKey(r.LeadId))];
        // Both as of now: a stored score may be days old. Thousands of scores are not for the thread that answers others meanwhile.
        ScoreInput[] inputs = [.. known.Select(r => new ScoreInput(stored[r.LeadId].Snapshot, nowMs, Quick: false, WithFactors: false))];
        var (champion, challenger) = await Task.Run(() => (scorer.Score(active, inputs), scorer.Score(active.Challenger!, inputs)), cancellationToken);
        var day = time.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var list = TeamDraft.Of([.. champion.Select(c => c.Score.Probability)], [.. challenger.Select(c => c.Score.Probability)], [.. known.Select(r => r.LeadId)], $"{trial.Salt} {day}", limit);
        var arms = await experiments.ArmsAsync(organizationId, trial.ExperimentId, cancellationToken);
        Exposure[] first = [.. list.Select((l, i) => new Exposure(known[l.Lead].LeadId, l.IsChallenger, nowMs, l.IsChallenger ? challenger[l.Lead].Score.Probability : champion[l.Lead].Score.Probability, i + 1))
            .Where(e => !arms.ContainsKey(e.LeadId))];
        if (first.Length > 0) await database.WriteAsync(transaction => ExperimentLeads.AddAsync(transaction, organizationId, trial.ExperimentId, first, isWaiting: false, cancellationToken), cancellationToken);
        return [.. list.Select(l => known[l.Lead])];
    }
}
