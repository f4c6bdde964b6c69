using LeadScoring.Sidecar.Api;
using LeadScoring.Sidecar.Leads;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LeadScoring.Sidecar.Scoring;

internal static class ListLeadScores
{
    private const int MaxLimit = 1_000;

    /// <param name="Factors">Points of every feature at that time, largest first.</param>
    /// <param name="Cause">What made most of the difference to the score before: first, new_data, elapsed_time, model, calibration or grades.</param>
    /// <param name="Change">The difference to the score before, taken apart; absent for the first.</param>
    /// <param name="Exclusion">Id of the exclusion that held; absent when none did.</param>
    public sealed record Item(
        DateTimeOffset ScoredAt, double Score, string Grade, double ConversionProbability, double Confidence, int? ModelVersion, ScoredBy ScoredBy, bool NeedsReview,
        double BasePoints, IReadOnlyList<ItemFactor> Factors, ScoreInterval? ConversionInterval = null, string? ReviewReason = null, ChangeCause? Cause = null, ItemChange? Change = null,
        string? Exclusion = null);

    /// <summary>Parts of a change, in points; they sum to the difference of the two scores.</summary>
    /// <param name="Model">Another model, or other rules; with new facts at the same time, those too.</param>
    /// <param name="Calibration">The same model with its probabilities moved to another base rate.</param>
    public sealed record ItemChange(double Points, double NewData, double ElapsedTime, double Model, double Calibration);

    /// <param name="Text">In words, as told at that time.</param>
    public sealed record ItemFactor(string Feature, double Points, string? Text = null);

    public sealed record Response(string LeadId, IReadOnlyList<Item> Scores);

    internal static async Task<Ok<Response>> HandleAsync(
        string leadId, Caller caller, ScoreStore store, LeadStore leads, CancellationToken cancellationToken, int limit = 100)
    {
        if (limit is < 1 or > MaxLimit) throw ProblemException.Invalid("?limit", $"limit is 1 to {MaxLimit:N0}.");
        var rows = await store.ListAsync(caller.OrganizationId, leadId, limit, cancellationToken);
        if (rows.Count == 0 && await leads.GetAsync(caller.OrganizationId, leadId, cancellationToken) is null) throw GetLead.Unknown();
        return TypedResults.Ok(new Response(leadId, [.. rows.Select(ItemOf)]));
    }

    private static Item ItemOf(StoredScore r)
    {
        var explanation = r.Explanation;
        return new Item(
            Moment.Of(r.ScoredAtMs), r.Score, r.Grade, Math.Round(r.Probability, 6), Math.Round(r.Confidence, 4), r.ModelVersion, ScoreStore.Parse<ScoredBy>(r.ScoredBy), r.NeedsReview,
            r.BasePoints, [.. explanation.Factors.Select(f => new ItemFactor(f.Feature, f.Points, f.Text))], ScoreInterval.Of(explanation.Interval), explanation.ReviewReason,
            r.Cause is null ? null : ScoreStore.Parse<ChangeCause>(r.Cause),
            ChangeOf(r), r.Exclusion);
    }

    // Rows of earlier versions have no calibration of its own: it is in the model's part.
    private static ItemChange? ChangeOf(StoredScore r) => r is { NewDataPoints: { } data, ElapsedTimePoints: { } elapsed, ModelPoints: { } model }
        ? new ItemChange(Math.Round(data + elapsed + model + (r.CalibrationPoints ?? 0), 1), data, elapsed, model, r.CalibrationPoints ?? 0)
        : null;
}
